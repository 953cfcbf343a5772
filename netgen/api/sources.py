"""Programs and prototxts as texts, and what a prototxt is read for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from netgen.diag import Source
from netgen.formats.files import LOOK, PROGRAMS, is_prototxt, read_bytes
from netgen.lang.reading import decode

Program = str | os.PathLike[str]
"""A program: the path of a ``.net`` file; or its text, which has a line break or a brace."""


class Reading:
    """What a prototxt is read for.

    ``phase`` (``"TRAIN"`` or ``"TEST"``), ``stages`` and ``level`` choose among its layers; what is None is as the file
    itself has it. ``inputs`` gives shapes of blobs that the text does not say, such as images from a database; what
    makes such a blob is left out and the net begins there. ``ends`` are blobs that the net ends with, instead of all
    that nothing reads.
    """

    __slots__ = ("ends", "inputs", "level", "phase", "stages")

    def __init__(
        self,
        phase: str | None = None,
        stages: Sequence[str] | None = None,
        level: int | None = None,
        inputs: Mapping[str, Sequence[int]] | None = None,
        ends: Sequence[str] = (),
    ) -> None:
        self.phase = phase
        self.stages = stages
        self.level = level
        self.inputs = inputs or {}
        self.ends = ends

    @property
    def is_whole(self) -> bool:
        """Whether nothing is asked for, so that the layers of all phases are kept."""
        return not self.asked

    @property
    def asked(self) -> list[str]:
        """The names of what is asked for."""
        given = {"phase": self.phase, "stages": self.stages, "level": self.level}
        return [
            *(name for name, value in given.items() if value is not None),
            *(name for name, value in (("inputs", self.inputs), ("ends", self.ends)) if value),
        ]


def open_any(program: Program) -> Source:
    if isinstance(program, str) and ("\n" in program or "{" in program):
        return decode_program("<text>", program.encode("utf-8", "surrogatepass"))
    if not isinstance(program, (str, os.PathLike)):
        raise TypeError(f"a program is a path or a text, not {type(program).__name__}")
    return open_program(os.fspath(program))


def open_program(path: str) -> Source:
    """The text of a program or a prototxt; raises ``NetgenError`` where it cannot be read."""
    return decode_program(path, read_bytes(path, PROGRAMS))


def decode_program(path: str, data: bytes) -> Source:
    """The text that some bytes are, each language in its own way."""
    is_binary = b"\0" in data and bool(data[:LOOK].strip(b"\0"))
    is_program = path.endswith(".net") or not is_binary  # what else a file is, the reader of prototxts tells
    if is_program and not is_prototxt(path, data[:LOOK].decode("utf-8", "replace")):
        return decode(path, data)
    from netgen.formats.textproto_reader import decode_text

    return decode_text(path, data)
