"""Edges so long that laying them out would take minutes: Graphviz's time grows with the square of their length."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

MOST = 1500
"""How many rows all edges of a graph may cross together. PeleeNet's cross some 300, U-Net's 200."""


def far(ends: Sequence[Hashable], edges: Sequence[tuple[Hashable, Hashable]]) -> set[int]:
    """Which edges, by their places, are left out of the layout: the longest, until the others cross few enough rows.

    ``ends`` are in the order of the program, what reads behind what it reads.
    """
    spans = _spans(ends, edges)
    left_out: set[int] = set()
    crossed = sum(spans)
    for at in sorted(range(len(edges)), key=lambda at: -spans[at]):
        if crossed <= MOST:
            break
        left_out.add(at)
        crossed -= spans[at]
    return left_out


def _spans(ends: Sequence[Hashable], edges: Sequence[tuple[Hashable, Hashable]]) -> list[int]:
    """How many rows each edge goes down, where everything stands in the first row below all that it reads."""
    order = {end: at for at, end in enumerate(ends)}
    rows = dict.fromkeys(ends, 0)
    for source, target in sorted(edges, key=lambda edge: order[edge[0]]):
        rows[target] = max(rows[target], rows[source] + 1)
    return [abs(rows[target] - rows[source]) for source, target in edges]
