"""Which elements of two sequences belong together, as far as their order and their kinds leave no choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

MAX_CELLS = 16_000_000
"""How large the table of an alignment may become."""


class Alignment:
    """Pairs of positions that belong together. Of ``left`` and ``right`` it is known that they could have several."""

    __slots__ = ("left", "pairs", "right")

    def __init__(self, pairs: list[tuple[int, int]], left: dict[int, list[int]], right: set[int]) -> None:
        self.pairs = pairs
        self.left = left
        self.right = right


def align(left: Sequence[Hashable], right: Sequence[Hashable]) -> Alignment:
    """Align two sequences by kind, in order.

    Equal sequences are paired one by one. Of others a longest common subsequence is taken, and of that the pairs that
    all longest ones have: a pair that could as well be another is no pair. What is left is paired where a kind stands
    once on either side, whatever the order.
    """
    if list(left) == list(right):
        return Alignment([(i, i) for i in range(len(left))], {}, set())
    pairs, choices = _common(left, right) if len(left) * len(right) <= MAX_CELLS else ([], [])
    pairs += _only_ones(left, right, pairs)
    done_left, done_right = {i for i, _ in pairs}, {j for _, j in pairs}
    open_left: dict[int, list[int]] = {}
    for i, j in choices:
        if i not in done_left and j not in done_right:
            open_left.setdefault(i, []).append(j)
    return Alignment(sorted(pairs), open_left, {j for found in open_left.values() for j in found})


def _common(left: Sequence[Hashable], right: Sequence[Hashable]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The pairs that every longest common subsequence has, and those that only some have."""
    before = _lengths(left, right)
    behind = _lengths(left[::-1], right[::-1])
    longest = before[-1][-1]
    ranks: dict[int, list[tuple[int, int]]] = {}
    for i, kind in enumerate(left):
        for j, other in enumerate(right):
            if kind == other and before[i][j] + 1 + behind[len(left) - 1 - i][len(right) - 1 - j] == longest:
                ranks.setdefault(before[i][j], []).append((i, j))
    # A longest subsequence has one pair of each rank, so a rank's only pair is in all of them.
    sure = [pairs[0] for pairs in ranks.values() if len(pairs) == 1]
    unsure = [pair for pairs in ranks.values() if len(pairs) > 1 for pair in pairs]
    return sure, unsure


def _lengths(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[list[int]]:
    """How long the longest common subsequence of the first i and the first j elements is."""
    rows = [[0] * (len(right) + 1)]
    for kind in left:
        above = rows[-1]
        row = [0]
        for j, other in enumerate(right):
            row.append(above[j] + 1 if kind == other else max(above[j + 1], row[j]))
        rows.append(row)
    return rows


def _only_ones(
    left: Sequence[Hashable], right: Sequence[Hashable], pairs: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Pairs of a kind that is left over once on either side."""
    rest_left = sorted(set(range(len(left))) - {i for i, _ in pairs})
    rest_right = sorted(set(range(len(right))) - {j for _, j in pairs})
    counts_left = Counter(left[i] for i in rest_left)
    counts_right = Counter(right[j] for j in rest_right)
    places = {right[j]: j for j in rest_right}
    return [(i, places[left[i]]) for i in rest_left if counts_left[left[i]] == 1 and counts_right[left[i]] == 1]
