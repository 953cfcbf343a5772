"""A sign of life while something takes long, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TextIO

PATIENCE = 1.0
"""Seconds before anything is shown: most builds are done by then."""
INTERVAL = 0.2


@contextmanager
def progress(stream: TextIO, status: Callable[[], str]) -> Iterator[None]:
    """Show ``status()`` and the seconds so far on one line of a terminal, and wipe the line at the end."""
    done = Event()
    watcher = Thread(target=_watch, args=(stream, status, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(stream: TextIO, status: Callable[[], str], done: Event) -> None:
    begun = monotonic()
    shown = 0
    wait = PATIENCE
    while not done.wait(wait):
        wait = INTERVAL
        line = f"{status()}, {monotonic() - begun:.0f} s"
        stream.write("\r" + line.ljust(shown))
        stream.flush()
        shown = len(line)
    if shown:
        stream.write("\r" + " " * shown + "\r")
        stream.flush()
