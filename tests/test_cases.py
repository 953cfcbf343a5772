"""Runs the cases: folders of inputs with what the command line must make of them.

A case is a folder below ``cases/`` with ``main.net``, other inputs as needed, and

    args      a command line a line, where {examples} is that folder of the repository; without it the command is
              `check main.net` below errors/ and `build main.net --target prototxt` elsewhere
    stdin     what is read from standard input
    stdout    what is printed, nothing where the file is missing; likewise stderr
    exit      the exit code, where it is not 0
    out/      the files that are written there

``pytest tests/test_cases.py --update`` rewrites stdout, stderr, exit and out/; review the difference like code.
"""

from __future__ import annotations

import io
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from netgen.cli import main
from netgen.diag.codes import CODES
from netgen.emit import ABOUT
from netgen.ir.operator import Refused
from netgen.ops import OPERATORS

CASES = Path(__file__).parent / "cases"
EXAMPLES = Path(__file__).parents[1] / "examples"
GOLDEN = ("stdout", "stderr", "exit", "out")
UPDATE = "pytest tests/test_cases.py --update"


def _cases() -> list[Path]:
    return sorted({path.parent for name in ("main.net", "args") for path in CASES.rglob(name)})


def _command_lines(case: Path) -> list[list[str]]:
    if (case / "args").exists():
        lines = (case / "args").read_text().replace("{examples}", str(EXAMPLES)).splitlines()
        return [shlex.split(line) for line in lines]
    if case.parent.name == "errors":
        return [["check", "main.net"]]
    return [["build", "main.net", "--target", "prototxt"]]


@pytest.mark.parametrize("case", [pytest.param(path, id=str(path.relative_to(CASES))) for path in _cases()])
def test_case(
    case: Path, update: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(case, tmp_path / case.name, ignore=shutil.ignore_patterns(*GOLDEN, "args"))
    monkeypatch.chdir(copy)
    monkeypatch.setenv("COLUMNS", "100")
    made = _run(case, copy, monkeypatch, capsys)
    wanted = _goldens(case)
    if update:
        _rewrite(case, made, wanted)
        return
    for name in sorted(made.keys() - wanted.keys()):
        pytest.fail(f"{case / name} is missing; write it with {UPDATE}\n{made[name]}")
    for name in sorted(wanted.keys() - made.keys()):
        pytest.fail(f"{case / name} is an orphan: nothing makes it any more; remove it with {UPDATE}")
    for name, text in made.items():
        assert text == wanted[name], f"{case / name} differs; if that is right, {UPDATE}"


def _run(case: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What the command lines make, under the names of the goldens. What is empty is left out."""
    code = 0
    made = {"stdout": "", "stderr": ""}
    given = (case / "stdin").read_bytes() if (case / "stdin").exists() else b""
    command_lines = _command_lines(case)
    for argv in command_lines:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = max(code, main(argv))
        printed = capsys.readouterr()
        for stream, text in (("stdout", printed.out), ("stderr", printed.err)):
            heading = f"$ netgen {shlex.join(argv)}\n" if text and len(command_lines) > 1 else ""
            made[stream] += (heading + text).replace(str(EXAMPLES), "{examples}")
    made["exit"] = f"{code}\n" if code else ""
    made |= {str(path.relative_to(copy)): path.read_text() for path in (copy / "out").rglob("*") if path.is_file()}
    return {name: text for name, text in made.items() if text}


def _goldens(case: Path) -> dict[str, str]:
    files = [case / name for name in ("stdout", "stderr", "exit")] + sorted((case / "out").rglob("*"))
    return {str(path.relative_to(case)): path.read_text() for path in files if path.is_file()}


def _rewrite(case: Path, made: dict[str, str], wanted: dict[str, str]) -> None:
    for name in wanted.keys() - made.keys():
        (case / name).unlink()
    for name, text in made.items():
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_text(text)


def test_no_file_stands_outside_a_case() -> None:
    homes = _cases()
    stray = [path for path in CASES.rglob("*") if path.is_file() and not any(home in path.parents for home in homes)]
    assert not stray, "a case has main.net or args"


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.net")))
def test_every_example_is_a_case(example: str) -> None:
    case = CASES / "examples" / example
    assert (case / "args").exists(), f"write {case}/args"
    assert {path.suffix for path in (case / "out").rglob("*")} >= {".py"}, "a prototxt only where it is not too long"


def _can_come_up(code: str) -> bool:
    """Whether a program can lead to a code: not to a fault of netgen's own, nor to what no operator refuses."""
    refusing = {"NG402": "torch", "NG403": "onnx"}
    if code in refusing:
        target = refusing[code]
        return target in ABOUT and any(_may_refuse(getattr(op, target)) for op in OPERATORS.values())
    return code != "NG901" and not _tested_beside(code)


def _tested_beside(code: str) -> bool:
    """Whether more than text leads to a code: files of weights, or what the machine has that nets run on."""
    return code.startswith(("NG6", "NG7"))


def _may_refuse(spelling: Any) -> bool:
    return isinstance(spelling, Refused) or spelling.refuses is not None


def test_the_codes_of_weights_and_running_are_tested_beside_them() -> None:
    tests = "".join(path.read_text() for path in CASES.parent.rglob("*.py"))
    assert not [code for code in CODES if _tested_beside(code) and code not in tests]


@pytest.mark.parametrize("code", sorted(filter(_can_come_up, CODES)))
def test_every_code_has_a_case(code: str) -> None:
    """The others have tests of their own: NG901 in test_cli.py, NG6xx in weights/, NG7xx in verify/, bench/ and
    passes/.
    """
    cases = list((CASES / "errors").glob(f"{code}-*"))
    assert cases, f"write tests/cases/errors/{code}-<what>/main.net"
    for case in cases:
        printed = "".join((case / name).read_text() for name in ("stdout", "stderr") if (case / name).exists())
        assert f"[{code}]" in printed, f"{case} does not lead to {code}"
