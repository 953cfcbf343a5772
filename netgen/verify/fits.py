"""Numbers that follow from a layer's own results: arguments, what a batch normalisation was divided by, and its eps.

A layer that normalises computes slope * x + offset for each channel. The slopes are measured, and from them follow the
factor of the running statistics and eps: 1 / slope^2 = factor * variance + eps, a straight line over the channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any

from netgen.ir.fault import Fault
from netgen.verify.suspect import Suspect, Trial
from netgen.verify.trials import NOT_COMPUTED

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_ROUNDS = 8
"""How often an argument is bettered: Newton's method doubles its digits each time."""
_NEAR = 1e-3
"""How near to 1 a factor is that is 1."""


def batch_norm_fits(s: Suspect) -> Iterator[Trial]:
    """It does not divide the statistics by their factor, or takes another eps."""
    made = s.made[0]
    if made is None or "mean" not in s.arrays or made.shape != s.inputs[0].shape or s.node.a.statistics != "running":
        return
    found = _line(s, made)
    if found is None:
        return
    factor, eps = found
    if abs(factor - 1) < _NEAR:
        yield from _eps(s, eps)
        return
    for each in dict.fromkeys((_plain(factor, 4), _plain(factor, 3), factor)):
        arrays = {name: s.arrays[name] * each for name in ("mean", "variance")}
        words = f"uses mean and variance {each:g} times as large: it does not divide them by their factor"
        yield Trial(words, s.make(arrays=arrays), "BatchNorm factor")
        only = {"variance": arrays["variance"]}
        words = f"uses the variance {each:g} times as large, and the mean as it is"
        yield Trial(words, s.make(arrays=only), "BatchNorm factor")


def _eps(s: Suspect, eps: float) -> Iterator[Trial]:
    have = s.node.a.eps
    for each in dict.fromkeys((_plain(eps, 1), _plain(eps, 2), eps)):
        if each > 0:
            words = f"computes it with `eps = {each:g}`, where the net says {have:g}"
            yield Trial(words, s.make(a={"eps": each}), "eps")


def _line(s: Suspect, made: Array) -> tuple[float, float] | None:
    """The factor and eps that explain the slopes best."""
    import numpy as np

    x, y = (_by_channel(array) for array in (s.inputs[0], made))
    x -= x.mean(1, keepdims=True)
    spread = (x * x).sum(1)
    slopes = (x * y).sum(1) / np.where(spread, spread, 1)
    if "weight" in s.arrays:
        weight = s.arrays["weight"].astype(np.float64)
        slopes = slopes / np.where(weight, weight, 1)
    usable = (spread > 0) & (slopes > 0)
    if usable.sum() < 2:
        return None
    variance = s.arrays["variance"].astype(np.float64)[usable]
    squares = 1 / slopes[usable] ** 2
    scale = 1 / squares  # differences count relative to what is explained
    design = np.stack([variance * scale, scale], 1)
    (factor, eps), *_ = np.linalg.lstsq(design, np.ones(len(variance)), rcond=None)
    return float(factor), float(eps)


def _by_channel(array: Array) -> Array:
    import numpy as np

    rows: Array = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1).astype(np.float64)
    return rows


def _plain(number: float, digits: int) -> float:
    """A number as people choose it, with few digits."""
    if not number:
        return 0.0
    return round(number, digits - 1 - floor(log10(abs(number))))


def fitted_arguments(s: Suspect) -> Iterator[Trial]:
    """It takes another number for an argument: the one that gives its result."""
    for arg in s.node.op.args:
        have = s.node.a[arg.name]
        if not isinstance(have, float) or arg.name in NOT_COMPUTED:
            continue
        found = _fitted(s, arg.name, have)
        for each in dict.fromkeys(_plain(found, digits) for digits in (1, 2, 3, 7)) if found is not None else ():
            words = f"computes it with `{arg.name} = {each:g}`, where the net says {have:g}"
            yield Trial(words, s.make(a={arg.name: each}), "eps" if arg.name == "eps" else "argument")


def _fitted(s: Suspect, name: str, have: float) -> float | None:
    """The number for an argument that comes nearest to the result, by Gauss and Newton; None if that does not end."""
    made = s.made[0]
    if made is None or made.shape != s.node.y[0]:
        return None
    value = have
    try:
        for _ in range(_ROUNDS):
            step = max(abs(value) / 100, 1e-4)
            here, there = (s.again(a={name: each})[0].astype("f8") for each in (value, value + step))
            slope = (there - here) / step
            length = float((slope * slope).sum())
            if not isfinite(length) or not length:
                return None
            value += float((slope * (made - here)).sum()) / length
    except Fault:  # it left what the argument may be
        return None
    return value if isfinite(value) else None
