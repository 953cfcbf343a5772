"""A small reader of Caffe's files: prototxt becomes a graph, caffemodel becomes arrays.

It goes the way that operators declare: ``CaffeSpelling.read`` for arguments, ``CaffeLayer.blobs`` for weights.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from netgen.formats.message import Enum, Message
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling
from netgen.ops import OPERATORS, read_caffe

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


# --- layers ---------------------------------------------------------------------------------------


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
