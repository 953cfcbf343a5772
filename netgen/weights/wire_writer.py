"""Protobuf's wire format, written a field at a time: what stands before a field's bytes."""

from __future__ import annotations

from netgen.weights.wire import BYTES


def begin(number: int, size: int) -> bytes:
    """The tag and length of a field that holds bytes."""
    return tag(number, BYTES) + varint(size)


def tag(number: int, kind: int) -> bytes:
    """A field's number and the kind of what follows."""
    return varint(number << 3 | kind)


def varint(value: int) -> bytes:
    """A number, seven bits a byte."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)
