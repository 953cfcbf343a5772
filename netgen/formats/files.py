"""Reading files from disk, whatever they turn out to be."""

from __future__ import annotations

import os
from collections.abc import Sequence

from netgen.diag import Diagnostic, NetgenError, Source, Span, did_you_mean

MAX_PROGRAM = 8 << 20
MAX_PROTOTXT = 64 << 20
PROTOTXT = (".prototxt", ".pbtxt", ".prototxt.txt", ".caffe")
"""How the names of files in protobuf's text format end."""
PROGRAMS = (".net", *PROTOTXT)
_OF_CAFFE = (*PROTOTXT, ".caffemodel", ".solverstate", ".binaryproto")
"""Files of Caffe's: whoever reads a text knows what the others are that are given in its place."""
LOOK = 4096
"""How much of a text is enough to see what it is."""


def read_bytes(path: str, suffixes: Sequence[str], limit: int = MAX_PROTOTXT) -> bytes:
    """What a file holds, at most ``limit`` bytes and one more; a ``NetgenError`` where there is none.

    ``suffixes`` are the endings of files that are suggested instead of one that is missing.
    """
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise not_read(path, suffixes, error) from None


def not_read(path: str, suffixes: Sequence[str], error: OSError | ValueError) -> NetgenError:
    """The error for a file that could not be read."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return NetgenError([_missing(path, tuple(suffixes))])
    return NetgenError([_unreadable(path, error)])


def of_file(code: str, title: str, path: str, label: str, hint: str = "") -> Diagnostic:
    """A diagnostic about a file as a whole."""
    return Diagnostic(code, title, Span(Source(path, ""), 0, 0), label, hint=hint)


def is_prototxt(path: str, text: str) -> bool:
    """Whether a text is in protobuf's text format: its name says so or, where that says nothing, how it begins."""
    if path.endswith(".net"):
        return False
    if path.endswith(_OF_CAFFE):
        return True
    words = text[:LOOK].lstrip("\ufeff \t\r\n")
    while words.startswith("#"):
        words = words.partition("\n")[2].lstrip()
    name = words[: len(words) - len(words.lstrip(_LETTERS))]
    return bool(name) and words[len(name) :].lstrip()[:1] in (":", "{", "<")


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"


def _unreadable(path: str, error: OSError | ValueError) -> Diagnostic:
    if isinstance(error, IsADirectoryError):
        return of_file("NG501", "cannot read the file", path, "it is a folder", "give the files in it")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return of_file("NG501", "cannot read the file", path, reason[:1].lower() + reason[1:])


def _missing(path: str, suffixes: tuple[str, ...]) -> Diagnostic:
    folder, name = os.path.split(path)
    try:
        present = sorted(each for each in os.listdir(folder or ".") if each.endswith(suffixes))
    except OSError:
        return of_file("NG213", "file not found", path, f"there is no folder `{folder}`" if folder else "")
    label = f"there is no `{name}` in {f'`{folder}`' if folder else 'the current folder'}"
    hint = did_you_mean(name, present)
    if not hint and present:
        hint = f"it has {', '.join(present[:8])}{', …' if len(present) > 8 else ''}"
    return of_file("NG213", "file not found", path, label, hint)
