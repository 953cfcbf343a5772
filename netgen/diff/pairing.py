"""Finds for each layer of a network its counterpart in another one.

Names tell, where both networks have them. Where not, what a layer computes tells, together with all that it is computed
from and all that is computed from it: the layers before a change agree in the former, those behind it in the latter.
What then is left stands beside layers that have a counterpart, and is found from there.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby

from netgen.ir.graph import Graph, Node

Arguments = Callable[[Node], Mapping[str, object]]
"""The arguments of a layer that count."""

_Neighbours = list[tuple[int, Node]]
_Found = tuple[Node, Node]

MOST = 2000
"""How many layers that nothing is known of are still laid side by side, which takes as many steps as their square."""


def pair_up(before: Graph, after: Graph, arguments: Arguments, *, by_name: bool) -> dict[Node, Node]:
    """The layers of one network and their counterparts, in the order of the first."""
    pairing = _Pairing(before, after, arguments)
    if by_name:
        pairing.by_name(whatever_they_are=False)
    pairing.inputs()
    pairing.by_structure()
    pairing.by_neighbours()
    if by_name:
        pairing.by_name(whatever_they_are=True)
    pairing.by_order()
    pairing.by_place()
    return {node: pairing.found[node] for node in before.nodes if node in pairing.found}


class _Pairing:
    """Two networks, and what has been found so far."""

    def __init__(self, before: Graph, after: Graph, arguments: Arguments) -> None:
        self.before = before
        self.after = after
        self.found: dict[Node, Node] = {}
        self.taken: set[Node] = set()
        numbers = _Numbers()
        nodes = (*before.nodes, *after.nodes)
        self.means = {node: numbers[(node.op, *_sorted(arguments(node)))] for node in nodes}
        """What a layer computes, as a number: equal for layers that say the same."""
        self.leads_to = {**_leads_to(before, self.means, numbers), **_leads_to(after, self.means, numbers)}
        """What is computed from a layer, likewise."""

    def take(self, node: Node, other: Node) -> None:
        self.found[node] = other
        self.taken.add(other)

    @property
    def left(self) -> list[Node]:
        return [node for node in self.before.nodes if node not in self.found]

    @property
    def others_left(self) -> list[Node]:
        return [node for node in self.after.nodes if node not in self.taken]

    def by_name(self, *, whatever_they_are: bool) -> None:
        """Layers of one name and of one operator; or, once nothing else is left to go by, of one name."""
        named = {node.name: node for node in self.others_left}
        for node in self.left:
            other = named.get(node.name)
            if other is not None and (whatever_they_are or node.op is other.op):
                self.take(node, other)

    def inputs(self) -> None:
        """The first input is the first input, whatever its shape."""
        mine = [value.node for value in self.before.inputs if value.node not in self.found]
        theirs = [value.node for value in self.after.inputs if value.node not in self.taken]
        for node, other in zip(mine, theirs, strict=False):
            if node not in self.found and other not in self.taken:
                self.take(node, other)

    def by_structure(self) -> None:
        """What is computed alike from counterparts, or leads alike to the results; what both holds for comes first."""
        self._downwards(lambda node: (self.means[node], self.leads_to[node]))
        self._downwards(lambda node: (self.means[node],))
        self._one_to_one(lambda node: self.leads_to[node])

    def _downwards(self, meaning: Callable[[Node], tuple[int, ...]]) -> None:
        """Layers that mean the same and read counterparts. Layers that read nothing are told by their order."""
        waiting: defaultdict[Hashable, deque[Node]] = defaultdict(deque)
        for other in self.others_left:
            waiting[meaning(other), _reads(other)].append(other)
        for node in self.left:
            candidates = waiting.get((meaning(node), self._reads_there(node)))
            if candidates:
                self.take(node, candidates.popleft())

    def _reads_there(self, node: Node) -> Hashable:
        """What a layer would read in the other network."""
        return as_read(node, [(self.found.get(value.node), value.index) for value in node.inputs])

    def _one_to_one(self, key: Callable[[Node], Hashable]) -> None:
        """Layers that agree, where as many of the one network as of the other do."""
        mine, theirs = _grouped(self.left, key), _grouped(self.others_left, key)
        for what, nodes in mine.items():
            others = theirs.get(what, [])
            if len(nodes) == len(others):
                for node, other in zip(nodes, others, strict=True):
                    self.take(node, other)

    def by_neighbours(self) -> None:
        """What counterparts read, or what reads them, by the same operator; first where the arguments agree too."""
        waiting = deque(self.found.items())
        while waiting:
            node, other = waiting.popleft()
            for mine, theirs in ((_before(node), _before(other)), (_behind(node), _behind(other))):
                waiting += self._beside(mine, theirs, self.means.__getitem__)
                waiting += self._beside(mine, theirs, _operator)

    def _beside(self, mine: _Neighbours, theirs: _Neighbours, key: Callable[[Node], Hashable]) -> list[_Found]:
        """Pairs among the neighbours of a pair: of one place, and of one key."""
        candidates: defaultdict[Hashable, deque[Node]] = defaultdict(deque)
        for place, other in theirs:
            if other not in self.taken:
                candidates[place, key(other)].append(other)
        fresh = []
        for place, node in mine:
            able = candidates.get((place, key(node)))
            if able and node not in self.found:
                self.take(node, able.popleft())
                fresh.append((node, self.found[node]))
        return fresh

    def by_order(self) -> None:
        """What is left between two pairs, laid side by side: the longest common run of operators."""
        for nodes, others in list(self._gaps()):
            for node, other in _alike(nodes, others, self.means.__getitem__):
                self.take(node, other)
            left = [node for node in nodes if node not in self.found]
            for node, other in _alike(left, [each for each in others if each not in self.taken], _operator):
                self.take(node, other)

    def by_place(self) -> None:
        """What stands between the same layers, though it is another operator: one was put in the place of the other."""
        standing: dict[Hashable, Node] = {}
        for other in self.others_left:
            standing.setdefault((_places(other), frozenset(_behind(other))), other)
        for node in self.left:
            reads = tuple((self.found.get(value.node), value.index) for value in node.inputs)
            read_by = frozenset((place, self.found.get(reader)) for place, reader in _behind(node))
            replaced = standing.pop((reads, read_by), None) if reads else None
            if replaced is not None:
                self.take(node, replaced)

    def _gaps(self) -> Iterator[tuple[list[Node], list[Node]]]:
        """Runs of layers without a counterpart that stand behind the same pair."""
        others: dict[Node | None, list[Node]] = {}
        last: Node | None = None
        for other in self.after.nodes:
            if other in self.taken:
                last = other
            else:
                others.setdefault(last, []).append(other)
        last = None
        for has_one, run in groupby(self.before.nodes, self.found.__contains__):
            nodes = list(run)
            if has_one:
                last = self.found[nodes[-1]]
            elif len(nodes) <= MOST and len(others.get(last, ())) <= MOST:
                yield nodes, others.get(last, [])


class _Numbers(dict[Hashable, int]):
    """A number for each thing, the same for equal ones."""

    def __missing__(self, key: Hashable) -> int:
        self[key] = number = len(self)
        return number


_COMMUTE = frozenset(["add", "max", "mul"])


def as_read(node: Node, places: Sequence[tuple[Node | None, int]]) -> Hashable:
    """What a layer reads, as far as it matters: the terms of a sum have no order, unless they have coefficients."""
    return frozenset(Counter(places).items()) if _has_no_order(node) else tuple(places)


def _has_no_order(node: Node) -> bool:
    return node.op.name in _COMMUTE and len(set(node.a.get("coeff") or ())) <= 1


def _sorted(arguments: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(arguments.items(), key=lambda item: item[0])


def _leads_to(graph: Graph, means: Mapping[Node, int], numbers: _Numbers) -> dict[Node, int]:
    """For each layer a number for what it does and what is done with its outputs, down to the network's results."""
    results = {(value.node, value.index): at for at, value in enumerate(graph.outputs)}
    numbered: dict[Node, int] = {}
    for node in reversed(graph.nodes):
        readers = [
            (value.index, numbered[reader], 0 if _has_no_order(reader) else place)
            for value in node.outputs
            for reader in dict.fromkeys(value.readers)
            for place, read in enumerate(reader.inputs)
            if read is value
        ]
        ends = [results.get((node, value.index), -1) for value in node.outputs]
        numbered[node] = numbers["leads to", means[node], tuple(sorted(readers)), tuple(ends)]
    return numbered


def _places(node: Node) -> tuple[tuple[Node, int], ...]:
    return tuple((value.node, value.index) for value in node.inputs)


def _reads(node: Node) -> Hashable:
    return as_read(node, _places(node))


def _grouped(nodes: Iterable[Node], key: Callable[[Node], Hashable]) -> dict[Hashable, list[Node]]:
    groups: dict[Hashable, list[Node]] = {}
    for node in nodes:
        groups.setdefault(key(node), []).append(node)
    return groups


def _before(node: Node) -> _Neighbours:
    """The layers that one reads, and as which of its inputs."""
    return [(0 if _has_no_order(node) else place, value.node) for place, value in enumerate(node.inputs)]


def _behind(node: Node) -> _Neighbours:
    """The layers that read one, and which of its outputs."""
    return [(value.index, reader) for value in node.outputs for reader in dict.fromkeys(value.readers)]


def _operator(node: Node) -> Hashable:
    return node.op.name


def _alike(nodes: list[Node], others: list[Node], key: Callable[[Node], Hashable]) -> list[_Found]:
    """The pairs of two runs laid side by side so that as many as possible agree, in order."""
    matcher = SequenceMatcher(None, [key(node) for node in nodes], [key(node) for node in others], autojunk=False)
    return [
        (nodes[block.a + at], others[block.b + at])
        for block in matcher.get_matching_blocks()
        for at in range(block.size)
    ]
