"""A small reader of Caffe's files: prototxt becomes a graph, caffemodel becomes arrays.

It goes the way that operators declare: ``CaffeSpelling.read`` for arguments, ``CaffeLayer.blobs`` for weights.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from netgen.formats.message import Enum, Message, get, get_all
from netgen.ir.graph import Graph, Node, Value
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling
from netgen.ops import OPERATORS, bind, read_caffe

Array = np.ndarray[Any, np.dtype[np.float32]]

# --- text -----------------------------------------------------------------------------------------

_TOKEN = re.compile(r'"[^"]*"|[{}:]|[^\s{}:#]+|#[^\n]*')


def parse(text: str) -> Message:
    """A message in protobuf's text format."""
    return _message(token for token in _TOKEN.findall(text) if not token.startswith("#"))


def _message(tokens: Iterator[str]) -> Message:
    fields: Message = []
    for name in tokens:
        if name == "}":
            break
        value = next(tokens)
        if value == ":":
            value = next(tokens)
        fields.append((name, _message(tokens) if value == "{" else _scalar(value)))
    return fields


def _scalar(text: str) -> object:
    if text.startswith('"'):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        return Enum(text)


# --- wire -----------------------------------------------------------------------------------------


def read_caffemodel(data: bytes) -> dict[str, list[Array]]:
    """The blobs of each layer, by the layer's name."""
    found = {}
    for number, layer in _fields(data):
        if number == 100:
            parts = list(_fields(layer))
            name = next(value for each, value in parts if each == 1).decode()
            found[name] = [_blob(value) for each, value in parts if each == 7]
    return found


def _blob(data: bytes) -> Array:
    parts = dict(_fields(data))
    shape = [dim for number, packed in _fields(parts.get(7, b"")) if number == 1 for dim in _varints(packed)]
    return np.frombuffer(parts.get(5, b""), np.float32).reshape(shape)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields that hold bytes; numbers are passed over."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            length, at = _varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise struct.error(f"wire type {kind}")


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


# --- graph ----------------------------------------------------------------------------------------


class Net:
    """A network as read from Caffe's files.

    ``values`` are its blobs at the end, by name; ``arrays`` the parameters of each node, by the node's name.
    """

    def __init__(self, prototxt: str, weights: dict[str, list[Array]]) -> None:
        self.graph = Graph("net")
        self.values: dict[str, Value] = {}
        self.arrays: dict[str, dict[str, Array]] = {}
        for layer in get_all(parse(prototxt), "layer"):
            self._add(layer, weights.get(get(layer, "name"), []))

    def _add(self, layer: Message, blobs: list[Array]) -> None:
        bottoms, tops = get_all(layer, "bottom"), get_all(layer, "top")
        if get(layer, "type") == "Split":  # several names for one value, as in any graph
            self.values.update(dict.fromkeys(tops, self.values[bottoms[0]]))
            return
        found = read_caffe(layer)
        assert not isinstance(found, str), found
        op, given = found
        inputs = [self.values[bottom] for bottom in bottoms]
        made = Node(op, bind(op, given), inputs, get(layer, "name"), instance=self.graph.root, spans={})
        self.values.update(zip(tops, self.graph.add(made), strict=True))
        self.arrays[made.name] = _named(made, layer, blobs)


def read_layer(
    kind: str, message: Message, tops: int = 1, any_of: Sequence[int] = (1, 2, 0)
) -> tuple[type[Operator], dict[str, object]]:
    """The operator that a layer with some parameters means, and its arguments; raises KeyError where there is none.

    The layer has one of so many bottoms.
    """
    for bottoms in any_of:
        layer: Message = [("type", kind), *[("bottom", "x")] * bottoms, *[("top", "y")] * tops]
        found = read_caffe([*layer, *_in_its_place(kind, message)])
        if not isinstance(found, str):
            return found
    raise KeyError(kind)


def _in_its_place(kind: str, message: Message) -> Message:
    spellings = [op.caffe for op in OPERATORS.values() if isinstance(op.caffe, CaffeSpelling)]
    param = next(spelling.param for spelling in spellings if kind in (spelling.type, *spelling.also))
    return [(param, message)] if param else message


def _named(made: Node, layer: Message, blobs: list[Array]) -> dict[str, Array]:
    """Blobs by the names of the parameters. Caffe's statistics are sums, which its third blob counts."""
    names, _ = made.op.caffe_blobs(made, layer)
    shapes = {param.name: param.shape for param in made.params}
    named = {name: blob.reshape(shapes.get(name, blob.shape)) for name, blob in zip(names, blobs, strict=True)}
    factor = named.pop("factor", None)
    if factor is None:
        return named
    scale = np.float32(0 if factor[0] == 0 else 1 / factor[0])
    return {name: array * scale for name, array in named.items()}
