"""What a network consists of and what that costs, as a tree: blocks, the blocks in them, layers."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.ir.graph import Graph, Instance, Node, Shape, Value
from netgen.ir.operator import shared_arrays
from netgen.ir.text import describe
from netgen.passes.memory import size_of
from netgen.passes.receptive import Field, receptive_fields


def outline(graph: Graph) -> Row:
    """The network as one row, with all of it below."""
    return _Grower(graph).root


class Row:
    """A layer, or a block with its ``rows``. What a block costs is the sum of what is in it.

    ``shapes`` are those of what it makes, ``memory`` the bytes of all values made in it, in float32; ``field`` is the
    receptive field of what it makes, the largest where that is several things. ``parameters`` are learned, and a set
    that several layers share counts where it comes first; ``statistics`` are arrays that are not learned.
    """

    __slots__ = (
        "depth",
        "field",
        "item",
        "layers",
        "macs",
        "memory",
        "name",
        "operator",
        "parameters",
        "place",
        "rows",
        "shapes",
        "statistics",
        "what",
    )

    def __init__(self, item: Node | Instance, operator: str, what: str, depth: int) -> None:
        self.item = item
        self.name = item.name
        self.operator = operator
        """The operator's name, or the block's."""
        self.what = what
        """The operator with its arguments, or the block's name."""
        self.depth = depth
        self.place = ""
        """Where the source makes it, as ``file:line:column``."""
        self.shapes: tuple[Shape, ...] = ()
        self.layers = 1
        self.parameters = 0
        self.statistics = 0
        self.macs = 0
        self.memory = 0
        self.field: Field = ()
        self.rows: list[Row] = []

    @property
    def is_block(self) -> bool:
        return bool(self.rows)

    def walk(self, depth: int) -> Iterator[Row]:
        """What is below it, blocks before what is in them, down to a depth."""
        for row in self.rows:
            yield row
            if row.depth < depth:
                yield from row.walk(depth)

    @property
    def height(self) -> int:
        """How deep blocks nest in it."""
        return max((row.height + 1 for row in self.rows), default=0)

    def __repr__(self) -> str:
        return f"<Row {self.name}: {self.what}, {self.parameters:,} parameters, {self.macs:,} MACs>"


class _Grower:
    """Makes the tree of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._fields = receptive_fields(graph)
        self._counted: set[str] = set()
        self.root = self._block(graph.root, 0)

    def _block(self, instance: Instance, depth: int) -> Row:
        row = Row(instance, instance.block, instance.block, depth)
        row.place = str(instance.span) if instance.span is not None else ""
        for item in instance.items:
            row.rows.append(
                self._block(item, depth + 1) if isinstance(item, Instance) else self._layer(item, depth + 1)
            )
        for count in ("layers", "parameters", "statistics", "macs", "memory"):
            setattr(row, count, sum(getattr(each, count) for each in row.rows))
        made = instance.outputs or [value for item in instance.items[-1:] for value in _made(item)]
        self._see(row, made)
        return row

    def _layer(self, node: Node, depth: int) -> Row:
        row = Row(node, node.op.name, describe(node), depth)
        row.place = str(node.span) if node.span is not None else ""
        shared = shared_arrays(node)
        for param in node.params:
            name = shared.get(param.name)
            if name is not None and name in self._counted:
                continue
            if name is not None:
                self._counted.add(name)
            if param.learned:
                row.parameters += param.count
            else:
                row.statistics += param.count
        row.macs = node.op.macs(node) if node.is_known else 0
        row.memory = sum(map(size_of, node.outputs))
        self._see(row, node.outputs)
        return row

    def _see(self, row: Row, made: list[Value]) -> None:
        row.shapes = tuple(value.shape for value in made)
        row.field = max((self._fields[value] for value in made if value in self._fields), default=())


def _made(item: Node | Instance) -> list[Value]:
    return item.outputs
