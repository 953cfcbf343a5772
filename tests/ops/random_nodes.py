"""Random nodes of any operator, for property tests: arguments by their kinds, shapes that suit the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bvlc_nodes
import detection_nodes
from hypothesis import assume
from hypothesis import strategies as st
from spelled import node

from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Node, Shape
from netgen.ir.kinds import (
    MAX_INT,
    Bool,
    Choice,
    FillerKind,
    Float,
    Int,
    Kind,
    Listed,
    Names,
    Optional,
    Pair,
    Shapes,
    Text,
)
from netgen.ir.operator import WEIGHT_ARGS
from netgen.ops import OPERATORS

Draw = Callable[[st.SearchStrategy[Any]], Any]

FILLERS = [
    Filler("xavier"),
    Filler("msra", {"variance_norm": "fan_out"}),
    Filler("gaussian", {"std": 0.25}),
    Filler("constant", {"value": 0.5}),
    Filler("uniform", {"min": -1.0, "max": 1.0}),
]

_TRAINING = {arg.name for arg in WEIGHT_ARGS}


def values(kind: Kind) -> st.SearchStrategy[Any]:
    """Values that a kind accepts, small ones."""
    match kind:
        case Int():
            low = max(kind.low, -4)
            return st.integers(low, min(kind.high if kind.high < MAX_INT else low + 4, 6))
        case Float():
            return _floats(kind)
        case Bool():
            return st.booleans()
        case Choice():
            return st.sampled_from(kind.words)
        case Pair():
            each = st.integers(kind.low, kind.low + 3)
            both = st.one_of(each, st.tuples(each, each).map(list))
            return st.one_of(both, st.sampled_from(kind.words)) if kind.words else both
        case Listed():
            return st.lists(values(kind.of), min_size=max(kind.low, 1), max_size=3)
        case Shapes():
            return st.lists(st.integers(1, 4), max_size=4)
        case Optional():
            return st.none() | values(kind.of)
        case FillerKind():
            return st.sampled_from(FILLERS)
        case Text() | Names():
            return st.sampled_from(["w", "shared weights"])
        case _:
            raise TypeError(type(kind).__name__)


def _floats(kind: Float) -> st.SearchStrategy[float]:
    low = max(bound for bound in (kind.low, kind.above, -2.0) if bound is not None)
    high = min(bound for bound in (kind.high, kind.below, 2.0) if bound is not None)
    inside = st.floats(
        low, high, width=32, exclude_min=low == kind.above, exclude_max=high == kind.below, allow_subnormal=False
    )
    return inside.map(lambda value: round(value, 2)).filter(lambda value: _accepts(kind, value))


def _accepts(kind: Kind, value: object) -> bool:
    try:
        kind.accept(value)
    except Fault:
        return False
    return True


IMAGES = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))


@st.composite
def nodes(draw: Draw, op: str, training: bool = False) -> Node:
    """A node of an operator that raises no objection. ``training`` draws fillers and the like, too."""
    given = {}
    for arg in OPERATORS[op].args:
        wanted = training if arg.name in _TRAINING else True
        if wanted and (draw(st.booleans()) or not _accepts(arg.kind, arg.default)):
            given[arg.name] = draw(values(arg.kind))
    shapes = [draw(IMAGES)]
    if op in _SHAPES:
        shapes = _SHAPES[op](draw, given)
    try:
        return node(op, *shapes, **given)
    except Fault:
        assume(False)
        raise


def concerns_the_batch(n: Node) -> bool:
    """Whether the node was told to join, cut, sum, move or tell apart the batch itself."""
    if n.op.name in bvlc_nodes.FOR_THE_WHOLE_BATCH | detection_nodes.FOR_THE_WHOLE_BATCH:
        return True
    if n.op.name == "permute":
        return bool(n.a.order[0] != 0)
    if n.op.name in ("scale", "bias"):
        return len(n.inputs) == 2 or n.a.axis in (0, -4)
    return n.op.name not in ("reshape", "softmax") and n.a.get("axis") in (0, -4)


# --- what chance alone would hardly find ---------------------------------------------------------


def _no_input(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    given.clear()
    given.update(zip("nchw", draw(IMAGES), strict=True))
    return []


def _several(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    count = draw(st.integers(2, 4))
    if given.get("coeff") is not None:
        given["coeff"] = draw(st.lists(st.sampled_from([1.0, -1.0, 0.5, -2.0]), min_size=count, max_size=count))
    return [draw(IMAGES)] * count


def _joined(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    axis = given["axis"] = draw(st.integers(-4, 3))
    shape = list(draw(IMAGES))
    shapes = []
    for size in draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)):
        shape[axis] = size
        shapes.append(tuple(shape))
    return shapes


def _cut(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    axis = given["axis"] = draw(st.integers(-4, 3))
    shape = list(draw(IMAGES))
    if draw(st.booleans()):
        given.update(parts=draw(st.integers(1, 4)), cuts=None)
        shape[axis] = given["parts"] * draw(st.integers(1, 3))
    else:
        shape[axis] = draw(st.integers(4, 9))
        cuts = draw(st.lists(st.integers(1, shape[axis] - 1), min_size=1, max_size=3, unique=True))
        given.update(parts=None, cuts=sorted(cuts))
    return [tuple(shape)]


def _cropped(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    axis = given["axis"] = draw(st.integers(1, 3))
    x = draw(IMAGES)
    like = [draw(st.integers(1, dim)) for dim in x]
    room = [dim - size for dim, size in zip(x, like, strict=True)]
    given["offset"] = [draw(st.integers(0, most)) for most in room[axis:]]
    if draw(st.booleans()):
        given["offset"] = [min(given["offset"])]
    return [x, tuple(like)]


def _channelwise(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    x = draw(IMAGES)
    axis = given["axis"] = draw(st.integers(0, 3))
    if draw(st.booleans()):
        given["num_axes"] = draw(st.integers(-1, 4 - axis))
        return [x]
    return [x, x[axis : draw(st.integers(axis, 4))]]


def _permuted(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    given["order"] = draw(st.permutations(range(4)))[: draw(st.integers(1, 4))]
    return [draw(IMAGES)]


def _reshaped(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    batch, channels, height, width = draw(IMAGES)
    shape = (batch, 2 * channels, height, width)
    given.clear()
    given.update(
        draw(
            st.sampled_from(
                [
                    {"shape": [0, -1]},
                    {"shape": [0, 2, -1, 0]},
                    {"shape": [0, 0, -1, 1]},
                    {"shape": [0, 2, channels, height, width]},
                    {"shape": [-1], "axis": 1},
                    {"shape": [-1], "axis": -3, "num_axes": 2},
                    {"shape": [2, channels], "axis": 1, "num_axes": 1},
                    {"shape": [1], "axis": 1, "num_axes": 0},
                    {"shape": [1], "axis": -1, "num_axes": 0},
                ]
            )
        )
    )
    return [shape]


def _grouped(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    groups = given["groups"] = draw(st.integers(1, 3))
    batch, _, height, width = draw(IMAGES)
    if "out" in given:
        given["out"] = groups * draw(st.integers(1, 3))
    return [(batch, groups * draw(st.integers(1, 3)), height, width)]


def _sized(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    batch, channels, height, width = draw(IMAGES)
    if given.get("gain", 1) != 1:
        given["mode"] = "nearest"
        given.pop("align_corners", None)
    if given.get("align_corners"):
        given["mode"] = "bilinear"
    given.pop("size", None)
    if draw(st.booleans()):
        given["scale"] = draw(values(Pair()))
    else:
        given.pop("scale", None)
        given["size"] = [height + draw(st.integers(0, 9)), width + draw(st.integers(0, 9))]
    return [(batch, channels, height, width)]


def _normed(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    """PyTorch takes no statistics of a single value, which are of no use, and none with an eps of 0."""
    if given.get("frozen"):
        given.pop("statistics", None)
    given["eps"] = draw(st.sampled_from([0.5, 1e-5]))
    batch, channels, height, width = draw(IMAGES)
    return [(batch, channels, height + 1, width)]


def _weighed(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    x = draw(IMAGES)
    return [x[:2] + draw(st.sampled_from([(), (1, 1)])), x, x]


def _mirrored(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    given["axes"] = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True))
    return [draw(IMAGES)]


def _unpooled(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    x = draw(IMAGES)
    given.clear()
    if draw(st.booleans()):
        given["scale"] = draw(values(Pair()))
        given["trim"] = draw(st.lists(st.booleans(), min_size=2, max_size=2))
    else:
        given["size"] = [x[2] + draw(st.integers(0, 3)), x[3] + draw(st.integers(0, 3))]
    return [x, x]


def _interpolated(draw: Draw, given: dict[str, Any]) -> list[Shape]:
    given.pop("size", None)
    if given.get("zoom") is None and given.get("shrink") is None:
        given["size"] = draw(st.lists(st.integers(1, 9), min_size=2, max_size=2))
    given["crop"] = draw(st.lists(st.integers(0, 2), min_size=2, max_size=2))
    return [draw(IMAGES)]


_SHAPES: dict[str, Callable[[Draw, dict[str, Any]], list[Shape]]] = {
    **bvlc_nodes.SHAPES,
    **detection_nodes.SHAPES,
    "input": _no_input,
    **dict.fromkeys(("add", "mul", "max"), _several),
    **dict.fromkeys(("scale", "bias"), _channelwise),
    **dict.fromkeys(("conv", "deconv", "shuffle_channels"), _grouped),
    "axpy": _weighed,
    "batch_norm": _normed,
    "concat": _joined,
    "slice": _cut,
    "crop": _cropped,
    "interp": _interpolated,
    "max_unpool": _unpooled,
    "permute": _permuted,
    "reshape": _reshaped,
    "reverse": _mirrored,
    "upsample": _sized,
}
