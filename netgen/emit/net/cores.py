"""What the names of the layers of one stretch have in common: ``2a`` of res2a_branch1, bn2a_branch1, scale2a_branch1.

Two stretches are one block only if their layers' names are equal but for this core, so that one string for each call
says them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

HOLE = "\0"
"""Stands for the core in the pattern of a name. No name has it: no text does."""

SEPARATORS = "/_-.:"


def pattern(name: str, core: str, *, last: bool = False) -> str:
    """A name with a hole where the core stands first (2a in res2a_branch2a), or where it stands last."""
    if not core:
        return name
    return HOLE.join(name.rsplit(core, 1)) if last else name.replace(core, HOLE, 1)


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


def number(names: Sequence[str]) -> str:
    """The last number that stands in all names."""
    common = set.intersection(*(set(_numbers(name)) for name in names))
    return next((each for each in reversed(_numbers(names[0])) if each in common), "")


WAYS = ((shared, False), (prefix, False), (number, True))
"""How a core is found, and whether its place is the last in a name."""


@lru_cache(maxsize=1 << 13)
def _numbers(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", name))


def _parts(text: str) -> Iterator[str]:
    """All parts of a text, the longest first."""
    for size in range(len(text), 0, -1):
        for start in range(len(text) - size + 1):
            yield text[start : start + size]
