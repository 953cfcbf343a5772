"""Layers that multiply by learned weights and add up: what can be put into them, and where it goes in their weights.

Whatever the layer, its weights are looked at as (group, output of the group, input of the group, tap). A tap is one
place of a kernel; of a fully connected layer, one of the numbers that a channel has.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Node
from netgen.ops.rules import axis_of, each_way

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]

FILTERS = frozenset(["conv", "deconv", "linear"])
"""The operators that this is about."""
WORDS = {"conv": "convolution", "deconv": "deconvolution", "linear": "fully connected layer"}


def is_filter(node: Node) -> bool:
    return node.op.name in FILTERS and node.is_known


def output_axis(node: Node) -> int:
    """The axis of the result along which the outputs lie."""
    return len(node.y[0]) - 1 if node.op.name == "linear" else 1


def reads_channels(node: Node) -> bool:
    """Whether each input of the layer belongs to one channel, on axis 1."""
    return node.op.name != "linear" or axis_of(node) == 1


def pads(node: Node) -> bool:
    """Whether zeros are put around what the layer reads."""
    return node.op.name == "conv" and any(each_way(node, "pad"))


def spread(node: Node, weight: Array) -> Array:
    """The weights of a layer as (group, output, input, tap), in double precision."""
    import numpy as np

    groups, outs, ins, taps = extents(node)
    wide = weight.astype(np.float64)
    if node.op.name == "deconv":
        return wide.reshape(groups, ins, outs, taps).swapaxes(1, 2)
    if node.op.name == "linear" and node.a.transpose:
        wide = wide.T
    return wide.reshape(groups, outs, ins, taps)


def gathered(node: Node, wide: Array) -> Array:
    """What ``spread`` has spread, as the layer keeps it; rounded to single precision."""
    import numpy as np

    if node.op.name == "deconv":
        wide = wide.swapaxes(1, 2)
    shape = node.params[0].shape
    if node.op.name == "linear" and node.a.transpose:
        wide = wide.reshape(shape[::-1]).T
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(wide.reshape(shape), np.float32)


def by_output(wide: Array, factor: Array) -> Array:
    """Numbers for each output, to be multiplied with the weights."""
    return factor.reshape(*wide.shape[:2], 1, 1)


def by_input(wide: Array, factor: Array) -> Array:
    """Numbers for each input channel, likewise."""
    return factor.reshape(wide.shape[0], 1, wide.shape[2], 1)


def of_constant(wide: Array, offset: Array) -> Array:
    """What comes out for an input that is one number in each channel, and everywhere."""
    total: Array = (wide * by_input(wide, offset)).sum(axis=(2, 3))
    return total.reshape(-1)


def extents(node: Node) -> tuple[int, int, int, int]:
    """How many groups, outputs and inputs of each, and taps the weights of a layer are for."""
    if node.op.name == "linear":
        channels = node.x[0][1] if reads_channels(node) and len(node.x[0]) > 1 else 1
        return 1, node.a.out, channels, prod(node.x[0][axis_of(node) :]) // channels
    groups: int = node.a.groups
    return groups, node.a.out // groups, node.x[0][1] // groups, prod(each_way(node, "kernel"))
