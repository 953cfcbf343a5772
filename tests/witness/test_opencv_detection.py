"""OpenCV 4 as a witness for detectors: prior boxes, detections, pooling of regions, proposals.

ONNX Runtime computes the same, and takes several images as one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from onnx_models import run_model
from test_opencv import written

import netgen

Array = np.ndarray[Any, np.dtype[np.float32]]

DETECTOR = """
net Detector(code: string = "center_size", share: bool = true, keep: int = 20) {
    boxes_of = if share then 1 else 3
    data = input(1, 3, 60, 80)
    x = data -> conv(16, 3, stride = 16, pad = 1) -> relu
    boxes = prior_box(x, data, [12, 20], [18, 30], [2], clip = true, variance = [0.1, 0.1, 0.2, 0.2])
    loc = x -> conv(32 * boxes_of, 1) -> permute([0, 2, 3, 1]) -> flatten
    conf = x -> conv(24, 1) -> permute([0, 2, 3, 1]) -> reshape([0, -1, 3]) -> softmax(2) -> flatten
    found = detection_output(
        loc, conf, boxes, 3,
        share_location = share, nms_threshold = 0.45, top_k = 40, code = code, keep_top_k = keep,
        confidence_threshold = 0.1,
    )
    return boxes, found
}
"""

POOLS = """
net Pools() {
    data = input(1, 18, 20, 30)
    regions = input(4, 5)
    pooled = roi_pool(data, regions, [3, 4], scale = 0.25)
    parts = psroi_pool(data, regions, 2, 3, scale = 0.25)
    return pooled, parts
}
"""


def both(net: netgen.Net, inputs: list[Array], folder: Path) -> tuple[list[Array], list[Array]]:
    """What PyTorch and what OpenCV compute, for each output of the net."""
    reader = cv2.dnn.readNetFromCaffe(*written(net, folder))
    for name, value in zip(net.inputs, inputs, strict=True):
        reader.setInput(value, name)
    with torch.no_grad():
        made = net.to_torch().eval()(*[torch.from_numpy(value) for value in inputs])
    return [value.numpy() for value in made], [np.asarray(reader.forward(name), np.float32) for name in net.outputs]


def by_rank(rows: Array) -> Array:
    """OpenCV gives the best boxes of all classes first, and then rows of 0 up to ``keep_top_k``."""
    found: Array = rows[0, 0][rows[0, 0, :, 2] > 0]
    return found[np.lexsort((found[:, 1], -found[:, 2]))]


@pytest.mark.parametrize("code", ["center_size", "corner"])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("keep", [5, 200])
def test_detector(code: str, share: bool, keep: int, tmp_path: Path) -> None:
    net = netgen.compile(DETECTOR, code=code, share=share, keep=keep)
    data = np.random.default_rng(0).standard_normal((1, 3, 60, 80)).astype(np.float32)
    (boxes, found), (their_boxes, their_found) = both(net, [data], tmp_path)
    np.testing.assert_allclose(their_boxes, boxes, atol=1e-6)
    theirs, ours = by_rank(their_found), by_rank(found)
    assert len(ours) == min(keep, len(ours)) == len(theirs) > 3
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)
    model = net.to_onnx(dynamic="batch")
    np.testing.assert_allclose(run_model(model, {"data": data})[1], found, rtol=1e-5, atol=1e-6)
    [[rows]] = run_model(model, {"data": np.concatenate([data, data])})[1]
    np.testing.assert_allclose(rows[:, 1:], np.tile(found[0, 0, :, 1:], (2, 1)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows[:, 0], np.repeat([0, 1], found.shape[2]))


def test_pooling_of_regions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data = random.standard_normal((1, 18, 20, 30)).astype(np.float32)
    regions = np.array([[0, 3, 8, 50, 43], [0, 20, 9, 31, 70], [0, 0, 0, 119, 79], [0, 77, 40, 90, 45]], np.float32)
    for made, theirs in zip(*both(netgen.compile(POOLS), [data, regions], tmp_path), strict=True):
        np.testing.assert_allclose(theirs, made, rtol=1e-4, atol=1e-5)
