"""The codes: each is told, and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netgen.api import default_nets
from netgen.diag import Diagnostic, Source
from netgen.diag.codes import CODES
from netgen.lang import check_source

PACKAGE = Path(__file__).parents[2] / "netgen"
WITHOUT_EXAMPLE = {
    *("NG106", "NG107", "NG110", "NG111"),  # bytes, or programs that nobody wants to read
    *("NG215", "NG218", "NG219", "NG220", "NG231"),  # several files, or the command line
    *("NG401", "NG402", "NG403", "NG404", "NG405", "NG406", "NG901"),  # not about the program
    *(name for name in CODES if name.startswith(("NG5", "NG6", "NG7"))),  # about other files
}


def problems_of(program: str) -> list[Diagnostic]:
    """What `netgen check` says of a program."""
    found = check_source(Source("main.net", program))
    if any(problem.severity == "error" for problem in found):
        return found
    return [*found, *(warning for net in default_nets(Source("main.net", program)) for warning in net.lint())]


def examples(kind: str) -> list[tuple[str, str]]:
    found = []
    for name, code in CODES.items():
        for block in re.findall(rf"^{kind}:\n\n((?:(?:    .*)?\n?)*)", code.story, re.M):
            found.append((name, "".join(line[4:] + "\n" for line in block.strip("\n").split("\n"))))
    return found


@pytest.mark.parametrize(("name", "program"), examples("Wrong"), ids=lambda value: value[:5])
def test_wrong_examples_lead_to_their_code(name: str, program: str) -> None:
    assert name in [problem.code for problem in problems_of(program)]


@pytest.mark.parametrize(("name", "program"), examples("Right"), ids=lambda value: value[:5])
def test_right_examples_are_right(name: str, program: str) -> None:
    assert [problem.code for problem in problems_of(program) if problem.code < "NG8" or problem.code == name] == []


def test_every_code_has_a_story_with_examples() -> None:
    assert all(len(code.story) > 60 for code in CODES.values())
    for kind in ("Wrong", "Right"):
        assert CODES.keys() - {name for name, _ in examples(kind)} == WITHOUT_EXAMPLE


def test_the_story_stands_below_its_title() -> None:
    text = (PACKAGE / "diag/stories.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (NG\d+) (.*)$", text, re.M) == [(name, code.title) for name, code in CODES.items()]


def test_the_package_uses_no_other_codes_and_all_of_these() -> None:
    used = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name != "codes.py":
            used.update(re.findall(r'"(NG\d{3})"', path.read_text(encoding="utf-8")))
    assert used <= CODES.keys()
    # The ONNX target comes later, and PyTorch can say everything so far.
    assert CODES.keys() - used <= {"NG402", "NG403"}
