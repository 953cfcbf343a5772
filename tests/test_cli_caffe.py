"""The command line with networks of Caffe and with weights: files, exit codes, and what goes wrong."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from pathlib import Path

import pytest

import netgen
from netgen.cli import main

PROTOTXT = """name: "Tiny"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" include { phase: TRAIN } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "prob" type: "Softmax" bottom: "conv" top: "prob" include { stage: "deploy" } }
"""
SOLVER = 'net: "train.prototxt"\nbase_lr: 0.01\nmax_iter: 10\n'

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a network, its weights and a solver."""
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "tiny.prototxt").write_text(PROTOTXT)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    net = netgen.load("tiny.prototxt")
    torch.save(net.to_torch().state_dict(), "tiny.pth")
    net.load_weights("tiny.pth")
    net.save_caffemodel("tiny.caffemodel")
    return tmp_path


def ran(argv: str) -> int:
    """The exit code of a command line."""
    try:
        return main(argv.split())
    except SystemExit as left:
        return int(left.code or 0)


@pytest.mark.parametrize(
    ("argv", "made"),
    [
        ("import tiny.prototxt -o net.net", ["net.net"]),
        ("build tiny.prototxt --target torch -o net.py", ["net.py"]),
        ("build tiny.prototxt --target prototxt --target torch --target net -o out/", ["out"]),
        ("build tiny.prototxt --target caffemodel --weights tiny.pth -o net.caffemodel", ["net.caffemodel"]),
        ("build tiny.prototxt --target state_dict --weights tiny.caffemodel -o net.pth", ["net.pth"]),
        ("build tiny.prototxt --target safetensors --weights tiny.caffemodel -o n.safetensors", ["n.safetensors"]),
        ("build tiny.prototxt --target prototxt --target caffemodel --weights tiny.pth -o out/", ["out"]),
        ("weights map tiny.prototxt tiny.caffemodel --save-mapping map.txt", ["map.txt"]),
        ("weights list tiny.caffemodel", []),
        ("weights list --stats --format json tiny.pth", []),
        ("weights diff --net tiny.prototxt tiny.caffemodel tiny.pth", []),
        ("check tiny.prototxt solver.prototxt", []),
    ],
)
def test_command_lines_of_the_help(here: Path, argv: str, made: list[str]) -> None:
    before = set(os.listdir(here))
    assert ran(argv) == 0
    assert sorted(set(os.listdir(here)) - before) == made


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("build tiny.prototxt --target caffemodel -o net.caffemodel", "needs the weights: --weights FILE"),
        ("build tiny.prototxt --target caffemodel --weights tiny.pth", "needs a file to write to"),
        ("build tiny.prototxt --target torch --weights tiny.pth", "--weights is for a target that holds them"),
        ("build tiny.prototxt --target torch --phase DEPLOY", "invalid choice"),
        ("build tiny.prototxt --target torch --level high", "invalid int value"),
        ("build tiny.prototxt --target torch --input data", "is not BLOB=SHAPE"),
        ("build tiny.prototxt --target torch --input data=1x-3", "is not BLOB=SHAPE"),
        ("weights", "ACTION"),
        ("weights list", "FILE"),
        ("import", "FILE"),
    ],
)
def test_usage(here: Path, capsys: Captured, argv: str, said: str) -> None:
    before = sorted(os.listdir(here))
    assert ran(argv) == 2
    assert said in capsys.readouterr().err
    assert sorted(os.listdir(here)) == before


def code_in(pickled: Path) -> None:
    """A pickle that runs code when it is loaded."""

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, ("touch hacked",)

    pickled.write_bytes(pickle.dumps(Evil()))


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ("build missing.prototxt --target torch", "NG213"),
        ("build tiny.caffemodel --target torch", "NG510"),
        ("build solver.prototxt --target torch", "NG534"),
        ("build tiny.prototxt --target torch --end nothing", "NG533"),
        ("build tiny.prototxt --target torch --input nothing=1x2", "NG533"),
        ("build tiny.prototxt --target torch -o tiny.prototxt", "NG502"),
        ("build tiny.prototxt --target caffemodel --weights tiny.prototxt -o a.caffemodel", "NG602"),
        ("build tiny.prototxt --target caffemodel --weights missing.pth -o a.caffemodel", "NG213"),
        ("build tiny.prototxt --target caffemodel --weights evil.pth -o a.caffemodel", "NG6"),
        ("build tiny.prototxt --target state_dict --weights other.caffemodel -o a.pth", "NG6"),
        ("build tiny.prototxt --target caffemodel --weights tiny.caffemodel -o tiny.caffemodel", "NG502"),
        ("build foreign.prototxt --target prototxt --target torch -o out/", "NG40"),
    ],
)
def test_what_cannot_be_done_writes_nothing(here: Path, capsys: Captured, argv: str, code: str) -> None:
    code_in(here / "evil.pth")
    other = netgen.load(PROTOTXT.replace('"conv"', '"other"').replace("num_output: 2", "num_output: 5"))
    other.load_weights(other.to_torch().state_dict())
    other.save_caffemodel("other.caffemodel")
    (here / "foreign.prototxt").write_text(PROTOTXT.replace('"ReLU"', '"Foreign"'))
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    assert ran(argv) == 1
    assert f"error[{code}" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def layers(capsys: Captured) -> int:
    return capsys.readouterr().out.count("\nlayer {")


@pytest.mark.parametrize(
    ("options", "number"),
    [("", 5), ("--phase TRAIN", 4), ("--phase test", 3), ("--phase TEST --stage deploy", 4), ("--end relu", 3)],
)
def test_which_layers(here: Path, capsys: Captured, options: str, number: int) -> None:
    (here / "tiny.prototxt").write_text(
        PROTOTXT.replace('top: "conv" }\nlayer { name: "prob"', 'top: "relu" }\nlayer { name: "prob"')
    )
    assert ran(f"build tiny.prototxt --target prototxt {options}") == 0
    assert layers(capsys) == number


def test_standard_input_and_a_shape(here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PROTOTXT.encode())))
    assert ran("import - --phase TEST --input data=2x3x16x16") == 0
    assert netgen.compile(capsys.readouterr().out).inputs == {"data": (2, 3, 16, 16)}


def test_json(here: Path, capsys: Captured) -> None:
    (here / "bad.prototxt").write_text(PROTOTXT.replace('bottom: "data"', 'bottom: "dta"'))
    assert ran("check bad.prototxt --format json") == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert (problem["code"], problem["line"]) == ("NG530", 3)


def test_the_python_interface(here: Path) -> None:
    net = netgen.load("tiny.prototxt", weights="tiny.caffemodel", phase="TEST")
    net.save_caffemodel("again.caffemodel")
    net.save_state_dict("again.safetensors")
    assert ran("weights diff tiny.caffemodel again.caffemodel") == 0
    assert ran("weights diff --net tiny.prototxt again.caffemodel again.safetensors") == 0
    assert sum(each.numel() for each in net.to_torch().parameters()) == net.parameters_count
