"""How far two values lie apart, and where.

The measure of a value is the largest difference of two of its numbers, as a part of its largest number. Rounding
follows the size of what is added up, and within one value that is much the same everywhere; so a bound on this measure
allows for rounding and for nothing else. The difference relative to each number itself would find fault with numbers
that are near 0 because large ones cancelled; the mean of all differences would overlook one wrong border. Besides, the
root of the mean square is told, which shows whether all of a value is wrong or some of it.
"""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from netgen.ir.graph import Shape, Value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

PIECE = 1 << 18
"""How many numbers are compared at a time: no copy of a value is made."""
_LEAST = 1e-30
"""The size of a value that is 0 everywhere, so that it can be divided by."""
MOST_ROWS = 4096
"""How many rows are looked for one by one in those of the other."""


class Measure(NamedTuple):
    """``error`` is the largest difference as a part of the largest number, ``rms`` the same of all together.

    ``at`` is where it is, and ``first`` and ``second`` are the numbers there. ``strange`` counts the numbers that are
    not finite in either; where they are not the same in both, the error is infinite. ``size`` is the largest number.
    """

    error: float
    rms: float
    at: Shape
    first: float
    second: float
    size: float
    strange: int = 0


def fits(shape: Shape, value: Value) -> bool:
    """Whether a shape is the one inferred, or smaller on axes whose size only the numbers tell."""
    inferred, dynamic = value.shape, value.node.op.dynamic
    if not value.is_known:
        return True
    if len(shape) != len(inferred):
        return False
    return all(a == b or (axis in dynamic and a < b) for axis, (a, b) in enumerate(zip(shape, inferred, strict=True)))


def measure(first: Array, second: Array) -> Measure:
    """How far two arrays of one shape lie apart, with the second seen from the first."""
    sizes, squares = [0.0, 0.0], [0.0, 0.0]
    largest, place, strange = 0.0, 0, 0
    for start in range(0, first.size, PIECE):
        one, other, gap, odd = _gaps(first, second, start)
        strange += odd
        at = int(gap.argmax())
        if gap[at] > largest:
            largest, place = float(gap[at]), start + at
        for i, each in enumerate((one, other)):
            sizes[i] = max(sizes[i], float(abs(each).max()))
        squares[0] += float(one @ one)
        squares[1] += float(gap @ gap) if isfinite(largest) else inf
    size = sizes[0] or sizes[1] or _LEAST
    rms = sqrt(squares[1] / (squares[0] or max(first.size, 1) * size**2))
    a, b = (float(each.reshape(-1)[place]) if each.size else 0.0 for each in (first, second))
    return Measure(largest / size, rms, _index(place, first.shape), a, b, sizes[0], strange)


def _gaps(first: Array, second: Array, start: int) -> tuple[Array, Array, Array, int]:
    """A piece of both, with 0 for what is not finite, how far they lie apart, and how much is not finite.

    What is not finite and the same in both lies 0 apart, and infinitely far where it is not the same.
    """
    import numpy as np

    one, other = (each.reshape(-1)[start : start + PIECE].astype(np.float64) for each in (first, second))
    with np.errstate(invalid="ignore"):
        gap = np.abs(one - other)
    odd = ~np.isfinite(gap)
    if not odd.any():
        return one, other, gap, 0
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    gap[odd] = np.where(same[odd], 0, inf)
    one[odd] = other[odd] = 0
    return one, other, gap, int(odd.sum())


def _index(place: int, shape: Shape) -> Shape:
    """The place of a number, counted along each axis."""
    index = []
    for extent in reversed(shape):
        place, at = divmod(place, max(extent, 1))
        index.append(at)
    return tuple(reversed(index))


def measure_rows(first: Array, second: Array) -> Measure:
    """How far two lists of rows lie apart, such as detections: each row is compared with the most like it.

    Some runtimes order rows otherwise, and fill up with rows of 0. Where one has more rows than the other, the error is
    infinite, and ``at`` is a row without a partner.
    """
    import numpy as np

    rows, others = _rows(first), _rows(second)
    if len(rows) > MOST_ROWS or len(others) > MOST_ROWS or not len(rows) or not len(others):
        rows, others = _ranked(rows), _ranked(others)
        if len(rows) == len(others):
            return measure(rows, others)
    else:
        others = _paired(rows, others)
    if len(rows) != len(others):
        size = float(np.abs(rows).max()) if rows.size else 0.0
        return Measure(inf, inf, (min(len(rows), len(others)),), float(len(rows)), float(len(others)), size)
    return measure(rows, others)


def _rows(array: Array) -> Array:
    import numpy as np

    rows = np.asarray(array, np.float64).reshape(-1, array.shape[-1] if array.ndim else 1)
    nothing = (rows[:, 1:2] == -1).any(axis=1)  # Caffe's row for an image in which nothing was found
    kept: Array = rows[np.any(rows != 0, axis=1) & ~nothing]
    return kept


def _ranked(rows: Array) -> Array:
    import numpy as np

    return rows[np.lexsort(rows.T[::-1])] if len(rows) else rows


def _paired(rows: Array, others: Array) -> Array:
    """The other rows in the order of these; with those left over behind, where there are more of them."""
    import numpy as np

    size = np.maximum(np.abs(rows).max(axis=0), _LEAST)
    free = np.ones(len(others), bool)
    order = []
    for row in rows[: len(others)]:
        gap = np.where(free, (np.abs(others - row) / size).max(axis=1), inf)
        order.append(int(gap.argmin()))
        free[order[-1]] = False
    return np.concatenate([others[order], others[free]])
