"""OpenCV 4 as a witness: it loads the prototxt and the caffemodel that netgen writes, and computes the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from example_nets import EXAMPLES, Example
from torch import nn

import netgen
from netgen.emit.torch.live import capture
from netgen.ir.graph import Value

REFUSED = {"fpn", "segnet"}
"""Examples of which OpenCV's own table of layers says that it cannot run them."""
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


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_opencv_computes_the_same(example: Example, tmp_path: Path) -> None:
    net = example.small()
    if example.id in REFUSED:
        assert net.check_dialect("opencv4")
        return
    module = sensible(net.to_torch())
    reader = cv2.dnn.readNetFromCaffe(*written(net, module, tmp_path, "opencv4"))
    inputs = [torch.randn(shape) for shape in net.inputs.values()]
    for name, given in zip(net.inputs, inputs, strict=True):
        reader.setInput(given.numpy(), name)
    values = capture(net.graph, *inputs, state=module.state_dict())
    for value in _compared(net):
        name, made = value.node.name, values[value.node.name]
        got, wanted = reader.forward(name), (made if isinstance(made, torch.Tensor) else made[value.index]).numpy()
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def _compared(net: netgen.Net) -> list[Value]:
    """The results of a net. Of a detector what its boxes are picked from: those that are close change places."""
    results = []
    for value in net.graph.outputs:
        picks = value.node.op.name == "detection_output"
        results += value.node.inputs if picks else [value]
    return results


@pytest.mark.parametrize("example", ["peleenet", "shufflenet_v2", "squeezenet", "tiny"])
def test_what_was_written_comes_back_as_the_same_module(example: str, tmp_path: Path) -> None:
    """Text and weights for Caffe, read again, are the same network to the last bit."""
    (net,) = [each.small() for each in EXAMPLES if each.id == example]
    module = sensible(net.to_torch())
    prototxt, caffemodel = written(net, module, tmp_path)
    again = netgen.load(prototxt, weights=caffemodel)
    assert again.to_prototxt().splitlines() == [
        line for line in Path(prototxt).read_text().splitlines() if not line.startswith("#")
    ]
    x = [torch.randn(shape) for shape in net.inputs.values()]
    with torch.no_grad():
        assert torch.equal(again.to_torch().eval()(*x), module(*x))
