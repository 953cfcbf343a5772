"""Comparing two things that take time, on a machine that is doing something else as well.

The two take turns, each pair in the opposite order of the last, so that what slows the machine down slows both; what is
reported is the median of the pairs' ratios.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

Task = Callable[[], float]
"""Does something once, and says how many seconds that took."""


class Effort:
    """How long to go on: some pairs, then until the ratio is known to ``precision`` or ``seconds`` are over.

    Where figures matter each task runs once before that, to warm up.
    """

    __slots__ = ("fewest", "precision", "seconds", "warm")

    def __init__(self, precision: float, seconds: float, fewest: int = 11, warm: bool = True) -> None:
        self.precision = precision
        self.seconds = seconds
        self.fewest = fewest
        self.warm = warm


QUICK = Effort(precision=1.0, seconds=0.0, fewest=1, warm=False)
"""To see that all of it works."""


class Comparison:
    """What a pair of tasks took: medians in seconds, the median ratio, and how uncertain that is."""

    __slots__ = ("noise", "ours", "peer", "ratio")

    def __init__(self, pairs: Sequence[tuple[float, float]]) -> None:
        ratios = [ours / peer for ours, peer in pairs]
        self.ours = statistics.median(ours for ours, _ in pairs)
        self.peer = statistics.median(peer for _, peer in pairs)
        self.ratio = statistics.median(ratios)
        self.noise = uncertainty(ratios)


def compare(ours: Task, peer: Task, effort: Effort) -> Comparison:
    """Run the two in turns until the ratio is known well enough."""
    return Comparison(take_turns(ours, peer, effort))


def take_turns(ours: Task, peer: Task, effort: Effort) -> list[tuple[float, float]]:
    """The seconds of each pair of runs."""
    if effort.warm:
        ours()
        peer()
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + effort.seconds
    while True:
        if len(pairs) % 2:
            second = peer()
            pairs.append((ours(), second))
        else:
            pairs.append((ours(), peer()))
        if len(pairs) < effort.fewest:
            continue
        found = Comparison(pairs)
        if found.noise <= effort.precision * found.ratio or time.perf_counter() > end:
            return pairs


def uncertainty(values: Sequence[float]) -> float:
    """Half the width of the 95 % confidence interval of the median, which needs no assumption on how values spread."""
    ordered = sorted(values)
    count = len(ordered)
    reach = 0.98 * math.sqrt(count)
    low = max(0, math.floor(count / 2 - reach))
    high = min(count - 1, math.ceil(count / 2 + reach))
    return (ordered[high] - ordered[low]) / 2


def timed(action: Callable[[], object], clock: Callable[[], float] = time.process_time) -> Task:
    """The task of calling a function.

    One thread that computes takes as much processor time as time, on a machine that does nothing else.
    """

    def task() -> float:
        start = clock()
        action()
        return clock() - start

    return task


def process(*command: str) -> Task:
    """The task of running a command whose output nobody reads.

    Python may keep its bytecode there, as it does unless it is told otherwise: what pip installs has it too.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return timed(
        lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment), time.perf_counter
    )
