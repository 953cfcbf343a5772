"""The options of ``netgen build`` that change a net: files written from the changed one, and wrong command lines."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from same_numbers import TOLERANCE, outputs, trained

import netgen
from netgen.cli import main

PROGRAM = """
net Camera() {
    data = input(1, 3, 16, 16)
    stem = data -> conv(8, 3, stride = 2, bias = false) -> batch_norm -> relu
    body = add(conv(stem, 8, 3, pad = 1), conv(stem, 8, 1), stem)
    head = body -> relu -> batch_norm
    code = head -> linear(5)
}
"""


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> netgen.Net:
    """A net and its weights, in the files camera.net and camera.pth of the current folder."""
    monkeypatch.chdir(tmp_path)
    net = trained(PROGRAM)
    Path("camera.net").write_text(PROGRAM)
    net.save_state_dict("camera.pth")
    return net


CHANGES = ["--reparam", "--fold-bn", "--input-mean", "104,117,123", "--input-scale", "0.017", "--swap-channels"]


def test_all_targets_are_written_from_the_changed_net(camera: netgen.Net, capsys: pytest.CaptureFixture[str]) -> None:
    targets = [f"--target={each}" for each in ("prototxt", "caffemodel", "torch", "state_dict", "net", "onnx")]
    assert main(["build", "camera.net", *targets, "--weights", "camera.pth", *CHANGES, "-o", "out/"]) == 0
    remarks = capsys.readouterr().err
    assert remarks.startswith(
        "merged 3 branches into 1 convolution\n"
        "folded 2 batch normalisations into 1 convolution and 1 fully connected layer\n"
        "mean and scale of `data` went into `stem`; `stem` takes the channels of `data` in reverse order\n"
    )
    image = torch.rand(1, 3, 16, 16) * 255
    prepared = (image.flip(1) - torch.tensor([104.0, 117, 123]).reshape(3, 1, 1)) * 0.017
    [wanted] = (value.numpy() for value in outputs(camera, prepared))
    for made in (_by_opencv(image.numpy()), _by_torch(image), _by_caffemodel(image)):
        assert np.abs(made - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def _by_opencv(image: np.ndarray) -> np.ndarray:
    reader = cv2.dnn.readNetFromCaffe("out/camera.prototxt", "out/camera.caffemodel")
    reader.setInput(image)
    made: np.ndarray = reader.forward()
    return made


def _by_torch(image: torch.Tensor) -> np.ndarray:
    """The emitted file and the state_dict beside it."""
    space: dict[str, type[torch.nn.Module]] = {"__name__": "camera"}  # type: ignore[dict-item]
    exec(Path("out/camera.py").read_text(), space)
    module = space["Camera"]()
    module.load_state_dict(torch.load("out/camera.pth"))
    with torch.no_grad():
        made: np.ndarray = module.eval()(image).numpy()
    return made


def _by_caffemodel(image: torch.Tensor) -> np.ndarray:
    net = netgen.load("out/camera.net", weights="out/camera.caffemodel")
    return outputs(net, image)[0].numpy()


def test_a_text_alone_may_be_changed_with_weights_in_view(
    camera: netgen.Net, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["build", "camera.net", "--target", "prototxt", "--weights", "camera.pth"]
    assert main(command) == 2
    assert "--weights is for a target that holds them" in capsys.readouterr().err
    assert main([*command, "--fold-bn"]) == 0
    assert "BatchNorm" not in capsys.readouterr().out


def test_without_weights_the_structure_is_changed(camera: netgen.Net, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "camera.net", "--target", "prototxt", "--unfold-bn"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count('type: "BatchNorm"') == 4
    assert printed.err.endswith(
        "only the structure is changed: --weights FILE changes the weights that go with it too\n"
    )
    assert main(["build", "camera.net", "--target", "prototxt", "--fold-bn", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


WRONG = {
    "--input-mean changes the weights of the first layer: --weights FILE": ["--input-mean", "1"],
    "--swap-channels changes the weights of the first layer: --weights FILE": ["--swap-channels"],
    "--input-padding goes with --input-mean, --input-scale, --input-std or --swap-channels": [
        "--input-padding",
        "layer",
    ],
    "--input-image goes with --input-mean, --input-scale, --input-std or --swap-channels": ["--input-image", "x"],
    "argument --input-std: `1,two` is not a number, nor several with commas, such as 104,117,123": [
        "--input-std",
        "1,two",
    ],
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_command_lines(message: str, camera: netgen.Net, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "camera.net", "--target", "prototxt", *WRONG[message]]) == 2
    told = capsys.readouterr().err
    assert told == f"netgen build: error: {message}\n`netgen build --help` tells what it takes\n"


def test_weights_that_are_not_finite_are_named(camera: netgen.Net, capsys: pytest.CaptureFixture[str]) -> None:
    state = torch.load("camera.pth")
    state["stem.weight"][0, 0, 0, 0] = torch.nan
    torch.save(state, "camera.pth")
    command = ["build", "camera.net", "--target", "caffemodel", "--weights", "camera.pth", "-o", "x.caffemodel"]
    assert main([*command, "--fold-bn"]) == 1
    assert "layer `stem`: weight (8x3x3x3): 1 of 216 numbers is not finite" in capsys.readouterr().err
    assert not Path("x.caffemodel").exists()


def test_nothing_to_change_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.net"
    path.write_text("net A() {\n    data = input(1, 3, 8, 8)\n    relu(data)\n}\n")
    assert main(["build", str(path), "--target", "prototxt", "--reparam", "--fold-bn", "--unfold-bn"]) == 0
    assert capsys.readouterr().err == (
        "nothing to merge: the net adds no results of parallel convolutions\n"
        "nothing to fold: the net has no batch normalisation\n"
        "nothing to unfold: the net has no convolution\n"
    )
