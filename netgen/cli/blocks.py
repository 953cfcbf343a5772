"""The blocks of the bundled libraries, as ``netgen ops`` shows them: a block is text, and its text tells it all."""

from __future__ import annotations

import os
from typing import NamedTuple

from netgen.lang.modules import LIBRARY, libraries
from netgen.lang.parse import parse, read_source


class Bundled(NamedTuple):
    """A block, and where it stands."""

    library: str
    name: str
    doc: str
    text: str

    @property
    def summary(self) -> str:
        """What it is, in a sentence."""
        return " ".join(self.doc.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".") + "."

    @property
    def page(self) -> str:
        """How a program gets it, and all of it."""
        comment = "".join(f"# {line}".rstrip() + "\n" for line in self.doc.splitlines())
        return f"use {self.library}: {self.name}\n\n{comment}{self.text}"


def bundled() -> list[Bundled]:
    """All blocks of all libraries, in the order in which they are written."""
    return [each for library in libraries() for each in _blocks(library)]


def table(blocks: list[Bundled]) -> str:
    """A line for each block, under its library."""
    width = max(len(each.name) for each in blocks)
    parts = []
    for library in dict.fromkeys(each.library for each in blocks):
        own = [each for each in blocks if each.library == library]
        title = f"Blocks of the library `{library}`: use {library}: {own[0].name}"
        parts.append("\n".join([title, *(f"  {each.name:<{width}}  {each.summary}" for each in own)]))
    return "\n\n".join(parts)


def _blocks(library: str) -> list[Bundled]:
    source = read_source(os.path.join(LIBRARY, f"{library}.net"))
    return [
        Bundled(library, block.name.name, block.doc.strip(), source.text[block.span.start : block.span.end])
        for block in parse(source).blocks
    ]
