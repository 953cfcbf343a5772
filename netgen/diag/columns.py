"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], sides: str) -> list[list[str]]:
    """The cells of a table, each as wide as its column.

    ``sides`` has an ``l`` for each column of words and an ``r`` for each of numbers; the last serves for all behind it.
    Rows may end early.
    """
    columns = max(map(len, rows), default=0)
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(columns)]
    sides += sides[-1] * columns
    return [[_side(cell, widths[at], sides[at]) for at, cell in enumerate(row)] for row in rows]


def table(rows: Sequence[Sequence[str]], sides: str) -> str:
    """The rows as lines, two spaces between columns."""
    return "\n".join("  ".join(row).rstrip() for row in aligned(rows, sides))


def _side(cell: str, width: int, side: str) -> str:
    return cell.rjust(width) if side == "r" else cell.ljust(width)
