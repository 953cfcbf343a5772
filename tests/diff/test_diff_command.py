"""`netgen diff`; its texts are below cases/cli/diff."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import netgen
from netgen.cli import main
from netgen.diff.report import lines, summary

EXAMPLES = Path(__file__).parents[2] / "examples"
PELEENET = str(EXAMPLES / "peleenet.net")


def test_a_program_is_the_authors_network(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", PELEENET, str(shared / "reference" / "PeleeNet.prototxt")]) == 0
    assert capsys.readouterr().out == "the same network: 482 layers\n"


@pytest.mark.parametrize("target", ["prototxt", "net"])
def test_what_netgen_writes_is_the_same_network(target: str, tmp_path: Path) -> None:
    path = tmp_path / ("net.prototxt" if target == "prototxt" else "net.net")
    path.write_text(netgen.compile(PELEENET).emit(target))
    assert main(["diff", "--ignore-training", PELEENET, str(path)]) == 0
    assert main(["diff", "--ignore-training", str(path), PELEENET]) == 0


def test_every_change_is_in_the_text() -> None:
    one, other = netgen.compile(PELEENET), netgen.compile(PELEENET, growth=48)
    found = one.diff(other)
    said = lines(found)
    assert sum(sign == "~" and not text.startswith("    ") for sign, text in said) == len(found.changed)
    assert said[-1] == ("", summary(found))
    everything = [text for _, text in lines(found, everything=True)]
    for pair in found.pairs:
        assert any(text.startswith(pair.before.name) for text in everything)


def test_colors_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", PELEENET, PELEENET, "--set-b", "classes=10", "--color", "always"]) == 1
    assert "\x1b[33m~ classifier" in capsys.readouterr().out
    assert main(["diff", PELEENET, PELEENET, "--set-b", "classes=10", "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert [pair["before"]["name"] for pair in data["pairs"] if pair["changed"]] == ["classifier"]
    assert main(["diff", PELEENET, PELEENET, "--set-b", "classes=10", "--ignore", "out"]) == 1  # its shape is another
    assert main(["diff", "-", "-"]) == 2


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", PELEENET, str(tmp_path / "none.prototxt")]) == 1
    assert "NG213" in capsys.readouterr().err


def test_it_can_be_quiet_and_write_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["diff", PELEENET, PELEENET, "--set-b", "classes=10"]
    assert main([*common, "--quiet"]) == 1
    assert main(["diff", PELEENET, PELEENET, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    path = tmp_path / "changes.diff"
    assert main([*common, "-o", str(path), "--color", "always"]) == 1
    said, told = capsys.readouterr()
    assert (said, "wrote" in told) == ("", True)
    assert main(common) == 1
    assert path.read_text() == capsys.readouterr().out


def test_what_only_training_looks_at_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.net"
    path.write_text(Path(PELEENET).read_text().replace("conv(weight_filler = xavier)", "conv(weight_filler = msra)"))
    assert main(["diff", PELEENET, str(path)]) == 1
    assert "113 changed (113 in what only training looks at)" in capsys.readouterr().out
