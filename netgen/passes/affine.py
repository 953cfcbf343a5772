"""Layers that multiply each channel by a constant and add another: batch normalisation, and what follows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Node
from netgen.ops.rules import axis_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


class Affine:
    """``factor * x + offset``, a number of each for every channel, in double precision."""

    __slots__ = ("factor", "offset")

    def __init__(self, factor: Array, offset: Array) -> None:
        self.factor = factor
        self.offset = offset

    @property
    def shifts(self) -> bool:
        """Whether anything is added."""
        return bool(self.offset.any())

    @property
    def is_identity(self) -> bool:
        return not self.shifts and bool((self.factor == 1).all())

    def then(self, other: Affine) -> Affine:
        """Both, one after the other; not finite where one of them is not."""
        import numpy as np

        with np.errstate(invalid="ignore", over="ignore"):
            return Affine(self.factor * other.factor, self.offset * other.factor + other.offset)

    def __call__(self, x: Array) -> Array:
        """The same of numbers whose last axis is that of the channels."""
        return x * self.factor + self.offset


def identity(channels: int) -> Affine:
    import numpy as np

    return Affine(np.ones(channels), np.zeros(channels))


def is_affine(node: Node) -> bool:
    """Whether a layer is of the kind; ``objection`` says whether it is one in this place."""
    if node.op.name in ("scale", "bias"):
        return len(node.inputs) == 1 and node.is_known
    return node.op.name == "batch_norm" or (node.op.name == "power" and node.a.power == 1)


def objection(node: Node, axis: int, *, training: bool = False) -> str:
    """Why a layer has no constants for each channel, which lie on an axis; nothing where it has."""
    if node.op.name == "power":
        return ""
    if node.op.name == "batch_norm":
        if node.a.statistics != "running":
            return "it normalises each batch by the statistics of that batch"
        if training and not node.a.frozen:
            return "in training it normalises each batch by the statistics of that batch"
        return "" if axis == 1 else f"it normalises axis 1, and the outputs lie on axis {axis}"
    covered = node.params[0].shape
    if not covered:
        return ""
    if axis_of(node) != axis or prod(covered) != node.x[0][axis]:
        return f"its constants are not one for each channel, on axis {axis}"
    return ""


def shifts(node: Node) -> bool:
    """Whether a layer may add something, as far as its arguments tell."""
    if node.op.name == "scale":
        return bool(node.a.bias)
    return node.op.name != "power" or node.a.shift != 0


def affine_of(node: Node, arrays: Mapping[str, Array], channels: int) -> Affine:
    """The constants of a layer."""
    import numpy as np

    known = {name: np.broadcast_to(array.astype(np.float64).reshape(-1), channels) for name, array in arrays.items()}
    ones, zeros = np.ones(channels), np.zeros(channels)
    if node.op.name == "power":
        return Affine(ones * _single(node.a.scale), ones * _single(node.a.shift))
    weight, bias = known.get("weight", ones), known.get("bias", zeros)
    if node.op.name != "batch_norm":
        return Affine(weight, bias)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = weight / np.sqrt(known["variance"] + _single(node.a.eps))
        return Affine(factor, bias - known["mean"] * factor)


def in_turn(nodes: Iterable[Node], arrays: Mapping[Node, Mapping[str, Array]], channels: int) -> Affine:
    """Several layers, one after the other."""
    total = identity(channels)
    for node in nodes:
        total = total.then(affine_of(node, arrays[node], channels))
    return total


def _single(value: float) -> float:
    """A number as those who compute with it keep it."""
    import numpy as np

    return float(np.float32(value))
