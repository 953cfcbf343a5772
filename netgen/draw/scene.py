"""What is drawn: a box for each layer and each block, and in each block the edges between what stands in it."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.ir.graph import UNKNOWN, Graph, Instance, Node, Value
from netgen.ir.text import shape_text
from netgen.passes.outline import Row, outline

_GROUPS = {
    "weights": ("conv", "local", "recurrent", "index"),
    "norm": ("batch_norm", "norm", "scale"),
    "activation": ("activation",),
    "pool": ("pool", "unpool", "resize", "window", "reduce"),
    "join": ("elementwise",),
    "detection": ("detection", "prior", "proposal", "roi", "yolo", "multibox"),
    "loss": ("loss", "distance", "accuracy"),
}
_GROUP_OF = {family: group for group, families in _GROUPS.items() for family in families}
"""Which families of operators share a color; what is not named has the plain one."""


class Port:
    """Where a value enters or leaves an open block."""

    __slots__ = ("is_input", "number", "value")

    def __init__(self, value: Value, number: int, *, is_input: bool) -> None:
        self.value = value
        self.number = number
        self.is_input = is_input


class Edge:
    """A value on its way from one box, or port, to another of the same block."""

    __slots__ = ("source", "target", "value")

    def __init__(self, source: Box | Port, target: Box | Port, value: Value) -> None:
        self.source = source
        self.target = target
        self.value = value

    @property
    def label(self) -> str:
        """The shape, where anything of it is known."""
        return labelled(self.value)


class Box:
    """A layer, or a block with the ``boxes`` in it and the ``edges`` between these and its ``ports``."""

    __slots__ = ("boxes", "edges", "local", "number", "parent", "ports", "row")

    def __init__(self, row: Row, number: int, parent: Box | None) -> None:
        self.row = row
        self.number = number
        self.parent = parent
        self.local = _local(row.item, parent)
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        self.ports: dict[tuple[Value, bool], Port] = {}

    @property
    def is_block(self) -> bool:
        return isinstance(self.row.item, Instance)

    @property
    def group(self) -> str:
        """What its color stands for."""
        item = self.row.item
        if isinstance(item, Instance):
            return "block"
        if not item.inputs:
            return "input"
        if item.op.name in ("concat", "slice"):
            return "join"
        return _GROUP_OF.get(item.op.__module__.rpartition(".")[2], "other")

    @property
    def path(self) -> list[Box]:
        """The blocks around it, outermost first, and itself."""
        return [*(self.parent.path if self.parent is not None else []), self]

    def walk(self) -> Iterator[Box]:
        """The box and all in it, each before what is in it."""
        yield self
        for box in self.boxes:
            yield from box.walk()

    def port(self, value: Value, *, is_input: bool) -> Port:
        key = (value, is_input)
        if key not in self.ports:
            number = sum(port.is_input == is_input for port in self.ports.values())
            self.ports[key] = Port(value, number, is_input=is_input)
        return self.ports[key]

    def __repr__(self) -> str:
        return f"<Box {self.row.name or 'net'}: {len(self.boxes)} boxes, {len(self.edges)} edges>"


class Scene:
    """The whole network as a box, and the box of each layer."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.of: dict[Node, Box] = {}
        self._count = 0
        self.root = self._box(outline(graph), None)
        self._drawn: set[tuple[int, object, object, Value]] = set()
        for node in graph.nodes:
            for value in node.inputs:
                self._connect(value, self.of[node])

    def __len__(self) -> int:
        """How many boxes there are, the network's own left out."""
        return self._count - 1

    def _box(self, row: Row, parent: Box | None) -> Box:
        box = Box(row, self._count, parent)
        self._count += 1
        if isinstance(row.item, Node):
            self.of[row.item] = box
        box.boxes = [self._box(each, box) for each in row.rows]
        return box

    def _connect(self, value: Value, reader: Box) -> None:
        """Draw a value's way: out of the blocks that its maker stands in, and into those of its reader."""
        source, target = self.of[value.node].path, reader.path
        shared = next(at for at, (one, other) in enumerate(zip(source, target, strict=False)) if one is not other)
        for inner, outer in zip(reversed(source[shared:]), reversed(source[shared:-1]), strict=False):
            self._edge(outer, _end(inner, value, is_input=False), outer.port(value, is_input=False), value)
        self._edge(source[shared - 1], source[shared], target[shared], value)
        for outer, inner in zip(target[shared:], target[shared + 1 :], strict=False):
            self._edge(outer, outer.port(value, is_input=True), _end(inner, value, is_input=True), value)

    def _edge(self, block: Box, source: Box | Port, target: Box | Port, value: Value) -> None:
        key = (block.number, id(source), id(target), value)
        if key not in self._drawn:
            self._drawn.add(key)
            block.edges.append(Edge(source, target, value))


def labelled(value: Value) -> str:
    """What stands on a value's way: its shape, where anything of that is known."""
    return "" if value.shape is UNKNOWN else shape_text(value.shape)


def _end(box: Box, value: Value, *, is_input: bool) -> Box:
    """The box itself; a block notes that the value goes through its side."""
    if box.is_block:
        box.port(value, is_input=is_input)
    return box


def _local(item: Node | Instance, parent: Box | None) -> str:
    """A name within its block; the whole where the block's does not stand in front."""
    if parent is None or item.local:
        return item.local or item.name
    prefix = f"{parent.row.name}/"
    return item.name[len(prefix) :] if parent.row.name and item.name.startswith(prefix) else item.name
