"""What programs in C++ print past Python, kept from the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile


class Noise:
    """What was printed, once it is over."""

    text = ""


@contextmanager
def captured() -> Iterator[Noise]:
    """Keep what is written to the process's standard output and standard error, by whatever part of it."""
    noise = Noise()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(each) for each in (1, 2)]
    with TemporaryFile() as file:
        try:
            for each in (1, 2):
                os.dup2(file.fileno(), each)
            yield noise
        finally:
            for each, old in zip((1, 2), kept, strict=True):
                os.dup2(old, each)
                os.close(old)
            file.seek(0)
            noise.text = file.read(1 << 20).decode("utf-8", "replace").strip()
