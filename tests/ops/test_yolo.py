"""YOLO's layers against their definitions, written as loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import parse
from detection_reference import reorg, sigmoid, yolo_boxes, yolo_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import run_onnx
from random_nodes import nodes
from spelled import node, run
from suitable import suitable

from netgen.ir.fault import Fault
from netgen.ir.graph import Node
from netgen.ops import read_caffe

MANY = settings(max_examples=40)


@given(nodes("reorg"))
@MANY
def test_reorg(n: Any) -> None:
    [x] = suitable(n)
    [made] = run(n, [torch.from_numpy(x)])
    np.testing.assert_array_equal(made.numpy(), reorg(x, n.a.stride, n.a.reverse))


def test_one_way_is_not_the_other_way_back() -> None:
    """Darknet's order is odd: only channels that become places are what they seem."""
    x = torch.arange(32.0).reshape(1, 8, 2, 2)
    [there] = run(node("reorg", (1, 8, 2, 2), stride=2), [x])
    assert there.flatten()[:8].tolist() == [0, 2, 8, 10, 16, 18, 24, 26]
    [back] = run(node("reorg", (1, 32, 1, 1), stride=2, reverse=True), [there])
    assert not torch.equal(back, x)


def _same(n: Node, maps: list[Any], wanted: Any) -> None:
    for made in (run(n, [torch.from_numpy(x) for x in maps])[0].numpy(), run_onnx(n, maps)[0]):
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


@given(nodes("yolo_detection_output"), st.sampled_from([0.01, 0.3, 0.99]), st.sampled_from([0.2, 0.45]))
@MANY
def test_yolo2(drawn: Any, confidence: float, nms: float) -> None:
    args = {**drawn.a, "confidence_threshold": confidence, "nms_threshold": nms}
    n = node("yolo_detection_output", *drawn.x, **args)
    maps = suitable(n)
    anchors = list(zip(n.a.anchors[::2], n.a.anchors[1::2], strict=True))
    found = []
    for x in maps:
        for box, objectness, classes in yolo_boxes(x, anchors, 1):
            likely = np.exp(classes) / np.exp(classes).sum()
            score = objectness * float(likely.max())
            if score >= confidence:
                found.append((score, int(likely.argmax()), box))
    _same(n, maps, yolo_rows(found, nms, 2))


@given(nodes("yolov3_detection_output"), st.sampled_from([0.01, 0.3, 0.99]), st.sampled_from([0.2, 0.45]))
@MANY
def test_yolo3(drawn: Any, confidence: float, nms: float) -> None:
    args = {**drawn.a, "confidence_threshold": confidence, "nms_threshold": nms}
    n = node("yolov3_detection_output", *drawn.x, **args)
    maps, a = suitable(n), n.a
    pairs, each = list(zip(a.anchors[::2], a.anchors[1::2], strict=True)), len(a.mask) // len(a.strides)
    found = []
    for i, x in enumerate(maps):
        anchors = [pairs[k] for k in a.mask[i * each : (i + 1) * each]]
        for box, objectness, classes in yolo_boxes(x, anchors, a.strides[i]):
            scores = objectness * sigmoid(classes)
            found += [(float(score), label, box) for label, score in enumerate(scores) if score > confidence]
    _same(n, maps, yolo_rows(found, nms, 2))


@pytest.mark.parametrize(
    "text",
    [
        "biases: 1 biases: 2",  # the number of boxes is 5 by default
        "num_box: 1 biases: 1 biases: 2 coords: 3",
        "num_box: 1 biases: 1 biases: 2 gaussian_box: true",
    ],
)
def test_what_is_meant_otherwise_is_not_read(text: str) -> None:
    layer = parse(f'type: "YoloDetectionOutput" bottom: "x" top: "y" yolo_detection_output_param {{ {text} }}')
    assert isinstance(read_caffe(layer), str)


FAULTS: list[tuple[str, list[tuple[int, ...]], dict[str, Any], str]] = [
    (
        "reorg",
        [(1, 4, 3, 4)],
        {"stride": 2},
        "stride: a stride of 2 needs channels by 4 and sides by 2; this is 1x4x3x4",
    ),
    (
        "reorg",
        [(1, 6, 3, 3)],
        {"stride": 2, "reverse": True},
        "stride: a stride of 2 needs channels by 4; this is 1x6x3x3",
    ),
    ("yolo_detection_output", [(1, 7, 2, 3)], {"anchors": [1, 2], "classes": 2}, "x0: Caffe looks at squares only"),
    ("yolo_detection_output", [(1, 7, 2, 2)], {"anchors": [1, 2, 3]}, "anchors: anchors are pairs of width and height"),
    ("yolo_detection_output", [(1, 8, 2, 2)], {"anchors": [1, 2], "classes": 2}, "x0: 1 anchors of 2 classes need 7"),
    (
        "yolov3_detection_output",
        [(1, 7, 2, 2)],
        {"anchors": [1, 2], "classes": 2, "mask": [0, 0], "strides": [32, 16]},
        "strides: 2 strides for 1 maps",
    ),
    (
        "yolov3_detection_output",
        [(1, 7, 2, 2)],
        {"anchors": [1, 2], "classes": 2, "mask": [1], "strides": [32]},
        "mask: there are 1 anchors, the first of which is 0; got 1",
    ),
    (
        "yolov3_detection_output",
        [(1, 7, 2, 2)],
        {"anchors": [1, 2], "classes": 2, "mask": [0, 0, 0], "strides": [32, 16]},
        "mask: 3 anchors are not shared out evenly among 2 maps",
    ),
]


@pytest.mark.parametrize(("op", "shapes", "args", "wanted"), FAULTS, ids=[each[3][:30] for each in FAULTS])
def test_objections(op: str, shapes: list[tuple[int, ...]], args: dict[str, Any], wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, **args)
    assert f"{caught.value.arg}: {caught.value.label}".startswith(wanted)
