"""One class for several forms of a block: what only some instances have becomes optional.

Instances of a block that differ in constants alone have one ``Form``. Forms differ where the program says ``if``: a
step is missing, or another stands in its place. Steps of two forms correspond when they were written at one place.

``merge`` lines the steps of all forms up into slots. A slot that not all forms have belongs to a run of such
neighbours; who reads its value reads, in the forms without it, some other value: its ``instead``. From that follows how
the run can be written:

- ``Choice``: the run is a chain of modules and ``instead`` is what goes into the chain (``nn.Identity()`` stands for it
  where it is missing) or what another chain on the same input makes.
- ``Branch``: anything else becomes an ``if`` in ``forward``, with or without an ``else``.

What fits neither raises ``Apart``: such forms become classes of their own.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from netgen.emit.torch.body import Body, Leaf, Step
from netgen.emit.torch.fit import constant
from netgen.emit.torch.fold import is_listable
from netgen.ir.graph import Value

MOST_STEPS = 256
"""Forms with more steps than this are not lined up."""


class Ref(NamedTuple):
    """A value in a class: an output of a slot, or with ``slot`` -1 an input of the class."""

    slot: int
    output: int


class Form:
    """Instances that do the same with other constants. ``structures`` has what must be equal of each step."""

    __slots__ = ("bodies", "operands", "outputs", "steps", "structures")

    def __init__(self, body: Body, steps: list[Step], structures: list[Hashable]) -> None:
        self.bodies = [body]
        self.steps = [steps]
        self.structures = structures
        refs: dict[Value, Ref] = {value: Ref(-1, i) for i, value in enumerate(body.inputs)}
        self.operands: list[list[Ref]] = []
        for number, step in enumerate(steps):
            self.operands.append([refs[value] for value in step.inputs])
            refs.update((value, Ref(number, i)) for i, value in enumerate(step.outputs))
        self.outputs = [refs[value] for value in body.outputs]

    @property
    def key(self) -> Hashable:
        operands = tuple(map(tuple, self.operands))
        return (len(self.bodies[0].inputs), tuple(self.structures), operands, tuple(self.outputs))


class Slot:
    """One step of a class: what it reads, and the step of each instance, or None where the instance has none."""

    __slots__ = ("forms", "members", "number", "operands", "structure")

    def __init__(self, number: int, structure: Hashable, forms: frozenset[int]) -> None:
        self.number = number
        self.structure = structure
        self.forms = forms
        self.operands: list[Ref] = []
        self.members: list[Step | None] = []

    @property
    def present(self) -> list[Step]:
        return [step for step in self.members if step is not None]

    @property
    def is_function(self) -> bool:
        """Whether ``forward`` calls a function: there is one, and its constants never differ, or there is no module."""
        leaves = [step.spelled for step in self.present if isinstance(step, Leaf)]
        if not leaves or leaves[0].function is None:
            return False
        if leaves[0].module is None:
            return True
        columns = zip(*(leaf.function.holes for leaf in leaves if leaf.function is not None), strict=True)
        return all(constant(hole.value for hole in column)[0] for column in columns)


class Option:
    """A chain of slots that some forms have."""

    __slots__ = ("forms", "slots")

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots
        self.forms = slots[0].forms

    @property
    def last(self) -> Slot:
        return self.slots[-1]


class Choice:
    """One of several chains on the value ``operand``. Its result is the output of ``result``.

    The last option is taken where no other is; without options for all, the value passes unchanged.
    """

    __slots__ = ("operand", "options", "passes", "result")

    def __init__(self, options: list[Option], operand: Ref, result: Slot, passes: bool) -> None:
        self.options = options
        self.operand = operand
        self.result = result
        self.passes = passes


class Branch:
    """Slots that are computed under a condition, and those that are computed otherwise.

    ``joins`` are the values read afterwards: the name they are read by, and what each side gives for it.
    """

    __slots__ = ("forms", "joins", "otherwise", "slots")

    def __init__(self, slots: list[Slot], otherwise: list[Slot], joins: list[tuple[Ref, Ref, Ref]]) -> None:
        self.slots = slots
        self.otherwise = otherwise
        self.forms = slots[0].forms
        self.joins = joins


Entry = Slot | Choice | Branch


class Skeleton:
    """A class to be: its entries in order, and the instances (rows) with the form that each has."""

    __slots__ = ("bodies", "entries", "form_of_row", "outputs", "slots")

    def __init__(self, slots: list[Slot], entries: list[Entry], outputs: list[Ref], forms: list[Form]) -> None:
        self.slots = slots
        self.entries = entries
        self.outputs = outputs
        self.bodies: list[Body] = []
        self.form_of_row: list[int] = []
        for number, form in enumerate(forms):
            self.bodies += form.bodies
            self.form_of_row += [number] * len(form.bodies)

    def rows_with(self, forms: frozenset[int]) -> list[bool]:
        """For each row whether its form is one of these."""
        return [form in forms for form in self.form_of_row]


class Apart(Exception):
    """These forms do not fit into one class."""


def merge(forms: list[Form]) -> Skeleton:
    """One class for some forms of a block. Raises ``Apart``."""
    if len(forms) == 1:
        return _alone(forms[0])
    return _Merger(forms).run()


def _alone(form: Form) -> Skeleton:
    slots = []
    for number, structure in enumerate(form.structures):
        slot = Slot(number, structure, frozenset([0]))
        slot.operands = form.operands[number]
        slot.members = [steps[number] for steps in form.steps]
        slots.append(slot)
    return Skeleton(slots, list(slots), form.outputs, [form])


class _Merger:
    def __init__(self, forms: list[Form]) -> None:
        if max(len(form.structures) for form in forms) > MOST_STEPS:
            raise Apart
        if len({len(form.bodies[0].inputs) for form in forms}) > 1:
            raise Apart
        self.forms = forms
        self.all = frozenset(range(len(forms)))
        self.slots: list[Slot] = []
        self.instead: dict[Ref, dict[int, Ref]] = {}
        """For an optional value, what each form without it reads; worked off into ``otherwise``."""
        self.otherwise: dict[Ref, Ref] = {}
        """For an optional value, what stands for it where it is missing."""
        self.fallbacks: dict[Ref, set[int]] = {}
        """The slots for whose outputs a value stands in."""
        self.readers: dict[Ref, set[int]] = {}
        """The slots that read a value; the outputs count as slot -1."""

    def run(self) -> Skeleton:
        numbers = self._line_up()
        reads = [[self._resolve(each) for each in vectors] for vectors in self._reads(numbers)]
        outputs = [self._resolve(each) for each in self._outputs(numbers)]
        while self.instead:
            ref = max(self.instead)
            self.otherwise[ref] = self._resolve(self.instead.pop(ref))
        for slot, refs in zip(self.slots, reads, strict=True):
            slot.operands = [self._joint(ref, slot.number) for ref in refs]
        outputs = [self._joint(ref, len(self.slots)) for ref in outputs]
        self.otherwise = {ref: self._joint(other, ref.slot) for ref, other in self.otherwise.items()}
        self._note_readers(outputs)
        return Skeleton(self.slots, self._entries(), outputs, self.forms)

    def _joint(self, ref: Ref, reader: int) -> Ref:
        """The value that stands for this one and its alternatives, if a reader comes after all of them.

        Who reads one of two values that exclude each other may as well read whichever there is.
        """
        for later, other in self.otherwise.items():
            excluded = ref.slot >= 0 and not (self.slots[later.slot].forms & self.slots[ref.slot].forms)
            if other == ref and later.slot < reader and excluded:
                return self._joint(later, reader)
        return ref

    def _note_readers(self, outputs: list[Ref]) -> None:
        for slot in self.slots:
            for ref in slot.operands:
                self.readers.setdefault(ref, set()).add(slot.number)
        for ref in outputs:
            self.readers.setdefault(ref, set()).add(-1)
        for ref, other in self.otherwise.items():
            self.fallbacks.setdefault(other, set()).add(ref.slot)

    # --- lining up ---------------------------------------------------------------------------------

    def _line_up(self) -> list[list[int]]:
        """Make the slots; gives the slot numbers of each form's steps."""
        keys = [_keys(form) for form in self.forms]
        order = keys[0]
        for each in keys[1:]:
            order = _interleave(order, each)
        position = {key: number for number, key in enumerate(order)}
        numbers = [[position[key] for key in each] for each in keys]
        if any(sorted(each) != each for each in numbers):
            raise Apart
        for number, (_, structure, _) in enumerate(order):
            has = frozenset(at for at, own in enumerate(numbers) if number in set(own))
            self.slots.append(Slot(number, structure, has))
        for form, own in zip(self.forms, numbers, strict=True):
            places = {slot: place for place, slot in enumerate(own)}
            for slot in self.slots:
                place = places.get(slot.number)
                slot.members += [None if place is None else steps[place] for steps in form.steps]
        return numbers

    def _reads(self, numbers: list[list[int]]) -> list[list[dict[int, Ref]]]:
        """For each slot and operand, what each form reads there."""
        reads: list[list[dict[int, Ref]]] = [[] for _ in self.slots]
        for number, (form, own) in enumerate(zip(self.forms, numbers, strict=True)):
            for at, operands in zip(own, form.operands, strict=True):
                vectors = reads[at] = reads[at] or [{} for _ in operands]
                for vector, ref in zip(vectors, operands, strict=True):
                    vector[number] = _moved(ref, own)
        return reads

    def _outputs(self, numbers: list[list[int]]) -> list[dict[int, Ref]]:
        if len({len(form.outputs) for form in self.forms}) > 1:
            raise Apart
        return [
            {number: _moved(form.outputs[i], numbers[number]) for number, form in enumerate(self.forms)}
            for i in range(len(self.forms[0].outputs))
        ]

    def _resolve(self, vector: dict[int, Ref]) -> Ref:
        """The one value that stands for what the forms read; notes what is read where that is missing."""
        latest = max(vector.values())
        others = {form: ref for form, ref in vector.items() if ref != latest}
        if not others:
            return latest
        has = self.slots[latest.slot].forms if latest.slot >= 0 else self.all
        if any(form in has for form in others):
            raise Apart
        known = self.instead.setdefault(latest, {})
        for form, ref in others.items():
            if known.setdefault(form, ref) != ref:
                raise Apart
        return latest

    # --- runs of optional slots ----------------------------------------------------------------------

    def _entries(self) -> list[Entry]:
        entries: list[Entry] = []
        runs = self._runs()
        optional = sum(len(run) for run in runs if run[0].forms != self.all)
        if optional == len(self.slots):
            raise Apart
        at = 0
        while at < len(runs):
            run = runs[at]
            if run[0].forms == self.all:
                entries += run
                at += 1
                continue
            group = self._alternatives(runs, at)
            at += len(group)
            choices = self._choices(group)
            entries += choices if choices is not None else [self._branch(group)]
        in_branches = sum(len(entry.slots) + len(entry.otherwise) for entry in entries if isinstance(entry, Branch))
        if in_branches > 3 * (len(self.slots) - in_branches):
            raise Apart
        return entries

    def _runs(self) -> list[list[Slot]]:
        """The slots, neighbours that are present in the same forms together."""
        runs: list[list[Slot]] = []
        for slot in self.slots:
            if runs and runs[-1][0].forms == slot.forms:
                runs[-1].append(slot)
            else:
                runs.append([slot])
        return runs

    def _alternatives(self, runs: list[list[Slot]], at: int) -> list[list[Slot]]:
        """The run at a place and those behind it that exclude it and each other."""
        group = [runs[at]]
        seen = runs[at][0].forms
        while at + len(group) < len(runs) and not (seen & runs[at + len(group)][0].forms):
            group.append(runs[at + len(group)])
            seen = seen | group[-1][0].forms
        return group

    def _choices(self, group: list[list[Slot]]) -> list[Entry] | None:
        """The runs as choices between chains, or None where they are not chains."""
        options = {option.last.number: option for run in group for option in self._chains(run)}
        choices: list[Entry] = []
        while options:
            number = max(options)
            choice = self._choice(options, number)
            if choice is None:
                return None
            choices.insert(0, choice)
        return choices

    def _choice(self, options: dict[int, Option], number: int) -> Choice | None:
        """The choice whose result is the slot ``number``; takes what it uses out of ``options``."""
        option = options.pop(number)
        chosen, covered = [option], option.forms
        operands = self._same_as(option.slots[0].operands[0], number, option.forms)
        otherwise = self.otherwise.get(Ref(number, 0))
        while otherwise is not None and (before := options.pop(otherwise.slot, None)) is not None:
            operands &= self._same_as(before.slots[0].operands[0], number, before.forms)
            if before.forms & covered or self.readers.get(Ref(before.last.number, 0)):
                return None
            chosen.insert(0, before)
            covered = covered | before.forms
            otherwise = self.otherwise.get(Ref(before.last.number, 0))
        passes = otherwise is not None
        if otherwise is not None:
            operands &= self._same_as(otherwise, number, self.all - covered)
        if not operands or not (passes or covered == self.all) or not all(map(self._is_chain, chosen)):
            return None
        return Choice(chosen, max(operands), option.last, passes)

    def _same_as(self, ref: Ref, reader: int, forms: frozenset[int]) -> set[Ref]:
        """The values that are the same as this one in some forms: those that it stands in for there."""
        same = {ref}
        for later, other in sorted(self.otherwise.items()):
            if other in same and later.slot < reader and not (self.slots[later.slot].forms & forms):
                same.add(later)
        return same

    def _chains(self, run: list[Slot]) -> list[Option]:
        """A run cut into chains: a slot goes on where it is the only one to read the one before."""
        chains: list[list[Slot]] = []
        for slot in run:
            last = chains[-1][-1] if chains else None
            if last is not None and slot.operands == [Ref(last.number, 0)] and self._has_one_reader(last):
                chains[-1].append(slot)
            else:
                chains.append([slot])
        return [Option(chain) for chain in chains]

    def _has_one_reader(self, slot: Slot) -> bool:
        ref = Ref(slot.number, 0)
        return len(self.readers.get(ref, ())) == 1 and ref not in self.otherwise and ref not in self.fallbacks

    def _is_chain(self, option: Option) -> bool:
        return all(is_listable(step) for slot in option.slots for step in slot.present)

    def _branch(self, group: list[list[Slot]]) -> Branch:
        """Two runs that exclude each other, or one alone, under a condition."""
        if len(group) > 2 or (len(group) == 2 and group[0][0].forms | group[1][0].forms != self.all):
            raise Apart
        slots, otherwise = group[0], (group[1] if len(group) == 2 else [])
        inside = {slot.number for run in group for slot in run}
        joins = []
        for slot in (*slots, *otherwise):
            for index in range(len(slot.present[0].outputs)):
                ref = Ref(slot.number, index)
                outside = (self.readers.get(ref, set()) | self.fallbacks.get(ref, set())) - inside
                if not outside:
                    continue
                other = self.otherwise.get(ref)
                if other is None:
                    raise Apart
                joins.append((ref, other, ref) if slot in otherwise else (ref, ref, other))
        if not joins:
            raise Apart
        return Branch(slots, otherwise, joins)


Key = tuple[object, Hashable, int]


def _keys(form: Form) -> list[Key]:
    """What tells the steps of a form apart: place and structure; a number, where both occur twice."""
    seen: dict[tuple[object, Hashable], int] = {}
    keys = []
    for step, structure in zip(form.steps[0], form.structures, strict=True):
        key = (step.key, structure)
        seen[key] = seen.get(key, -1) + 1
        keys.append((*key, seen[key]))
    return keys


def _interleave(order: list[Key], new: list[Key]) -> list[Key]:
    """Two orders as one. What only the second has comes as late as what both have allows."""
    known = set(order)
    merged: list[Key] = []
    waiting: list[Key] = []
    rest = iter(order)
    for key in new:
        if key not in known:
            waiting.append(key)
            continue
        for each in rest:
            if each == key:
                break
            merged.append(each)
        else:
            raise Apart
        merged += [*waiting, key]
        waiting = []
    return [*merged, *rest, *waiting]


def _moved(ref: Ref, numbers: list[int]) -> Ref:
    return ref if ref.slot < 0 else Ref(numbers[ref.slot], ref.output)
