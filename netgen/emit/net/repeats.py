"""Finds stretches of layers that come again, with other numbers and names in them: each is a block to be called.

First whatever comes again in the net, what saves most lines first; then the small units (convolution, normalisation,
activation) that it and its blocks are made of. A stretch is taken only where one string says the names of its layers
(cores.py) and where calls are shorter than what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from heapq import nlargest
from itertools import pairwise

from netgen.emit.net import cores
from netgen.emit.net.items import UNIT, Group, Item, Leaf, Network, is_straight, texts
from netgen.emit.net.lengths import LINE, lines

_LONGEST = 64
"""The most items of a stretch."""
_TRIED = 48
"""How many of the most promising stretches are looked at closely before one is taken."""
_SAMPLE = 48
"""How many places of a stretch are looked at to tell what a block would save."""
_NEARLY = 0.5
"""What is worth less than this share of the best waits: when the best is taken, something better may come up."""
_LEAST_GAIN = 4
"""How many lines a block must save."""
_OPEN = 0.5
"""By how much a stretch is worth less if it is not all that is done with its inputs: one branch of several, say."""
_MOST_INPUTS, _MOST_OUTPUTS, _MOST_PARAMETERS = 3, 4, 8
_HEADER = 3
"""The lines of a block beside its statements: its header, its brace and an empty line."""


_Way = tuple[Callable[[Sequence[str]], str], bool]


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

    def range(self, length: int) -> range:
        return range(self.start, self.start + length)


def fold(network: Network, root: list[Item]) -> None:
    """Replace the stretches that come again by groups, in the lists of items themselves."""
    net = _Body(root, is_net=True)
    _fold(network, [net], _LONGEST)
    _fold(network, _bodies(net), UNIT)
    network.relabel(root)


def _fold(network: Network, bodies: list[_Body], longest: int) -> None:
    while True:
        chosen = _choose(network, bodies, longest)
        if not chosen:
            return
        for length, place in sorted(chosen, key=lambda each: each[1].start, reverse=True):  # earlier ones stay in place
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


class _Candidate:
    """Stretches of one kind, with the key of what is alike in them and what a block of them would save."""

    __slots__ = ("key", "length", "places", "way", "worth")

    def __init__(self, length: int, places: list[_Place], way: _Way, key: Hashable, worth: float) -> None:
        self.length = length
        self.places = places
        self.way = way
        self.key = key
        self.worth = worth


def _choose(network: Network, bodies: list[_Body], longest: int) -> list[tuple[int, _Place]]:
    """The stretches that save most lines, and others beside them that save nearly as many; each with its length."""
    found = sorted(_promising(network, bodies, longest), key=lambda each: (-each.worth, each.length))
    used: dict[_Body, set[int]] = {body: set() for body in bodies}
    chosen: list[tuple[int, _Place]] = []
    best = 0.0
    for each in found:
        if each.worth < _NEARLY * best:
            break
        length = each.length
        free = [place for place in each.places if used[place.body].isdisjoint(place.range(length))]
        alike = _apart([place for place in free if _key(network, length, place, each.way) == each.key], length)
        worth = _worth(network, length, alike, sum(place.body.counts for place in alike)) if len(alike) > 1 else 0.0
        if worth <= 0 or worth < _NEARLY * best:
            continue
        best = max(best, worth)
        for place in alike:
            used[place.body].update(place.range(length))
        chosen += [(length, place) for place in alike]
    return chosen


def _promising(network: Network, bodies: list[_Body], longest: int) -> list[_Candidate]:
    """What is worth a block. Of stretches that come often, the first tell enough."""
    found: list[_Candidate] = []
    most = 0.0
    for length, places, size in nlargest(_TRIED, _candidates(bodies, longest), key=lambda each: each[2]):
        if size < _NEARLY * most:  # no stretch takes more lines than it has items
            break
        stretch = places[0].stretch(length)
        if longest == UNIT and not is_straight(stretch):
            continue
        counted = [place for place in places if place.body.counts]
        sample = counted[:_SAMPLE]
        for way, key, alike in _alike(network, length, sample):
            worth = _worth(network, length, alike, len(alike) * len(counted) / len(sample))
            if worth > 0:
                found.append(_Candidate(length, places, way, key, worth))
                most = max(most, worth)
    return found


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
            b, i = each[0]
            if _repeats(labels[b][i : i + length]) or all(i + length in belongs[b] for b, i in each):
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


def _repeats(labels: list[int]) -> bool:
    """Whether labels only say one and the same again and again: a loop says that better."""
    period = _period(labels)
    return len(labels) >= (3 if period <= UNIT else 2) * period


def _period(labels: list[int]) -> int:
    """After how many items a stretch begins anew; its whole length where it does not."""
    borders = [0] * len(labels)  # of each beginning of the stretch, the longest part that is both its head and its end
    size = 0
    for i in range(1, len(labels)):
        while size and labels[i] != labels[size]:
            size = borders[size - 1]
        size += labels[i] == labels[size]
        borders[i] = size
    return len(labels) - size


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
    """Whether an item stays where it is: what begins a net, and several results, called by block and variable."""
    if not isinstance(item, Leaf):
        return False
    is_several = len(item.outputs) > 1 and item.node.origin is None
    return is_several or not item.node.op.operands


def _apart(places: list[_Place], length: int) -> list[_Place]:
    """The places that do not overlap, from the front on."""
    chosen: list[_Place] = []
    for place in places:
        before = chosen[-1] if chosen else None
        if before is None or before.body is not place.body or before.start + length <= place.start:
            chosen.append(place)
    return chosen


def _alike(network: Network, length: int, places: list[_Place]) -> Iterator[tuple[_Way, Hashable, list[_Place]]]:
    """The places whose stretches read each other in the same way and are named alike, in sets."""
    for way in cores.WAYS:
        sets: dict[Hashable, list[_Place]] = {}
        for place in places:
            key = _key(network, length, place, way)
            if key is not None:
                sets.setdefault(key, []).append(place)
        for key, each in sets.items():
            alike = _apart(each, length)
            if len(alike) > 1:
                yield way, key, [_Place(place.body, place.start, place.core, place.last) for place in alike]


def _key(network: Network, length: int, place: _Place, way: _Way) -> Hashable:
    """What is equal for stretches that may be one block; None for one that cannot be. The place gets its core."""
    stretch = place.stretch(length)
    outline = network.outline(stretch)
    if len(outline.inputs) > _MOST_INPUTS or len(outline.outputs) > _MOST_OUTPUTS:
        return None
    names = texts(stretch)
    find, place.last = way
    place.core = find(names)
    return (outline.key, *(cores.pattern(name, place.core, last=place.last) for name in names))


# --- what is gained --------------------------------------------------------------------------------


def _worth(network: Network, length: int, places: list[_Place], count: float) -> float:
    """How many lines a block saves that is used so often, less where it is but a part of a whole; 0 for too few."""
    gain = _gain(network, length, places, count)
    if gain < _LEAST_GAIN:
        return 0
    return gain * (1 - _OPEN * sum(network.is_open(place.stretch(length)) for place in places) / len(places))


def _gain(network: Network, length: int, places: list[_Place], count: float) -> float:
    """How many lines a block saves; nothing if it takes too many settings."""
    stretches = [place.stretch(length) for place in places]
    flat = lines(network.arguments, stretches[0], calls=0)
    if count * (flat - 1) - flat - _HEADER < _LEAST_GAIN:
        return 0
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
