"""Receptive fields: how much of the network's input each value looks at.

Computed as in Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019: a
window of k over places that are j pixels apart adds (k - 1) * j, and a stride multiplies j. Where branches meet, the
largest counts. It is what an output can look at, padding included, so it may be larger than the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from netgen.ir.graph import Graph, Node, Value
from netgen.ir.reach import Reach, places

Field = tuple[int, ...]
"""Pixels along each axis of places of the input: (height, width) for images."""


class _Along:
    """Along one axis: the pixels that are seen, and those between two neighbours; or that all are seen, for good."""

    __slots__ = ("is_all", "jump", "size")

    def __init__(self, size: Fraction, jump: Fraction, *, is_all: bool = False) -> None:
        self.size = size
        self.jump = jump
        self.is_all = is_all

    def through(self, reach: Reach) -> _Along:
        if self.is_all:
            return self
        size = self.size + (reach.window - 1) * self.jump
        return _Along(size, self.jump * Fraction(reach.step, reach.per), is_all=reach.is_all)


_State = list[_Along]


def receptive_fields(graph: Graph) -> dict[Value, Field]:
    """The receptive field of each value; values that see no input, or whose shape is not known, have none."""
    states: dict[Value, _State] = {}
    for node in graph.nodes:
        if not node.is_known:
            continue
        state = _state(node, states)
        if state:
            states.update((value, state) for value in node.outputs)
    return {value: tuple(ceil(along.size) for along in state) for value, state in states.items()}


def _state(node: Node, states: dict[Value, _State]) -> _State:
    if node.op.name == "input":
        return [_Along(Fraction(1), Fraction(1)) for _ in places(node.y[0])]
    seen = [(at, states[value]) for at, value in enumerate(node.inputs) if value in states]
    reach = node.op.reach(node) if node.inputs else []
    rank = len(node.x[0]) if node.inputs else 0
    through = [
        [along.through(each) for along, each in zip(state, reach, strict=True)]
        if len(node.x[at]) == rank and len(state) == len(reach)
        else _all_of(state, node.x[at])
        for at, state in seen
        if at not in node.op.only_shapes
    ]
    return _joined(through)


def _all_of(state: _State, shape: Sequence[int]) -> _State:
    """What is seen where the axes of places are gone, or others than before: all that there is."""
    extents = places(tuple(shape))
    if len(extents) != len(state):
        return state
    return [along.through(Reach.all(extent)) for along, extent in zip(state, extents, strict=True)]


def _joined(states: list[_State]) -> _State:
    if not states:
        return []
    axes = max(map(len, states))
    columns = [[state[axis] for state in states if axis < len(state)] for axis in range(axes)]
    return [_widest(column) for column in columns]


def _widest(column: list[_Along]) -> _Along:
    size, jump = max(each.size for each in column), max(each.jump for each in column)
    return _Along(size, jump, is_all=any(each.is_all for each in column))
