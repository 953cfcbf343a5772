"""The pages are true: their commands run, their programs compile, their links lead somewhere, no option is left out.

In ``docs/`` a block of commands or of Python below ``<!-- run -->`` is run (``<!-- run: 1 -->`` expects that exit
code), one below ``<!-- file: NAME -->`` is written into the folder first, and what ``<!-- prints -->`` shows must have
been printed since the last of these.
"""

from __future__ import annotations

import re
import runpy
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import netgen
from netgen.cli import arguments, main
from netgen.lang import evaluate_setting

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES.append(ROOT / "examples/README.md")
GUIDES = sorted(page for page in (ROOT / "docs").glob("*.md") if "<!-- run" in page.read_text())
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


class Block(NamedTuple):
    """A block of a page: the remark above it, its language and its text."""

    remark: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"(?:<!-- (.+?) -->\n)?^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [Block(*each) for each in found]


def command_lines(page: Path) -> Iterator[str]:
    """The command lines of a page: those in its blocks, and whole ones in its prose and tables."""
    for block in blocks(page):
        if block.language == "sh":
            yield from (line for line in block.text.splitlines() if line.startswith("netgen "))
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`(netgen [^`…]*\.(?:net|prototxt|caffemodel|pth)\b[^`…]*)`", prose)


@each_page
def test_command_lines_are_ones(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is parsed, or is one that asks for help."""
    for line in command_lines(page):
        with suppress(SystemExit):
            arguments.parse(shlex.split(line, comments=True)[1:])
        assert capsys.readouterr().err == "", line


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page if not path else page.parent / path
        assert target.exists(), link
        titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles]


def test_every_option_stands_in_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ArgumentParser] = []
    of_old = ArgumentParser.__init__

    def noted(self: ArgumentParser, *args: Any, **kwargs: Any) -> None:
        of_old(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(ArgumentParser, "__init__", noted)
    for command in arguments._COMMANDS:
        with pytest.raises(SystemExit):
            arguments.parse([command, "--help"])
    options = {option for parser in made for option in parser._option_string_actions if option.startswith("--")}
    pages = "".join(page.read_text() for page in PAGES)
    assert len(options) > 60
    assert sorted(option for option in options if not re.search(rf"{option}\b", pages)) == []


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the guides begin with: a net, as a program and as a prototxt, its weights, and a picture."""
    import cv2

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    net = netgen.compile((ROOT / "examples/tiny.net").read_text())
    net.random_weights()
    (tmp_path / "net.net").write_text((ROOT / "examples/tiny.net").read_text())
    (tmp_path / "deploy.prototxt").write_text(net.to_prototxt())
    net.save_caffemodel("net.caffemodel")
    net.save_state_dict("net.pth")
    cv2.imwrite("cat.png", np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8))
    return tmp_path


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_guides(page: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    printed = ""
    for block in blocks(page):
        what, _, rest = block.remark.partition(": ")
        if what == "file":
            (here / rest).write_text(block.text)
        elif what == "run":
            capsys.readouterr()
            run(block, int(rest or 0), names)
            printed = "".join(capsys.readouterr())
        elif what == "prints":
            assert_in_order(block.text.split("…\n"), printed)


def run(block: Block, code: int, names: dict[str, object]) -> None:
    """Run a block of commands, or of Python, which knows the names of those before it."""
    if block.language == "python":
        exec(block.text, names)
        return
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "python":
            runpy.run_path(words[1], run_name="__main__")
        else:
            assert main(words[1:]) == code, line


def assert_in_order(pieces: list[str], text: str) -> None:
    at = 0
    for piece in pieces:
        found = text.find(piece.removesuffix("\n"), at)
        assert found >= 0, f"not printed:\n{piece}\nbut:\n{text}"
        at = found + len(piece) - 1


def test_the_list_of_examples() -> None:
    """Each file and each net of one has a row, with its settings and what it costs."""
    page = (ROOT / "examples/README.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| \[(\w+\.net)\]\(\1\)(?: `(.+?)`)? \| ([\d,]+) \| ([\d,]+) \|", page, re.M)
    seen = set()
    for file, options, parameters, macs in rows:
        args = arguments.parse(["summary", file, *shlex.split(options)])
        settings: dict[str, Any] = {name: evaluate_setting(value, name) for name, value in args.settings}
        net = netgen.compile(ROOT / "examples" / file, net=args.net, **settings)
        assert (file, options, f"{net.parameters_count:,}", f"{net.macs:,}") == (file, options, parameters, macs)
        seen.add((file, net.name))
    files = (ROOT / "examples").glob("*.net")
    assert seen == {(path.name, name) for path in files for name in re.findall(r"^net (\w+)", path.read_text(), re.M)}
