"""Detectors of the SSD family against their definition, written as loops, and against OpenCV."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import parse
from detection_reference import Array, decode, detections, prior_boxes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from onnx_models import run_onnx
from spelled import node, run

from netgen.ir.fault import Fault
from netgen.ir.graph import Node
from netgen.ops import read_caffe

MANY = settings(max_examples=35)


def compute(n: Node, *inputs: ArrayLike) -> list[Array]:
    """What PyTorch computes, and ONNX Runtime too."""
    given = [np.asarray(x, np.float32) for x in inputs]
    results = [made.numpy() for made in run(n, [torch.from_numpy(x) for x in given])]
    for made, wanted in zip(run_onnx(n, given), results, strict=True):
        same(made, wanted)
    return results


def same(made: Array, wanted: Array) -> None:
    assert made.shape == wanted.shape
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)


# --- prior boxes ----------------------------------------------------------------------------------

_PRIORS = st.fixed_dictionaries(
    {},
    optional={
        "aspect_ratio": st.lists(st.sampled_from([1.0, 2.0, 0.5, 3.0, 1.5, 1 / 3]), min_size=1, max_size=4),
        "flip": st.booleans(),
        "clip": st.booleans(),
        "variance": st.sampled_from([[0.1], [0.1, 0.1, 0.2, 0.3]]),
        "image": st.sampled_from([50, [40, 70]]),
        "step": st.sampled_from([8, [7.5, 16.0]]),
        "offset": st.sampled_from([0.0, 0.5, 0.3]),
    },
)


@given(_PRIORS, st.lists(st.floats(1, 40, width=32), min_size=1, max_size=3), st.booleans(), st.data())
@MANY
def test_prior_boxes(given_args: dict[str, Any], sizes: list[float], larger: bool, data: st.DataObject) -> None:
    if larger:
        given_args["max_size"] = [size + data.draw(st.floats(0.5, 30, width=32)) for size in sizes]
    map_size, image = (data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5))) for _ in range(2))
    n = node("prior_box", (1, 2, *map_size), (1, 3, *image), min_size=sizes, **given_args)
    wanted = prior_boxes(n.a, map_size, image)
    assert n.y == [wanted.shape]
    inputs = [np.zeros(shape, np.float32) for shape in n.x]
    same(compute(n, *inputs)[0], wanted)


def test_sizes_are_cut_to_whole_pixels() -> None:
    """As the C++ of SSD does: Pelee's 30.4 is 30."""
    x, image = (1, 1, 2, 2), (1, 3, 304, 304)
    one = node("prior_box", x, image, min_size=[30.4], max_size=[60.8])
    other = node("prior_box", x, image, min_size=[30], max_size=[60])
    inputs = [np.zeros(shape, np.float32) for shape in one.x]
    np.testing.assert_array_equal(compute(one, *inputs)[0], compute(other, *inputs)[0])


def test_clustered_boxes_have_any_shape() -> None:
    n = node(
        "prior_box_clustered", (1, 1, 1, 2), (1, 3, 10, 40), width=[4, 20], height=[5.5, 20], variance=[1, 2, 3, 4]
    )
    boxes, variances = compute(n, *[np.zeros(shape, np.float32) for shape in n.x])[0][0].reshape(2, -1, 4)
    pixels: list[list[float]] = [[8, 2.25, 12, 7.75], [0, -5, 20, 15], [28, 2.25, 32, 7.75], [20, -5, 40, 15]]
    np.testing.assert_allclose(boxes * [40, 10, 40, 10], np.array(pixels), rtol=1e-6)
    np.testing.assert_array_equal(variances, [[1, 2, 3, 4]] * 4)


# --- detections -----------------------------------------------------------------------------------

COMMON = {
    "share_location": st.booleans(),
    "background": st.sampled_from([-1, 0, 1, 7]),
    "nms_threshold": st.sampled_from([0.0, 0.3, 0.45, 0.7, 1.0]),
    "top_k": st.sampled_from([-1, 0, 1, 3, 100]),
    "eta": st.sampled_from([1.0, 0.9, 0.5]),
    "code": st.sampled_from(["corner", "center_size", "corner_size"]),
    "keep_top_k": st.sampled_from([-1, 0, 1, 4, 100]),
    "confidence_threshold": st.sampled_from([0.01, 0.3, 0.5, 2.0]),
}
IN_TARGET = {"variance_encoded_in_target": st.booleans()}


def some_boxes(random: np.random.Generator, *shape: int) -> Array:
    """Boxes with sides of a tenth to a half, all over the image."""
    low, size = random.uniform(-0.1, 0.7, (*shape, 2)), random.uniform(0.1, 0.5, (*shape, 2))
    return np.concatenate([low, low + size], -1).astype(np.float32)


def some_scores(random: np.random.Generator, batch: int, count: int) -> Array:
    """Scores of which some are equal."""
    return (random.integers(0, 12, (batch, count)) / 12).astype(np.float32)


@st.composite
def problems(draw: Any, options: dict[str, st.SearchStrategy[Any]]) -> tuple[dict[str, Any], Array, Array, Array]:
    """Arguments, offsets, scores and prior boxes with their variances (2, boxes, 4)."""
    batch, count, classes = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    args = draw(st.fixed_dictionaries({"classes": st.just(classes)}, optional=options))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    boxes = 1 if args.get("share_location", True) else classes
    loc = random.normal(0, 0.5, (batch, count * boxes * 4)).astype(np.float32)
    places = some_boxes(random, count)
    if draw(st.booleans()):
        places = random.permuted(places, axis=1)  # of which some end before they begin
    priors = np.stack([places, random.uniform(0.1, 0.3, (count, 4)).astype(np.float32)])
    return args, loc, some_scores(random, batch, count * classes), priors


@given(problems({**COMMON, **IN_TARGET}))
@MANY
def test_detections(problem: Any) -> None:
    args, loc, conf, priors = problem
    blob = priors.reshape(1, 2, -1)
    n = node("detection_output", loc.shape, conf.shape, blob.shape, **args)
    wanted = detections(n.a, loc, conf, priors[:1], priors[1])
    same(compute(n, loc, conf, blob)[0], wanted)
    [(*_, most, seven)] = n.y
    assert (wanted.shape[2] <= most, seven) == (True, 7)


@given(problems({**{name: each for name, each in COMMON.items() if name != "share_location"}, **IN_TARGET}), st.data())
@MANY
def test_refined_detections(problem: Any, data: st.DataObject) -> None:
    args, loc, conf, priors = problem
    batch, count = len(loc), priors.shape[1]
    random = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    arm_conf = some_scores(random, batch, count * 2)
    arm_loc = random.normal(0, 0.3, (batch, count * 4)).astype(np.float32)
    blob = priors.reshape(1, 2, -1)
    given_inputs = (loc, conf, blob, arm_conf, arm_loc)
    n = node("refined_detection_output", *[each.shape for each in given_inputs], **args, objectness=0.25)
    arms = arm_loc.reshape(batch, count, 4)
    refined = np.array([[decode(n.a, arms[i, p], *priors[:, p]) for p in range(count)] for i in range(batch)])
    scores = conf.reshape(batch, count, -1).copy()
    scores[arm_conf.reshape(batch, count, 2)[..., 1] < 0.25] = [1, *[0] * (n.a.classes - 1)]
    same(compute(n, *given_inputs)[0], detections(n.a, loc, scores, refined, priors[1]))


@given(problems(COMMON))
@settings(MANY, max_examples=30)
def test_detections_in_regions(problem: Any) -> None:
    """Regions are pixels of an image, and offsets have no variances."""
    args, loc, conf, priors = problem
    regions = np.concatenate([np.zeros((priors.shape[1], 1)), priors[0] * [200, 100, 200, 100]], 1, dtype=np.float32)
    n = node("region_detection_output", loc.shape, conf.shape, (1, 1, regions.size), image=[100, 200], **args)
    wanted = detections(n.a, loc, conf, priors[:1], priors[1])
    made = compute(n, loc, conf, regions.reshape(1, 1, -1))[0]
    assert made.shape == wanted.shape
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


def test_of_equal_scores_the_first_box_wins() -> None:
    priors = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.51], [0.5, 0.5, 1, 1]], np.float32)
    blob = np.stack([priors.ravel(), np.full(12, 0.1)])[None]
    n = node("detection_output", (1, 12), (1, 6), (1, 2, 12), classes=2)
    [[rows]] = compute(n, np.zeros((1, 12)), np.full((1, 6), 0.5), blob)[0]
    np.testing.assert_array_equal(rows[:, 3:], priors[[0, 2]])


def test_nothing_found_is_a_row_for_each_image() -> None:
    n = node("detection_output", (3, 4), (3, 2), (1, 2, 4), classes=2, confidence_threshold=0.5)
    [[rows]] = compute(n, np.zeros((3, 4)), np.zeros((3, 2)), np.ones((1, 2, 4)))[0]
    np.testing.assert_array_equal(rows, [[0, *[-1] * 6], [1, *[-1] * 6], [2, *[-1] * 6]])


def test_scores_that_are_no_numbers_are_not_found() -> None:
    n = node("detection_output", (1, 8), (1, 4), (1, 2, 8), classes=2)
    conf = np.array([[0, np.nan, 0, 0.5]])
    [[rows]] = compute(n, np.zeros((1, 8)), conf, np.tile(some_boxes(np.random.default_rng(0), 2).ravel(), (1, 2, 1)))[
        0
    ]
    assert rows[:, :3].tolist() == [[0, 1, 0.5]]


FAULTS: list[tuple[str, list[tuple[int, ...]], dict[str, Any], str]] = [
    (
        "prior_box",
        [(1, 4, 3, 3), (1, 3, 9, 9)],
        {"min_size": [4], "max_size": [3]},
        "max_size: 3 is not greater than the 4 of `min_size`",
    ),
    (
        "prior_box",
        [(1, 4, 3, 3), (1, 3, 9, 9)],
        {"min_size": [4], "max_size": [5, 6]},
        "max_size: 2 sizes, but there are 1 of `min_size`",
    ),
    (
        "prior_box",
        [(1, 4, 3, 3), (1, 3, 9, 9)],
        {"min_size": [4], "variance": [1, 2]},
        "variance: 2 variances; there is one for all, or one for each of four",
    ),
    (
        "prior_box",
        [(1, 4), (1, 3, 9, 9)],
        {"min_size": [4]},
        "x0: `prior_box` needs an image, (N, C, H, W); this is 1x4",
    ),
    (
        "prior_box",
        [(1, 4, 3, 3), (1, 3)],
        {"min_size": [4]},
        "x1: `prior_box` needs an image, (N, C, H, W); this is 1x3",
    ),
    (
        "prior_box_clustered",
        [(1, 4, 3, 3), (1, 3, 9, 9)],
        {"width": [4], "height": [1, 2]},
        "height: 2 heights, but 1 widths",
    ),
    (
        "detection_output",
        [(2, 16), (2, 8), (1, 2, 12)],
        {"classes": 2},
        "x0: 3 prior boxes need 2x12, 4 numbers for each; this is 2x16",
    ),
    (
        "detection_output",
        [(2, 12), (1, 6), (1, 2, 12)],
        {"classes": 2},
        "x1: 3 prior boxes need 2x6, 2 numbers for each; this is 1x6",
    ),
    (
        "detection_output",
        [(2, 12), (2, 6), (1, 24)],
        {"classes": 2},
        "x2: prior boxes and their variances are (1, 2, 4 * boxes); this is 1x24",
    ),
    (
        "region_detection_output",
        [(2, 12), (2, 6), (3, 5)],
        {"classes": 2, "image": 9},
        "x2: regions are (1, 1, 5 * regions); this is 3x5",
    ),
    (
        "refined_detection_output",
        [(1, 12), (1, 6), (1, 2, 12), (1, 6), (1, 9)],
        {"classes": 2},
        "x4: 3 prior boxes need 1x12, 4 numbers for each; this is 1x9",
    ),
    (
        "refined_detection_output",
        [(1, 24), (1, 6), (1, 2, 12), (1, 6), (1, 12)],
        {"classes": 2, "share_location": False},
        "share_location: boxes that each class has for itself cannot be refined in common",
    ),
]


@pytest.mark.parametrize(("op", "shapes", "given_args", "wanted"), FAULTS, ids=[each[3][:40] for each in FAULTS])
def test_objections(op: str, shapes: list[tuple[int, ...]], given_args: dict[str, Any], wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, **given_args)
    assert f"{caught.value.arg}: {caught.value.label}" == wanted


def test_forks_that_mean_something_else_are_not_read() -> None:
    """RefineDet's older layer takes both sets of offsets in one tensor, and darknet's takes a map of its own."""
    for bottoms, text in (
        (3, "num_classes: 3 objectness_score: 0.01"),
        (1, "num_classes: 3"),
        (4, "num_classes: 3 visualize: true"),
        (3, "num_classes: 3 nms_param { option { active: true } }"),
    ):
        head = 'type: "DetectionOutput" top: "y" ' + 'bottom: "b" ' * bottoms
        assert isinstance(read_caffe(parse(f"{head} detection_output_param {{ {text} }}")), str)


def test_files_that_a_test_run_writes_change_nothing() -> None:
    text = 'num_classes: 3 save_output_param { output_directory: "x" } visualize: false'
    head = 'bottom: "l" bottom: "c" bottom: "p" top: "y"'
    for kind in ("DetectionOutput", "SSDDetectionOutput"):
        found = read_caffe(parse(f'type: "{kind}" {head} detection_output_param {{ {text} }}'))
        assert found == read_caffe(parse(f'type: "{kind}" {head} detection_output_param {{ num_classes: 3 }}'))
        assert not isinstance(found, str)
