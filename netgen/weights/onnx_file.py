"""ONNX models as files: the weights go straight from where they lie into the file, or into one beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from netgen.weights.entry import Entry
from netgen.weights.numbers import write_numbers
from netgen.weights.output import replacing
from netgen.weights.wire_writer import begin

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

LIMIT = (1 << 31) - 1
"""How many bytes a message may have for protobuf."""
SMALL = 1 << 10
"""Arrays of fewer bytes stay in the model, where tools can see them without the other file."""
PAGE, BLOCK, LARGE = 1 << 12, 1 << 16, 1 << 20
"""An array begins where a page does, so that it can be mapped; a large one where Windows can map it too."""


def save_onnx(
    path: str | os.PathLike[str], skeleton: ModelProto, arrays: Mapping[str, Entry], *, external: bool = False
) -> list[str]:
    """Write a model whose initializers of some names get their numbers from ``arrays``; gives the paths of the files.

    Those numbers stand in a file beside the model if they are to be ``external``, or if protobuf could not hold them:
    then both files are written before either takes its place.
    """
    place = os.fspath(path)
    if not external and _size(skeleton, arrays) <= LIMIT:
        with replacing(place) as stream:
            write_onnx(stream, skeleton, arrays)
        return [place]
    beside = f"{place}.data"
    with replacing(place) as stream, replacing(beside) as data:
        write_external(stream, data, skeleton, arrays, os.path.basename(beside))
    return [place, beside]


def write_onnx(stream: BinaryIO, skeleton: ModelProto, arrays: Mapping[str, Entry]) -> None:
    """Write a model with its numbers inside, without ever having more of them than a piece."""
    head, graph, tensors = _parts(skeleton, arrays)
    stream.write(head + begin(skeleton.GRAPH_FIELD_NUMBER, _graph_size(graph, tensors, arrays)) + graph)
    for tensor in tensors:
        stream.write(_begin_tensor(tensor, arrays[tensor.name]))
        write_numbers(stream, arrays[tensor.name].pieces())


def write_external(
    stream: BinaryIO, data: BinaryIO, skeleton: ModelProto, arrays: Mapping[str, Entry], location: str
) -> None:
    """Write a model, and its numbers into another file, which it knows by ``location``."""
    from onnx import ModelProto, TensorProto

    model = ModelProto()
    model.CopyFrom(skeleton)
    end = 0
    for tensor in model.graph.initializer:
        entry = arrays.get(tensor.name)
        if entry is None:
            continue
        size = 4 * entry.count
        if size < SMALL:
            tensor.raw_data = b"".join(piece.tobytes() for piece in entry.pieces())
            continue
        start = _aligned(end, size)
        data.write(bytes(start - end))
        write_numbers(data, entry.pieces())
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", str(start)), ("length", str(size))):
            tensor.external_data.add(key=key, value=value)
        end = start + size
    stream.write(model.SerializeToString())


def _aligned(end: int, size: int) -> int:
    """Where an array begins that follows what ends at ``end``."""
    step = PAGE if size < LARGE else BLOCK
    return -(-end // step) * step


# --- the model in pieces ----------------------------------------------------------------------------


def _parts(skeleton: ModelProto, arrays: Mapping[str, Entry]) -> tuple[bytes, bytes, list[TensorProto]]:
    """The model without its graph, the graph without the arrays' tensors, and these without their numbers."""
    from onnx import ModelProto

    rest = ModelProto()
    rest.CopyFrom(skeleton)
    rest.graph.ClearField("initializer")
    rest.graph.initializer.extend(each for each in skeleton.graph.initializer if each.name not in arrays)
    graph = rest.graph.SerializeToString()
    rest.ClearField("graph")
    tensors = [each for each in skeleton.graph.initializer if each.name in arrays]
    return rest.SerializeToString(), graph, tensors


def _size(skeleton: ModelProto, arrays: Mapping[str, Entry]) -> int:
    """The bytes of a model with its numbers inside."""
    head, graph, tensors = _parts(skeleton, arrays)
    size = _graph_size(graph, tensors, arrays)
    return len(head) + len(begin(skeleton.GRAPH_FIELD_NUMBER, size)) + size


def _graph_size(graph: bytes, tensors: list[TensorProto], arrays: Mapping[str, Entry]) -> int:
    entries = [(tensor, arrays[tensor.name]) for tensor in tensors]
    return len(graph) + sum(len(_begin_tensor(tensor, entry)) + 4 * entry.count for tensor, entry in entries)


def _begin_tensor(tensor: TensorProto, entry: Entry) -> bytes:
    """A tensor of a graph as far as its numbers."""
    from onnx import GraphProto

    size = 4 * entry.count
    head: bytes = tensor.SerializeToString() + begin(tensor.RAW_DATA_FIELD_NUMBER, size)
    return begin(GraphProto.INITIALIZER_FIELD_NUMBER, len(head) + size) + head
