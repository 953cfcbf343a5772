"""Layers and shapes of a net, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netgen.diag import did_you_mean
from netgen.ir.graph import Graph, Instance, Node, Shape
from netgen.ir.operator import Param, shared_arrays
from netgen.ir.text import describe, shape_text


class Layer:
    """One layer of a network, to look at."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def name(self) -> str:
        return self._node.name

    @property
    def operator(self) -> str:
        """The name of the operator, such as ``conv``."""
        return self._node.op.name

    @property
    def arguments(self) -> dict[str, object]:
        """The operator's arguments, defaults included."""
        return dict(self._node.a)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the layers that it reads."""
        return tuple(value.node.name for value in self._node.inputs)

    @property
    def shape(self) -> Shape:
        """The shape of what it makes; of the first, where it makes several."""
        return self._node.outputs[0].shape

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(self._node.y)

    @property
    def parameters_count(self) -> int:
        """How many numbers it learns."""
        return sum(param.count for param in self._node.params if param.learned)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, for the whole batch."""
        return macs(self._node)

    @property
    def place(self) -> str:
        """Where the source makes it, as ``file:line:column``."""
        return str(self._node.span) if self._node.span is not None else ""

    def __repr__(self) -> str:
        return f"<Layer {self.name}: {describe(self._node)} -> {', '.join(map(shape_text, self.shapes))}>"


class Shapes(Mapping[str, Shape]):
    """The shape of each layer's result, by the layer's name; and of each block's, by its instance's.

    Where a layer and an instance have one name, it is the layer's. A layer or instance ``n`` with several results
    has them as ``n:0``, ``n:1`` …
    """

    def __init__(self, graph: Graph) -> None:
        self._shapes: dict[str, Shape] = {}
        self._several: dict[str, int] = {}
        for instance in instances(graph.root):
            self._add(instance.name, [value.shape for value in instance.outputs])
        for node in graph.nodes:
            self._add(node.name, node.y)

    def _add(self, name: str, shapes: list[Shape]) -> None:
        if len(shapes) == 1:
            self._shapes[name] = shapes[0]
            return
        self._several[name] = len(shapes)
        self._shapes.update((f"{name}:{index}", shape) for index, shape in enumerate(shapes))

    def __getitem__(self, name: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is not None:
            return shape
        if name in self._several:
            raise KeyError(f"`{name}` has {self._several[name]} results: ask for `{name}:0`, `{name}:1` …")
        hint = did_you_mean(name, self._shapes)
        raise KeyError(f"no layer or block `{name}`" + (f"; {hint}" if hint else ""))

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __repr__(self) -> str:
        return f"Shapes({self._shapes!r})"


def instances(root: Instance) -> Iterator[Instance]:
    """The instances below one, in the program's order."""
    for item in root.items:
        if isinstance(item, Instance):
            yield item
            yield from instances(item)


def macs(node: Node) -> int:
    """The multiply-accumulates of a node; none where its shapes are not known."""
    return node.op.macs(node) if node.is_known else 0


def arrays(graph: Graph) -> Iterator[Param]:
    """The arrays of a net; of those that several layers share, each once."""
    shared: set[str] = set()
    for node in graph.nodes:
        names = shared_arrays(node)
        for param in node.params:
            name = names.get(param.name)
            if name is None or name not in shared:
                yield param
            if name is not None:
                shared.add(name)
