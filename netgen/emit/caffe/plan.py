"""The layers of a prototxt: their names, the blobs between them, and which of them work in place."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from netgen.formats.message import Message, get, get_all
from netgen.ir.graph import Graph, Node, Origin, Value
from netgen.ir.operator import shared_arrays
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling

_NEEDS = ("", "signs", "values")
"""What gradients need of what a memory holds, the more the later."""
_WIRING = ("name", "type", "bottom", "top")
_FROZEN: Message = [("lr_mult", 0.0), ("decay_mult", 0.0)]
"""What keeps the solver from touching a blob."""


class Blob:
    """One result of one layer. Blobs that share a ``name`` share their memory: the later overwrites the earlier.

    ``pinned``: somebody outside needs it as it is, so no layer may overwrite it. ``kept`` is what the
    gradients of the layers that have written to its memory need of it: nothing, the signs or the values.
    """

    __slots__ = ("kept", "name", "pinned", "readers")

    def __init__(self, *, pinned: bool = False, kept: str = "") -> None:
        self.name = ""
        self.readers = 0
        self.pinned = pinned
        self.kept = kept


class Layer:
    """One layer as it stands in the prototxt. ``node`` is where it comes from: the way back from Caffe's name."""

    __slots__ = ("bottoms", "name", "node", "spelled", "tops")

    def __init__(self, name: str, node: Node, spelled: CaffeLayer, bottoms: list[Blob], tops: list[Blob]) -> None:
        self.name = name
        self.node = node
        self.spelled = spelled
        self.bottoms = bottoms
        self.tops = tops

    @property
    def params(self) -> list[Message]:
        """A ``param`` message for each blob of weights; none at all where there is nothing to say.

        A layer that was read says them among its fields.
        """
        node, spelled = self.node, self.spelled
        if node.origin is not None:
            return []
        said = [(field, node.a[field]) for field in ("lr_mult", "decay_mult") if node.a.get(field) is not None]
        names = shared_arrays(node, spelled.constants)
        if not said and not names:
            return [list(_FROZEN)] * spelled.fixed
        learned = [param.name for param in node.params if param.learned]
        messages: list[Message] = []
        for blob in spelled.blobs:
            message: Message = [("name", names[blob])] if blob in names else []
            if len(messages) < spelled.fixed:
                message += _FROZEN
            else:
                message += [(field, values[learned.index(blob) if len(values) > 1 else 0]) for field, values in said]
            messages.append(message)
        return messages


def plan(graph: Graph) -> list[Layer]:
    """The layers of a graph, in its order."""
    layers = _spell(graph)
    _name_blobs(layers)
    return layers


def _spell(graph: Graph) -> list[Layer]:
    """Each node's layers, wired, with the readers of each blob counted. Blobs have no names yet."""
    names = _Names(node.name for node in graph.nodes)
    pinned = {*graph.outputs, *graph.inputs}
    made: dict[Value, Blob] = {}
    known: dict[Hashable, list[CaffeLayer]] = {}
    layers: list[Layer] = []
    for node in graph.nodes:
        if node.origin is not None:
            _keep(node, node.origin, layers, made)
            continue
        facts = node.facts
        spelled = known.get(facts)
        if spelled is None:
            spelled = known[facts] = _caffe(node).layers(node)
        if _does_nothing(node, spelled) and node.outputs[0] not in pinned:
            made[node.outputs[0]] = made[node.inputs[0]]
            continue
        parts: dict[str, Blob] = {}
        for each in spelled:
            name = names.fresh(_part_name(node, each.suffix)) if each.suffix else node.name
            operands = range(len(node.inputs)) if each.inputs is None else each.inputs
            bottoms = [made[node.inputs[at]] if isinstance(at, int) else parts[at] for at in operands]
            for bottom in bottoms:
                bottom.readers += 1
            if each is spelled[-1]:
                tops = [Blob(pinned=value in pinned, kept=node.op.keeps_output) for value in node.outputs]
                made.update(zip(node.outputs, tops, strict=True))
            else:
                tops = [Blob() for _ in range(each.tops)]
                parts[each.suffix] = tops[0]
            layers.append(Layer(name, node, each, bottoms, tops))
    return layers


def _keep(node: Node, origin: Origin, layers: list[Layer], made: dict[Value, Blob]) -> None:
    """The layer of a node that was read, as it was read; of nodes that came from one layer it is the same one."""
    bottoms = [made[value] for value in node.inputs]
    said = node.outputs if not origin.layer else node.outputs[: len(get_all(origin.layer, "top"))]
    tops = [Blob(pinned=True) for _ in said]
    made.update(zip(said, tops, strict=True))
    if not origin.layer:  # nobody makes it: the text only speaks of it
        for top in tops:
            top.name = node.name
        return
    if layers and layers[-1].node.origin is origin:
        layers[-1].tops += tops
        return
    for bottom in bottoms:
        bottom.readers += 1
    layer = origin.layer
    fields = [pair for pair in layer if pair[0] not in _WIRING]
    blobs, constants = node.op.caffe_blobs(node, layer)
    spelled = CaffeLayer(get(layer, "type", ""), "", fields, tops=len(tops), blobs=blobs, constants=constants)
    layers.append(Layer(get(layer, "name", ""), node, spelled, bottoms, tops))


def _caffe(node: Node) -> CaffeSpelling:
    spelling = node.op.caffe
    assert isinstance(spelling, CaffeSpelling), "refusals were raised before"
    return spelling


def _does_nothing(node: Node, spelled: list[CaffeLayer]) -> bool:
    """Whether a node only gives a second name to its input. Caffe puts in a Split by itself where it needs one."""
    return len(spelled) == 1 and spelled[0].type == "Split" and len(node.outputs) == 1


def _part_name(node: Node, suffix: str) -> str:
    """The name of one more layer of a node: the operator's short name gives way, as in ``x/bn`` and ``x/scale``."""
    head, slash, last = node.name.rpartition("/")
    short, _, number = last.partition("_")
    if short != node.op.short or (number and not number.isdecimal()):
        return f"{node.name}/{suffix}"
    return f"{head}{slash}{suffix}{last.removeprefix(short)}"


def _name_blobs(layers: list[Layer]) -> None:
    """Name each blob after the layer that made it, or after the blob that is overwritten in place."""
    kept = [(layer, get_all(layer.node.origin.layer, "top")) for layer in layers if layer.node.origin is not None]
    names = _Names([*(layer.name for layer in layers), *(top for _, tops in kept for top in tops)])
    for layer, tops in kept:
        for top, name in zip(layer.tops, tops, strict=False):
            top.name = name
    mixed = 0 < len(kept) < len(layers)
    used: set[str] = set()
    for layer in layers:
        if mixed:
            _settle(layer, used, names)
        if layer.node.origin is None and not all(top.name for top in layer.tops):
            _name_tops(layer, names, used)
        if mixed:
            used.update(top.name for top in layer.tops)


def _name_tops(layer: Layer, names: _Names, used: set[str]) -> None:
    """Name the blobs of a layer that was not read; ``used`` are names that it may not have."""
    if _shares_memory(layer):
        _guard(layer)
    if _overwrites(layer):
        layer.tops[0].name = layer.bottoms[0].name
        layer.tops[0].kept = _stricter(layer.tops[0].kept, layer.bottoms[0].kept)
    elif len(layer.tops) == 1:
        layer.tops[0].name = layer.name if layer.name not in used else names.fresh(layer.name)
    else:
        names.taken.discard(layer.name)  # one of the tops may have it
        for number, (top, value) in enumerate(zip(layer.tops, layer.node.outputs, strict=True), 1):
            top.name = names.fresh(_top_name(layer, value, number))
        names.taken.add(layer.name)


def _settle(layer: Layer, used: set[str], names: _Names) -> None:
    """Name the blobs of a layer among others that are not as they were read: no name may be made twice.

    A layer that was read in place stays so where nobody else reads what it overwrites.
    """
    origin = layer.node.origin
    if origin is None:
        if layer.node.outputs and len(layer.tops) == len(layer.node.blobs) and layer.name == layer.node.name:
            for top, name in zip(layer.tops, layer.node.blobs, strict=True):
                top.name = name if name not in used else names.fresh(name)
        return
    read: list[str] = get_all(origin.layer, "bottom")
    for top in layer.tops:
        under = layer.bottoms[read.index(top.name)] if top.name in read else None
        if under is not None and under.readers == 1:
            top.name = under.name
        elif under is not None or top.name in used:
            top.name = names.fresh(layer.name or top.name)


def _shares_memory(layer: Layer) -> bool:
    """Whether Caffe gives the top the memory of the bottom, as it does too where there is nothing to join or to cut."""
    alone = len(layer.bottoms) == len(layer.tops) == 1
    return layer.node.op.shares_memory or (alone and layer.spelled.type in ("Concat", "Slice"))


def _guard(layer: Layer) -> None:
    """Whoever overwrites the top overwrites the bottom too: what holds for the bottom holds for the top."""
    for bottom in layer.bottoms:
        for top in layer.tops:
            top.pinned |= bottom.pinned or bottom.readers > 1
            top.kept = _stricter(top.kept, bottom.kept)


def _stricter(one: str, other: str) -> str:
    return max(one, other, key=_NEEDS.index)


def _overwrites(layer: Layer) -> bool:
    """Whether the layer may work in place: it can, and nobody else needs what it overwrites."""
    if not layer.spelled.in_place or len(layer.bottoms) != 1 or len(layer.tops) != 1:
        return False
    bottom = layer.bottoms[0]
    spoils = bottom.kept == "values" or (bottom.kept == "signs" and not layer.node.op.keeps_signs)
    return bottom.readers == 1 and not bottom.pinned and not spoils


def _top_name(layer: Layer, value: Value, number: int) -> str:
    """What one of several tops would like to be called: as the program calls it, or by its number."""
    if not value.variable:
        return f"{layer.name}_{number}"
    instance = layer.node.instance.name
    return f"{instance}/{value.variable}" if instance else value.variable


class _Names:
    """Names in use. A fresh one gets ``_2``, ``_3``, … where what it asks for is taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)
        self.last: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        name = wanted
        number = self.last.get(wanted, 1)
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.last[wanted] = number
        self.taken.add(name)
        return name
