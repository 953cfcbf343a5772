"""How two values differ, where no hypothesis says why: all of it or some channels, by a factor, or at the border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_FEW = 0.25
"""Which part of all channels is worth telling by their numbers."""


def pattern(first: Array, second: Array, bound: float) -> str:
    """In words, with the second seen from the first; empty where there is nothing to say."""
    import numpy as np

    if first.shape != second.shape or not first.size:
        return ""
    one, other = (np.asarray(each, np.float64) for each in (first, second))
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return ""
    size = np.abs(one).max() or 1.0
    wrong = np.abs(one - other) > bound * size
    if not other.any():
        return "all of it is 0"
    return _ratio(one, other, bound) or _channels(wrong) or _border(wrong) or _order(one, other, bound) or _share(wrong)


def _ratio(one: Array, other: Array, bound: float) -> str:
    import numpy as np

    factor = float((one * other).sum() / ((one * one).sum() or 1.0))
    if factor and np.abs(other - factor * one).max() <= bound * np.abs(other).max():
        return f"all of it is {factor:.6g} times as large"
    offset = float((other - one).mean())
    if offset and np.abs(other - one - offset).max() <= bound * np.abs(other).max():
        return f"all of it is larger by {offset:.6g}"
    return ""


def _channels(wrong: Array) -> str:
    """Whether only some channels differ."""
    if wrong.ndim < 2 or wrong.shape[1] < 2:
        return ""
    touched = [at for at in range(wrong.shape[1]) if wrong[:, at].any()]
    if not touched or len(touched) > max(1, _FEW * wrong.shape[1]):
        return ""
    named = ", ".join(map(str, touched[:6])) + (", …" if len(touched) > 6 else "")
    return f"only {len(touched)} of {wrong.shape[1]} channels differ{'s' if len(touched) == 1 else ''}: {named}"


def _border(wrong: Array) -> str:
    """Whether only places at the border differ."""
    if wrong.ndim != 4 or min(wrong.shape[2:]) < 4:
        return ""
    if not wrong[:, :, 1:-1, 1:-1].any():
        sides = {
            "top": wrong[:, :, 0],
            "bottom": wrong[:, :, -1],
            "left": wrong[:, :, :, 0],
            "right": wrong[:, :, :, -1],
        }
        inner = {name: side[:, :, 1:-1].any() for name, side in sides.items()}
        return f"only the border differs: {', '.join(name for name, is_wrong in inner.items() if is_wrong)}"
    return ""


def _order(one: Array, other: Array, bound: float) -> str:
    import numpy as np

    gap = np.abs(np.sort(one, axis=None) - np.sort(other, axis=None)).max()
    return "the same numbers in another order" if gap <= bound * np.abs(one).max() else ""


def _share(wrong: Array) -> str:
    return f"{wrong.sum():,} of {wrong.size:,} numbers differ" if wrong.any() else ""
