"""The arrays of a model: what they are called, and in which shape its nodes want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from netgen.emit.onnx.builder import operands
from netgen.emit.onnx.names import Names
from netgen.ir.graph import Graph, Node, Shape
from netgen.ir.slots import Key, node_slots
from netgen.ir.spell_onnx import Const, OnnxNode


class Parameters:
    """The arrays that are used, by name: which of the net's each is (``keys``), and its shape."""

    def __init__(self, graph: Graph, names: Names) -> None:
        slots = [slot for layer in node_slots(graph) for slot in layer.slots]
        self._owners = {slot.key: slot.owner for slot in slots}
        self._users = Counter(slot.owner for slot in slots)
        self._names = names
        self._called: dict[Key, str] = {}
        self.keys: dict[str, Key] = {}
        self.shapes: dict[str, Shape] = {}

    def take(self, node: Node, said: Sequence[OnnxNode]) -> tuple[list[OnnxNode], dict[str, str]]:
        """A layer's nodes, and what the arrays are called that these use, by what the nodes call them.

        Layers that share an array have one name for it. An array that a layer alone uses, and only with more axes, has
        these already: then the node that gives them is left out.
        """
        uses = operands(said)
        nodes = list(said)
        called = {}
        for param in node.params:
            if not uses[param.name]:
                continue
            key = self._owners[node.name, param.name]
            name = called[param.name] = self._name(key, param.shape)
            spread = _spread(said, param.name) if uses[param.name] == 1 == self._users[key] else None
            if spread is not None:
                nodes.remove(spread)
                called[str(spread.outputs[0])] = name
                self.shapes[name] = _with_axes(param.shape, spread)
        return nodes, called

    def _name(self, key: Key, shape: Shape) -> str:
        if key not in self._called:
            name = self._called[key] = self._names.claim(".".join(key))
            self.keys[name], self.shapes[name] = key, shape
        return self._called[key]


def _spread(said: Sequence[OnnxNode], param: str) -> OnnxNode | None:
    """The node that gives an array more axes, if that is what reads it."""
    for node in said:
        if param in node.inputs and node.type == "Unsqueeze" and node.outputs and isinstance(node.inputs[1], Const):
            return node if isinstance(node.outputs[0], str) else None
    return None


def _with_axes(shape: Shape, spread: OnnxNode) -> Shape:
    axes = spread.inputs[1]
    assert isinstance(axes, Const)
    assert isinstance(axes.values, list)
    rest = iter(shape)
    return tuple(1 if axis in axes.values else next(rest) for axis in range(len(shape) + len(axes.values)))
