"""Did you mean: the known names that are close to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


def closest(name: str, known: Iterable[str], most: int = 3, within: int | None = None) -> list[str]:
    """The names within an edit distance, by default ``len(name) / 3`` (at least 1), nearest first.

    Names equal but for case or underscores come before all others.
    """
    plain = name.lower().replace("_", "")
    limit = max(1, len(name) // 3) if within is None else within
    scored: list[tuple[int, str]] = []
    for candidate in known:
        if candidate.lower().replace("_", "") == plain:
            scored.append((0, candidate))
        elif abs(len(candidate) - len(name)) <= limit:
            distance = _distance(name.lower(), candidate.lower(), limit)
            if distance <= limit:
                scored.append((distance, candidate))
    return [candidate for _, candidate in sorted(scored)[:most]]


def did_you_mean(name: str, known: Iterable[str], within: int | None = None) -> str:
    """A hint with the closest names, or an empty string."""
    names = [f"`{each}`" for each in closest(name, known, within=within)]
    if not names:
        return ""
    *most, last = names
    return f"did you mean {', '.join(most) + ' or ' if most else ''}{last}?"


def _distance(a: str, b: str, limit: int) -> int:
    """The Levenshtein distance with transpositions counted as one, cut off above ``limit``."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, right in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
