"""`netgen build --target onnx`: files, options, and what it says."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import netgen
from netgen.cli import main
from netgen.ir.operator import Refused
from netgen.ops import OPERATORS

NET = """
net Small() {
    data = input(1, 3, 8, 8)
    c = conv(data, 400, 3)
    return global_avg_pool(c)
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.net").write_text(NET)
    return tmp_path


def build(*options: str) -> int:
    return main(["build", "small.net", "--target", "onnx", *options])


def test_a_model_with_weights(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--weights", "random", "-o", "small.onnx") == 0
    model = onnx.load(here / "small.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input] == ["data"]
    assert capsys.readouterr().err == "weights: 2 of 2 arrays: 2 by chance\nwrote small.onnx\n"
    net = netgen.compile(here / "small.net")
    net.random_weights()
    assert net.to_onnx() == model


def test_without_weights_it_says_what_lacks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("-o", "out/") == 0
    model = onnx.load(here / "out/small.onnx")
    assert [each.name for each in model.graph.input] == ["data", "c.weight", "c.bias"]
    assert capsys.readouterr().err == (
        "no weights: the parameters are inputs of the model; --weights FILE or --weights random puts numbers in\n"
        "wrote out/small.onnx\n"
    )


def test_part_of_the_weights(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = netgen.compile(here / "small.net")
    net.random_weights()
    net.save_state_dict(here / "part.safetensors")
    (here / "small.net").write_text(NET.replace("global_avg_pool(c)", 'conv(c, 2, 1) as "d"'))
    build("--weights", "part.safetensors", "--partial", "-o", "small.onnx")
    assert "no weights for d.weight and 1 more: inputs of the model" in capsys.readouterr().err


def test_weights_beside_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--weights", "random", "--external-data", "-o", "small.onnx") == 0
    assert capsys.readouterr().err.endswith("wrote small.onnx\nwrote small.onnx.data\n")
    (here / "other").mkdir()
    for name in ("small.onnx", "small.onnx.data"):
        (here / name).rename(here / "other" / name)
    onnx.checker.check_model(str(here / "other/small.onnx"), full_check=True)
    net = netgen.compile(here / "small.net")
    net.random_weights()
    read, wanted = onnx.load(here / "other/small.onnx").graph.initializer, net.to_onnx().graph.initializer
    assert [onnx.numpy_helper.to_array(each).tobytes() for each in read] == [each.raw_data for each in wanted]


def test_with_other_targets_into_a_folder(here: Path) -> None:
    assert build("--target", "prototxt", "--target", "caffemodel", "--weights", "random", "-o", "out/") == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "small.caffemodel",
        "small.onnx",
        "small.prototxt",
    ]


def test_opset_and_open_sizes(here: Path) -> None:
    assert build("--opset", "13", "--dynamic", "batch", "--dynamic", "spatial", "-o", "small.onnx") == 0
    model = onnx.load(here / "small.onnx")
    assert model.opset_import[0].version == 13
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", 3, "height", "width"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "--target onnx needs a file to write to: -o FILE.onnx"),
        (("-o", "-"), "--target onnx needs a file to write to: -o FILE.onnx"),
        (("--opset", "12", "-o", "a.onnx"), "argument --opset: opset 12 cannot be written: there are 13 to"),
        (("--opset", "new", "-o", "a.onnx"), "argument --opset: `new` is not the number of an opset, such as 17"),
        (("--dynamic", "time", "-o", "a.onnx"), "argument --dynamic: invalid choice: 'time'"),
    ],
)
def test_a_wrong_command_line(
    here: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    assert build(*options) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["small.net"]


@pytest.mark.parametrize("option", [("--opset", "17"), ("--dynamic", "batch"), ("--external-data",)])
def test_options_are_for_onnx(here: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]) -> None:
    assert main(["build", "small.net", "--target", "prototxt", *option]) == 2
    assert f"{option[0]} is for --target onnx" in capsys.readouterr().err
    assert here


def test_what_no_target_can_say_is_told_together(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in ("torch", "onnx"):
        monkeypatch.setattr(OPERATORS["conv"], target, Refused(f"{target} has no convolution"))
    assert build("--target", "torch", "-o", "out/") == 1
    printed = capsys.readouterr().err
    assert "error[NG402]" in printed
    assert "error[NG403]" in printed
    assert not (here / "out").exists()


def test_an_output_that_is_an_input_is_spared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("-o", "small.net") == 1
    assert "it is one of the inputs" in capsys.readouterr().err
    assert (here / "small.net").read_text() == NET


def test_python_says_what_it_takes() -> None:
    net = netgen.compile(NET)
    with pytest.raises(ValueError, match="a model cannot leave `bacth` open; did you mean `batch`"):
        net.to_onnx(dynamic="bacth")
    with pytest.raises(ValueError, match="opset 9 cannot be written"):
        net.to_onnx(opset=9)
    open_batch = net.to_onnx(dynamic="batch").graph.input[0].type.tensor_type.shape.dim[0]
    assert open_batch.dim_param == "batch"
