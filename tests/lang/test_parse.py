"""Text to tree: what binds how, where things stand, what documents what."""

from __future__ import annotations

from textwrap import dedent

import pytest

from netgen.diag import NetgenError, Source
from netgen.lang import ast
from netgen.lang.parse import parse, parse_setting


def sketch(tree: object) -> str:
    """An expression with all its parentheses."""
    match tree:
        case ast.Name():
            return tree.name
        case ast.Number():
            return str(tree.value)
        case ast.Bool():
            return str(tree.value).lower()
        case ast.String():
            return "".join(f"'{part}'" if isinstance(part, str) else f"{{{sketch(part)}}}" for part in tree.parts)
        case ast.ListDisplay():
            return f"[{' '.join(map(sketch, tree.items))}]"
        case ast.Attribute():
            return f"({sketch(tree.value)}.{tree.name.name})"
        case ast.Index():
            return f"({sketch(tree.value)} at {sketch(tree.index)})"
        case ast.Call():
            return f"{tree.function.name}({' '.join(map(sketch, tree.arguments))})"
        case ast.Argument():
            return (f"{tree.name.name}=" if tree.name else "") + sketch(tree.value)
        case ast.Unary():
            return f"({tree.operator} {sketch(tree.operand)})"
        case ast.Binary():
            return f"({sketch(tree.left)} {tree.operator} {sketch(tree.right)})"
        case ast.Range():
            return f"({sketch(tree.first)} .. {sketch(tree.last)})"
        case ast.Conditional():
            return f"(if {sketch(tree.test)} {sketch(tree.yes)} {sketch(tree.no)})"
        case ast.Chain():
            return f"({' -> '.join(map(sketch, tree.links))})"
        case ast.Link():
            return sketch(tree.value) + (f" as {sketch(tree.label)}" if tree.label else "")
    raise AssertionError(tree)


def expression(text: str) -> ast.Expr:
    return parse_setting(text, Source("<setting>", text))


def statements(text: str) -> list[ast.Statement]:
    return parse(Source("a.net", f"net N() {{\n{text}\n}}\n")).blocks[0].body


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c ** d", "(a + (b * (c ** d)))"),
        ("a - b - c", "((a - b) - c)"),
        ("a ** b ** c", "(a ** (b ** c))"),
        ("-a ** -b", "(- (a ** (- b)))"),
        ("-a * +b", "((- a) * (+ b))"),
        ("a // b % c / d", "(((a // b) % c) / d)"),
        ("a + 1..b - 1", "((a + 1) .. (b - 1))"),
        ("1..4 == x", "((1 .. 4) == x)"),
        ("not a == b", "(not (a == b))"),
        ("not a and not b or c", "(((not a) and (not b)) or c)"),
        ("a or b and c", "(a or (b and c))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("a or b -> f", "((a or b) -> f)"),
        ('a -> f(b) as "n" -> g', "(a -> f(b) as 'n' -> g)"),
        ('a as "n"', "(a as 'n')"),
        ("if a then b else c -> f", "(if a b (c -> f))"),
        ("if a then b -> f else c", "(if a (b -> f) c)"),
        ("if a then if b then c else d else e", "(if a (if b c d) e)"),
        ("if a then b else if c then d else e", "(if a b (if c d e))"),
        ("f(if a then b else c, n = x -> g)", "f((if a b c) n=(x -> g))"),
        ("x.shape[1].y", "(((x.shape) at 1).y)"),
        ("f(x)[0]", "(f(x) at 0)"),
        ("[1, [2,],]", "[1 [2]]"),
        ("f()", "f()"),
        ("f(a, b = 1,)", "f(a b=1)"),
        ("((a))", "a"),
        ("true and false", "(true and false)"),
        ("1_000 + 1.5 + .5 + 1e-3 + 2E3", "((((1000 + 1.5) + 0.5) + 0.001) + 2000.0)"),
        ("007", "7"),
        ("1...5", "(1 .. 0.5)"),
        ('"a{b}c"', "'a'{b}'c'"),
        ("'{a}{b + 1}'", "{a}{(b + 1)}"),
        (r'"\"\'\\\n\t"', "'\"'\\\n\t'"),
        ('"{{a}}"', "'{a}'"),
        ("\"{f('x{y}')}\"", "{f('x'{y})}"),
        ('""', ""),
    ],
)
def test_expressions(text: str, tree: str) -> None:
    assert sketch(expression(text)) == tree


def test_numbers_keep_their_type() -> None:
    values = [expression(text) for text in ("2", "2.0", "9223372036854775807")]
    assert [repr(value) for value in values] == [
        "Number(value=2)",
        "Number(value=2.0)",
        "Number(value=9223372036854775807)",
    ]


def test_newlines_mean_nothing() -> None:
    text = "x = a\n\n+ b y = f\n(\nx) return\ny if x { z } else { for i in z { i } }"
    assert repr(statements(text)) == repr(statements(" ".join(text.split())))
    assert len(statements(text)) == 4


def test_statements() -> None:
    body = statements(
        """
        a, b = slice(x, [32])
        softmax(b) as "s"
        for i, w in zip(1..4, ws) { }
        if a { x } else if b { y } else { z }
        require a, "no"
        require b
        default conv(bias = false)
        return a, b
        """
    )
    assert [type(statement) for statement in body] == [
        *(ast.Assign, ast.Evaluate, ast.For, ast.If, ast.Require, ast.Require, ast.Default, ast.Return)
    ]
    assign, evaluate, loop, condition, _, bare, default, result = body
    assert isinstance(assign, ast.Assign)
    assert [target.name for target in assign.targets] == ["a", "b"]
    assert isinstance(evaluate, ast.Evaluate)
    assert sketch(evaluate.value) == "(softmax(b) as 's')"
    assert isinstance(loop, ast.For)
    assert [target.name for target in loop.targets] == ["i", "w"]
    assert isinstance(condition, ast.If)
    (nested,) = condition.otherwise
    assert isinstance(nested, ast.If)
    assert len(nested.otherwise) == 1
    assert isinstance(bare, ast.Require)
    assert bare.message is None
    assert isinstance(default, ast.Default)
    assert sketch(default.call) == "conv(bias=false)"
    assert isinstance(result, ast.Return)
    assert len(result.values) == 2


def test_files() -> None:
    file = parse(
        Source(
            "a.net",
            dedent(
                """
                use common: conv_block, other as mine,
                block f(x, y: tensor, n: int = 1, ws: [int] = [1], b = true,) { return x }
                use "my/{name}.net": head
                net N() { }
                """
            ),
        )
    )
    assert repr(file.uses[0]) == (
        "Use(path=Name(name='common'), names=[Import(name=Name(name='conv_block'), alias=Name(name='conv_block')), "
        "Import(name=Name(name='other'), alias=Name(name='mine'))])"
    )
    assert isinstance(file.uses[1].path, ast.String)
    assert [(block.name.name, block.is_net) for block in file.blocks] == [("f", False), ("N", True)]
    shown = [
        (p.name.name, p.type and (p.type.name, p.type.listed), p.default and sketch(p.default))
        for p in file.blocks[0].parameters
    ]
    assert shown == [
        ("x", None, None),
        ("y", ("tensor", False), None),
        ("n", ("int", False), "1"),
        ("ws", ("int", True), "[1]"),
        ("b", None, "true"),
    ]


def test_every_node_knows_its_place() -> None:
    text = 'net N() {\n  x = a.b -> f(1, k = "{c + d}")[0] as "n"\n}\n'
    source = Source("a.net", text.replace("[0]", ""))
    found: dict[str, list[str]] = {}
    waiting: list[object] = [parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, ast.Tree):
            assert node.span.source is source
            found.setdefault(type(node).__name__, []).append(node.span.text)
            waiting += [getattr(node, name) for name in node.fields]
    assert {name: sorted(set(texts)) for name, texts in found.items()} == {
        "File": [source.text.strip()],
        "Block": [source.text.strip()],
        "Assign": ['x = a.b -> f(1, k = "{c + d}") as "n"'],
        "Chain": ['a.b -> f(1, k = "{c + d}") as "n"'],
        "Link": ["a.b", 'f(1, k = "{c + d}") as "n"'],
        "Attribute": ["a.b"],
        "Call": ['f(1, k = "{c + d}")'],
        "Argument": ["1", 'k = "{c + d}"'],
        "Number": ["1"],
        "String": ['"n"', '"{c + d}"'],
        "Binary": ["c + d"],
        "Name": ["N", "a", "b", "c", "d", "f", "k", "x"],
    }


# --- comments ----------------------------------------------------------------------------------


def docs(text: str) -> tuple[str, list[str]]:
    file = parse(Source("a.net", text))
    return file.title, [block.doc for block in file.blocks]


@pytest.mark.parametrize(
    ("text", "title", "doc"),
    [
        ("# a\n# b\n\n# c\n#   d\n#\n#e\nnet N() { }", "a\nb", "c\n  d\n\ne"),
        ("# a\nnet N() { }", "", "a"),
        ("# a\n\nnet N() { }", "a", ""),
        ("# a\nuse x: y\n# b\nnet N() { }", "a", "b"),
        ("use x: y # a\nnet N() { }", "", ""),
        ("use x: y # a\n# b\nnet N() { }", "", "b"),
        ("\n\n  # a\n\n# b\n\nnet N() { }", "a", ""),
        ("\ufeff# a\n\nnet N() { }", "a", ""),
        ("# a\r\n# b\r\n\r\n# c\r\nnet N() { }\r\n", "a\nb", "c"),
    ],
)
def test_documentation(text: str, title: str, doc: str) -> None:
    assert docs(text) == (title, [doc])


def test_comments_are_kept_with_their_places() -> None:
    file = parse(Source("a.net", '# a\nnet N() { # b\n  x = "#" #c  \n}\n# d'))
    assert [(comment.text, comment.own_line, str(comment.span)) for comment in file.comments] == [
        ("# a", True, "a.net:1:1"),
        ("# b", False, "a.net:2:11"),
        ("#c", False, "a.net:3:11"),
        ("# d", True, "a.net:5:1"),
    ]


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "1 2", "x = 3", "[1", "net"])
def test_a_setting_is_one_expression(text: str) -> None:
    with pytest.raises(NetgenError) as caught:
        expression(text)
    assert all(problem.code in ("NG102", "NG104") for problem in caught.value.diagnostics)
    assert str(caught.value)
