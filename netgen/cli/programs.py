"""Programs from files and from standard input."""

from __future__ import annotations

import sys

from netgen.diag import Source
from netgen.lang.reading import decode, read_source

STDIN = "-"


def read(path: str) -> Source:
    """The text of a program; raises ``NetgenError`` where it is none."""
    if path != STDIN:
        return read_source(path)
    buffer = getattr(sys.stdin, "buffer", None)
    return decode("<stdin>", buffer.read() if buffer is not None else sys.stdin.read().encode())
