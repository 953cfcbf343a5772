"""The text of a prototxt: values are spelled here, the layout is the template's."""

from __future__ import annotations

from netgen.emit.caffe.plan import Layer
from netgen.emit.templates import template
from netgen.formats.message import Enum, Message
from netgen.formats.textproto import comment_lines, float_text, quote
from netgen.ir.graph import Graph
from netgen.ir.spell_caffe import CaffeLayer

Row = tuple[str, str, "tuple[Row, ...] | None"]
"""A field as the template sees it: its name, and either its value or, with rows of its own, a message."""


def render(graph: Graph, layers: list[Layer]) -> str:
    """One pass of ``templates/caffe/net.prototxt.j2`` over the whole net."""
    about = [comment_lines(text) for text in (graph.title, graph.doc) if text]
    known: dict[CaffeLayer, list[Row]] = {}
    rows = (_layer(layer, known) for layer in layers)
    return template("caffe/net.prototxt.j2").render(about=about, name=quote(graph.name), layers=rows)


def _layer(layer: Layer, known: dict[CaffeLayer, list[Row]]) -> tuple[str, str, list[str], list[str], list[Row]]:
    """A layer as the template sees it. What is spelled alike is written alike: ``known`` has its fields."""
    fields = known.get(layer.spelled)
    if fields is None:
        fields = known[layer.spelled] = _fields(layer)
    bottoms = [quote(blob.name) for blob in layer.bottoms]
    tops = [quote(blob.name) for blob in layer.tops]
    return quote(layer.name), quote(layer.spelled.type), bottoms, tops, fields


def _fields(layer: Layer) -> list[Row]:
    spelled = layer.spelled
    fields: list[Row] = [("param", "", _rows(param)) for param in layer.params]
    if spelled.message and spelled.param:
        fields.append((spelled.param, "", _rows(spelled.message)))
    else:
        fields += _rows(spelled.message)
    return fields


def _rows(message: Message) -> tuple[Row, ...]:
    return tuple(
        (name, "", _rows(value)) if isinstance(value, list) else (name, _scalar(value), None) for name, value in message
    )


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, str) and not isinstance(value, Enum):
        return quote(value)
    return str(value)
