"""How far two values lie apart, and where.

The measure of a value is the largest difference of two of its numbers, as a part of its largest number. Rounding follows
the size of what is added up, and within one value that is much the same everywhere; so a bound on this measure allows
for rounding and for nothing else. The difference relative to each number itself would find fault with numbers that are
near 0 because large ones cancelled; the mean of all differences would overlook one wrong border. Besides, the root of
the mean square is told, which shows whether all of a value is wrong or some of it.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    ``at`` is where it is, and ``first`` and ``second`` are the numbers there. ``strange`` counts the numbers that are not
    finite in either; where they are not the same in both, the error is infinite. ``size`` is the largest number.
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
    import numpy as np

    size = other_size = squares = largest = total = 0.0
    start = place = strange = 0
    for a, b in _pieces(first, second):
        gap = np.abs(a - b)
        odd = ~np.isfinite(gap)
        if odd.any():
            same = odd & ((a == b) | (np.isnan(a) & np.isnan(b)))
            strange += int(odd.sum())
            gap[odd] = inf
            gap[same] = 0
            a, b = np.where(odd, 0, a), np.where(odd, 0, b)
        at = int(gap.argmax())
        if gap[at] > largest:
            largest, place = float(gap[at]), start + at
        size, other_size = max(size, float(np.abs(a).max())), max(other_size, float(np.abs(b).max()))
        if isfinite(largest):
            squares += float(np.dot(gap, gap))
        total += float(np.dot(a, a))
        start += len(a)
    index = np.unravel_index(place, first.shape) if first.size else ()
    at_place = tuple(int(each) for each in index)
    one, other = (float(each.reshape(-1)[place]) if each.size else 0.0 for each in (first, second))
    rms = sqrt(squares / max(total, _LEAST)) if isfinite(largest) else inf
    return Measure(largest / max(size or other_size, _LEAST), rms, at_place, one, other, size, strange)


def _pieces(first: Array, second: Array) -> Iterator[tuple[Array, Array]]:
    import numpy as np

    flat, other = first.reshape(-1), second.reshape(-1)
    for start in range(0, flat.size, PIECE):
        yield flat[start : start + PIECE].astype(np.float64), other[start : start + PIECE].astype(np.float64)


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
    return rows[np.any(rows != 0, axis=1)]


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
