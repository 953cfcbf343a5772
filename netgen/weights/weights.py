"""The one map of weights: what each parameter of each node is, wherever it comes from and wherever it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netgen.ir.slots import Key
from netgen.weights.entry import Entry

if TYPE_CHECKING:
    import numpy as np


class Weights(Mapping[Key, "np.ndarray[Any, np.dtype[np.float32]]"]):
    """Arrays by (node, parameter), in the order of the net: ``weights["conv1", "weight"]``.

    They are float32, read when they are asked for, and not to be changed: they may be the file itself. ``carried`` are
    the blobs of layers of which nothing is known, by the layer's name.
    """

    __slots__ = ("carried", "entries")

    def __init__(self, entries: Mapping[Key, Entry], carried: Mapping[str, tuple[Entry, ...]] | None = None) -> None:
        self.entries = dict(entries)
        self.carried = dict(carried or {})

    def __getitem__(self, key: Key) -> np.ndarray[Any, np.dtype[np.float32]]:
        return self.entries[key].array()

    def __iter__(self) -> Iterator[Key]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"<Weights: {len(self)} arrays, {sum(entry.count for entry in self.entries.values()):,} numbers>"
