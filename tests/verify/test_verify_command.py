"""``netgen verify`` as users meet it: what it prints, what it takes, and what it says where it cannot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from wrong_runtime import against_wrong

import netgen
from netgen.cli import main
from netgen.verify import choice
from netgen.verify.opencv_runtime import OpenCv
from netgen.verify.report import text

PROGRAM = """
net Small() {
    data = input(1, 3, 12, 12)
    first = data -> conv(4, 3, pad = 1)
    second = first -> batch_norm -> relu(slope = 0.1)
    return second -> max_pool(2) -> conv(4, 3) -> global_avg_pool
}
"""
TWO = """
net Two() {
    image = input(2, 3, 8, 8)
    extra = input(2, 3, 8, 8)
    return add(image, extra)
}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.net").write_text(PROGRAM)
    (tmp_path / "two.net").write_text(TWO)
    return "small.net"


def _run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["verify", *args])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def _plain(text: str) -> str:
    """Without what is another on each machine: times, and how much rounding there is."""
    text = re.sub(r"\d\.\d{1,2}e-0[5-9]|0\.0e\+00", "<tiny>", text)
    return re.sub(r" *\d+\.\d s", " <time>", text)


# --- what it prints -------------------------------------------------------------------------------


def test_what_differs_is_told() -> None:
    found = against_wrong(PROGRAM, PROGRAM.replace("slope = 0.1", "slope = 0.3"))
    said = text(found).splitlines()
    assert said[0] == "Small: 6 values in 6 layers"
    assert re.fullmatch(r"wrong +6  \S+  second/relu  1e-04 +\d+\.\d s  differs at second/relu", said[4])
    about = _plain("\n".join(said[6:]))
    assert re.sub(r"-?\d\.\d+", "<number>", re.sub(r"\[.*\]", "[<place>]", about)) == ABOUT.strip()
    assert not found
    assert bool(re.search(r"^second/relu +relu +1x4x12x12 +\S+ !$", text(found, layers=True), re.M))


ABOUT = """\
wrong differs at `second/relu` by <number> of its largest number (<number> on average)
  layer:  relu(slope = <number>) -> 1x4x12x12  (<text>:5:37)
  where:  at [<place>] torch has <number>, wrong <number>
  before: what it reads agrees, to <tiny>; from the very same numbers it is <number> apart
  cause:  wrong computes it with `slope = <number>`, where the net says <number>
          (argument; computed so, the layer gives wrong's numbers)

3 more values of wrong differ because of that: given its own numbers, their layers agree

worst: the largest difference from torch within a value, as a part of its largest number
bound 1e-04: float32: sums in another order

wrong differs from torch first at `second/relu` (it computes it with `slope = <number>`, where the net says <number>).
"""


def test_the_table_ends_in_one_verdict(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, small, "--against", "onnxruntime,opencv", "--layers")
    assert code == 0
    assert out.endswith("\nAll 5 runtimes agree on 6 values: Small computes the same everywhere.\n")
    assert "inputs:  data 1x3x12x12 random (seed 0)\nweights: random (seed 0)\n" in out
    assert re.search(r"^opencv-fused +1 ", out, re.M)
    assert _run(capsys, small, "--against", "opencv", "--quiet")[1].startswith("All 3 runtimes agree on 6 values")


def test_json_has_all_of_it(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, small, "--against", "onnxruntime", "--format", "json")
    data = json.loads(out)
    assert code == 0
    assert data["agrees"] is True
    assert (data["net"], data["reference"], data["values"], data["first_difference"]) == ("Small", "torch", 6, None)
    row = next(each for each in data["runtimes"] if each["runtime"] == "onnxruntime")
    assert (row["state"], row["device"], row["bound"], len(row["values"])) == ("agrees", "cpu", 1e-4, 6)
    value = row["values"][0]
    assert (value["value"], value["operator"], value["shape"]) == ("first", "conv", [1, 4, 12, 12])
    assert value["error"] < 1e-5
    wrong = against_wrong(PROGRAM, PROGRAM.replace("slope = 0.1", "slope = 0.3")).to_dict()
    first: Any = json.loads(json.dumps(wrong))["first_difference"]
    assert first["cause"] == "computes it with `slope = 0.3`, where the net says 0.1"
    assert (first["layer"], first["kind"], first["reads"], first["place"]) == (
        "second/relu", "argument", ["second"], "<text>:5:37",
    )  # fmt: skip


def test_folding_is_compared_with_what_was_before(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, small, "--against", "opencv", "--fold-bn")
    assert code == 0
    assert re.search(r"^before +1  \S+ .* agrees$", out, re.M)
    assert "Small: 5 values" in out


def test_what_a_runtime_refuses_is_a_row(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(small).write_text("net Ties() {\n    x = input(1, 3, 4, 4)\n    return argmax(conv(x, 4, 1), axis = 1)\n}\n")
    code, out, _ = _run(capsys, small, "--against", "opencv")
    assert code == 1
    assert "opencv and opencv-fused cannot run it:\n  layer `" in out
    assert out.endswith("Nothing was compared: opencv and opencv-fused cannot run Ties.\n")
    assert netgen.compile(small).verify(against=["onnxruntime"])


HOLLOW = """
net Hollow() {
    data = input(1, 3, 4, 4)
    negative = data -> abs -> power(scale = -1, shift = -1)
    logged = negative -> log
    return logged -> conv(2, 1)
}
"""


def test_what_is_no_number_proves_nothing(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(small).write_text(HOLLOW)
    code, out, _ = _run(capsys, small, "--against", "onnxruntime-fused")
    assert code == 1
    assert "not finite in torch: 48 of 48 numbers of `logged`  (small.net:5:26), and 1 more value in part" in out
    verdict = "2 runtimes agree on 1 value, but nothing in `logged` and 1 more value is a finite number: "
    assert out.endswith(f"{verdict}it proves nothing of Hollow.\n")
    data = json.loads(_run(capsys, small, "--against", "onnxruntime-fused", "--format", "json")[1])
    assert data["agrees"] is False
    assert data["not_finite"][0] == {"value": "logged", "numbers": 48, "of": 48}


def test_a_reference_that_shows_outputs_only(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody agrees with nothing: what is named is the reference, and the first that shows all where none is named."""
    args = ("--reference", "opencv-fused", "--against", "onnxruntime,onnxruntime-fused")
    code, out, _ = _run(capsys, small, *args)
    assert (code, out.splitlines()[-1]) == (0, "All 3 runtimes agree on 1 value: Small computes the same everywhere.")
    assert re.search(r"^opencv-fused .* reference$", out, re.M)
    assert re.search(r"^onnxruntime-fused +1 .* agrees$", out, re.M)


def test_a_net_without_layers(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(small).write_text("net None() {\n    x = input(1, 3)\n    return x\n}\n")
    code, out, _ = _run(capsys, small, "--against", "onnxruntime")
    assert (code, out.splitlines()[-1]) == (1, "Nothing was compared: None has no layers.")


FOREIGN = """
name: "Foreign"
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "one" type: "Foreign" bottom: "x" top: "one" }
layer { name: "two" type: "Foreign" bottom: "one" top: "two" }
layer { name: "py" type: "Python" bottom: "two" top: "py" python_param { module: "norms" layer: "L2" } }
"""
CANNOT = """\
torch, onnxruntime and onnxruntime-fused cannot run it:
  layer `one`: netgen does not know the layer type `Foreign`  (foreign.prototxt:4:7)
  layer `two`: netgen does not know the layer type `Foreign`  (foreign.prototxt:5:7)
  layer `py`: what it computes is Python code, `L2` in the module `norms`  (foreign.prototxt:6:7)
  hint: --end BLOB lets the net end before it, --input BLOB=SHAPE begin behind it

Nothing was compared: no runtime could run Foreign.
"""


def test_who_cannot_run_it_for_one_reason_is_told_once(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("foreign.prototxt").write_text(FOREIGN)
    code, out, _ = _run(capsys, "foreign.prototxt", "--against", "onnxruntime")
    assert code == 1
    assert out.endswith(f"\n\n{CANNOT}")
    found = json.loads(_run(capsys, "foreign.prototxt", "--against", "onnxruntime", "--format", "json")[1])
    assert [found["runtimes"][0]["diagnostics"][0][key] for key in ("code", "line", "title")] == [
        "NG402",
        4,
        "PyTorch cannot say this",
    ]
    assert found["verdict"] == CANNOT.splitlines()[-1]


# --- what goes in ---------------------------------------------------------------------------------


def test_inputs_of_files(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("one.npy", np.ones((3, 12, 12), np.uint8))
    np.save("four.npy", np.ones((4, 3, 12, 12)))
    np.savez("both.npz", image=np.ones((2, 3, 8, 8)), extra=np.zeros((2, 3, 8, 8), np.float32))
    cv2.imwrite("cat.png", np.zeros((30, 40, 3), np.uint8))
    for args, said in (
        ((small, "--input", "one.npy"), "data 1x3x12x12\n"),
        ((small, "--input", "data=four.npy"), "data 4x3x12x12\n"),
        ((small, "--input", "data=2x3x16x16"), "data 2x3x16x16 random (seed 0)\n"),
        ((small, "--batch", "3", "--seed", "7"), "data 3x3x12x12 random (seed 7)\n"),
        ((small, "--input", "cat.png", "--mean", "104,117,123", "--scale", "0.017", "--rgb"), "data 1x3x12x12\n"),
        (("two.net", "--input", "both.npz"), "image 2x3x8x8, extra 2x3x8x8\n"),
        (("two.net", "--input", "extra=both.npz"), "image 2x3x8x8, extra 2x3x8x8\n"),
    ):
        code, out, err = _run(capsys, *args, "--against", "onnxruntime-fused")
        assert code == 0, out + err
        assert f"inputs:  {said}" in out


def _files() -> None:
    np.save("shape.npy", np.ones((1, 3, 5)))
    np.save("size.npy", np.ones((1, 5, 12, 12)))
    np.save("words.npy", np.array(["cat"]))
    np.save("nan.npy", np.full((1, 3, 12, 12), np.nan, np.float32))
    np.save("last.npy", np.ones((1, 12, 12, 3)))
    np.save("one_last.npy", np.ones((12, 12, 3)))
    np.save("huge.npy", np.full((1, 3, 12, 12), 1e300))
    np.savez("two.npz", a=np.ones(1), b=np.ones(1))
    Path("junk.npy").write_bytes(b"no array")
    Path("junk.png").write_bytes(b"no picture")
    Path("object.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n")


FAULTS = [
    ("--input other=size.npy", "NG701", "the net has no input `other`"),
    ("--input size.npy --input size.npy", "NG701", "no input is left for size.npy: the net has 1"),
    ("--input shape.npy", "NG702", "the array is 1x3x5, the input `data` 1x3x12x12"),
    ("--input size.npy", "NG702", "layer `first` has a weight of 4x3x3x3; this takes 4x5x3x3"),
    ("--input words.npy", "NG705", "its numbers are of the type <U3; an input takes float32"),
    ("--input nan.npy", "NG705", "432 of 432 numbers are not finite, the first is nan at [0, 0, 0, 0]"),
    ("--input data=two.npz", "NG705", "it has 2 arrays: `a`, `b`"),
    ("--input junk.npy", "NG705", "it is no array of numbers that numpy can read"),
    ("--input object.npy", "NG705", "files with pickled objects in them are not read"),
    ("--input junk.png", "NG705", "it is no picture that OpenCV can read"),
    ("--input last.npy", "NG702", "channels come first, as Caffe has them: array.transpose(0, 3, 1, 2) is 1x3x12x12"),
    ("--input one_last.npy", "NG702", "array.transpose(2, 0, 1) is 3x12x12"),
    ("--input last.npy --batch 3", "NG702", "the array for `data` is 1x12x12x3; a batch of 3 is asked for"),
    ("--input huge.npy", "NG705", "432 of 432 numbers are too large for float32, the first is 1e+300 at [0, 0, 0, 0]"),
    ("--input none.npy", "NG213", "there is no `none.npy` in the current folder"),
    ("--input data=1x3x1x1", "NG702", "the net does not take data=1x3x1x1"),
    ("--weights nan.safetensors", "NG610", "layer `first`: weight (4x3x3x3): 1 of 108 numbers is not finite"),
]


@pytest.mark.parametrize("options, code, words", FAULTS, ids=[each[0] for each in FAULTS])
def test_what_cannot_go_in(options: str, code: str, words: str, small: str, capsys: pytest.CaptureFixture[str]) -> None:
    _files()
    net = netgen.compile(small)
    net.random_weights()
    state = net.to_torch().state_dict()
    next(iter(state.values())).view(-1)[5] = torch.nan
    net.load_weights(state)
    net.save("safetensors", "nan.safetensors")
    exit_code, out, err = _run(capsys, small, "--against", "onnxruntime", *options.split())
    assert (exit_code, out) == (1, "")
    assert f"error[{code}]" in err
    assert words in err


# --- who takes part -------------------------------------------------------------------------------


def test_a_runtime_that_is_missing(
    small: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenCv, "missing", lambda self: "the package `cv2` is not installed")
    code, _, err = _run(capsys, small, "--against", "opencv")
    assert code == 1
    assert "error[NG703]: a runtime is missing: opencv cannot run here, the package `cv2` is not installed" in err
    assert "pip install 'netgen[verify]'" in err
    others = choice.choose().others
    found = against_wrong(PROGRAM)
    found.rows += others
    said = "not here: opencv, opencv-fused (the package `cv2` is not installed; pip install 'netgen[verify]')"
    assert said in text(found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("args", [("--device", "cuda"), ("--against", "torch-cuda")])
def test_a_device_that_is_absent(args: tuple[str, ...], small: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, small, *args)
    assert code == 1
    assert "error[NG704]" in err


@pytest.mark.parametrize(
    "args, words",
    [
        (("--against", "onnxruntme"), "no runtime `onnxruntme`; did you mean `onnxruntime`?"),
        (("--against", "onnx"), "no runtime `onnx`; did you mean `onnxruntime` or `onnxruntime-fused`?"),
        (("--against", "opencv,"), "a name is missing between the commas"),
        (("--rgb",), "--mean, --scale and --rgb are for pictures"),
        (("--input", "data=cat"), "`data=cat` is neither a file (.npy, .npz, .png, .jpg …) nor NAME=SHAPE"),
        (("--seed", "-1"), "`-1` is not a number from 0 on"),
    ],
)
def test_a_wrong_command_line(
    args: tuple[str, ...], words: str, small: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = _run(capsys, small, *args)
    assert code == 2
    assert words in err


def test_names_stand_for_families() -> None:
    names = [each.name for each in choice.choose(["opencv", "torch"], device="cpu").taking_part]
    assert names == ["torch", "opencv", "opencv-fused"]
    assert [each.name for each in choice.choose(["opencv"], "onnxruntime", "cpu").taking_part][:2] == [
        "onnxruntime",
        "opencv",
    ]
    assert "torch-compiled" in [each.name for each in choice.choose(["torch-compiled"], device="cpu").taking_part]
    with pytest.raises(ValueError, match="no runtime `tensorflow`"):
        choice.choose(["tensorflow"])
