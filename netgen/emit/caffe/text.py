"""The text of a prototxt: values are spelled here, the layout is the template's."""

from __future__ import annotations

from netgen.emit.caffe.plan import Layer
from netgen.emit.templates import template
from netgen.formats.message import Message
from netgen.formats.textproto import comment_lines, message_lines, quote, scalar_text
from netgen.ir.graph import Graph
from netgen.ir.spell_caffe import CaffeLayer

Row = tuple[str, str, "tuple[Row, ...] | None"]
"""A field as the template sees it: its name, and either its value or, with rows of its own, a message."""

_DEPTH = 1
"""How deep the template goes into messages; what is deeper comes as lines."""


def render(graph: Graph, layers: list[Layer]) -> str:
    """One pass of ``templates/caffe/net.prototxt.j2`` over the whole net."""
    about = [comment_lines(text) for text in (graph.title, graph.doc) if text]
    known: dict[CaffeLayer, list[Row]] = {}
    rows = (_layer(layer, known) for layer in layers)
    kept = _rows(graph.kept)
    name = quote(graph.name) if graph.name else ""
    return template("caffe/net.prototxt.j2").render(about=about, name=name, kept=kept, layers=rows)


def _layer(layer: Layer, known: dict[CaffeLayer, list[Row]]) -> tuple[str, str, list[str], list[str], list[Row]]:
    """A layer as the template sees it. What is spelled alike is written alike: ``known`` has its fields."""
    fields = known.get(layer.spelled)
    if fields is None:
        fields = known[layer.spelled] = _fields(layer)
    bottoms = [quote(blob.name) for blob in layer.bottoms]
    tops = [quote(blob.name) for blob in layer.tops]
    name = quote(layer.name) if layer.name else ""  # some that were read have none
    return name, quote(layer.spelled.type), bottoms, tops, fields


def _fields(layer: Layer) -> list[Row]:
    spelled = layer.spelled
    fields: list[Row] = [("param", "", _rows(param, 1)) for param in layer.params]
    if spelled.message and spelled.param:
        fields.append((spelled.param, "", _rows(spelled.message, 1)))
    else:
        fields += _rows(spelled.message)
    return fields


def _rows(message: Message, depth: int = 0) -> tuple[Row, ...]:
    rows: list[Row] = []
    for name, value in message:
        if not isinstance(value, list):
            rows.append((name, scalar_text(value), None))
        elif depth < _DEPTH:
            rows.append((name, "", _rows(value, depth + 1)))
        else:
            rows.append((name, "", tuple((line, "", None) for line in message_lines(value))))
    return tuple(rows)
