"""Summaries as text: a table to read, the same in Markdown, and rows for spreadsheets."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.diag.columns import table as columns
from netgen.ir.graph import Shape
from netgen.ir.text import shape_text
from netgen.passes.memory import FLOAT
from netgen.passes.outline import Row
from netgen.summary.tree import Summary

_WORDS = 3
"""How many columns are words; the others are numbers."""
_COLUMNS = (
    *("depth", "name", "type", "operator", "text", "shapes"),
    *("layers", "parameters", "statistics", "macs", "activation_bytes", "receptive_field"),
)
"""What a row for a spreadsheet has."""
_WIDEST = 44
"""How wide a description may be."""


def text(summary: Summary) -> str:
    """The table, with the totals below it."""
    rows = [_heads(), *(_cells(row, summary) for row in summary.rows)]
    lines = columns(rows, "l" * _WORDS + "r").split("\n")
    rule = "─" * max(map(len, lines))
    table = [lines[0], rule, *lines[1:], rule] if summary.rows else []
    return "\n".join([_title(summary), "", *table, columns(totals(summary), "l"), *_folded(summary)])


def markdown(summary: Summary) -> str:
    """The same in Markdown."""
    heads, *rows = [_heads(), *(_cells(row, summary) for row in summary.rows)]
    marks = [":--" if at < _WORDS else "--:" for at in range(len(heads))]
    lines = [_line(heads), _line(marks), *(_line([_code(row[0]), *row[1:]]) for row in rows)]
    sums = [f"- {name}: {value}" for name, value in totals(summary)]
    return "\n".join([f"**{_escaped(_title(summary))}**", "", *lines, "", *sums])


def csv(summary: Summary) -> str:
    """A line for each row of the table, numbers in full, under the names that the JSON has."""
    from csv import writer
    from io import StringIO

    out = StringIO()
    lines = writer(out, lineterminator="\n")
    lines.writerow(_COLUMNS)
    for row in summary.rows:
        kind = "block" if row.is_block else "layer"
        words = [row.depth, row.name, kind, row.operator, row.what, " ".join(map(shape_text, row.shapes))]
        sums = [row.layers, row.parameters, row.statistics, row.macs, row.memory]
        lines.writerow([*words, *sums, shape_text(row.field) if row.field else ""])
    return out.getvalue().rstrip("\n")


def totals(summary: Summary) -> list[tuple[str, str]]:
    """The sums, each with its name."""
    root = summary.root
    statistics = f" and {root.statistics:,} running statistics" if root.statistics else ""
    stored = (root.parameters + root.statistics) * FLOAT
    return [
        ("layers", f"{root.layers:,}"),
        ("parameters", f"{root.parameters:,}{statistics}, {memory(stored)}"),
        ("MACs", f"{root.macs:,}"),
        ("activations", f"{memory(root.memory)} in all, at most {memory(summary.peak)} at once"),
    ]


def count(number: int) -> str:
    """A number of things, to three digits: ``1.82G``, ``25.6M``, ``9.41k``, ``640``."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        scaled = number / size
        if scaled >= 0.9995:
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{unit}"
    return str(number)


def memory(size: int) -> str:
    """A number of bytes in units of 1000."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} B"


def share(row: Row, summary: Summary) -> str:
    """How much of the network's multiply-accumulates a row has."""
    return f"{row.macs / summary.root.macs:.1%}" if row.macs else ""


def shapes(row: Row) -> str:
    """What a row makes; of more than two results the first and how many there are."""
    said: Sequence[Shape] = row.shapes if len(row.shapes) <= 2 else row.shapes[:1]
    more = f" and {len(row.shapes) - 1} more" if len(row.shapes) > 2 else ""
    return ", ".join(map(shape_text, said)) + more


def field(row: Row) -> str:
    """A receptive field: one number where it is as high as wide."""
    return (str(row.field[0]) if len(set(row.field)) == 1 else shape_text(row.field)) if row.field else ""


def _heads() -> list[str]:
    return ["layer", "operator", "output", "parameters", "MACs", "share", "memory", "field"]


def _cells(row: Row, summary: Summary) -> list[str]:
    name = "  " * (row.depth - 1) + (row.name or "(unnamed)")
    what = f"{row.what}, {row.layers:,} layers" if row.is_block and row.depth == summary.depth else row.what
    what = what if len(what) <= _WIDEST else what[: _WIDEST - 1] + "…"
    parameters = f"{row.parameters:,}" if row.parameters else ""
    macs = count(row.macs) if row.macs else ""
    return [name, what, shapes(row), parameters, macs, share(row, summary), memory(row.memory), field(row)]


def _title(summary: Summary) -> str:
    given = ", ".join(f"{name} {shape_text(shape)}" for name, shape in summary.inputs.items())
    return f"{summary.graph.name or 'net'}: {given}" if given else summary.graph.name or "net"


def _folded(summary: Summary) -> list[str]:
    if summary.depth >= summary.deepest:
        return []
    return ["", f"blocks are folded at depth {summary.depth} of {summary.deepest}: --depth all unfolds them"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _code(name: str) -> str:
    """A name, indented by as much as the tree wants, that Markdown leaves alone."""
    bare = name.lstrip(" ")
    return "&nbsp;" * (len(name) - len(bare)) + f"`{bare}`"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
