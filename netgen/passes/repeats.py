"""What repeats itself in a sequence of layers, found from what they do and read alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from netgen.ir.graph import Node

SHORTEST, LONGEST = 3, 24
"""How long the stretches are that are looked for."""
FEWEST = 3
"""How often a stretch must occur."""

Cuts = list[tuple[int, int, int]]
"""Stretches (start, end, number); the number is 0 for what does not repeat itself."""


def repeats(nodes: list[Node]) -> Iterator[Cuts]:
    """Cut a sequence so that the most frequent stretch of some length is found in it, for each length."""
    columns = _columns(nodes)
    for size in range(SHORTEST, len(columns) + 1):
        starts = _occurrences(columns, size)
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


def _columns(nodes: list[Node]) -> list[list[int]]:
    """What the nodes do and read, as it looks from each place within a stretch: equal numbers for what looks alike.

    What is read from before the stretch is all the same.
    """
    known: dict[tuple[object, ...], int] = {}
    numbers = [known.setdefault(kind, len(known)) for kind in _kinds(nodes)]
    looks: dict[tuple[object, ...], int] = {}
    columns = []
    for at in range(min(LONGEST, len(nodes) // FEWEST)):
        seen = [looks.setdefault(_inside(kind, at), len(looks)) for kind in known]
        columns.append([seen[number] for number in numbers])
    return columns


def _kinds(nodes: list[Node]) -> Iterator[tuple[object, ...]]:
    """For each node its operator and how far back stands what it reads, as far as a stretch may reach."""
    place = {node: at for at, node in enumerate(nodes)}
    for at, node in enumerate(nodes):
        back = (at - place.get(value.node, -LONGEST) for value in node.inputs)
        yield (node.op.name, *(distance if distance < LONGEST else 0 for distance in back))


def _inside(kind: tuple[object, ...], at: int) -> tuple[object, ...]:
    """A kind as it looks from a place within a stretch."""
    name, *distances = kind
    return (name, *(distance if isinstance(distance, int) and 0 < distance <= at else 0 for distance in distances))


def _occurrences(columns: list[list[int]], size: int) -> list[int]:
    """Where the most frequent stretch of a size stands, occurrences that overlap left out."""
    found: dict[object, list[int]] = {}
    windows = zip(*(islice(column, at, None) for at, column in enumerate(columns[:size])), strict=False)
    for start, window in enumerate(windows):
        starts = found.setdefault(window, [])
        if not starts or starts[-1] + size <= start:
            starts.append(start)
    return max(found.values(), key=len, default=[])
