"""What repeats itself in a sequence of layers, found from what they do and read alone."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.ir.graph import Node

SHORTEST, LONGEST = 3, 24
"""How long the stretches are that are looked for."""
FEWEST = 3
"""How often a stretch must occur."""

Cuts = list[tuple[int, int, int]]
"""Stretches (start, end, number); the number is 0 for what does not repeat itself."""


def repeats(nodes: list[Node]) -> Iterator[Cuts]:
    """Cut a sequence so that the most frequent stretch of some length is found in it, for each length."""
    kinds = _kinds(nodes)
    for size in range(SHORTEST, min(LONGEST, len(nodes) // FEWEST) + 1):
        starts = _occurrences(kinds, size)
        if len(starts) >= FEWEST:
            yield list(_cut(starts, size, len(nodes)))


def _cut(starts: list[int], size: int, total: int) -> Iterator[tuple[int, int, int]]:
    at = 0
    for number, start in enumerate(starts, 1):
        if at < start:
            yield at, start, 0
        yield start, start + size, number
        at = start + size
    if at < total:
        yield at, total, 0


def _kinds(nodes: list[Node]) -> list[tuple[object, ...]]:
    """For each node its operator and how far back stands what it reads, as far as a stretch may reach."""
    place = {node: at for at, node in enumerate(nodes)}
    found = []
    for at, node in enumerate(nodes):
        back = (at - place.get(value.node, -LONGEST) for value in node.inputs)
        found.append((node.op.name, *(distance if distance < LONGEST else 0 for distance in back)))
    return found


def _occurrences(kinds: list[tuple[object, ...]], size: int) -> list[int]:
    """Where the most frequent stretch of a size stands, occurrences that overlap left out."""
    found: dict[object, list[int]] = {}
    for start in range(len(kinds) - size + 1):
        window = tuple(_inside(kind, at) for at, kind in enumerate(kinds[start : start + size]))
        starts = found.setdefault(window, [])
        if not starts or starts[-1] + size <= start:
            starts.append(start)
    return max(found.values(), key=len, default=[])


def _inside(kind: tuple[object, ...], at: int) -> tuple[object, ...]:
    """A kind as it looks from within a stretch: what is read from before the stretch is all the same."""
    name, *distances = kind
    return (name, *(distance if isinstance(distance, int) and 0 < distance <= at else 0 for distance in distances))
