"""What stands in boxes, and what is told of them when one looks closer."""

from __future__ import annotations

from netgen.diag import Span
from netgen.draw.scene import Box
from netgen.ir.text import shape_text

WIDEST = 34
"""How many characters a line in a box has at most."""


def lines(box: Box) -> list[str]:
    """The two lines in a box: its name, and what it is."""
    row = box.row
    what = f"{row.what} · {row.layers} layers" if box.is_block else row.what
    return [shortened(box.local or "(unnamed)"), shortened(what)]


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def facts(box: Box) -> list[tuple[str, str]]:
    """What is told of a layer or a block, each with its name; what does not apply is left out."""
    row = box.row
    span = row.item.span
    said = [
        ("name", row.name),
        ("block" if box.is_block else "operator", row.what),
        ("output", ", ".join(map(shape_text, row.shapes))),
        ("layers", f"{row.layers:,}" if box.is_block else ""),
        ("parameters", f"{row.parameters:,}" if row.parameters else ""),
        ("MACs", f"{row.macs:,}" if row.macs else ""),
        ("memory", f"{row.memory:,} bytes" if row.memory else ""),
        ("receptive field", shape_text(row.field) if row.field else ""),
        ("source", str(span) if span is not None else ""),
    ]
    return [(name, text) for name, text in said if text]


def source_line(span: Span | None) -> str:
    """The line of the source that makes something."""
    if span is None:
        return ""
    return span.source.line(span.source.position(span.start)[0]).strip()[:200]
