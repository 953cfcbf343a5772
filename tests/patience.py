"""How often tests try something by chance, and how much time something may take."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count


def turns(usual: int) -> Iterator[tuple[str, random.Random]]:
    """As many turns as usual, each with its name and what is by chance: the same ones each time.

    With ``NETGEN_FUZZ_SECONDS`` they go on so long, and are others each time.
    """
    seconds = float(os.environ.get("NETGEN_FUZZ_SECONDS", "0"))
    seed = time.time_ns() if seconds else 0
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    for turn in count():
        if time.monotonic() > end if seconds else turn == usual:
            return
        yield f"seed {seed}, turn {turn}", chance


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if what is done takes longer: of the processor's time, since the machine may be doing something else.

    It is no measurement: what this finds, something quadratic, takes minutes.
    """
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds
