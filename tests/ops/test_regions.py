"""Two-stage detectors: proposals and the poolings of regions, against their definitions written as loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import parse
from detection_reference import Array, proposals
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from onnx_models import run_onnx
from spelled import node, run

from netgen.formats.message import Message
from netgen.ir.fault import Fault
from netgen.ir.graph import Node
from netgen.ops import bind, read_caffe

MANY = settings(max_examples=35)
f32 = np.float32


def compute(n: Node, *inputs: ArrayLike) -> list[Array]:
    """What PyTorch computes, and ONNX Runtime too."""
    given = [np.asarray(x, f32) for x in inputs]
    results = [made.numpy() for made in run(n, [torch.from_numpy(x) for x in given])]
    for made, wanted in zip(run_onnx(n, given), results, strict=True):
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5)
    return results


# --- poolings -------------------------------------------------------------------------------------


def away(number: float | np.float32) -> float:
    """To the nearest whole number, and halves away from zero."""
    return float(np.trunc(number + np.copysign(0.5, number)))


def span(low: np.float32, size: np.float32, part: int) -> slice:
    """The places that one part of a stretch touches."""
    begin, end = np.floor(f32(part) * size + low), np.ceil(f32(part + 1) * size + low)
    return slice(max(int(begin), 0), max(int(end), 0))


def roi_pool(n: Node, x: Array, regions: Array) -> Array:
    """The maximum of each part of each region, one after another."""
    y = np.zeros(n.y[0], f32)
    for r, region in enumerate(regions):
        left, top, right, bottom = (int(away(edge * f32(n.a.scale))) for edge in region[1:])
        high, wide = (
            f32(max(size, 1)) / f32(parts)
            for size, parts in zip((bottom - top + 1, right - left + 1), n.a.size, strict=True)
        )
        for i, j in np.ndindex(*n.a.size):
            part = x[int(region[0])][:, shifted(high, i, top), shifted(wide, j, left)]
            if part.size:
                y[r, :, i, j] = part.max((1, 2))
    return y


def shifted(size: np.float32, part: int, start: int) -> slice:
    """A span that is rounded before it is moved to where the region begins."""
    begin, end = int(np.floor(f32(part) * size)), int(np.ceil(f32(part + 1) * size))
    return slice(max(begin + start, 0), max(end + start, 0))


def psroi_pool(n: Node, x: Array, regions: Array) -> Array:
    """The average of each part of each region, each from a channel of its own."""
    y = np.zeros(n.y[0], f32)
    scale, size = f32(n.a.scale), n.a.size
    for r, region in enumerate(regions):
        left, top = (f32(away(edge)) * scale for edge in region[1:3])
        right, bottom = (f32(away(edge) + 1) * scale for edge in region[3:])
        high, wide = (max(extent, f32(0.1)) / f32(size) for extent in (bottom - top, right - left))
        for c, i, j in np.ndindex(*n.y[0][1:]):
            part = x[int(region[0]), (c * size + i) * size + j, span(top, high, i), span(left, wide, j)]
            y[r, c, i, j] = part.mean() if part.size else 0
    return y


def roi_align(n: Node, x: Array, regions: Array) -> Array:
    """The average of points in each part of each region."""
    y = np.zeros(n.y[0], f32)
    for r, region in enumerate(regions):
        left, top, right, bottom = region[1:] * f32(n.a.scale)
        steps = max(bottom - top, 1) / n.a.size[0], max(right - left, 1) / n.a.size[1]
        counts = [n.a.samples or int(np.ceil(step)) for step in steps]
        for i, j in np.ndindex(*n.a.size):
            rows = [top + (i + (k + 0.5) / counts[0]) * steps[0] for k in range(counts[0])]
            columns = [left + (j + (k + 0.5) / counts[1]) * steps[1] for k in range(counts[1])]
            points = [point(x[int(region[0])], row, column) for row in rows for column in columns]
            y[r, :, i, j] = np.mean(points, axis=0)
    return y


def point(x: Array, row: float, column: float) -> Array:
    """What stands between the places of a map."""
    height, width = x.shape[1:]
    if not (-1 <= row <= height and -1 <= column <= width):
        return np.zeros(len(x), f32)
    row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    y, left = int(row), int(column)
    below, right = min(y + 1, height - 1), min(left + 1, width - 1)
    v, u = row - y, column - left
    upper, lower = ((1 - u) * x[:, at, left] + u * x[:, at, right] for at in (y, below))
    return np.asarray((1 - v) * upper + v * lower)


POOLS: dict[str, Callable[[Node, Array, Array], Array]] = {
    "roi_pool": roi_pool,
    "psroi_pool": psroi_pool,
    "roi_align": roi_align,
}


@st.composite
def regions_of(draw: Any, op: str) -> tuple[Node, Array, Array]:
    """A pooling with a map and regions, of which some reach beyond it or are inside out."""
    batch, height, width = draw(st.integers(1, 3)), draw(st.integers(1, 14)), draw(st.integers(1, 14))
    args: dict[str, Any] = {"scale": draw(st.sampled_from([1.0, 0.5, 0.0625, 0.3]))}
    channels = 2
    if op == "psroi_pool":
        args.update(channels=draw(st.integers(1, 3)), size=draw(st.integers(1, 4)))
        channels = args["channels"] * args["size"] ** 2
    else:
        args["size"] = draw(st.lists(st.integers(1, 7), min_size=2, max_size=2))
    if op == "roi_align":
        args["samples"] = draw(st.integers(0, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    extent = max(height, width) / args["scale"]
    low = random.uniform(-extent / 4, extent, (draw(st.integers(1, 4)), 2))
    edges = np.concatenate([low, low + random.uniform(-extent / 4, extent, low.shape)], 1)
    if draw(st.booleans()):
        edges = np.round(edges * 2) / 2
    regions = np.concatenate([random.integers(0, batch, (len(low), 1)), edges], 1).astype(f32)
    x = random.standard_normal((batch, channels, height, width)).astype(f32)
    return node(op, x.shape, regions.shape, **args), x, regions


@pytest.mark.parametrize("op", POOLS)
@given(data=st.data())
@MANY
def test_pooling_of_regions(op: str, data: st.DataObject) -> None:
    n, x, regions = data.draw(regions_of(op))
    wanted = POOLS[op](n, x, regions)
    [made] = compute(n, x, regions)
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)
    of_four_axes = node(op, x.shape, (*regions.shape, 1, 1), **n.a)
    np.testing.assert_array_equal(compute(of_four_axes, x, regions[..., None, None])[0], made)


# --- proposals ------------------------------------------------------------------------------------


@st.composite
def searches(draw: Any) -> tuple[Node, Array, Array, Array]:
    ratios = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 0.667, 2.669]), min_size=1, max_size=3))
    scales = draw(st.lists(st.sampled_from([1.0, 2.0, 4.0]), min_size=1, max_size=2))
    options = {
        "stride": st.sampled_from([8, 16]),
        "base": st.sampled_from([10, 16]),
        "min_size": st.sampled_from([0, 8, 30]),
        "pre_nms": st.sampled_from([5, 20, 1000]),
        "post_nms": st.sampled_from([1, 6, 300]),
        "nms_threshold": st.sampled_from([0.3, 0.7]),
        "style": st.sampled_from(["layer", "python"]),
    }
    args = draw(st.fixed_dictionaries({}, optional=options))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    height, width, anchors = draw(st.integers(1, 4)), draw(st.integers(1, 4)), len(ratios) * len(scales)
    scores = random.random((1, 2 * anchors, height, width)).astype(f32)
    offsets = random.normal(0, 0.3, (1, 4 * anchors, height, width)).astype(f32)
    info = np.array([[50, 60, *draw(st.sampled_from([[1.5], [1.5, 1.2], [1, 2, 0, 0]]))]], f32)
    n = node(
        "proposal", scores.shape, offsets.shape, info.shape, ratios=ratios, scales=scales, with_scores=True, **args
    )
    return n, scores, offsets, info


@given(searches())
@MANY
def test_proposals(search: Any) -> None:
    n, scores, offsets, info = search
    rows, best = proposals(n.a, scores, offsets, info[0])
    made_rows, made_scores = compute(n, scores, offsets, info)
    positive = best > 0  # of equal scores Caffe leaves the order to chance, and those of small regions are all 0
    assert made_rows.shape == rows.shape
    np.testing.assert_allclose(made_rows[positive], rows[positive], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(made_scores.ravel(), best, rtol=1e-6)
    assert made_scores.shape[1:] == n.y[1][1:]
    assert len(rows) <= n.y[0][0] == n.y[1][0]


def test_anchors_are_those_of_faster_rcnn() -> None:
    """Without offsets and with room enough, the regions are the anchors: Faster R-CNN's nine, moved by (400, 400)."""
    n = node(
        "proposal", (1, 18, 26, 26), (1, 36, 26, 26), (1, 3), ratios=[0.5, 1, 2], scales=[8, 16, 32], nms_threshold=1
    )
    scores, offsets = np.zeros(n.x[0], f32), np.zeros(n.x[1], f32)
    scores[0, 9:, 25, 25] = np.arange(9, 0, -1)
    [rows] = compute(n, scores, offsets, np.array([[2000, 2000, 1]]))
    nine = [
        *[[-84, -40, 99, 55], [-176, -88, 191, 103], [-360, -184, 375, 199]],
        *[[-56, -56, 71, 71], [-120, -120, 135, 135], [-248, -248, 263, 263]],
        *[[-36, -80, 51, 95], [-80, -168, 95, 183], [-168, -344, 183, 359]],
    ]
    np.testing.assert_array_equal(rows[:9, 1:] - 400, np.add(nine, (0, 0, 1, 1)))


def _python(module: str, text: str) -> Message:
    layer = parse('type: "Python" bottom: "a" bottom: "b" bottom: "c" top: "y"')
    return [*layer, ("python_param", [("module", module), ("layer", "ProposalLayer"), ("param_str", text)])]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("'feat_stride': 16", (16, (0.5, 1, 2), (8, 16, 32))),
        ("'feat_stride': 8 \n'scales': !!python/tuple [4, 8, 16, 32]", (8, (0.5, 1, 2), (4, 8, 16, 32))),
        ("{'feat_stride': 16, 'ratios': [0.5, 2], 'scales': [3, 6]}", (16, (0.5, 2), (3, 6))),
    ],
)
def test_the_layer_in_python_is_read(text: str, wanted: tuple[object, ...]) -> None:
    found = read_caffe(_python("rpn.proposal_layer", text))
    assert not isinstance(found, str)
    a = bind(*found)
    assert (a.stride, a.ratios, a.scales, a.style, a.with_scores) == (*wanted, "python", False)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("rpn.proposal_layer", "'feat_stride': 16\n'other': 1"),
        ("rpn.proposal_layer", "'scales': [3]"),
        ("rpn.proposal_layer", "feat_stride"),
        ("pylayer.proposal_layer", "'feat_stride': 16"),
    ],
)
def test_other_layers_in_python_are_not(module: str, text: str) -> None:
    assert isinstance(read_caffe(_python(module, text)), str)


FAULTS: list[tuple[str, list[tuple[int, ...]], dict[str, Any], str]] = [
    (
        "roi_pool",
        [(1, 2, 3, 3), (4, 4)],
        {"size": 2},
        "x1: regions are rows (image, xmin, ymin, xmax, ymax); this is 4x4",
    ),
    ("roi_align", [(1, 2), (4, 5)], {"size": 2}, "x0: `roi_align` needs an image, (N, C, H, W); this is 1x2"),
    (
        "psroi_pool",
        [(1, 7, 3, 3), (4, 5)],
        {"channels": 2, "size": 2},
        "x0: 2 channels of 2x2 parts need 8; this is 1x7x3x3",
    ),
    (
        "proposal",
        [(2, 2, 3, 3), (2, 4, 3, 3), (1, 3)],
        {"ratios": 1, "scales": 1},
        "x0: 1 anchors at each place of one image need 1x2x3x3; this is 2x2x3x3",
    ),
    (
        "proposal",
        [(1, 2, 3, 3), (1, 4, 3, 2), (1, 3)],
        {"ratios": 1, "scales": 1},
        "x1: 1 anchors at each place of one image need 1x4x3x3; this is 1x4x3x2",
    ),
    (
        "proposal",
        [(1, 2, 3, 3), (1, 4, 3, 3), (1, 2)],
        {"ratios": 1, "scales": 1},
        "x2: this is (height, width, scale, ...) of one image, in one row; here 1x2",
    ),
]


@pytest.mark.parametrize(("op", "shapes", "given_args", "wanted"), FAULTS, ids=[each[3][:40] for each in FAULTS])
def test_objections(op: str, shapes: list[tuple[int, ...]], given_args: dict[str, Any], wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, **given_args)
    assert f"{caught.value.arg}: {caught.value.label}" == wanted
