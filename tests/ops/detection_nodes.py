"""Shapes, inputs and examples for the operators of detectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from spelled import node

from netgen.ir.graph import Node, Shape

Draw = Callable[[st.SearchStrategy[Any]], Any]
Given = dict[str, Any]
Random = np.random.Generator

_FEW = st.integers(1, 4)


# --- shapes ---------------------------------------------------------------------------------------


def _maps(draw: Draw) -> list[Shape]:
    sides = st.integers(1, 5)
    return [(1, 3, draw(sides), draw(sides)), (1, 3, draw(sides) * 16, draw(sides) * 16)]


def _priors(draw: Draw, given: Given) -> list[Shape]:
    if given.get("max_size"):
        given["max_size"] = [size + draw(st.integers(1, 9)) for size in given["min_size"]]
    _variance(draw, given)
    return _maps(draw)


def _clustered(draw: Draw, given: Given) -> list[Shape]:
    given["height"] = [draw(st.integers(1, 40)) for _ in given["width"]]
    _variance(draw, given)
    return _maps(draw)


def _variance(draw: Draw, given: Given) -> None:
    if "variance" in given:
        given["variance"] = draw(st.sampled_from([[0.2], [0.1, 0.1, 0.2, 0.3]]))


def _detector(draw: Draw, given: Given) -> list[Shape]:
    batch, priors, classes = draw(_FEW), draw(_FEW), given["classes"]
    given["background"] = draw(st.sampled_from([-1, 0]))
    boxes = 1 if given.get("share_location", True) else classes
    return [(batch, priors * boxes * 4), (batch, priors * classes), (1, 2, priors * 4)]


def _refined(draw: Draw, given: Given) -> list[Shape]:
    given["share_location"] = True
    loc, conf, priors = _detector(draw, given)
    return [loc, conf, priors, (loc[0], loc[1] // 2), loc]


def _in_regions(draw: Draw, given: Given) -> list[Shape]:
    loc, conf, priors = _detector(draw, given)
    return [loc, conf, (1, 1, priors[2] // 4 * 5)]


def _pooled(draw: Draw, given: Given) -> list[Shape]:
    image = (draw(_FEW), draw(_FEW), draw(_FEW) + 4, draw(_FEW) + 4)
    return [image, (draw(_FEW), 5)]


def _aligned(draw: Draw, given: Given) -> list[Shape]:
    """With a number of points that is known: how many there are otherwise depends on the values."""
    given["samples"] = draw(st.integers(1, 3))
    return _pooled(draw, given)


def _by_position(draw: Draw, given: Given) -> list[Shape]:
    given["size"] = draw(_FEW)
    image, regions = _pooled(draw, given)
    return [(image[0], given["channels"] * given["size"] ** 2, *image[2:]), regions]


def _searched(draw: Draw, given: Given) -> list[Shape]:
    anchors = len(given["ratios"]) * len(given["scales"])
    height, width = draw(_FEW), draw(_FEW)
    return [(1, 2 * anchors, height, width), (1, 4 * anchors, height, width), (1, draw(st.sampled_from([3, 4, 6])))]


def _trained(draw: Draw, given: Given) -> list[Shape]:
    given.pop("background", None)
    given["mining"] = "max_negative"
    given["classes"] = draw(st.integers(2, 5))
    batch, priors = draw(_FEW), draw(_FEW)
    return [(batch, priors * 4), (batch, priors * given["classes"]), (1, 2, priors * 4), (1, 1, draw(_FEW), 8)]


def _compared(draw: Draw, given: Given) -> list[Shape]:
    shape = draw(st.sampled_from([(3, 4), (2, 3, 5), (2, 3, 5, 4)]))
    return [shape] * draw(st.integers(2, 4))


def _evaluated(draw: Draw, given: Given) -> list[Shape]:
    return [(1, 1, draw(_FEW), 7), (1, 1, draw(_FEW), 8)]


def _reorganised(draw: Draw, given: Given) -> list[Shape]:
    stride = given["stride"] = draw(st.integers(1, 3))
    return [(draw(_FEW), stride**2 * draw(_FEW), stride * draw(_FEW), stride * draw(_FEW))]


def _yolo2(draw: Draw, given: Given) -> list[Shape]:
    given["anchors"] = [draw(st.integers(1, 5)) for _ in range(2 * draw(_FEW))]
    channels = len(given["anchors"]) // 2 * (5 + given.setdefault("classes", 3))
    return [(2, channels, side, side) for side in draw(st.lists(_FEW, min_size=1, max_size=2))]


def _yolo3(draw: Draw, given: Given) -> list[Shape]:
    maps, each = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    given["strides"] = [32, 16, 8][:maps]
    given["anchors"] = [draw(st.integers(5, 90)) for _ in range(8)]
    given["mask"] = [draw(st.integers(0, 3)) for _ in range(maps * each)]
    channels = each * (5 + given.setdefault("classes", 3))
    return [(2, channels, draw(_FEW), draw(_FEW)) for _ in range(maps)]


SHAPES: dict[str, Callable[[Draw, Given], list[Shape]]] = {
    "prior_box": _priors,
    "prior_box_clustered": _clustered,
    "detection_output": _detector,
    "refined_detection_output": _refined,
    "region_detection_output": _in_regions,
    "roi_pool": _pooled,
    "roi_align": _aligned,
    "psroi_pool": _by_position,
    "proposal": _searched,
    "multibox_loss": _trained,
    "smooth_l1_loss": _compared,
    "detection_evaluate": _evaluated,
    "reorg": _reorganised,
    "yolo_detection_output": _yolo2,
    "yolov3_detection_output": _yolo3,
}
"""Shapes of inputs that suit each operator."""

FOR_THE_WHOLE_BATCH = frozenset(SHAPES) - {"reorg"}
"""Operators whose results are of the batch as a whole, or have regions on the first axis."""


# --- inputs ---------------------------------------------------------------------------------------


def boxes(random: Random, *shape: int) -> Any:
    """Boxes with sides of a tenth to a half, all over the image and a little beyond."""
    low, size = random.uniform(-0.1, 0.7, (*shape, 2)), random.uniform(0.1, 0.5, (*shape, 2))
    return np.concatenate([low, low + size], -1)


def _of_detector(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    priors = boxes(random, shapes[2][2] // 4)
    return [made[0] / 2, random.random(shapes[1]), np.stack([priors, np.full_like(priors, 0.1)]).reshape(shapes[2])]


def _of_refined(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [*_of_detector(n, shapes, made, random), random.random(shapes[3]), made[4] / 2]


def _of_regions(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    regions = np.pad(boxes(random, shapes[2][2] // 5) * 100, ((0, 0), (1, 0)))
    return [made[0] / 2, random.random(shapes[1]), regions.reshape(shapes[2])]


def _of_pooling(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    """A map without negative numbers: an average of both kinds may be all rounding."""
    edges = boxes(random, shapes[1][0]) * shapes[0][3] / n.a.scale
    images = random.integers(0, shapes[0][0], (shapes[1][0], 1))
    return [np.abs(made[0]), np.concatenate([images, edges], 1)]


def _of_search(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [random.random(shapes[0]), made[1] / 3, np.array([[200, 300, 1, 1, 0, 0][: shapes[2][1]]])]


def _of_training(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    rows = np.zeros((shapes[3][2], 8))
    rows[:, 0] = random.integers(0, shapes[0][0], len(rows))
    rows[:, 1] = random.integers(1, n.a.classes, len(rows))
    rows[:, 3:7] = boxes(random, len(rows))
    return [made[0], made[1], _of_detector(n, shapes, made, random)[2], rows[None, None]]


INPUTS: dict[str, Callable[[Node, list[Shape], list[Any], Random], list[Any]]] = {
    "detection_output": _of_detector,
    "refined_detection_output": _of_refined,
    "region_detection_output": _of_regions,
    **dict.fromkeys(("roi_pool", "roi_align", "psroi_pool"), _of_pooling),
    "proposal": _of_search,
    "multibox_loss": _of_training,
}
"""Inputs that suit each operator."""

# --- examples -------------------------------------------------------------------------------------

_IMAGE = (2, 8, 6, 6)
_REGIONS = (3, 5)
_LOC, _CONF, _BOXES = (2, 24), (2, 18), (1, 2, 24)
_SEARCH = (1, 6, 4, 4), (1, 12, 4, 4)

EXAMPLES: dict[str, Node] = {
    "detection_output": node("detection_output", _LOC, _CONF, _BOXES, classes=3),
    "detection_output, by size": node("detection_output", _LOC, _CONF, _BOXES, classes=3, code="center_size"),
    "detection_output, of sized corners": node(
        "detection_output", _LOC, _CONF, _BOXES, classes=3, code="corner_size", keep_top_k=5, confidence_threshold=0.1
    ),
    "multibox_loss": node("multibox_loss", _LOC, _CONF, _BOXES, (1, 1, 3, 8), classes=3, code="center_size"),
    "multibox_loss, of sigmoids": node(
        "multibox_loss", _LOC, _CONF, _BOXES, (1, 1, 3, 8), classes=3, conf_loss="logistic"
    ),
    "prior_box": node("prior_box", _IMAGE, (2, 3, 96, 96), min_size=[20], max_size=[30], aspect_ratio=[2]),
    "prior_box_clustered": node("prior_box_clustered", _IMAGE, (2, 3, 96, 96), width=[9], height=[7], clip=True),
    "proposal": node("proposal", *_SEARCH, (1, 3), ratios=[0.5, 1, 2], scales=[1], with_scores=True),
    "proposal, in Python": node(
        "proposal", *_SEARCH, (1, 3), ratios=[0.5, 1, 2], scales=[1], with_scores=True, style="python"
    ),
    "psroi_pool": node("psroi_pool", _IMAGE, _REGIONS, channels=2, size=2),
    "refined_detection_output": node("refined_detection_output", _LOC, _CONF, _BOXES, (2, 12), _LOC, classes=3),
    "region_detection_output": node("region_detection_output", _LOC, _CONF, (1, 1, 30), classes=3, image=100),
    "reorg": node("reorg", _IMAGE, stride=2),
    "reorg, reversed": node("reorg", _IMAGE, stride=2, reverse=True),
    "roi_align": node("roi_align", _IMAGE, _REGIONS, size=3, samples=2),
    "roi_pool": node("roi_pool", _IMAGE, _REGIONS, size=3),
    "smooth_l1_loss": node("smooth_l1_loss", _IMAGE, _IMAGE),
    "yolo_detection_output": node("yolo_detection_output", (2, 14, 4, 4), anchors=[1, 2, 3, 2], classes=2),
    "yolov3_detection_output": node(
        "yolov3_detection_output",
        *[(2, 14, 2, 3), (2, 14, 4, 6)],
        anchors=[20, 30, 50, 40, 9, 9],
        mask=[1, 0, 0, 2],
        strides=[32, 16],
        classes=2,
    ),
    "smooth_l1_loss, weighed": node("smooth_l1_loss", _IMAGE, _IMAGE, _IMAGE, _IMAGE, sigma=3.0, each=True),
}
"""One node of each form that these operators have in PyTorch."""

INDICES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("roi_pool", "psroi_pool"), (1,)),
    "refined_detection_output": (3,),
}
"""The inputs that choose among others, and so have no gradient."""
