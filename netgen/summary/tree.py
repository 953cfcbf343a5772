"""A network's summary: its outline with what it costs, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from netgen.ir.graph import Graph, Shape
from netgen.ir.text import value_name
from netgen.passes.memory import FLOAT, peak_memory
from netgen.passes.outline import Row, outline


class Summary:
    """A network's summary. It prints as a table, and shows as one in a notebook.

    ``depth`` is how deep blocks are unfolded: 1 shows those of the net itself, each in a line; None as many as fit.
    """

    FITS = 60
    """How many lines fit, where nobody says how deep."""

    def __init__(self, graph: Graph, depth: int | None = None) -> None:
        self.graph = graph
        self.root = outline(graph)
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
