"""Arrays that belong together: the blobs of a layer, the tensors of a module. They are matched as a whole."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from netgen.ir.graph import Shape
from netgen.ir.slots import Key, LayerSlots, Slot
from netgen.weights.entry import Entry, FileLayer
from netgen.weights.names import UNCOUNTED, normal, role, split

Item = TypeVar("Item")


class Member(Generic[Item]):
    """One array of a group. ``role`` is what it is for: a word, or its number among a layer's blobs."""

    __slots__ = ("item", "role", "shape")

    def __init__(self, role: str, shape: Shape, item: Item) -> None:
        self.role = role
        self.shape = shape
        self.item = item


class Group(Generic[Item]):
    """Arrays of one layer or module. ``names`` are what it may be called elsewhere."""

    __slots__ = ("members", "name", "names")

    def __init__(self, name: str, members: Sequence[Member[Item]], names: Iterable[str] = ()) -> None:
        self.name = name
        self.members = list(members)
        self.names = {normal(each) for each in (name, *names)}

    @property
    def kind(self) -> Hashable:
        """What groups that may stand for each other have in common. A single array has only one role to play."""
        if len(self.members) == 1:
            return essence(self.members[0].shape)
        return tuple(sorted((member.role, essence(member.shape)) for member in self.members))


def essence(shape: Shape) -> Shape:
    """A shape without leading ones, which Caffe's old files are full of: an offset is (1, 1, 1, N) there."""
    start = next((at for at, dim in enumerate(shape) if dim != 1), len(shape))
    return tuple(shape[start:])


Unit = list[Group[Item]]
"""Groups that belong together, as ``units`` finds them."""


def unit_kind(unit: Unit[Item]) -> Hashable:
    """What units that may stand for each other have in common."""
    return tuple(group.kind for group in unit)


def units(groups: Iterable[Group[Item]]) -> list[Unit[Item]]:
    """Groups with those that follow and have only vectors: a convolution with its normalisation, scale or slopes.

    Programs define branches in one order or another, but hardly ever tear these apart.
    """
    found: list[Unit[Item]] = []
    for group in groups:
        if found and all(len(essence(member.shape)) < 2 for member in group.members):
            found[-1].append(group)
        else:
            found.append([group])
    return found


def layer_groups(layers: Sequence[LayerSlots]) -> list[Group[Slot]]:
    """A net's arrays as the blobs of Caffe's layers, constants among them."""
    return [
        Group(
            layer.name,
            [Member(str(index), slot.stored, slot) for index, slot in enumerate(layer.slots)],
        )
        for layer in layers
        if layer.slots
    ]


def blob_groups(layers: Sequence[FileLayer]) -> list[Group[Entry]]:
    """A caffemodel's arrays. Of layers with one name Caffe takes the last that has blobs."""
    last = {layer.name: layer for layer in layers if layer.blobs}
    return [
        Group(layer.name, [Member(str(blob.index), blob.shape, blob) for blob in layer.blobs])
        for layer in layers
        if last.get(layer.name) is layer
    ]


def module_groups(layers: Sequence[LayerSlots], keys: Mapping[Key, str]) -> list[Group[Slot]]:
    """A net's arrays as the tensors of PyTorch's modules; where these are not known, of nodes."""
    found: dict[str, Group[Slot]] = {}
    seen: set[Key] = set()
    for slot in learned(layers):
        if slot.owner in seen:
            continue
        seen.add(slot.owner)
        node, param = slot.owner
        module, last = split(keys[slot.owner]) if slot.owner in keys else (node, param)
        group = found.setdefault(module, Group(module, []))
        group.names.add(normal(node))
        group.members.append(Member(role(last), slot.shape, slot))
    return list(found.values())


def tensor_groups(entries: Iterable[Entry], prefix: str = "") -> list[Group[Entry]]:
    """The tensors of a state_dict by module. ``prefix`` is what all keys begin with and means nothing."""
    found: dict[str, Group[Entry]] = {}
    for entry in entries:
        module, last = split(entry.name)
        if last in UNCOUNTED:
            continue
        group = found.setdefault(module, Group(module, [], [module.removeprefix(prefix)]))
        group.members.append(Member(role(last), entry.shape, entry))
    return list(found.values())


def learned(layers: Iterable[LayerSlots]) -> Iterable[Slot]:
    """The arrays that nodes know of, in the order of the net."""
    return (slot for layer in layers for slot in layer.slots if slot.constant is None)
