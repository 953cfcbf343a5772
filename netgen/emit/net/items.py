"""What a program is made of before it has words: layers, and groups of what belongs together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise

from netgen.emit.net import cores
from netgen.emit.net.arguments import Arguments
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Graph, Instance, Node, Value
from netgen.ir.kinds import Choice, Kind, Optional

UNIT = 4
"""The most layers of a unit, such as convolution, normalisation, scale and activation."""
MAX_DEPTH = 24
"""How deep groups may lie in each other: well below what the language bears."""


class Leaf:
    """One layer."""

    __slots__ = ("inputs", "is_elementwise", "is_heavy", "is_light", "label", "node", "outputs", "texts")

    def __init__(self, node: Node, label: int) -> None:
        self.node = node
        self.label = label
        """Equal for layers that could be one statement of a block, with other numbers in it."""
        self.inputs: list[Value] = node.inputs
        self.outputs: list[Value] = node.outputs
        self.texts = [node.name, *(each for each in node.a.get("share") or () if each)]
        self.is_heavy = node.is_known and node.op.macs(node) > 0
        """Whether it multiplies by weights, as convolutions do."""
        self.is_elementwise = node.op.in_place
        self.is_light = node.op.in_place and not node.params
        """Whether it is an activation or the like, which belongs to the layer in front of it."""

    @property
    def nodes(self) -> Iterator[Node]:
        yield self.node


class Group:
    """Items in a row that become one call of a block.

    ``core`` is what the names of its layers have in common, ``pattern`` are these names with a hole in its place.
    ``block`` and ``doc`` are a program's name for it and words on it, ``variable`` and ``variables`` what it calls the
    result and the inputs.
    """

    __slots__ = (
        "block",
        "core",
        "doc",
        "inputs",
        "items",
        "label",
        "outputs",
        "pattern",
        "texts",
        "variable",
        "variables",
    )

    def __init__(self, items: list[Item], inputs: list[Value], outputs: list[Value], core: str) -> None:
        self.items = items
        self.inputs = inputs
        self.outputs = outputs
        self.core = core
        self.pattern: list[str] = []
        self.texts = texts(items)
        self.label = -1
        self.block = ""
        self.doc = ""
        self.variable = ""
        self.variables: list[str] = []

    @property
    def is_unit(self) -> bool:
        """Whether it is a few layers that follow each other straight."""
        return len(self.items) <= UNIT and is_straight(self.items)

    @property
    def nodes(self) -> Iterator[Node]:
        for item in self.items:
            yield from item.nodes


class Outline:
    """What a stretch of items reads and gives; ``key`` is equal for stretches that are wired in the same way."""

    __slots__ = ("inputs", "key", "outputs")

    def __init__(self, inputs: list[Value], outputs: list[Value], key: Hashable) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.key = key


Item = Leaf | Group


def is_straight(items: Sequence[Item]) -> bool:
    """Whether items are layers that follow each other straight."""
    if not all(isinstance(item, Leaf) and len(item.inputs) == len(item.outputs) == 1 for item in items):
        return False
    return all(
        after.inputs == before.outputs and len(before.outputs[0].readers) == 1 for before, after in pairwise(items)
    )


class Labels:
    """Numbers for what is equal."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}

    def of(self, key: Hashable) -> int:
        return self._known.setdefault(key, len(self._known))


class Network:
    """A graph as items, with what must be known of all of it to tell what leaves a group."""

    def __init__(self, graph: Graph, arguments: Arguments) -> None:
        self.graph = graph
        self.arguments = arguments
        self.labels = Labels()
        self._places = {node: place for place, node in enumerate(graph.nodes)}
        self._last = {
            value: max((self._places[reader] for reader in value.readers), default=-1)
            for node in graph.nodes
            for value in node.outputs
        }
        for value in graph.outputs:
            self._last[value] = len(graph.nodes)

    def leaf(self, node: Node) -> Leaf:
        return Leaf(node, self.labels.of(("layer", *_kind(node, self.arguments.attrs(node)))))

    def group(
        self, items: list[Item], instance: Instance | None = None, *, core: str = "", last: bool = False
    ) -> Group:
        """Items as a group.

        ``core`` is what its layers' names have in common, where there is no instance to tell; ``last`` says that
        it is the last place in a name that counts.
        """
        names = texts(items)
        if instance is not None:
            name = instance.name
            core = name if name and all(each.startswith(name) for each in names) else cores.shared(names)
        outline = self.outline(items)
        made = Group(items, outline.inputs, outline.outputs, core)
        made.pattern = [cores.pattern(each, core, last=last) for each in names]
        if instance is not None:
            made.block = instance.block
            made.doc = instance.doc
            made.variable = instance.variable
            called = dict(zip(instance.inputs, instance.parameters, strict=False))
            made.variables = [called.get(value, "") for value in made.inputs]
        made.label = self._label(made, outline.key)
        return made

    def _label(self, group: Group, wired: Hashable) -> int:
        return self.labels.of((wired, group.block, *group.pattern))

    def outline(self, items: Sequence[Item]) -> Outline:
        """What some items read, and what others read of them."""
        own: set[Value] = {value for item in items for value in item.outputs}
        inputs = list(dict.fromkeys(value for item in items for value in item.inputs if value not in own))
        end = max(self._places[node] for node in items[-1].nodes)
        outputs = [value for item in items for value in item.outputs if self._last[value] > end]
        if not outputs:
            outputs = next((item.outputs[:1] for item in reversed(items) if item.outputs), [])
        return Outline(inputs, outputs, _wiring(items, inputs, outputs))

    def is_open(self, items: Sequence[Item]) -> bool:
        """Whether what some items read is read behind them as well."""
        end = max(self._places[node] for node in items[-1].nodes)
        made = {value for item in items for value in item.outputs}
        return any(self._last[value] > end for item in items for value in item.inputs if value not in made)

    def relabel(self, items: Iterable[Item]) -> None:
        """Tell groups anew from each other, after groups were made within them."""
        for item in items:
            if isinstance(item, Group):
                self.relabel(item.items)
                item.label = self._label(item, _wiring(item.items, item.inputs, item.outputs))

    # --- the tree ------------------------------------------------------------------------------

    def flat(self) -> list[Item]:
        """The layers as they follow each other."""
        return [self.leaf(node) for node in self.graph.nodes]

    def tree(self) -> list[Item]:
        """The items of the net itself: its layers, and groups for its instances."""
        torn = self._torn()
        root: list[Item] = []
        open_groups: list[tuple[Instance, list[Item]]] = []
        for node in self.graph.nodes:
            path = [instance for instance in _path(node.instance) if instance not in torn][:MAX_DEPTH]
            while [instance for instance, _ in open_groups] != path[: len(open_groups)]:
                self._close(open_groups, root)
            for instance in path[len(open_groups) :]:
                open_groups.append((instance, []))
            (open_groups[-1][1] if open_groups else root).append(self.leaf(node))
        while open_groups:
            self._close(open_groups, root)
        return root

    def _close(self, open_groups: list[tuple[Instance, list[Item]]], root: list[Item]) -> None:
        instance, items = open_groups.pop()
        outer = open_groups[-1][1] if open_groups else root
        if any(item.outputs for item in items):
            outer.append(self.group(items, instance))
        else:
            outer += items

    def _torn(self) -> set[Instance]:
        """Instances between whose layers others stand: as calls they would change the order of the layers."""
        spans: dict[Instance, tuple[int, int, int]] = {}
        for place, node in enumerate(self.graph.nodes):
            for instance in _path(node.instance):
                first, _, count = spans.get(instance, (place, place, 0))
                spans[instance] = first, place, count + 1
        return {instance for instance, (first, last, count) in spans.items() if last - first + 1 != count}


def _path(instance: Instance) -> list[Instance]:
    """The instances around something, from the outermost in; the net itself is none."""
    path = []
    at: Instance | None = instance
    while at is not None and at.parent is not None:
        path.append(at)
        at = at.parent
    return path[::-1]


def names_results(items: Iterable[Item]) -> bool:
    """Whether a program named results one by one here. Caffe's blobs are then called by instance and variable."""
    return any(isinstance(item, Leaf) and is_unpacked(item.node) for item in items)


def is_unpacked(node: Node) -> bool:
    return len(node.outputs) > 1 and any(value.variable for value in node.outputs)


def _wiring(items: Sequence[Item], inputs: Sequence[Value], outputs: Sequence[Value]) -> Hashable:
    """A key that is equal for items that read each other in the same way."""
    places: dict[Value, Hashable] = {value: ("in", i) for i, value in enumerate(inputs)}
    key: list[Hashable] = []
    for i, item in enumerate(items):
        key.append((item.label, *(places[value] for value in item.inputs)))
        places.update((value, (i, k)) for k, value in enumerate(item.outputs))
    return ("group", *key, "out", *(places[value] for value in outputs))


# --- which layers are of one kind --------------------------------------------------------------------


def _kind(node: Node, a: Attrs) -> Iterator[Hashable]:
    """All of a layer that a parameter of a block cannot say."""
    yield node.op.name
    yield len(node.outputs)
    if is_unpacked(node):
        yield tuple(value.variable for value in node.outputs)
    for arg in node.op.args:
        value = a.get(arg.name)
        if arg.name == "share":
            yield "shared", tuple(map(bool, value or ()))
        elif value is None or not can_vary(arg.kind, value):
            yield "is", value
        elif isinstance(value, tuple):
            yield "many", len(value) == 2 and value[0] == value[1]
        else:
            yield type(value).__name__


def texts(items: Iterable[Item]) -> list[str]:
    """The names of layers, and those of the weights that they share."""
    return [text for item in items for text in item.texts]


def can_vary(kind: Kind, value: object) -> bool:
    """Whether a parameter can have such values: numbers, fillers, lists of numbers."""
    if isinstance(kind, Optional):
        kind = kind.of
    if isinstance(kind, Choice) or isinstance(value, str):
        return False
    if isinstance(value, (tuple, list)):
        return all(isinstance(each, (int, float)) for each in value)
    return isinstance(value, (bool, int, float, Filler))
