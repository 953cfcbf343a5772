"""OpenCV 4 as a witness: it loads the prototxt and the caffemodel that netgen writes, and computes the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import netgen

EXAMPLES = Path(__file__).parents[2] / "examples"
FULL_SIZE = ("googlenet", "inception_v3", "lenet", "resnet")
"""Examples that end in a window of a fixed size, or have no setting for it."""
_FEW_BLOCKS: dict[str, object] = {"blocks": [1, 1, 1, 1]}
SMALL: dict[str, dict[str, object]] = {
    "resnet": _FEW_BLOCKS,
    "resnext50": {**_FEW_BLOCKS, "size": 64},
    "se_resnet50": {**_FEW_BLOCKS, "size": 64},
    "unet": {"size": 64, "width": 16},
}
TOLERANCE = 1e-4
"""Of the largest number of a result: sums are made in another order."""


def sensible(module: nn.Module) -> nn.Module:
    """Random weights with which numbers keep their size on the way, in test mode."""
    torch.manual_seed(7)
    for each in module.modules():
        if isinstance(each, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(each.weight, nonlinearity="relu")
            if each.bias is not None:
                nn.init.normal_(each.bias, std=0.1)
        elif isinstance(each, nn.modules.batchnorm._BatchNorm):
            assert each.running_mean is not None
            assert each.running_var is not None
            nn.init.normal_(each.running_mean, std=0.1)
            nn.init.uniform_(each.running_var, 0.5, 1.5)
            if each.affine:
                nn.init.uniform_(each.weight, 0.5, 1.5)
                nn.init.normal_(each.bias, std=0.1)
    return module.eval()


def written(net: netgen.Net, module: nn.Module, folder: Path, dialect: str | None = None) -> tuple[str, str]:
    """The two files for Caffe, or another consumer, with the module's weights."""
    net.load_weights(module.state_dict())
    prototxt, caffemodel = folder / "net.prototxt", folder / "net.caffemodel"
    prototxt.write_text(net.to_prototxt(dialect=dialect))
    net.save_caffemodel(caffemodel, dialect=dialect)
    return str(prototxt), str(caffemodel)


def small(example: str) -> netgen.Net:
    """An example at a size that takes little time."""
    settings = SMALL.get(example, {} if example in FULL_SIZE else {"size": 64})
    return netgen.compile(EXAMPLES / f"{example}.net", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.net")))
def test_opencv_computes_the_same(example: str, tmp_path: Path) -> None:
    net = small(example)
    module = sensible(net.to_torch())
    reader = cv2.dnn.readNetFromCaffe(*written(net, module, tmp_path, "opencv4"))
    inputs = [torch.randn(shape) for shape in net.inputs.values()]
    for name, value in zip(net.inputs, inputs, strict=True):
        reader.setInput(value.numpy(), name)
    with torch.no_grad():
        made = module(*inputs)
    expected = made if isinstance(made, tuple) else (made,)
    for name, value in zip(net.outputs, expected, strict=True):
        got, wanted = reader.forward(name), value.numpy()
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("example", ["peleenet", "shufflenet_v2", "squeezenet", "tiny"])
def test_what_was_written_comes_back_as_the_same_module(example: str, tmp_path: Path) -> None:
    """Text and weights for Caffe, read again, are the same network to the last bit."""
    net = small(example)
    module = sensible(net.to_torch())
    prototxt, caffemodel = written(net, module, tmp_path)
    again = netgen.load(prototxt, weights=caffemodel)
    assert again.to_prototxt().splitlines() == [
        line for line in Path(prototxt).read_text().splitlines() if not line.startswith("#")
    ]
    x = [torch.randn(shape) for shape in net.inputs.values()]
    with torch.no_grad():
        assert torch.equal(again.to_torch().eval()(*x), module(*x))
