"""Writing caffemodels as Caffe itself writes them: layer by layer, with no more memory than a piece of one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from netgen.ir.slots import LayerSlots
from netgen.weights.entry import Entry
from netgen.weights.faults import number, too_large
from netgen.weights.numbers import write_numbers
from netgen.weights.wire import VARINT
from netgen.weights.wire_writer import begin, tag, varint

LIMIT = (1 << 31) - 1
"""How many bytes a message may have for protobuf."""

_TEST = 1
Layers = Sequence[tuple[LayerSlots, Sequence[Entry]]]


def write_caffemodel(stream: BinaryIO, net: str, layers: Layers, path: str = "") -> None:
    """Write a NetParameter. ``path`` is what an error calls the file; nothing is written before the size is known."""
    name = _text(1, net)
    heads = [_head(layer) for layer, _ in layers]
    sizes = [
        len(head) + sum(_blob_field(blob) for blob in blobs) for head, (_, blobs) in zip(heads, layers, strict=True)
    ]
    total = len(name) + sum(len(begin(100, size)) + size for size in sizes)
    if total > LIMIT:
        label = f"it would have {number(total)} bytes; protobuf reads at most {number(LIMIT)}"
        raise too_large(path, label, "write safetensors or a state_dict, or use a smaller net")
    stream.write(name)
    for head, size, (_, blobs) in zip(heads, sizes, layers, strict=True):
        stream.write(begin(100, size))
        stream.write(head)
        for blob in blobs:
            _write_blob(stream, blob)


def _head(layer: LayerSlots) -> bytes:
    """A layer without its blobs."""
    parts = [_text(1, layer.name), _text(2, layer.type)]
    parts += [_text(3, bottom) for bottom in layer.bottoms]
    parts += [_text(4, top) for top in layer.tops]
    parts.append(layer.message or tag(10, VARINT) + varint(_TEST))
    return b"".join(parts)


def _blob_field(blob: Entry) -> int:
    """The bytes that a blob takes in its layer."""
    size = _blob_size(blob)
    return len(begin(7, size)) + size


def _blob_size(blob: Entry) -> int:
    return len(_blob_head(blob)) + 4 * blob.count


def _blob_head(blob: Entry) -> bytes:
    """A blob as far as its numbers. One without axes says no shape, as Caffe writes it and OpenCV reads it."""
    dims = b"".join(map(varint, blob.shape))
    shape = begin(1, len(dims)) + dims
    data = begin(5, 4 * blob.count) if blob.count else b""
    return (begin(7, len(shape)) + shape if dims else b"") + data


def _write_blob(stream: BinaryIO, blob: Entry) -> None:
    stream.write(begin(7, _blob_size(blob)) + _blob_head(blob))
    write_numbers(stream, blob.pieces())


def _text(number: int, text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return begin(number, len(data)) + data
