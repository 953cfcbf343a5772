"""OpenCV 4 as a witness: it loads the prototxt and the caffemodel that netgen writes, and computes the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from example_nets import EXAMPLES, Example

import netgen
from netgen.emit.torch.live import capture
from netgen.ir.graph import Value
from netgen.verify.random_inputs import random_inputs

REFUSED = {"segnet"}
"""Examples of which OpenCV's own table of layers says that it cannot run them."""
TOLERANCE = 1e-4
"""Of the largest number of a result: sums are made in another order."""


def written(net: netgen.Net, folder: Path, dialect: str | None = None) -> tuple[str, str]:
    """The two files for Caffe, or another consumer, with weights by chance, which the net has too."""
    net.random_weights()
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
    reader = cv2.dnn.readNetFromCaffe(*written(net, tmp_path, "opencv4"))
    inputs = random_inputs(net.graph)
    for name, given in inputs.items():
        reader.setInput(given, name)
    values = capture(net.graph, *map(torch.from_numpy, inputs.values()), state=net.to_torch().state_dict())
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
    prototxt, caffemodel = written(net, tmp_path)
    again = netgen.load(prototxt, weights=caffemodel)
    assert again.to_prototxt().splitlines() == [
        line for line in Path(prototxt).read_text().splitlines() if not line.startswith("#")
    ]
    images = [torch.from_numpy(each) for each in random_inputs(net.graph).values()]
    with torch.no_grad():
        one, other = (each.to_torch().eval()(*images) for each in (net, again))
    assert torch.equal(one, other)
