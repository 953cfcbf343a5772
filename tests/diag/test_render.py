"""How diagnostics look. Each golden is what a user sees."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from patience import at_most

from netgen.diag import Diagnostic, Frame, NetgenError, Note, Source, Span
from netgen.diag.render import render, render_all, summary, to_json

MOBILE = Source(
    "examples/mobile.net",
    dedent(
        """\
        block separable(x, out: int) {
          x = conv(x, x.channels, 3, groups = x.channels)
          conv(out, 1, groups = 5)
          return x
        }
        """
    ),
)


def span_of(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def simple(source: Source, text: str, label: str = "here") -> Diagnostic:
    return Diagnostic("NG102", "unexpected word or sign", span_of(source, text), label)


def lines(text: str) -> str:
    return dedent(text).strip("\n")


def test_the_example_of_the_language_page() -> None:
    caller = Source("examples/mobile.net", "\n" * 11 + "    x = separable(x, 7)\n")
    diagnostic = Diagnostic(
        "NG302",
        "groups do not divide the channels",
        span_of(MOBILE, "groups = 5"),
        "96 input channels cannot be split into 5 groups",
        trace=[Frame("separable", span_of(caller, "separable(x, 7)"))],
        hint="use a divisor of 96, for example 4 or 6",
    )
    assert render(diagnostic) == lines(
        """
        error[NG302]: groups do not divide the channels
         --> examples/mobile.net:3:16
          |
        3 |   conv(out, 1, groups = 5)
          |                ^^^^^^^^^^ 96 input channels cannot be split into 5 groups
          |
          = in block `separable` called at examples/mobile.net:12:9
          = hint: use a divisor of 96, for example 4 or 6
        """
    )


def test_notes_have_their_own_excerpts_and_widen_the_gutter() -> None:
    source = Source("a.net", "x = 1\n" + "\n" * 8 + "x = 2\n")
    again = Span(source, source.text.rindex("x"), source.text.rindex("x") + 1)
    diagnostic = Diagnostic(
        "NG210",
        "defined twice",
        again,
        "again here",
        notes=[Note("first here", Span(source, 0, 1)), Note("names are unique")],
    )
    assert render(diagnostic) == lines(
        """
        error[NG210]: defined twice
          --> a.net:10:1
           |
        10 | x = 2
           | ^ again here
           |
          ::: a.net:1:1
           |
         1 | x = 1
           | - first here
           |
           = note: names are unique
        """
    )


def test_several_lines() -> None:
    source = Source("a.net", "x = conv(a,\n\n         5,\n         3)\ny\n")
    assert render(simple(source, "conv(a,\n\n         5,\n         3)")) == lines(
        """
        error[NG102]: unexpected word or sign
         --> a.net:1:5
          |
        1 | x = conv(a,
          |     ^^^^^^^
        2 |
        3 |          5,
          |          ^^
        4 |          3)
          |          ^^ here
        """
    )


def test_many_lines_are_cut() -> None:
    source = Source("a.net", "[\n" + "  1,\n" * 20 + "]\n")
    assert render(simple(source, source.text.strip())) == lines(
        """
        error[NG102]: unexpected word or sign
          --> a.net:1:1
           |
         1 | [
           | ^
         2 |   1,
           |   ^^
        ...
        22 | ]
           | ^ here
        """
    )


def test_a_span_that_ends_behind_a_newline_does_not_reach_the_next_line() -> None:
    source = Source("a.net", "abc\ndef\n")
    assert "def" not in render(simple(source, "abc\n"))


def test_tabs_and_wide_letters_keep_the_carets_below_their_text() -> None:
    source = Source("a.net", '\tx = "网络" + e\u0301 y\n')
    assert render(simple(source, "y")).splitlines()[3:] == [
        '1 |     x = "网络" + e\u0301 y',
        "  |                    ^ here",
    ]


@pytest.mark.parametrize("text", ["x = \x1b[31m\x07y", "x = \u202ey", "x = \x00y", "x = \ud800y", "x = \u2028y"])
def test_control_characters_are_shown_not_sent(text: str) -> None:
    source = Source("a\x1b[2J\n.net", f"{text}\n")
    diagnostic = Diagnostic(
        "NG222",
        f"a {text}",
        span_of(source, "y"),
        f"b {text}",
        notes=[Note(f"c {text}"), Note(f"d {text}", span_of(source, "x"))],
        trace=[Frame(f"e {text}", span_of(source, "x"))],
        hint=f"f {text}",
    )
    printed = render(diagnostic)
    assert all(line.isprintable() for line in printed.split("\n"))
    assert printed.encode()
    source_line = next(line for line in printed.split("\n") if line.startswith("1 | "))
    caret = printed.split("\n")[printed.split("\n").index(source_line) + 1]
    assert source_line[caret.index("^")] == "y"


def test_a_label_of_several_lines_is_kept_below_itself() -> None:
    source = Source("a.net", "ab cd\n")
    assert render(simple(source, "cd", "one\ntwo")).splitlines()[3:] == [
        "1 | ab cd",
        "  |    ^^ one",
        "  |       two",
    ]


@pytest.mark.parametrize(
    ("line", "place", "shown"),
    [
        ("x" + " + a" * 1000, "x", "1 | x + a + a"),
        ("a + " * 1000 + "y" + " + b" * 1000, "y", "1 | …a + a + a + a + a + a + y + b + b"),
        ("a + " * 1000 + "y", "y", "1 | …a + a + a + a + a + a + y"),
    ],
)
def test_a_window_of_a_long_line(line: str, place: str, shown: str) -> None:
    printed = render(simple(Source("a.net", line + "\n"), place)).splitlines()
    assert printed[3].startswith(shown)
    assert len(printed[3]) <= 4 + 120 + 2
    assert printed[3][printed[4].index("^")] == place


def test_a_long_span_of_a_long_line_ends_with_the_window() -> None:
    source = Source("a.net", "x = " + "a" * 5000 + "\n")
    printed = render(simple(source, "a" * 5000)).splitlines()
    assert len(printed[4]) <= 4 + 122 + len(" here")


def test_huge_lines_are_rendered_fast() -> None:
    source = Source("a.net", "\x01" * 8_000_000 + "y")
    with at_most(15):
        render(simple(source, "y"))


@pytest.mark.parametrize("text", ["x = f(", "x = f(\n"])
def test_the_end_of_a_file(text: str) -> None:
    source = Source("a.net", text)
    end = len(text.rstrip())
    diagnostic = Diagnostic("NG104", "bracket or brace not closed", Span(source, end, end), "here")
    assert render(diagnostic).splitlines()[3:] == ["1 | x = f(", "  |       ^ here"]


def test_the_line_behind_the_last_newline() -> None:
    source = Source("a.net", "x\n")
    diagnostic = Diagnostic("NG104", "bracket or brace not closed", Span(source, 2, 2), "here")
    assert render(diagnostic).splitlines()[1:] == [" --> a.net:2:1", "  |", "2 |", "  | ^ here"]


def test_crlf() -> None:
    source = Source("a.net", "a\r\nb c\r\n")
    assert render(simple(source, "c")).splitlines()[1:] == [" --> a.net:2:3", "  |", "2 | b c", "  |   ^ here"]


def test_a_file_as_a_whole() -> None:
    source = Source("weights.net", "")
    diagnostic = Diagnostic("NG107", "binary file", Span(source, 0, 0), "there is a zero byte", hint="look again")
    assert render(diagnostic) == lines(
        """
        error[NG107]: binary file
         --> weights.net
          = there is a zero byte
          = hint: look again
        """
    )


def test_no_place_at_all() -> None:
    diagnostic = Diagnostic("NG219", "unknown setting", label="`grwth` is no setting", hint="did you mean `growth`?")
    assert render(diagnostic) == lines(
        """
        error[NG219]: unknown setting
          = `grwth` is no setting
          = hint: did you mean `growth`?
        """
    )


def test_a_long_chain_of_calls_shows_both_ends() -> None:
    frames = [Frame(f"b{i}", Span(MOBILE, 0, 1)) for i in range(100)]
    printed = render(Diagnostic("NG302", "groups", trace=frames)).splitlines()
    assert [line.split("`")[1] for line in printed if "`" in line] == [
        "b0",
        "b1",
        "b2",
        "b3",
        "b96",
        "b97",
        "b98",
        "b99",
    ]
    assert "  = … 92 more calls …" in printed


def test_color_only_when_asked() -> None:
    diagnostic = simple(MOBILE, "groups = 5")
    colored = render(diagnostic, color=True)
    assert "\x1b[1;31merror[NG102]\x1b[0m" in colored
    assert "\x1b" not in render(diagnostic)
    plain = colored
    for code in ("1;31", "1;33", "1;34", "1;36", "1", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render(diagnostic)


def test_all_with_a_summary() -> None:
    error = simple(MOBILE, "groups = 5")
    warning = Diagnostic("NG211", "never used", severity="warning")
    assert (
        render_all([error, warning, error]).splitlines()[-3:]
        == lines(
            """
          |                ^^^^^^^^^^ here

        2 errors, 1 warning
        """
        ).splitlines()
    )
    assert render_all([error]) == render(error)
    assert str(NetgenError([error])) == render(error)
    assert summary([warning, warning]) == "2 warnings"
    assert not summary([])


def test_json() -> None:
    first = Span(MOBILE, 0, 5)
    diagnostic = Diagnostic(
        "NG302",
        "groups do not divide the channels",
        span_of(MOBILE, "groups = 5"),
        "no",
        notes=[Note("see", first), Note("so")],
        trace=[Frame("separable", first)],
        hint="use 4",
    )
    nowhere = {"file": None, "line": None, "column": None, "end_line": None, "end_column": None}
    at_first = {"file": "examples/mobile.net", "line": 1, "column": 1, "end_line": 1, "end_column": 6}
    assert to_json([diagnostic, Diagnostic("NG211", "never used", severity="warning")]) == [
        {
            "code": "NG302",
            "severity": "error",
            "title": "groups do not divide the channels",
            "file": "examples/mobile.net",
            "line": 3,
            "column": 16,
            "end_line": 3,
            "end_column": 26,
            "label": "no",
            "notes": [{"text": "see", **at_first}, {"text": "so", **nowhere}],
            "trace": [{"block": "separable", **at_first}],
            "hint": "use 4",
        },
        {
            "code": "NG211",
            "severity": "warning",
            "title": "never used",
            **nowhere,
            "label": "",
            "notes": [],
            "trace": [],
            "hint": "",
        },
    ]
    assert json.loads(json.dumps(to_json([diagnostic])))
