"""Files that are written bit by bit, and are there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from netgen.diag import Diagnostic, NetgenError


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of a file at the end; raises ``NetgenError`` (NG502) where it cannot.

    It is written beside its place and moved there, so that what was there stays whole until then. The file keeps its
    mode, and a link stays a link.
    """
    place = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(place), f".netgen-{os.getpid()}-{os.path.basename(place)}.tmp")
    try:
        mode = _mode(place)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(temporary, "xb") as stream:
            yield stream
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, place)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NetgenError([Diagnostic("NG502", f"cannot write {path}: {reason}")]) from error
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _mode(place: str) -> int | None:
    """The mode of the file that stands at a place; None where there is none."""
    try:
        mode = os.stat(place).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is not a file")
    if not os.access(place, os.W_OK):
        raise PermissionError(0, "it is write-protected")
    return stat.S_IMODE(mode)
