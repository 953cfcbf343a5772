"""What order and shape leave open, told by what is known of layers that are called alike.

In the first block of ResNet-50 the shortcut and the last convolution have one shape, and programs define them in one
order or the other. In the other blocks the shapes differ, so it is known there which is which; and names of
one program tell which layers play one part: ``layer1.0.downsample.0`` is to its block what
``layer2.0.downsample.0`` is to its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from netgen.ir.slots import Slot
from netgen.weights.entry import Entry
from netgen.weights.groups import Unit, unit_kind


def pattern(name: str) -> str:
    """A name without its numbers: layers that are called alike mostly play one part."""
    return re.sub(r"\d+", "#", name)


def analogous(
    targets: Sequence[Unit[Slot]], sources: Sequence[Unit[Entry]], known: Mapping[tuple[str, str], int]
) -> list[tuple[int, int]]:
    """Pairs of one kind whose names have been paired elsewhere, where that speaks for one of them only.

    ``known`` says how often layers of one pattern were found to be layers of another.
    """
    by_kind: dict[Hashable, list[int]] = {}
    for j, source in enumerate(sources):
        by_kind.setdefault(unit_kind(source), []).append(j)
    likely = {
        i: [j for j in by_kind.get(unit_kind(target), ()) if known.get((_pattern(target), _pattern(sources[j])))]
        for i, target in enumerate(targets)
    }
    wanted = Counter(j for choices in likely.values() for j in choices)
    return [(i, choices[0]) for i, choices in likely.items() if len(choices) == 1 and wanted[choices[0]] == 1]


def _pattern(unit: Unit[Slot] | Unit[Entry]) -> str:
    return pattern(unit[0].name)
