"""What the names of the layers of one stretch have in common: ``2a`` of res2a_branch1, bn2a_branch1, scale2a_branch1.

Two stretches are one block only if their layers' names are equal but for this core, so that one string for each call
says them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

HOLE = "\0"
"""Stands for the core in the pattern of a name. No name has it: no text does."""

SEPARATORS = "/_-.:"


def pattern(name: str, core: str) -> str:
    """A name with a hole where the core stands first: branch2a in res2a_branch2a is no part of block 2a's name."""
    return name.replace(core, HOLE, 1) if core else name


def shared(names: Sequence[str]) -> str:
    """The longest text that all names contain, one with a digit in it if there is any; else nothing."""
    found = ""
    shortest = min(names, key=len)
    for part in _parts(shortest):
        if all(part in name for name in names):
            if any(letter.isdigit() for letter in part):
                return part
            found = found or part
    return found


def prefix(names: Sequence[str]) -> str:
    """The longest text that all names begin with."""
    first, last = min(names), max(names)
    size = next((i for i, letters in enumerate(zip(first, last, strict=False)) if letters[0] != letters[1]), len(first))
    return first[: min(size, len(last))]


def _parts(text: str) -> Iterator[str]:
    """All parts of a text, the longest first."""
    for size in range(len(text), 0, -1):
        for start in range(len(text) - size + 1):
            yield text[start : start + size]
