"""Looking at numbers: what is in an array, and how two sets of arrays differ. A piece at a time, so of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netgen.ir.graph import Shape
from netgen.weights.entry import Entry

SAME, CHANGED, RESHAPED, ONLY_FIRST, ONLY_SECOND = (
    "same",
    "changed",
    "reshaped",
    "only in the first",
    "only in the second",
)


class Statistics:
    """The least, the largest and the mean number of an array; of those that are numbers."""

    __slots__ = ("largest", "least", "mean", "strange")

    def __init__(self, entry: Entry) -> None:
        import numpy as np

        self.least, self.largest, total, self.strange = np.inf, -np.inf, 0.0, 0
        for piece in entry.pieces():
            finite = piece[np.isfinite(piece)]
            self.strange += piece.size - finite.size
            if finite.size:
                self.least = min(self.least, float(finite.min()))
                self.largest = max(self.largest, float(finite.max()))
                total += float(finite.sum(dtype=np.float64))
        count = entry.count - self.strange
        self.mean = total / count if count else np.nan
        if not count:
            self.least = self.largest = np.nan


class Difference:
    """What has become of one array. ``count`` of its numbers differ, by ``largest`` at most."""

    __slots__ = ("count", "largest", "name", "other", "shape", "state")

    def __init__(
        self,
        name: str,
        state: str,
        *,
        shape: Shape | None = None,
        other: Shape | None = None,
        count: int = 0,
        largest: float = 0.0,
    ) -> None:
        self.name = name
        self.state = state
        self.shape = shape
        self.other = other
        self.count = count
        self.largest = largest


def differences(first: Mapping[str, Entry], second: Mapping[str, Entry]) -> Iterator[Difference]:
    """Every array of two sets: those of the first in its order, then what only the second has."""
    for name, entry in first.items():
        if name in second:
            yield difference(name, entry, second[name])
        else:
            yield Difference(name, ONLY_FIRST, shape=entry.shape)
    for name, entry in second.items():
        if name not in first:
            yield Difference(name, ONLY_SECOND, other=entry.shape)


def difference(name: str, entry: Entry, other: Entry) -> Difference:
    """How two arrays differ. Numbers are the same if their bits are; what is no number differs by infinity."""
    import numpy as np

    if entry.count != other.count:
        return Difference(name, RESHAPED, shape=entry.shape, other=other.shape)
    count, largest = 0, 0.0
    for one, two in zip(entry.pieces(), other.pieces(), strict=True):
        differ = one.view("<u4") != two.view("<u4")
        if not differ.any():
            continue
        count += int(differ.sum())
        with np.errstate(all="ignore"):
            far = np.abs(one[differ].astype(np.float64) - two[differ])
        far[np.isnan(far)] = np.inf
        largest = max(largest, float(far.max()))
    state = CHANGED if count else SAME if entry.shape == other.shape else RESHAPED
    return Difference(name, state, shape=entry.shape, other=other.shape, count=count, largest=largest)
