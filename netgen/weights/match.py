"""Finding a net's arrays in a file: as the user says, then by name, by like names, and by order and shape.

Whatever could be one thing as well as another is not guessed but reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import prod

from netgen.ir.graph import Shape
from netgen.ir.slots import Key, LayerSlots, Slot
from netgen.ir.spell_caffe import Divisor
from netgen.weights.align import align
from netgen.weights.analogy import analogous, pattern
from netgen.weights.entry import Entry, WeightsFile
from netgen.weights.faults import plural, shape_text, unusable
from netgen.weights.groups import (
    Group,
    Item,
    Member,
    Unit,
    blob_groups,
    essence,
    layer_groups,
    learned,
    module_groups,
    tensor_groups,
    unit_kind,
    units,
)
from netgen.weights.mapping import MappingFile
from netgen.weights.names import UNCOUNTED, common_prefix, split
from netgen.weights.report import AMBIGUOUS, MATCHED, MISFIT, MISSING, SKIPPED, Report, Row
from netgen.weights.weights import Weights

BY_NAME, BY_LIKE_NAME, BY_ORDER, BY_ANALOGY = "name", "like name", "order and shape", "analogy"
BY_MAPPING = "mapping"


def match(
    file: WeightsFile, layers: Sequence[LayerSlots], keys: Mapping[Key, str], mapping: MappingFile | None = None
) -> tuple[Weights, Report]:
    """The net's weights as far as they are in a file, and how they were found.

    ``keys`` are those of the net's own state_dict.
    """
    matcher = _Matcher(file, layers, keys)
    if mapping is not None:
        matcher.take_mapping(mapping)
    if file.layers:
        matcher.match_layers()
    else:
        matcher.match_modules()
    return matcher.result()


class _Matcher:
    """What has been found so far: ``rows`` by the array's key, and the names in the file that are used up."""

    def __init__(self, file: WeightsFile, layers: Sequence[LayerSlots], keys: Mapping[Key, str]) -> None:
        self.file = file
        self.layers = layers
        self.keys = keys
        self.rows: dict[Key, Row] = {}
        self.used: set[str] = set()
        self.divisors: dict[Key, Entry] = {}
        self.remarks: list[str] = []
        self.known: Counter[tuple[str, str]] = Counter()
        """How often layers called like this were found to be layers called like that."""
        self.slots: dict[Key, Slot] = {}
        for slot in learned(layers):
            self.slots.setdefault(slot.owner, slot)

    # --- as the user says -------------------------------------------------------------------------

    def take_mapping(self, mapping: MappingFile) -> None:
        for line in mapping.resolve(self.slots, self.file):
            if line.entry is None:
                self._skip(line.key)
            else:
                self._pair(self.slots[line.key], line.entry, BY_MAPPING, any_shape=True)

    def _skip(self, key: Key) -> None:
        self.rows[key] = Row(key, self.slots[key].shape, SKIPPED, note="the mapping says so")

    # --- a caffemodel -----------------------------------------------------------------------------

    def match_layers(self) -> None:
        """Layers with their blobs, which have an order and no names."""
        targets = layer_groups(self.layers)
        sources = blob_groups(self.file.layers)
        by_name = {group.name: group for group in sources}
        for target in targets:
            if target.name in by_name:
                self._take_blobs(target, by_name[target.name], BY_NAME)
        self._match_groups(targets, sources)

    def _take_blobs(self, target: Group[Slot], source: Group[Entry], how: str) -> None:
        """The blobs of a layer by their number, divided as the layer's operator says."""
        entries = {member.role: member.item for member in source.members}
        if len(source.members) != len(target.members):  # Caffe would not go on
            note = (
                f"the layer has {plural(len(source.members), 'blob')} in the file and {len(target.members)} in the net"
            )
            for member in target.members:
                self._object(member.item, MISFIT, note)
            self.used.update(entry.name for entry in entries.values())
            return
        self._take(target, source, how)
        for member in target.members:
            divisor = member.item.constant
            entry = entries.get(member.role)
            if entry is None or divisor is None:
                continue
            self.used.add(entry.name)
            if isinstance(divisor, Divisor):
                self._divide(target, divisor, entry)

    def _divide(self, target: Group[Slot], divisor: Divisor, factor: Entry) -> None:
        if factor.count != 1:
            self.remarks.append(f"`{factor.name}` should be one number, and has the shape {shape_text(factor.shape)}")
            return
        for member in target.members:
            if member.item.param in divisor.divides:
                self.divisors.setdefault(member.item.owner, factor)

    # --- a state_dict -----------------------------------------------------------------------------

    def match_modules(self) -> None:
        """Tensors with names, which say of what module they are and what for."""
        for owner, slot in self.slots.items():
            entry = self.file.entries.get(self.keys.get(owner, "")) or self.file.entries.get(".".join(owner))
            if entry is not None and entry.name not in self.used and owner not in self.rows:
                self._pair(slot, entry, BY_NAME)
        for key in self.keys:
            if key not in self.slots and self.keys[key] in self.file.entries:
                self.used.add(self.keys[key])  # one more name of an array that several layers share
        names = [name for name in self.file.entries if split(name)[1] not in UNCOUNTED]
        sources = tensor_groups(self.file.entries.values(), common_prefix(names))
        self._match_groups(module_groups(self.layers, self.keys), sources)

    # --- groups -----------------------------------------------------------------------------------

    def _match_groups(self, targets: list[Group[Slot]], sources: list[Group[Entry]]) -> None:
        for target, source in _alike(self._unmatched(targets), self._unused(sources)):
            self._take_group(target, source, BY_LIKE_NAME)
        targets, sources = self._untouched(targets), self._unspent(sources)
        self._match_units(units(targets), units(sources))
        targets, sources = self._untouched(targets), self._unspent(sources)
        found = align([group.kind for group in targets], [group.kind for group in sources])
        for i, j in found.pairs:
            self._take_group(targets[i], sources[j], BY_ORDER)
        for i, choices in found.left.items():
            self._leave_open(targets[i], [sources[j] for j in choices])

    def _match_units(self, targets: list[Unit[Slot]], sources: list[Unit[Entry]]) -> None:
        """What order leaves no choice of; and of the rest, what is called like something that is known by then."""
        found = align(*_kinds(targets, sources))
        for i, j in found.pairs:
            self._take_unit(targets[i], sources[j], BY_ORDER)
        left = [unit for unit in targets if self._untouched(unit) == unit]
        right = [unit for unit in sources if self._unspent(unit) == unit]
        for i, j in analogous(left, right, self.known):
            self._take_unit(left[i], right[j], BY_ANALOGY)
        for i, choices in found.left.items():
            for group in self._untouched(targets[i]):
                self._leave_open(group, [sources[j][0] for j in choices])

    def _take_unit(self, target: Unit[Slot], source: Unit[Entry], how: str) -> None:
        for each, other in zip(target, source, strict=True):
            self._take_group(each, other, how)

    def _leave_open(self, target: Group[Slot], choices: Sequence[Group[Entry]]) -> None:
        few = ", ".join(f"`{choice.name}`" for choice in choices[:4])
        more = f" and {len(choices) - 4} more" if len(choices) > 4 else ""
        for member in target.members:
            self._object(member.item, AMBIGUOUS, f"{few}{more}")

    def _take_group(self, target: Group[Slot], source: Group[Entry], how: str) -> None:
        self.known[pattern(target.name), pattern(source.name)] += 1
        if self.file.layers:
            self._take_blobs(target, source, how)
        else:
            self._take(target, source, how)

    def _take(self, target: Group[Slot], source: Group[Entry], how: str) -> None:
        for slot, entry in _by_role(target, source):
            if slot.constant is None and slot.owner not in self.rows and entry.name not in self.used:
                self._pair(slot, entry, how)
            elif slot.owner in self.rows:
                self.used.add(entry.name)

    def _unmatched(self, groups: Sequence[Group[Slot]]) -> list[Group[Slot]]:
        """The groups of which something is still to be found, without the rest."""
        found = []
        for group in groups:
            open_members = [member for member in group.members if member.item.owner not in self.rows]
            if any(member.item.constant is None for member in open_members):
                found.append(_part(group, open_members))
        return found

    def _unused(self, groups: Sequence[Group[Entry]]) -> list[Group[Entry]]:
        found = []
        for group in groups:
            members = [member for member in group.members if member.item.name not in self.used]
            if members:
                found.append(_part(group, members))
        return found

    def _untouched(self, groups: Sequence[Group[Slot]]) -> list[Group[Slot]]:
        """The groups of which nothing has been found: half a layer is not looked for elsewhere."""
        return [group for group in groups if not any(member.item.owner in self.rows for member in group.members)]

    def _unspent(self, groups: Sequence[Group[Entry]]) -> list[Group[Entry]]:
        return [group for group in groups if not any(member.item.name in self.used for member in group.members)]

    # --- one array --------------------------------------------------------------------------------

    def _pair(self, slot: Slot, entry: Entry, how: str, any_shape: bool = False) -> None:
        """Take an array of the file for one of the net, or say why it cannot be."""
        self.used.add(entry.name)
        if not entry.is_usable:
            raise unusable(self.file.path, f"`{entry.name}` has numbers of type {entry.dtype}; weights are floats")
        if not _fits(entry.shape, slot) and not (any_shape and entry.count == prod(slot.shape)):
            note = f"`{entry.name}` has the shape {shape_text(entry.shape)}"
            self.rows[slot.owner] = Row(slot.owner, slot.shape, MISFIT, entry=entry, note=note)
            return
        note = f"reshaped from {shape_text(entry.shape)}" if entry.shape != slot.shape else ""
        self.rows[slot.owner] = Row(slot.owner, slot.shape, MATCHED, entry=entry, how=how, note=note)

    def _object(self, slot: Slot, state: str, note: str) -> None:
        if slot.constant is None:
            self.rows[slot.owner] = Row(slot.owner, slot.shape, state, note=note)

    def result(self) -> tuple[Weights, Report]:
        entries: dict[Key, Entry] = {}
        rows = []
        for owner, slot in self.slots.items():
            row = self.rows.get(owner) or Row(owner, slot.shape, MISSING)
            rows.append(row)
            if row.state == MATCHED and row.entry is not None:
                entries[owner] = self._divided(owner, row.entry).reshaped(slot.shape)
        carried = self._carried()
        self._remark_types(entries)
        left_over = [
            entry
            for entry in self.file.entries.values()
            if entry.name not in self.used and split(entry.name)[1] not in UNCOUNTED
        ]
        return Weights(entries, carried), Report(self.file.path, rows, left_over, self.remarks)

    def _divided(self, owner: Key, entry: Entry) -> Entry:
        factor = self.divisors.get(owner)
        return entry if factor is None else divided(entry, factor)

    def _carried(self) -> dict[str, tuple[Entry, ...]]:
        """The blobs of layers that nothing is known of."""
        found = {}
        by_name = {layer.name: layer for layer in self.file.layers if layer.blobs}
        for layer in self.layers:
            if layer.open and layer.name in by_name:
                found[layer.name] = by_name[layer.name].blobs
                self.used.update(blob.name for blob in found[layer.name])
        return found

    def _remark_types(self, entries: Mapping[Key, Entry]) -> None:
        others = sorted({entry.dtype for entry in entries.values()} - {"float32"})
        for dtype in others:
            count = sum(entry.dtype == dtype for entry in entries.values())
            self.remarks.append(f"{plural(count, 'array')} converted from {dtype} to float32")


def divided(entry: Entry, factor: Entry) -> Entry:
    """Running sums divided by how many they are of, as Caffe does it: times the reciprocal in float32."""
    import numpy as np

    count = factor.array().reshape(())
    if count == 1:
        return entry
    with np.errstate(all="ignore"):
        scale = np.float32(0) if count == 0 else np.float32(1) / count

    def read() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        array = entry.array()
        with np.errstate(all="ignore"):
            return np.zeros_like(array) if count == 0 else array * scale

    return Entry(entry.name, entry.shape, read, layer=entry.layer, index=entry.index, path=entry.path)


def _kinds(left: Sequence[Unit[Slot]], right: Sequence[Unit[Entry]]) -> tuple[list[Hashable], list[Hashable]]:
    return [unit_kind(unit) for unit in left], [unit_kind(unit) for unit in right]


def _alike(targets: Sequence[Group[Slot]], sources: Sequence[Group[Entry]]) -> list[tuple[Group[Slot], Group[Entry]]]:
    """Groups whose names are alike, if only one on either side is so called and what both have fits."""
    pairs = []
    for target, source in _called_alike(targets, sources):
        shared = _by_role(target, source)
        if shared and all(_fits(entry.shape, slot) for slot, entry in shared):
            pairs.append((target, source))
    return pairs


def _called_alike(
    targets: Sequence[Group[Slot]], sources: Sequence[Group[Entry]]
) -> list[tuple[Group[Slot], Group[Entry]]]:
    left, right = _by_names(targets), _by_names(sources)
    pairs: dict[int, tuple[Group[Slot], Group[Entry]]] = {}
    taken: set[int] = set()
    for name in left:
        if len(left[name]) != 1 or len(right.get(name, ())) != 1:
            continue
        target, source = left[name][0], right[name][0]
        if id(target) not in pairs and id(source) not in taken:
            pairs[id(target)] = (target, source)
            taken.add(id(source))
    return list(pairs.values())


def _by_names(groups: Sequence[Group[Item]]) -> dict[str, list[Group[Item]]]:
    found: dict[str, list[Group[Item]]] = {}
    for group in groups:
        for name in group.names:
            found.setdefault(name, []).append(group)
    return found


def _by_role(target: Group[Slot], source: Group[Entry]) -> list[tuple[Slot, Entry]]:
    """The arrays of two groups that are for the same; if there is only one in each, those two."""
    if len(target.members) == len(source.members) == 1:
        return [(target.members[0].item, source.members[0].item)]
    entries = {member.role: member.item for member in source.members}
    return [(member.item, entries[member.role]) for member in target.members if member.role in entries]


def _part(group: Group[Item], members: list[Member[Item]]) -> Group[Item]:
    part = Group(group.name, members)
    part.names = group.names
    return part


def _fits(shape: Shape, slot: Slot) -> bool:
    """Whether an array has the shape that is wanted, in a module or in Caffe's file, but for ones in front."""
    return essence(shape) in (essence(slot.shape), essence(slot.stored))
