"""Numbers by chance that are the same everywhere: on every machine, with every version of numpy.

Of numpy only the raw bits of a generator are used, which its makers promise never to change (NEP 19); distributions
come without that promise, and those that call a logarithm differ between processors. What follows is exact arithmetic.
"""

from __future__ import annotations

from hashlib import sha256
from math import prod
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Shape

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

_STEPS = 2**24
"""How many different numbers there are: as many as float32 has room for between one power of two and the next."""


def draw(seed: int, name: str, shape: Shape) -> Array:
    """Numbers between -1 and 1, evenly spread and never 0. Each name has a stream of its own."""
    import numpy as np

    count = prod(shape)
    key = int.from_bytes(sha256(f"{seed} {name}".encode()).digest(), "little")
    bits = np.random.PCG64(key).random_raw((count + 1) // 2).astype("<u8", copy=False).view("<u4")[:count]
    bits >>= 8
    numbers = bits.astype(np.float32)
    numbers *= 2  # odd numbers of 25 bits at most: nothing is ever rounded
    numbers += 1 - _STEPS
    numbers *= 1 / _STEPS
    return numbers.reshape(shape)


def between(low: float, high: float, numbers: Array) -> Array:
    """Numbers from -1 to 1, put between two others in their place."""
    numbers *= (high - low) / 2
    numbers += (high + low) / 2
    return numbers
