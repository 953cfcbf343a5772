"""What stands in boxes, and what is told of them when one looks closer."""

from __future__ import annotations

import re
from textwrap import dedent
from unicodedata import east_asian_width

from netgen.diag import Span
from netgen.draw.scene import Box
from netgen.ir.text import shape_text

_LINE, _LINES = 200, 30
"""How much of a line of the source is shown, and how many lines."""
_TOKEN = re.compile(r"""[{}]|#.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
"""What begins and ends messages of a prototxt, and what may have braces in it that do not."""
WIDEST = 46
"""How many characters a line in a box has at most."""


def lines(box: Box) -> list[str]:
    """The two lines in a box: its name, and what it is."""
    row = box.row
    name = narrowed(box.local or "(unnamed)")
    if not box.is_block:
        return [name, shortened(row.what)]
    count = f" · {row.layers} layer{'s' if row.layers != 1 else ''}"
    return [name, narrowed(row.what, WIDEST - len(count)) + count]


def shortened(text: str) -> str:
    """A text of one line, without its end where it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def narrowed(name: str, widest: int = WIDEST) -> str:
    """A name of one line, without its middle where it is too long: names that are alike differ at their ends."""
    name = " ".join(name.split())
    if len(name) <= widest:
        return name
    return name[: (widest - 1) // 2] + "…" + name[-(widest // 2) :]


def columns(text: str) -> int:
    """How many characters of one width a text is wide: those of East Asia are two."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def facts(box: Box) -> list[tuple[str, str]]:
    """What is told of a layer or a block, each with its name; what does not apply is left out."""
    row = box.row
    span = row.item.span
    said = [
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


def source_text(span: Span | None) -> str:
    """The line of the source that makes something; of a prototxt, where that is only `layer {`, the whole layer."""
    if span is None:
        return ""
    text = span.source.text
    if text[span.start : span.start + 1] != "{":
        return span.source.line(span.source.position(span.start)[0]).strip()[:_LINE]
    begin = max(text.rfind(before, 0, span.start) for before in "\n}") + 1
    said = dedent(text[begin : _closing(text, span.start)].expandtabs(2)).strip().split("\n")
    rest = ["…"] if len(said) > _LINES else []
    return "\n".join([line[:_LINE] for line in said[:_LINES]] + rest)


def _closing(text: str, start: int) -> int:
    """Where the message ends that the brace at ``start`` begins, or where looking for that is given up."""
    depth = 0
    for token in _TOKEN.finditer(text, start, start + _LINES * _LINE):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0 and token[0] == "}":
            return token.end()
    return start + _LINES * _LINE
