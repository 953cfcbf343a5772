"""What a network consists of and what that costs, as a tree: blocks, the blocks in them, layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from netgen.ir.graph import Graph, Instance, Node, Shape, Value
from netgen.ir.operator import shared_arrays
from netgen.ir.text import describe, value_name
from netgen.passes.memory import FLOAT, peak_memory, size_of
from netgen.passes.receptive import Field, receptive_fields


class Row:
    """A layer, or a block with its ``rows``. What a block costs is the sum of what is in it.

    ``shapes`` are those of what it makes, ``memory`` the bytes of all values made in it, in float32; ``field`` is the
    receptive field of what it makes, the largest where that is several things. ``parameters`` are learned, and a set
    that several layers share counts where it comes first; ``statistics`` are arrays that are not learned.
    """

    __slots__ = (
        "depth",
        "field",
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

    def __init__(self, name: str, operator: str, what: str, depth: int) -> None:
        self.name = name
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


class Summary:
    """A network's summary. It prints as a table, and shows as one in a notebook.

    ``depth`` is how deep blocks are unfolded: 1 shows those of the net itself, each in a line; None as many as fit.
    """

    FITS = 60
    """How many lines fit, where nobody says how deep."""

    def __init__(self, graph: Graph, depth: int | None = None) -> None:
        self.graph = graph
        self.root = _Grower(graph).root
        self.deepest = self.root.height
        self.depth = self._fitting() if depth is None else min(depth, self.deepest)

    @property
    def rows(self) -> list[Row]:
        """The lines of the table."""
        return list(self.root.walk(self.depth)) if self.depth else []

    @cached_property
    def peak(self) -> int:
        """Bytes that values take at once, at most: see ``passes.memory``."""
        return peak_memory(self.graph)

    @property
    def inputs(self) -> Mapping[str, Shape]:
        return {value_name(value): value.shape for value in self.graph.inputs}

    @property
    def outputs(self) -> Mapping[str, Shape]:
        return {value_name(value): value.shape for value in self.graph.outputs}

    def to_dict(self) -> dict[str, object]:
        """All of it as plain data, whatever is folded: numbers, strings, lists and dicts."""
        root = self.root
        return {
            "net": self.graph.name,
            "settings": {name: _plain(value) for name, value in self.graph.root.args.items()},
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "layers": root.layers,
            "parameters": root.parameters,
            "statistics": root.statistics,
            "macs": root.macs,
            "parameter_bytes": (root.parameters + root.statistics) * FLOAT,
            "activation_bytes": root.memory,
            "peak_activation_bytes": self.peak,
            "rows": [_row_data(row) for row in root.rows],
        }

    def __str__(self) -> str:
        from netgen.summary.table import text

        return text(self)

    def _repr_html_(self) -> str:
        from netgen.summary.html import html

        return html(self)

    def __repr__(self) -> str:
        return f"<Summary of {self.graph.name}: {self.root.layers} layers, {self.root.macs:,} MACs>"

    def _fitting(self) -> int:
        """As deep as fits; at least the blocks of the net itself."""
        depth = 1
        while depth < self.deepest and sum(1 for _ in self.root.walk(depth + 1)) <= self.FITS:
            depth += 1
        return depth


def _row_data(row: Row) -> dict[str, object]:
    data: dict[str, object] = {
        "name": row.name,
        "type": "block" if row.is_block else "layer",
        "operator": row.operator,
        "text": row.what,
        "place": row.place,
        "shapes": [list(shape) for shape in row.shapes],
        "layers": row.layers,
        "parameters": row.parameters,
        "statistics": row.statistics,
        "macs": row.macs,
        "activation_bytes": row.memory,
        "receptive_field": list(row.field),
    }
    return data | {"rows": [_row_data(each) for each in row.rows]} if row.is_block else data


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


class _Grower:
    """Makes the tree of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._fields = receptive_fields(graph)
        self._counted: set[str] = set()
        self.root = self._block(graph.root, 0)

    def _block(self, instance: Instance, depth: int) -> Row:
        row = Row(instance.name, instance.block, instance.block, depth)
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
        row = Row(node.name, node.op.name, describe(node), depth)
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
