"""Finds stretches of layers that come again, with other numbers and names in them: each is a block to be called.

First whatever comes again in the net, what saves most lines first; then the small units (convolution, normalisation,
activation) that it and its blocks are made of. A stretch is taken only where one string says the names of its layers
(cores.py) and where calls are shorter than what they stand for.
"""

from __future__ import annotations

from heapq import nlargest
from itertools import pairwise

from netgen.emit.net import cores
from netgen.emit.net.items import UNIT, Group, Item, Leaf, Network, is_straight, is_unpacked, texts
from netgen.emit.net.lengths import LINE, lines

_LONGEST = 64
"""The most items of a stretch."""
_TRIED = 48
"""How many of the most promising stretches are looked at closely before one is taken."""
_LEAST_GAIN = 4
"""How many lines a block must save."""
_OPEN = 0.5
"""By how much a stretch is worth less if it is not all that is done with its inputs: one branch of several, say."""
_MOST_INPUTS, _MOST_OUTPUTS, _MOST_PARAMETERS = 3, 4, 8
_HEADER = 3
"""The lines of a block beside its statements: its header, its brace and an empty line."""


class _Body:
    """A list of items, of the net or of a group. ``counts`` unless it is like one that was counted already."""

    __slots__ = ("counts", "is_net", "items")

    def __init__(self, items: list[Item], *, is_net: bool = False, counts: bool = True) -> None:
        self.items = items
        self.is_net = is_net
        self.counts = counts


class _Place:
    """Where a stretch stands, what the names of its layers have in common, and whether they do so at their ends."""

    __slots__ = ("body", "core", "last", "start")

    def __init__(self, body: _Body, start: int, core: str = "", last: bool = False) -> None:
        self.body = body
        self.start = start
        self.core = core
        self.last = last

    def stretch(self, length: int) -> list[Item]:
        return self.body.items[self.start : self.start + length]


def fold(network: Network, root: list[Item]) -> None:
    """Replace the stretches that come again by groups, in the lists of items themselves."""
    net = _Body(root, is_net=True)
    _fold(network, [net], _LONGEST)
    _fold(network, _bodies(net), UNIT)
    network.relabel(root)


def _fold(network: Network, bodies: list[_Body], longest: int) -> None:
    while True:
        best = _best(network, bodies, longest)
        if best is None:
            return
        length, places = best
        for place in reversed(places):  # from the end, so that earlier places stay where they are
            group = network.group(place.stretch(length), core=place.core, last=place.last)
            place.body.items[place.start : place.start + length] = [group]


def _bodies(net: _Body) -> list[_Body]:
    """The lists of items of a net and of all its groups."""
    bodies = [net]
    known: set[int] = set()
    for body in bodies:
        for item in body.items:
            if isinstance(item, Group):
                bodies.append(_Body(item.items, counts=item.label not in known))
                known.add(item.label)
    return bodies


def _best(network: Network, bodies: list[_Body], longest: int) -> tuple[int, list[_Place]] | None:
    """The stretch that saves most lines: its length, and all its places that fit together."""
    best: tuple[int, list[_Place]] | None = None
    most = (0.0, 0)
    for length, places, size in nlargest(_TRIED, _candidates(bodies, longest), key=lambda each: each[2]):
        if size <= most[0]:  # no stretch takes more lines than it has items
            break
        for alike in _alike(network, length, places):
            stretch = alike[0].stretch(length)
            if longest == UNIT and not is_straight(stretch):
                continue
            if all(item.label == stretch[0].label for item in stretch):  # a loop says that better
                continue
            gain = _gain(network, length, alike, int(most[0]))
            worth = gain * (1 - _OPEN * sum(network.is_open(place.stretch(length)) for place in alike) / len(alike))
            if gain >= _LEAST_GAIN and (worth, -length) > most:
                most, best = (worth, -length), (length, alike)
    return best


# --- candidates ------------------------------------------------------------------------------------


def _candidates(bodies: list[_Body], longest: int) -> list[tuple[int, list[_Place], int]]:
    """Lengths, all places of stretches of that length with equal labels, and how much they are in all.

    A stretch does not begin with what belongs to the layer in front of it, nor does it always end before such.
    """
    found: list[tuple[int, list[_Place], int]] = []
    labels = [[-1 if _stays(item) else item.label for item in body.items] for body in bodies]
    belongs = [_belonging(body.items) for body in bodies]
    keys = [list(each) for each in labels]
    alive = [
        [i for i, label in enumerate(each) if label >= 0 and i not in own]
        for each, own in zip(labels, belongs, strict=True)
    ]
    for length in range(2, longest + 1):
        numbers: dict[tuple[int, int], int] = {}
        places: dict[int, list[tuple[int, int]]] = {}
        for b, starts in enumerate(alive):
            own, key = labels[b], keys[b]
            for i in starts:
                end = i + length - 1
                if end < len(own) and own[end] >= 0:
                    number = numbers.setdefault((key[i], own[end]), len(numbers))
                    key[i] = number
                    places.setdefault(number, []).append((b, i))
        alive = [[] for _ in bodies]
        for each in places.values():
            if len(each) == 1:
                continue
            for b, i in each:
                alive[b].append(i)
            if all(i + length in belongs[b] for b, i in each):
                continue
            whole = [_Place(bodies[b], i) for b, i in each if bodies[b].is_net or length < len(labels[b])]
            size = length * (len(_apart(whole, length)) - 1)
            if size > 0:
                found.append((length, whole, size))
        for starts in alive:
            starts.sort()
        if not any(alive):
            break
    return found


def _belonging(items: list[Item]) -> set[int]:
    """The places of the items that belong to the one in front: the normalisation and activation of a convolution."""
    found: set[int] = set()
    for i, (before, item) in enumerate(pairwise(items), 1):
        follows = item.inputs == before.outputs and len(item.inputs) == 1 == len(item.inputs[0].readers)
        if not follows or not isinstance(item, Leaf) or not item.is_elementwise:
            continue
        if item.is_light or (i - 1) in found or (isinstance(before, Leaf) and before.is_heavy):
            found.add(i)
    return found


def _stays(item: Item) -> bool:
    """Whether an item stays where it is: what begins a net, and what is called by its block and variable."""
    return isinstance(item, Leaf) and (not item.node.op.operands or is_unpacked(item.node))


def _apart(places: list[_Place], length: int) -> list[_Place]:
    """The places that do not overlap, from the front on."""
    chosen: list[_Place] = []
    for place in places:
        before = chosen[-1] if chosen else None
        if before is None or before.body is not place.body or before.start + length <= place.start:
            chosen.append(place)
    return chosen


def _alike(network: Network, length: int, places: list[_Place]) -> list[list[_Place]]:
    """The places whose stretches read each other in the same way and are named alike, in sets."""
    outlines = [network.outline(place.stretch(length)) for place in places]
    names = [texts(place.stretch(length)) for place in places]
    found: list[list[_Place]] = []
    for core_of, last in cores.WAYS:
        sets: dict[object, list[_Place]] = {}
        for place, outline, own in zip(places, outlines, names, strict=True):
            if len(outline.inputs) <= _MOST_INPUTS and len(outline.outputs) <= _MOST_OUTPUTS:
                core = core_of(own)
                key = (outline.key, *(cores.pattern(name, core, last=last) for name in own))
                sets.setdefault(key, []).append(_Place(place.body, place.start, core, last))
        found += [alike for each in sets.values() if len(alike := _apart(each, length)) > 1]
    return found


# --- what is gained --------------------------------------------------------------------------------


def _gain(network: Network, length: int, places: list[_Place], wanted: int) -> int:
    """How many lines a block saves; nothing if it takes too many settings, or if these are fewer than wanted."""
    flat = lines(network.arguments, places[0].stretch(length), calls=0)
    count = sum(place.body.counts for place in places)
    if count * (flat - 1) - flat - _HEADER < wanted:
        return 0
    stretches = [place.stretch(length) for place in places]
    parameters = _parameters(stretches)
    if parameters > _MOST_PARAMETERS:
        return 0
    outline = network.outline(stretches[0])
    extra = len(outline.outputs) - 1 + max(0, len(outline.inputs) - 1)
    columns = 24 + len(places[0].core) + 7 * parameters + 10 * extra
    call = -(-columns // LINE)
    return count * (flat - call - extra) - flat - _HEADER


def _parameters(stretches: list[list[Item]]) -> int:
    """How many settings differ between some stretches; those that always go together count once."""
    found = set()
    for nodes in zip(*([node for item in items for node in item.nodes] for items in stretches), strict=True):
        for name, first in nodes[0].a.items():
            values = tuple(node.a[name] for node in nodes)
            if name != "share" and values.count(first) < len(values):
                found.add(values)
    return len(found)
