"""Files are written whole or not at all: beside their place first, then moved there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from netgen.diag import Diagnostic, NetgenError


def write_all(texts: Mapping[str, str | bytes]) -> None:
    """Write texts, or bytes, to paths, making folders as needed; raises ``NetgenError`` (NG502) where that cannot be.

    Nothing is moved to its place before all texts are safely on the disk, so that a full disk or an interruption
    leaves every file as it was. A file that exists keeps its mode, and a link stays a link.
    """
    staged: list[tuple[str, str, str]] = []
    try:
        for number, (path, text) in enumerate(texts.items()):
            _stage(path, text, number, staged)
        while staged:
            path, temporary, place = staged[0]
            os.replace(temporary, place)
            staged.pop(0)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        for _, temporary, _ in staged:
            os.unlink(temporary)


def make_folder(path: str) -> None:
    """Make the folder that a file is to stand in."""
    try:
        os.makedirs(os.path.dirname(os.path.realpath(path)), exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def _stage(path: str, text: str | bytes, number: int, staged: list[tuple[str, str, str]]) -> None:
    place = os.path.realpath(path)
    mode = _mode(place)
    if mode is not None and not stat.S_ISREG(mode):
        _write_through(place, text)
        return
    folder = os.path.dirname(place)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".netgen-{os.getpid()}-{number}.tmp")
    with open(temporary, "xb") as file:
        staged.append((path, temporary, place))
        file.write(_encoded(text))
    if mode is not None:
        os.chmod(temporary, stat.S_IMODE(mode))


def _mode(place: str) -> int | None:
    """The mode of what stands at a place, if it may be written; None where there is nothing."""
    try:
        mode = os.stat(place).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(0, "it is a directory")
    if not os.access(place, os.W_OK):
        raise PermissionError(0, "it is write-protected")
    return mode


def _write_through(place: str, text: str | bytes) -> None:
    """Write to a device or a pipe, which has nothing to lose."""
    with open(place, "wb") as file:
        file.write(_encoded(text))


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def cannot_write(path: str, reason: OSError | str) -> NetgenError:
    """The error for an output that the system, or reason, refuses."""
    if isinstance(reason, OSError):
        reason = (reason.strerror or str(reason)).lower()
    return NetgenError([Diagnostic("NG502", f"cannot write {path}: {reason}")])
