"""The safetensors format: a header in JSON, then the arrays one behind the other. It needs no package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from mmap import mmap
from typing import TYPE_CHECKING, Any, BinaryIO

from netgen.diag import NetgenError
from netgen.weights.entry import Entry, WeightsFile
from netgen.weights.faults import damaged, number, shape_text
from netgen.weights.numbers import FLOATS, numpy_type, write_numbers

if TYPE_CHECKING:
    import numpy as np

MAX_HEADER = 100_000_000
"""As the format has it."""
_FLOATS = {"F32": "float32", "F64": "float64", "F16": "float16", "BF16": "bfloat16"}
_OTHERS = {"I8": 1, "U8": 1, "BOOL": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}
_OTHERS |= {"F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8}


def read_safetensors(path: str, data: mmap) -> WeightsFile:
    """The arrays of a file; raises ``NetgenError`` where it is damaged."""
    header, start = _header(path, data)
    metadata = header.pop("__metadata__", {})
    entries = [_entry(path, data, name, said, start) for name, said in header.items()]
    _check_room(path, entries, start, len(data))
    texts = metadata if isinstance(metadata, dict) else {}
    return WeightsFile(path, "safetensors", entries, metadata={str(key): str(text) for key, text in texts.items()})


def _header(path: str, data: mmap) -> tuple[dict[str, Any], int]:
    """What the header says, and where the arrays begin."""
    size = int.from_bytes(data[:8], "little")
    if size > min(MAX_HEADER, len(data) - 8):
        raise damaged(path, f"its header claims {number(size)} bytes; the file has {number(len(data))}")
    try:
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its header is not right JSON: {error}") from None
    if not isinstance(header, dict):
        raise damaged(path, "its header is not a JSON object")
    return header, 8 + size


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _entry(path: str, data: mmap, name: str, said: object, start: int) -> Entry:
    def wrong(text: str) -> NetgenError:
        return damaged(path, f"array `{name}`: {text}")

    try:
        dtype, dims, (begin, end) = said["dtype"], said["shape"], said["data_offsets"]  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        raise wrong("the header does not say its dtype, shape and data_offsets") from None
    if not isinstance(dtype, str) or not isinstance(dims, list) or not _are_counts([*dims, begin, end]):
        raise wrong("its shape or offsets are no counts")
    width = FLOATS.get(_FLOATS.get(dtype, "")) or _OTHERS.get(dtype)
    if width is None:
        raise wrong(f"there is no dtype `{dtype}`")
    if prod(dims) * width != end - begin or end > len(data) - start:
        raise wrong(
            f"its shape is {shape_text(dims)} of {dtype}, which takes {number(prod(dims) * width)} bytes; it has those "
            f"from {number(start + begin)} to {number(start + end)} of a file of {number(len(data))}"
        )
    known = _FLOATS.get(dtype)
    return Entry(
        name,
        tuple(dims),
        lambda: _view(data, known or "", start + begin, prod(dims)),
        dtype=known or dtype.lower(),
        path=path,
        offset=start + begin,
        mapped=True,
    )


def _are_counts(values: list[object]) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 for value in values)


def _view(data: mmap, dtype: str, offset: int, count: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.ndarray((count,), numpy_type(dtype), data, offset)


def _check_room(path: str, entries: list[Entry], start: int, end: int) -> None:
    """Arrays fill the file, and none lies in another."""
    at = start
    width = {**FLOATS, **{name.lower(): width for name, width in _OTHERS.items()}}
    for entry in sorted(entries, key=lambda entry: (entry.offset or 0, entry.count)):
        if entry.offset != at:
            raise damaged(path, f"array `{entry.name}` begins at byte {number(entry.offset or 0)}, not at {number(at)}")
        at += entry.count * width[entry.dtype]
    if at != end:
        raise damaged(path, f"its arrays end at byte {number(at)}, the file at {number(end)}")


def write_safetensors(stream: BinaryIO, entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> None:
    """Write arrays by name, as float32."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, entry in entries.items():
        end = at + 4 * entry.count
        header[name] = {"dtype": "F32", "shape": list(entry.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers lie where processors like them
    stream.write(len(text).to_bytes(8, "little"))
    stream.write(text)
    for entry in entries.values():
        write_numbers(stream, entry.pieces())
