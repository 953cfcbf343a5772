"""Syntax errors beyond the goldens of tests/cases/errors: how many, where, how fast."""

from __future__ import annotations

import os
import random
from pathlib import Path
from textwrap import dedent

import pytest
from patience import at_most
from programs import Programs, damage, spread

from netgen.diag import Diagnostic, NetgenError, Source
from netgen.lang.parse import MAX_PROBLEMS, parse, read_source

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.net"))]


def problems(text: str) -> list[Diagnostic]:
    try:
        parse(Source("a.net", dedent(text)))
    except NetgenError as error:
        return error.diagnostics
    return []


def places(text: str) -> list[tuple[str, int]]:
    """The codes and lines of the problems."""
    found = []
    for problem in problems(text):
        assert problem.span is not None
        found.append((problem.code, problem.span.source.position(problem.span.start)[0]))
    return found


# --- recovery ----------------------------------------------------------------------------------


def test_each_statement_is_reported_once() -> None:
    assert places(
        """
        net N() {
            a = conv(x 3)
            b = relu(a)
            c = 3 +
            d = relu(b)) -> x
            for i in 1..3 {
                e = f(i,
                      1 2)
            }
            g = [1 2 3 4)
        }
        """
    ) == [("NG102", 3), ("NG102", 6), ("NG102", 9), ("NG102", 11)]


def test_the_body_of_a_wrong_header_is_read() -> None:
    assert places(
        """
        block f(x int) {
            a = = 1
            if a = 3 {
                b = )
            }
            while a {
                c = ]
            }
        }
        net N {
            d = ,
        }
        """
    ) == [("NG102", line) for line in (2, 3, 4, 5, 7, 8, 11, 12)]


def test_a_missing_brace_spoils_nothing_behind_it() -> None:
    assert places(
        """
        block f(x) {
            if x {
                y = 1

        block g(x) {
            return x
        }

        net N() {
            x = 1 +
        }
        """
    ) == [("NG104", 3), ("NG102", 12)]


def test_a_string_that_is_not_closed_spoils_its_line_only() -> None:
    assert places('net N() {\n x = f("a, 3)\n y = "b\n z = 1 +\n}') == [("NG103", 2), ("NG103", 3), ("NG102", 5)]


def test_there_is_an_end_to_reporting() -> None:
    assert len(problems("net N() {\n" + "x = )\n" * 500 + "}")) == MAX_PROBLEMS


def test_problems_come_in_the_order_of_the_text() -> None:
    found = places('net N() {\n x = "{a b}" + $\n y = 1e999 z = ;\n}')
    assert [line for _, line in found] == sorted(line for _, line in found)


def refusals(text: str) -> list[Diagnostic]:
    """The problems of a text, which can be shown, whatever they are."""
    found = problems(text)
    assert not found or "error[NG1" in str(NetgenError(found))
    return found


def test_damage_is_not_multiplied() -> None:
    """Up to three damages to a program, some of which touch two places."""
    chance = random.Random(5)
    counts = [len(refusals(damage(chance.choice(PROGRAMS), chance))) for _ in range(300)]
    assert max(counts) <= 6
    assert sum(counts) / len(counts) < 2


def test_labels_name_no_terminals() -> None:
    """Words such as RPAR or __ANON are nobody's language."""
    chance = random.Random(6)
    for _ in range(300):
        for problem in refusals(damage(spread(Programs(chance).file(), chance), chance)):
            words = problem.label.replace("`", " ").split()
            assert not any(word.isupper() and len(word) > 2 and word.isalpha() for word in words), problem.label


# --- texts that nobody wrote by hand -----------------------------------------------------------

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(" * MILLION, "NG102"),
        ("net N() { x = " + "(" * MILLION, "NG110"),
        ("net N() { x = " + "f(" * MILLION, "NG110"),
        ("net N() {" + "if a {" * MILLION, "NG110"),
        ("net N() { x = " + "-" * MILLION + "1 }", "NG110"),
        ("net N() { x = " + "not " * MILLION + "a }", "NG110"),
        ("net N() { x = a" + " + a" * MILLION + " }", "NG110"),
        ("net N() { x = a" + "[0]" * MILLION + " }", "NG110"),
        ("net N() { x = a" + ".b" * MILLION + " }", "NG110"),
        ("net N() { x = a" + " ** b" * MILLION + " }", "NG110"),
        ("net N() { if a { }" + " else if b { }" * (MILLION // 4) + " }", "NG110"),
        ("net N() { x = " + "if a then b else " * (MILLION // 4) + "c }", "NG110"),
        ('net N() { x = "' + "{(" * MILLION + '" }', "NG108"),
        ('net N() { x = "{' + "(" * MILLION + '}" }', "NG110"),
        ("net N() { x = " + "1" * MILLION + " }", "NG109"),
        ("net N() { x = " + "1_" * MILLION + " }", "NG102"),
        ("\x01" * MILLION, "NG101"),
        ('"\n' * MILLION, "NG103"),
        ("net N() {\n" + "x = )\n" * MILLION, "NG102"),
        (" " * (8 * MILLION), "NG105"),
        ("net N() {" + "\n" * (8 * MILLION), "NG104"),
        ("a" * (8 * MILLION), "NG102"),
        ("x" * (9 * MILLION), "NG111"),
    ],
    ids=lambda value: value[:24].strip() if isinstance(value, str) else "",
)
def test_hostile_texts_are_refused_at_once(text: str, code: str) -> None:
    with at_most(15):
        found = problems(text)
        assert found[0].code == code
        assert len(str(NetgenError(found))) < 10_000


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("(" * 190 + "1" + ")" * 190, True),
        ("(" * 201 + "1" + ")" * 201, False),
        ("f(" * 190 + ")" * 190, True),
        ("f(" * 201 + ")" * 201, False),
        ("1" + " + 1" * 190, True),
        ("1" + " + 1" * 201, False),
        ("if a then b else " * 190 + "c", True),
        ("if a then b else " * 201 + "c", False),
        ("-" * 190 + "1", True),
        ("-" * 201 + "1", False),
        ("a" + " -> f" * 5000, True),
        ("[" + "1, " * 5000 + "]", True),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_the_limit_of_nesting(text: str, is_fine: bool) -> None:
    assert [problem.code for problem in problems(f"net N() {{ x = {text} }}")] == ([] if is_fine else ["NG110"])


def test_the_limit_holds_for_statements_and_strings_too() -> None:
    assert not problems("net N() {" + "if a {" * 150 + "}" * 151)
    assert [p.code for p in problems("net N() {" + "if a {" * 201 + "}" * 202)] == ["NG110"]
    assert [p.code for p in problems('net N() { x = "{' + "(" * 30 + "1" + ")" * 30 + '}" }')] == ["NG110"]


# --- files -------------------------------------------------------------------------------------


def refusal(path: Path) -> tuple[str, str, str]:
    with pytest.raises(NetgenError) as caught:
        read_source(str(path))
    (problem,) = caught.value.diagnostics
    assert problem.span is not None
    assert problem.span.source.path == str(path)
    return problem.code, problem.label, problem.hint


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_bytes(b"\xef\xbb\xbfnet N() {\r\n}\r\n")
    assert read_source(str(path)).text == "net N() {\r\n}\r\n"


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "resnet.net").touch()
    (tmp_path / "vgg.net").touch()
    code, label, hint = refusal(tmp_path / "restnet.net")
    assert (code, hint) == ("NG213", "did you mean `resnet.net`?")
    assert "there is no `restnet.net`" in label
    assert refusal(tmp_path / "abc.net")[2] == "it has resnet.net, vgg.net"
    assert "there is no folder" in refusal(tmp_path / "sub/abc.net")[1]
    assert refusal(tmp_path / "vgg.net/abc.net")[0] == "NG213"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path)[:2] == ("NG501", "it is a folder")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_protected_file(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.touch(mode=0)
    assert refusal(path)[:2] == ("NG501", "permission denied")


def test_an_impossible_path() -> None:
    with pytest.raises(NetgenError) as caught:
        read_source("a\0b.net")
    assert caught.value.diagnostics[0].code == "NG501"
    assert "\0" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_bytes(b"\xef\xbb\xbfnet N() {\n  # caf\xe9\n}")
    code, label, _ = refusal(path)
    assert (code, label) == ("NG106", "the byte 0xe9 at offset 20 is not UTF-8")
    path.write_bytes(b"net\x00")
    assert refusal(path)[:2] == ("NG107", "there is a zero byte at offset 3")
    path.write_bytes("net".encode("utf-16"))
    assert refusal(path)[2] == "it looks like UTF-16: save it as UTF-8"


def test_a_file_that_never_ends() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("needs /dev/zero")
    assert refusal(Path("/dev/zero"))[0] == "NG111"
