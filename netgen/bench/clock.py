"""Time: that of the processor's clock, and that of the card's, which works behind the program's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from netgen.bench.settings import Settings

FEWEST = 3
"""How many runs are measured at least, however long each takes."""
WARM = 2
"""How many runs come before them at least, unless the settings say it."""


class Clock(Protocol):
    """Takes moments, and tells the seconds between two of them."""

    queues: bool
    """Whether a call returns before its work is done, so that the next can be waiting."""

    def now(self) -> Any:
        """The moment that it is, in the order of the work."""

    def seconds(self, begin: Any, end: Any) -> float:
        """How long that took; waits until ``end`` is over."""


class CpuClock:
    """Moments of the processor."""

    queues = False

    def now(self) -> float:
        return perf_counter()

    def seconds(self, begin: float, end: float) -> float:
        return end - begin


class CudaClock:
    """Moments in the card's queue: events, which lie between the kernels."""

    queues = True

    def now(self) -> torch.cuda.Event:
        import torch

        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def seconds(self, begin: torch.cuda.Event, end: torch.cuda.Event) -> float:
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1000


def turns(settings: Settings, part: float = 1.0) -> Iterator[int]:
    """Count as many turns as are to be measured; with ``part`` for so much of the time."""
    if settings.runs is not None:
        yield from range(settings.runs)
        return
    end = perf_counter() + settings.seconds * part
    number = 0
    while perf_counter() < end or number < FEWEST:
        yield number
        number += 1


def warm_up(call: Callable[[], object], clock: Clock, settings: Settings) -> None:
    """Call until what happens once has happened: memory taken, algorithms chosen, code loaded."""
    end = perf_counter() + settings.seconds / 10
    number = 0
    while perf_counter() < end or number < WARM if settings.warmup is None else number < settings.warmup:
        timed(call, clock)
        number += 1


def timed(call: Callable[[], object], clock: Clock) -> float:
    """The seconds of one call, from its begin to the end of its work."""
    begin = clock.now()
    call()
    return clock.seconds(begin, clock.now())


def seconds_a_call(call: Callable[[], object], clock: Clock, times: int) -> float:
    """The seconds that each of many calls takes, one close behind the other."""
    begin = clock.now()
    for _ in range(times):
        call()
    return clock.seconds(begin, clock.now()) / times
