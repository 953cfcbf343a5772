"""The one canonical layout: what it looks like, and that it changes nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Programs, spread

from netgen.diag import NetgenError, Source
from netgen.lang import ast
from netgen.lang.format import format_text
from netgen.lang.parse import parse

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("examples/*.net"), *ROOT.glob("netgen/library/*.net")])


def formatted(text: str) -> str:
    return format_text(Source("a.net", text))


def meaning(text: str) -> tuple[str, list[str], list[str]]:
    """The tree without places, the documentation, and the comments in any order."""
    file = parse(Source("a.net", text))
    documented = [file.title, *(block.doc for block in file.blocks)]
    tree = repr([*file.uses, *file.blocks])
    return tree, documented, sorted(comment.text for comment in file.comments)


def check(text: str) -> str:
    """The layout of a text, once it is known to keep its meaning and to be final."""
    result = formatted(text)
    assert meaning(result) == meaning(text)
    assert formatted(result) == result
    assert result.endswith("\n")
    assert not any(line != line.rstrip() for line in result.splitlines())
    return result


def body(text: str) -> str:
    """The layout of statements, which the tests write without the net around them and its indentation."""
    result = check("net N() {\n" + dedent(text).strip("\n") + "\n}\n")
    assert result.startswith("net N() {\n")
    return dedent(result.removeprefix("net N() {\n").removesuffix("}\n"))


def lines(text: str) -> str:
    return dedent(text).strip("\n") + "\n"


# --- properties --------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.randoms(use_true_random=False))
def test_random_programs_keep_their_meaning_and_comments(chance: random.Random) -> None:
    text = spread(Programs(chance).file(), chance)
    check(text)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_only_what_cannot_be_broken_passes_the_margin(chance: random.Random) -> None:
    text = spread(Programs(chance).file(), chance, comments=False)
    for line in check(text).splitlines():
        assert len(line) <= 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_programs(path: Path) -> None:
    check(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["common", "pelee", "peleenet", "resnet"])
def test_the_programs_of_the_contract(name: str, shared: Path) -> None:
    """They are laid out by hand: only columns that the author aligned move."""
    text = (shared / "language" / f"{name}.net").read_text(encoding="utf-8")
    result = check(text)
    assert [line.split() for line in result.splitlines()] == [line.split() for line in text.splitlines()]


# --- layout ------------------------------------------------------------------------------------


def test_spaces() -> None:
    assert body(
        """
        x=conv( a,3 ,stride=2 ,pad = [ 1,2 ])
        y  = -a**-b*( c+d )//2 - x . shape [ 0 ]
        for i , w in zip( 1 .. 4,ws ){z=[-1,+2]}
        if not a and b!=c or d<=-1{q=if a then b else c}
        """
    ) == lines(
        """
        x = conv(a, 3, stride = 2, pad = [1, 2])
        y = -a ** -b * (c + d) // 2 - x.shape[0]
        for i, w in zip(1..4, ws) {
            z = [-1, +2]
        }
        if not a and b != c or d <= -1 {
            q = if a then b else c
        }
        """
    )


def test_files() -> None:
    text = """
        use  common :conv_block,other   as mine ,

        use "a.net":x
        # of f
        block f(x,n:int=1,ws:[int]=[1,],)
        {
        return x}
        net N(){}
        # the end
        """
    assert check(dedent(text)) == lines(
        """
        use common: conv_block, other as mine

        use "a.net": x

        # of f
        block f(x, n: int = 1, ws: [int] = [1]) {
            return x
        }

        net N() {}

        # the end
        """
    )


def test_blank_lines() -> None:
    text = (
        "\n\n# title\n\n\n\n# of N\nnet N() {\n\n\n    a = 1\n\n\n\n    b = 2\n    c = 3\n\n}\n\n\n\nnet M() {}\n\n\n"
    )
    assert check(text) == ("# title\n\n# of N\nnet N() {\n    a = 1\n\n    b = 2\n    c = 3\n}\n\nnet M() {}\n")


def test_if_ladders() -> None:
    assert body("if a {} else if b { x = 1 } else {\n}\nif a { x = 1 }\nelse { if b { y = 2 } }") == lines(
        """
        if a {
        } else if b {
            x = 1
        } else {}
        if a {
            x = 1
        } else {
            if b {
                y = 2
            }
        }
        """
    )


def test_strings() -> None:
    assert body(
        r"""
        a = 'it''s'
        b = 'say "{name}" \'now\' {{x}}\t\\'
        c = "{ f('a',[1 ,2]) }" + '{f("b{x}")}'
        """.replace("''", r"\'")
    ) == lines(
        r"""
        a = "it's"
        b = "say \"{name}\" 'now' {{x}}\t\\"
        c = "{f('a', [1, 2])}" + "{f('b{x}')}"
        """
    )


# --- chains and labels -------------------------------------------------------------------------


def test_a_broken_chain_has_its_arrows_below_each_other_and_its_labels_too() -> None:
    assert body(
        """
        return x -> conv(64, 7, stride = 2)
          as "conv1" -> batch_norm -> relu as "relu1"
          -> max_pool(3, stride = 2) as "pool1"
        """
    ) == lines(
        """
        return x -> conv(64, 7, stride = 2)  as "conv1"
                 -> batch_norm
                 -> relu                     as "relu1"
                 -> max_pool(3, stride = 2)  as "pool1"
        """
    )


def test_a_chain_on_one_line_stays_there_if_it_can() -> None:
    text = 'x = data -> conv(64, 7) as "conv1" -> relu as "relu1"\n'
    assert body(text) == text


def test_a_chain_with_one_arrow_has_nothing_to_put_below_it() -> None:
    assert body("x = data\n    -> relu\n") == "x = data -> relu\n"


def test_a_chain_that_is_too_long_is_broken_at_its_links() -> None:
    assert body(
        """
        x = data -> conv(64, 7, stride = 2, bias = false) -> batch_norm(eps = 0.001) -> relu(slope = 0.1) -> dropout
        """
    ) == lines(
        """
        x = data -> conv(64, 7, stride = 2, bias = false)
                 -> batch_norm(eps = 0.001)
                 -> relu(slope = 0.1)
                 -> dropout
        """
    )


def test_a_chain_with_a_long_beginning_is_indented() -> None:
    assert body(
        """
        x = concat(first_branch, second_branch, third_branch)
            -> conv(64, 1) -> relu
        """
    ) == lines(
        """
        x = concat(first_branch, second_branch, third_branch)
            -> conv(64, 1)
            -> relu
        """
    )


def test_labels_of_neighbours_stand_in_one_column() -> None:
    assert body(
        """
        a = conv(x, 64, 7, stride = 2) as "conv1"
        b = relu(a) as "relu1"

        c = relu(b) as "relu2"
        d = relu(c)
        e = conv(d, 64, 1) as "conv3"
        f = relu(e) as "relu3" -> dropout as "drop3"
        """
    ) == lines(
        """
        a = conv(x, 64, 7, stride = 2)  as "conv1"
        b = relu(a)                     as "relu1"

        c = relu(b) as "relu2"
        d = relu(c)
        e = conv(d, 64, 1) as "conv3"
        f = relu(e) as "relu3" -> dropout as "drop3"
        """
    )


def test_labels_that_would_pass_the_margin_stay_where_they_are() -> None:
    text = lines(
        """
        a = conv(x, 64, 7, stride = 2, pad = 3, dilation = 2, groups = 4, bias = false) as "conv1"
        b = relu(a) as "a name that is long enough"
        """
    )
    assert body(text) == text


# --- long lines --------------------------------------------------------------------------------


def test_arguments_flow_behind_their_parenthesis() -> None:
    assert body(
        """
        x = bottleneck(x, "{stage}{letter}", 64 * 2 ** (stage - 2), stride = if i == 1 then 2 else 1, project = i == 1)
        """
    ) == lines(
        """
        x = bottleneck(x, "{stage}{letter}", 64 * 2 ** (stage - 2), stride = if i == 1 then 2 else 1,
                       project = i == 1)
        """
    )


def test_arguments_that_cannot_flow_stand_below_each_other() -> None:
    assert body(
        """
        x = a_function_with_a_long_name(another_function_with_a_long_name(the_first_argument, the_second_argument), y)
        """
    ) == lines(
        """
        x = a_function_with_a_long_name(
            another_function_with_a_long_name(the_first_argument, the_second_argument),
            y,
        )
        """
    )


def test_parameters_flow() -> None:
    text = f"block f({', '.join(f'parameter{i}: int = {i}' for i in range(6))}) {{}}"
    assert check(text) == lines(
        """
        block f(parameter0: int = 0, parameter1: int = 1, parameter2: int = 2, parameter3: int = 3,
                parameter4: int = 4, parameter5: int = 5) {}
        """
    )


def test_conditions_break_at_their_words() -> None:
    assert body(
        """
        require first_condition_of_this_block > 0 and second_condition_of_this_block > 0 or x.height == 3, "no"
        y = if a_condition_that_is_quite_long > 0 then the_value_if_it_holds_true + 1 else the_other_value_otherwise
        """
    ) == lines(
        """
        require first_condition_of_this_block > 0 and second_condition_of_this_block > 0
            or x.height == 3, "no"
        y = if a_condition_that_is_quite_long > 0 then the_value_if_it_holds_true + 1
            else the_other_value_otherwise
        """
    )


def test_a_table_keeps_its_rows() -> None:
    """A comma behind the last item, in a list that the author began on a line of its own, says so."""
    table = lines(
        """
        stages = [
            [1, 16, 1, 1],
            [6, 24, 2, 2],
        ]
        plan = if large then [
            [3, 16],
        ] else [
            [3, 24],
        ]
        """
    )
    assert body(table) == table
    assert body("stages = [[1, 16, 1, 1], [6, 24, 2, 2],]") == "stages = [[1, 16, 1, 1], [6, 24, 2, 2]]\n"
    assert body("stages = [\n[1, 16, 1, 1], [6, 24, 2, 2]]") == "stages = [[1, 16, 1, 1], [6, 24, 2, 2]]\n"


# --- comments ----------------------------------------------------------------------------------


def test_comments_stay_where_they_are() -> None:
    text = lines(
        """
        # title
        # of two lines

        use common: a  # behind a use
        # above a use
        use common: b

        # of f
        block f(
            x,  # the input
            # above a parameter
            width: int,
        ) {  # behind a header
            # first in a body

            y = conv(
                x,
                width,  # as wide
                3,
                # last of the arguments
            )  # behind a statement
            z = y  # the beginning
                -> relu  # behind a link
                # above a link
                -> softmax
            if a {
                # nothing but this
            }  # behind a brace
            # above else
            else {}
            ws = [  # behind a bracket
                1,
            ]
            # last in a body
        }  # behind a block

        # at the end
        """
    )
    assert check(text) == text


def test_comments_where_nobody_expects_them() -> None:
    assert body("x # one\n= # two\n# three\nf(a # four\n, # five\nb)[ # six\n0]") == lines(
        """
        x  # one
            =  # two
            # three
            f(
                a,  # four
                # five
                b,
            )[  # six
                0
            ]
        """
    )


def test_an_added_comma_stands_in_front_of_the_comment() -> None:
    assert body("x = f(\n    a, # one\n    b # two\n)") == "x = f(\n    a,  # one\n    b,  # two\n)\n"


def test_carriage_returns_and_marks_go() -> None:
    assert formatted("\ufeffnet N() {\r\n    x = 1 # one\r\n}\r\n") == "net N() {\n    x = 1  # one\n}\n"


def test_what_does_not_parse_is_not_laid_out() -> None:
    with pytest.raises(NetgenError):
        formatted("net N() {")


def test_every_node_has_its_fields() -> None:
    """The walk over strings relies on it."""
    assert ast.Link.fields == ("value", "label")
    assert all(node.fields for node in ast.Tree.__subclasses__())
