"""Inputs by chance for a network: numbers as training sees them, and what suits operators that want something else."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import TYPE_CHECKING

from netgen.ir.graph import Graph, Node, Value
from netgen.ir.text import value_name
from netgen.verify.draw import between, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netgen.verify.draw import Array

_PASSES_ON = frozenset({"reshape", "flatten", "permute", "identity", "tile", "slice"})
"""Operators that hand on numbers as they are."""


def random_inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Numbers for each input of a network, by its name; the same for a seed on every machine.

    They have the mean 0 and the variance 1, unless an operator reads them as classes, rows, flags, regions or sizes.
    """
    return {value_name(value): _numbers(value, seed) for value in graph.inputs}


def _numbers(value: Value, seed: int) -> Array:
    numbers = draw(seed, f"input {value_name(value)}", value.shape)
    for node, at in _readers(value):
        rule = _choices if at in node.op.choosing else _RULES.get((node.op.name, at))
        if rule is not None and node.x[at]:
            return rule(node, numbers)
    numbers *= sqrt(3)
    return numbers


def _readers(value: Value) -> Iterator[tuple[Node, int]]:
    """Who reads a value, by itself or in another shape, and as which input."""
    waiting = [value]
    for each in waiting:
        for node in dict.fromkeys(each.readers):
            yield from ((node, at) for at, read in enumerate(node.inputs) if read is each)
            if node.op.name in _PASSES_ON:
                waiting += node.outputs


_Rule = Callable[[Node, "Array"], "Array"]


def _whole(numbers: Array, below: int) -> Array:
    """Whole numbers from 0 on."""
    import numpy as np

    return np.minimum(np.floor(between(0, below, numbers)), below - 1)


def _choices(node: Node, numbers: Array) -> Array:
    """Numbers of classes or rows."""
    if node.op.name == "embed":
        return _whole(numbers, node.a.entries)
    axis = 0 if node.op.name == "batch_reindex" else node.a.get("axis", 1)
    x = node.x[0]
    return _whole(numbers, x[axis] if -len(x) <= axis < len(x) else 1)


def _flags(node: Node, numbers: Array) -> Array:
    return _whole(numbers, 2)


def _regions(node: Node, numbers: Array) -> Array:
    """An image of the batch and the corners of a box in it, in every row."""
    rows = between(0, 1, numbers).reshape(-1, 5)
    batch, _, height, width = node.x[0]
    rows[:, 0] = _whole(rows[:, 0] * 2 - 1, batch)
    for low, high, size in ((1, 3, width), (2, 4, height)):
        rows[:, low] *= size / 2 / node.a.scale
        rows[:, high] *= size / 2 / node.a.scale
        rows[:, high] += rows[:, low]
    return rows.reshape(numbers.shape)


def _image_size(node: Node, numbers: Array) -> Array:
    """Height and width of the image, as it was scaled by 1."""
    numbers[...] = 1
    numbers[..., 0], numbers[..., 1] = (size * node.a.stride for size in node.x[0][2:])
    return numbers


def _places(node: Node, numbers: Array) -> Array:
    """Places in the image that becomes of it, another for each number of a channel, if there is room."""
    image, channel = prod(node.y[0][2:]), prod(node.x[1][2:])
    order = numbers.reshape(-1, channel).argsort(axis=1) % image
    numbers[...] = order.reshape(numbers.shape)
    return numbers


_RULES: dict[tuple[str, int], _Rule] = {
    **dict.fromkeys((("lstm", 1), ("rnn", 1), ("lstm_unit", 2)), _flags),
    **dict.fromkeys((("sigmoid_cross_entropy_loss", 1), ("contrastive_loss", 2)), _flags),
    **dict.fromkeys((("roi_pool", 1), ("roi_align", 1), ("psroi_pool", 1)), _regions),
    ("proposal", 2): _image_size,
    ("max_unpool", 1): _places,
}
"""What operators want that cannot take just any numbers, by the number of the input."""
