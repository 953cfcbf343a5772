"""About how many lines items take, and which groups are too short to be worth a block."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.emit.net.arguments import Arguments
from netgen.emit.net.expr import literal
from netgen.emit.net.items import Group, Item, names_results

LINE = 92
"""Columns of a line, when it has been indented."""
_LOOP = 2
"""So many more calls of one block in a row take lines; even more are a loop."""
_SHORT = 4
"""A group that is used once and takes at most so many lines is no block."""


def spread_short(arguments: Arguments, root: list[Item]) -> list[Item]:
    """Items without the groups that are short and used once: what was in these stands in their place."""
    uses: dict[int, int] = {}
    waiting = list(root)
    while waiting:
        item = waiting.pop()
        if isinstance(item, Group):
            uses[item.label] = uses.get(item.label, 0) + 1
            waiting += item.items

    def spread(items: list[Item]) -> list[Item]:
        found: list[Item] = []
        for item in items:
            if not isinstance(item, Group):
                found.append(item)
                continue
            item.items = spread(item.items)
            is_short = uses[item.label] == 1 and lines(arguments, item.items) <= _SHORT
            found += item.items if is_short and not names_results(item.items) else [item]
        return found

    return spread(root)


def lines(arguments: Arguments, items: Sequence[Item], *, calls: int = 1) -> int:
    """About how many lines some items take: a chain is one if it has room there, else one a link.

    ``calls`` is what a call of a longer block counts.
    """
    total = links = columns = alike = 0
    before: Item | None = None
    for item in items:
        alike = alike + 1 if before is not None and before.label == item.label else 0
        if isinstance(item, Group) and not item.is_unit:
            total += calls if alike <= _LOOP else 0
        else:
            follows = before is not None and item.inputs == before.outputs[:1] and len(before.outputs[0].readers) == 1
            if isinstance(item, Group) or item.is_heavy or not follows:
                total += _chain(links, columns)
                links = columns = 0
            links += 1
            columns += _columns(arguments, item)
        before = item
    return total + _chain(links, columns)


def _chain(links: int, columns: int) -> int:
    return links if columns > LINE else min(links, 1)


def _columns(arguments: Arguments, item: Item) -> int:
    if isinstance(item, Group):
        return 50
    said = arguments.of(item.node)
    return 14 + len(item.node.name) + len(item.node.op.name) + sum(len(literal(value)) + 8 for value in said.values())
