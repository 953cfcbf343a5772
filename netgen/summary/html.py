"""Summaries for notebooks: a table whose blocks open and close, with no script and no style sheet of its own."""

from __future__ import annotations

from html import escape

from netgen.ir.text import shape_text
from netgen.passes.outline import Row
from netgen.summary.table import count, field, memory, shapes, share, totals
from netgen.summary.tree import Summary

_GRID = "display:grid;grid-template-columns:minmax(16em,2fr) minmax(10em,1.5fr) 9em 7em 5em 4em 5em 4em;gap:0 1em"
_NUMBER = "text-align:right;font-variant-numeric:tabular-nums"
_HEADS = ("layer", "operator", "output", "parameters", "MACs", "share", "memory", "field")


def html(summary: Summary) -> str:
    """The tree as nested ``<details>``; those that the table unfolds are open. What the network says is escaped."""
    title = escape(summary.graph.name or "net")
    given = escape(", ".join(f"{name} {shape_text(shape)}" for name, shape in summary.inputs.items()))
    sums = " · ".join(f"{escape(value)} {escape(name)}" for name, value in totals(summary))
    body = "".join(_row(row, summary) for row in summary.root.rows)
    return (
        '<div style="font-size:small;overflow-x:auto"><div style="min-width:64em">'
        f"<p><b>{title}</b> {given}<br>{sums}</p>"
        f'<div style="{_GRID};font-weight:bold;border-bottom:1px solid">{_cells(_HEADS)}</div>{body}</div></div>'
    )


def _row(row: Row, summary: Summary) -> str:
    cells = (
        row.name or "(unnamed)",
        row.what,
        shapes(row),
        f"{row.parameters:,}" if row.parameters else "",
        count(row.macs) if row.macs else "",
        share(row, summary),
        memory(row.memory),
        field(row),
    )
    line = f'<div style="{_GRID}" title="{escape(row.place)}">{_cells(cells, row.depth)}</div>'
    if not row.is_block:
        return line
    opened = " open" if row.depth < summary.depth else ""
    inner = "".join(_row(each, summary) for each in row.rows)
    return f'<details{opened}><summary style="display:block;cursor:pointer">{line}</summary>{inner}</details>'


def _cells(cells: tuple[str, ...], depth: int = 1) -> str:
    first, *words = cells[:3]
    said = [f'<span style="padding-left:{depth - 1}em;overflow-wrap:anywhere">{escape(first)}</span>']
    said += [f'<span style="overflow-wrap:anywhere">{escape(cell)}</span>' for cell in words]
    said += [f'<span style="{_NUMBER}">{escape(cell)}</span>' for cell in cells[3:]]
    return "".join(said)
