"""Layers of a flat network, grouped into blocks.

A prototxt has no blocks, but people who write one name its layers after them: ``res2a_branch1``, ``bn2a_branch1``;
``fire2/squeeze1x1``; ``stage1_1/branch1a/bn``. Several ways to read such names are tried, each of which cuts the
network into stretches of neighbours. The one is taken with which the network takes the fewest lines to write:
stretches that do the same are written once. Where names say nothing, what repeats itself is found without them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from netgen.ir.graph import Graph, Instance, Node, Value
from netgen.passes.repeats import repeats

_Split = tuple[str, str]
"""How a layer's name is read: the block that it belongs to, and the name within the block."""

_NUMBER = re.compile(r"\d+(?:[a-z]\d*)?(?![a-z\d])(?:_\d+(?![\dx]))?|\d+")
_COUNT = re.compile(r"\d+")
_SEPARATORS = "/_-."

SHORTEST = 2
"""How many layers make a block."""
ALONE = 10
"""How many layers make a block that there is only one of."""
MANY = 6
"""How many settings fit into the line that uses a block."""
DEEPEST = 3
"""How deep blocks nest."""


def group(graph: Graph) -> None:
    """Give a flat graph the tree of instances that its layers' names, or its repetitions, suggest."""
    if any(isinstance(item, Instance) for item in graph.root.items):
        return
    inputs = {node for node in graph.nodes if node.op.name == "input"}
    nodes = [node for node in graph.nodes if node not in inputs]
    graph.root.items.sort(key=lambda item: item not in inputs)  # they depend on nothing, and stand in no block
    _group(graph.root, nodes, 0)


def _group(parent: Instance, nodes: list[Node], depth: int) -> None:
    """Group the nodes of one instance, and then those of each group."""
    best = _best(nodes, depth)
    if best is None:
        return
    names = Counter[str]()
    _tell_apart(best)
    for stretch in best:
        if stretch.block:
            names[stretch.name] += 1
            _wrap(parent, stretch, names[stretch.name])
    for item in list(parent.items):
        if isinstance(item, Instance) and depth < DEEPEST:
            _group(item, [node for node in item.items if isinstance(node, Node)], depth + 1)


def _tell_apart(stretches: list[Stretch]) -> None:
    """One name for what does the same, and others for what does not.

    The rarer kinds of a block are called after what they have, or lack, besides: ``res_branch1``, ``stage_no_pool``.
    """
    kinds: dict[str, dict[object, list[Stretch]]] = {}
    first: dict[object, str] = {}
    for stretch in stretches:
        if stretch.block:
            stretch.block = first.setdefault(stretch.signature, stretch.block)
            kinds.setdefault(stretch.block, {}).setdefault(stretch.signature, []).append(stretch)
    for by_signature in kinds.values():
        usual, *others = sorted(by_signature.values(), key=len, reverse=True)
        for alike in others:
            own, known = alike[0].within, usual[0].within
            more = [name for name in own if name not in known]
            less = [name for name in known if name not in own]
            special = more[0] if more else f"no_{less[0]}" if less else "other"
            for stretch in alike:
                stretch.block = f"{stretch.block}_{special}"


def _best(nodes: list[Node], depth: int) -> list[Stretch] | None:
    """The cut that is worth it, or None. One that names tell is better than one that only structure tells."""
    flat = 2 * len(nodes)
    named = min(_by_names(nodes, depth), key=_lines, default=None)
    if named is not None and _lines(named) <= (0.6 if depth == 0 else 0.9) * flat:
        return named
    if depth:
        return None
    found = min(_by_structure(nodes), key=_lines, default=None)
    both = [each for each in (named, found) if each is not None and _lines(each) <= 0.9 * flat]
    return min(both, key=_lines, default=None)


class Stretch:
    """Neighbouring nodes. Those of a block have its name, and names within it; others have none."""

    __slots__ = ("block", "name", "nodes", "within")

    def __init__(self, nodes: list[Node], name: str = "", block: str = "", within: Sequence[str] = ()) -> None:
        self.nodes = nodes
        self.name = name
        self.block = block
        self.within = within

    @property
    def signature(self) -> object:
        """What stretches have in common that one piece of text can stand for."""
        place = {value: (at, value.index) for at, node in enumerate(self.nodes) for value in node.outputs}
        outside: dict[object, int] = {}
        return tuple(
            (node.op.name, tuple(place.get(value) or outside.setdefault(value, len(outside)) for value in node.inputs))
            for node in self.nodes
        )

    @property
    def results(self) -> int:
        """How many values leave it."""
        inside = set(self.nodes)
        values = (value for node in self.nodes for value in node.outputs)
        return sum(not value.readers or not inside.issuperset(value.readers) for value in values)


def _lines(stretches: list[Stretch]) -> float:
    """About how many lines a network takes that is cut so: a class for each kind of stretch, a few for each use."""
    lines = 0.0
    uses: dict[object, list[Stretch]] = {}
    for stretch in stretches:
        if stretch.block:
            uses.setdefault(stretch.signature, []).append(stretch)
        else:
            lines += 2 * len(stretch.nodes)
    for alike in uses.values():
        settings = _settings(alike)
        lines += 8 + 2 * len(alike[0].nodes) + settings
        lines += sum(2 + max(stretch.results - 1, 0) + (settings if settings > MANY else 0) for stretch in alike)
    return lines


def _settings(alike: list[Stretch]) -> int:
    """How many arguments differ between stretches that do the same."""
    together = zip(*(stretch.nodes for stretch in alike), strict=True)
    return sum(
        len(set(values)) > 1 for nodes in together for values in zip(*(n.a.values() for n in nodes), strict=True)
    )


def _by_names(nodes: list[Node], depth: int) -> Iterator[list[Stretch]]:
    """The ways in which names may be read, the most natural first."""
    names = [node.local or node.name for node in nodes]
    ways: list[Callable[[str], _Split]] = [_by_path]
    if depth == 0:
        ways += [_by_number, _by_count, _by_second_count]
    for way in ways:
        yield _worthwhile(list(_stretches(nodes, [way(name) for name in names])))


def _worthwhile(stretches: list[Stretch]) -> list[Stretch]:
    """Without the short blocks that there is only one of."""
    uses = Counter(stretch.block for stretch in stretches)
    return [
        Stretch(stretch.nodes) if uses[stretch.block] == 1 and len(stretch.nodes) < ALONE else stretch
        for stretch in stretches
    ]


def _by_structure(nodes: list[Node]) -> Iterator[list[Stretch]]:
    names = [node.name for node in nodes]
    for cuts in repeats(nodes):
        yield [
            Stretch(nodes[start:end], f"block{number}" if number else "", "block" if number else "", names[start:end])
            for start, end, number in cuts
        ]


def _by_path(name: str) -> _Split:
    """``fire2/squeeze1x1``: the block stands before the slash."""
    head, slash, rest = name.partition("/")
    return (head, rest) if slash else ("", name)


def _by_number(name: str) -> _Split:
    """``bn2a_branch1``, ``conv2_1/dw``: the number tells the block, whatever stands before it."""
    return _numbered(_NUMBER.search(name), name)


def _by_count(name: str) -> _Split:
    """``conv2_1``: the first number alone tells the block, such as a stage."""
    return _numbered(_COUNT.search(name), name)


def _by_second_count(name: str) -> _Split:
    """``mobilenet0_conv3_fwd``: the second number tells the block."""
    found = _COUNT.search(name)
    return _numbered(_COUNT.search(name, found.end()) if found is not None else None, name)


def _numbered(found: re.Match[str] | None, name: str) -> _Split:
    return (found[0], f"{name[: found.start()]}\0{name[found.end() :]}") if found is not None else ("", name)


def _stretches(nodes: list[Node], splits: list[_Split]) -> Iterator[Stretch]:
    """Neighbours of one block together; a block of a single layer is none."""
    start = 0
    for end in range(1, len(nodes) + 1):
        if end < len(nodes) and splits[end][0] == splits[start][0]:
            continue
        key = splits[start][0]
        run = nodes[start:end]
        yield (
            _named(run, key, [rest for _, rest in splits[start:end]]) if key and len(run) >= SHORTEST else Stretch(run)
        )
        start = end


def _named(nodes: list[Node], key: str, rests: list[str]) -> Stretch:
    """A stretch with the names that its layers suggest. A rest with a zero byte has what stood before the number."""
    if "\0" not in rests[0]:
        return Stretch(nodes, key, re.sub(r"[_\-]?\d+[A-Za-z]?(_\d+)*$", "", key) or "block", rests)
    heads = Counter(rest.partition("\0")[0] for rest in rests)
    (usual, count), *others = heads.most_common()
    common = usual if not others or 2 * count >= 3 * others[0][1] else _common(list(heads))
    within = []
    for rest in rests:
        head, _, tail = rest.partition("\0")
        parts = (head.removeprefix(common).strip(_SEPARATORS), tail.strip(_SEPARATORS))
        within.append("_".join(part for part in parts if part))
    word = common.lstrip(_SEPARATORS)
    block = word.rstrip(f"{_SEPARATORS}0123456789") or "block"
    if block in {node.op.short for node in nodes}:
        block = f"{block}_block"
    return Stretch(nodes, f"{word or 'block'}{key}", block, within)


def _common(heads: list[str]) -> str:
    """What all heads begin with, up to a separator."""
    prefix = min(heads, key=len)
    while not all(head.startswith(prefix) for head in heads):
        prefix = prefix[:-1]
    while prefix and prefix[-1] not in _SEPARATORS:
        prefix = prefix[:-1]
    return prefix


def _wrap(parent: Instance, stretch: Stretch, number: int) -> None:
    """Put an instance in the place of a stretch of its parent's nodes."""
    local = stretch.name if number == 1 else f"{stretch.name}_{number}"
    name = f"{parent.name}/{local}" if parent.name else local
    instance = Instance(stretch.block, name, parent)
    instance.local = local
    at = parent.items.index(stretch.nodes[0])
    parent.items[at : at + len(stretch.nodes)] = [instance]
    instance.items += stretch.nodes
    for node, each in zip(stretch.nodes, _distinct(stretch.within, stretch.nodes), strict=True):
        node.instance = instance
        node.local = each
    instance.inputs, instance.outputs = _ends(stretch.nodes)


def _distinct(within: Iterable[str], nodes: list[Node]) -> Iterator[str]:
    """Names within a block; a layer whose name is the block's own is called after its operator."""
    taken = Counter[str]()
    for local, node in zip(within, nodes, strict=True):
        name = local or node.op.short
        taken[name] += 1
        yield name if taken[name] == 1 else f"{name}_{taken[name]}"


def _ends(nodes: list[Node]) -> tuple[list[Value], list[Value]]:
    """The values that go into some nodes and those that come out of them."""
    inside = set(nodes)
    taken = dict.fromkeys(value for node in nodes for value in node.inputs if value.node not in inside)
    made = [value for node in nodes for value in node.outputs]
    given = [value for value in made if not value.readers or not inside.issuperset(value.readers)]
    return list(taken), given
