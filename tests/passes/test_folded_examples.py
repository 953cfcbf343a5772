"""Examples with their normalisations folded: PyTorch, OpenCV and ONNX Runtime all compute what they did before."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from example_nets import EXAMPLES
from same_numbers import TOLERANCE, images, outputs, train

import netgen

FOLDED = {"peleenet": 0, "mobilenet_v2": 0, "densenet121": 62, "se_resnet50": 0, "shufflenet_v1": 0}
"""How many normalisations stay: those in front of an activation, as DenseNet has them."""


def by_opencv(net: netgen.Net, image: np.ndarray, folder: Path) -> np.ndarray:
    (folder / "net.prototxt").write_text(net.to_prototxt(dialect="opencv4"))
    net.save_caffemodel(folder / "net.caffemodel", dialect="opencv4")
    reader = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(folder / "net.caffemodel"))
    reader.setInput(image)
    made: np.ndarray = reader.forward()
    return made


def by_onnxruntime(net: netgen.Net, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(net.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    made: np.ndarray = session.run(None, {session.get_inputs()[0].name: image})[0]
    return made


@pytest.mark.parametrize("example", FOLDED)
def test_all_runtimes_compute_the_same(example: str, tmp_path: Path) -> None:
    net = next(each for each in EXAMPLES if each.id == example).small()
    train(net)
    folded, report = net.fold_bn()
    assert len(report.left) == FOLDED[example]
    assert sum(layer.operator == "batch_norm" for layer in folded.layers) == FOLDED[example]
    [image] = images(net)
    [wanted] = (value.numpy() for value in outputs(net, image))
    [by_torch] = (value.numpy() for value in outputs(folded, image))
    for made in (by_torch, by_opencv(folded, image.numpy(), tmp_path), by_onnxruntime(folded, image.numpy())):
        assert np.abs(made - wanted).max() <= TOLERANCE * np.abs(wanted).max()
