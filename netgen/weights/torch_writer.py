"""Writing what ``torch.save`` writes of a state_dict, without PyTorch and without holding the arrays.

The file is a zip archive in which nothing is compressed: a pickle, which names a storage for each tensor, and the
storages.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO
from zipfile import ZIP64_LIMIT, ZipFile, ZipInfo

from netgen.weights.entry import Entry
from netgen.weights.numbers import write_numbers

_ALIGNMENT = 64
"""Storages begin at multiples of it, as PyTorch's do, so that they can be used where they lie."""
_FOLDER = "archive"
_LOCAL_HEADER = 30
_ZIP64_EXTRA = 20


def write_state_dict(stream: BinaryIO, entries: Mapping[str, Entry]) -> None:
    """Write arrays by key, as float32. Keys that have one entry in common share one storage."""
    storages: dict[int, tuple[str, Entry]] = {}
    for entry in entries.values():
        storages.setdefault(id(entry), (str(len(storages)), entry))
    pickled = _Pickle()
    for key, entry in entries.items():
        pickled.tensor(key, entry, storages[id(entry)][0])
    with ZipFile(stream, "w") as archive:
        archive.writestr(ZipInfo(f"{_FOLDER}/data.pkl"), pickled.end())
        archive.writestr(ZipInfo(f"{_FOLDER}/byteorder"), b"little")
        for name, entry in storages.values():
            _add_storage(archive, stream, f"{_FOLDER}/data/{name}", entry)
        archive.writestr(ZipInfo(f"{_FOLDER}/version"), b"3\n")


def _add_storage(archive: ZipFile, stream: BinaryIO, name: str, entry: Entry) -> None:
    info = ZipInfo(name)
    info.file_size = 4 * entry.count
    header = _LOCAL_HEADER + len(name) + 4
    if info.file_size * 1.05 > ZIP64_LIMIT:  # zipfile's own rule
        header += _ZIP64_EXTRA
    padding = -(stream.tell() + header) % _ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", padding) + bytes(padding)
    with archive.open(info, "w") as file:
        write_numbers(file, entry.pieces())


class _Pickle:
    """A pickle of a dict of tensors, instruction by instruction (see Lib/pickletools.py for what each does)."""

    def __init__(self) -> None:
        self.code = bytearray(b"\x80\x02}(")  # protocol 2, an empty dict, the mark that items begin at

    def tensor(self, key: str, entry: Entry, storage: str) -> None:
        """One item: ``key: torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())``."""
        self._text(key)
        self.code += b"ctorch._utils\n_rebuild_tensor_v2\n("
        self._storage(storage, entry.count)
        self._number(0)
        self._numbers(entry.shape)
        self._numbers(_strides(entry.shape))
        self.code += b"\x89ccollections\nOrderedDict\n)RtR"

    def _storage(self, name: str, count: int) -> None:
        """What the reader of the pickle has to look up: ("storage", torch.FloatStorage, name, "cpu", count)."""
        self.code += b"("
        self._text("storage")
        self.code += b"ctorch\nFloatStorage\n"
        self._text(name)
        self._text("cpu")
        self._number(count)
        self.code += b"tQ"

    def _text(self, text: str) -> None:
        data = text.encode()
        self.code += b"X" + struct.pack("<I", len(data)) + data

    def _number(self, value: int) -> None:
        if value < 1 << 31:
            self.code += b"J" + struct.pack("<i", value)
        else:
            self.code += b"\x8a\x08" + struct.pack("<q", value)

    def _numbers(self, values: tuple[int, ...]) -> None:
        self.code += b"("
        for value in values:
            self._number(value)
        self.code += b"t"

    def end(self) -> bytes:
        return bytes(self.code + b"u.")


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How far apart the elements of each axis are, in the order of C."""
    strides = []
    step = 1
    for dim in reversed(shape):
        strides.append(step)
        step *= max(dim, 1)
    return tuple(reversed(strides))
