"""What the modules of a class are called: ``self.conv``, ``self.shortcut``, ``self.stage1``.

Weights are found by these names, so they come from what the program says: a layer's name, the variable it is given to,
else what its operator is called for short. They are found for the class as a whole, hence the same for all instances.
A variable that is assigned again and again, as in ``x = conv(x)``, names nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from re import sub

from netgen.emit.torch.body import Body, Leaf, Step, Use
from netgen.emit.torch.fold import Chain, flat, is_made_up
from netgen.emit.torch.merge import Branch, Choice, Skeleton, Slot
from netgen.emit.torch.naming import MODULE_ATTRIBUTES, Unique, attribute, identifier, plural
from netgen.ir.graph import Loop


class Attributes:
    """The attributes of one class."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.bodies = skeleton.bodies
        assigned = Counter(slot.present[0].variable for slot in skeleton.slots)
        self.carried = {*self.bodies[0].names, *(name for name, count in assigned.items() if name and count > 1)}
        self._taken = Unique(MODULE_ATTRIBUTES)
        self._names: dict[int, str] = {}
        units = [slots for entry in skeleton.entries for slots in _units(entry)]
        bases = [self._base(slots) for slots in units]
        counts = Counter(bases)
        numbers: Counter[str] = Counter()
        for slots, base in zip(units, bases, strict=True):
            numbers[base] += 1
            numbered = counts[base] > 1 and not base[-1].isdigit()
            self._names[slots[0].number] = self._taken.claim(f"{base}{numbers[base]}" if numbered else base)

    def of(self, slots: Sequence[Slot]) -> str:
        """The attribute of a module that stands for these slots."""
        return self._names[slots[0].number]

    def plain(self, name: str) -> str:
        """An attribute for a number or a flag."""
        return self._taken.claim(attribute(name, "value"))

    def flag_base(self, branch: Branch) -> str:
        """What the condition of a branch may be called."""
        slots = [*branch.slots, *branch.otherwise]
        named = next((slot for slot in slots if not slot.is_function), slots[0])
        return f"with_{self._base([named])}"

    # --- where names come from --------------------------------------------------------------------

    def _base(self, slots: Sequence[Slot]) -> str:
        first = slots[0].present[0]
        if isinstance(first, Chain):
            return attribute(_given_name(first, self.bodies[0]) or _made_name(first))
        families = {_family(slot.present[0]) for slot in slots}
        if len(slots) > 1 and len(families) == 1 and (family := families.pop()):
            return attribute(family)
        return attribute(self._said(slots[0]) or _short(first), _short(first))

    def _said(self, slot: Slot) -> str:
        """The name that the program gives a step, if it gives one that holds for all instances."""
        members = zip(slot.members, self.bodies, strict=True)
        names = {_own_name(step, body) for step, body in members if step is not None}
        name = names.pop() if len(names) == 1 else ""
        if name:
            first, *others = name.split("/")
            if sub(r"_\d+$", "", first) in self.carried or first in self.carried:
                return "_".join(others)
            return name
        step = slot.present[0]
        is_link = isinstance(step, Leaf) and not step.outputs[0].variable  # the variable is that of the whole chain
        return "" if step.variable in self.carried or is_link else step.variable


def _units(entry: Slot | Choice | Branch) -> list[list[Slot]]:
    """The slots of an entry, together where one attribute stands for several."""
    if isinstance(entry, Choice):
        return [[slot for option in entry.options for slot in option.slots]]
    slots = [entry] if isinstance(entry, Slot) else [*entry.slots, *entry.otherwise]
    return [[slot] for slot in slots if not slot.is_function]


def _own_name(step: Step, body: Body) -> str:
    """A step's name inside its instance; empty where it was given a name from outside."""
    if step.local or not body.instance.name:
        return step.local or step.name
    prefix = f"{body.instance.name}/"
    return step.name[len(prefix) :] if step.name.startswith(prefix) else ""


def _short(step: Step) -> str:
    if isinstance(step, Leaf):
        return step.spelled.nodes[0].op.short
    return identifier(step.body.instance.block, "block") if isinstance(step, Use) else "layer"


def _family(step: Step) -> str:
    """The family that a layer's operator belongs to: activation, pool, norm."""
    return step.spelled.nodes[0].op.__module__.rpartition(".")[2] if isinstance(step, Leaf) else ""


def _given_name(chain: Chain, body: Body) -> str:
    """What the names that the program gave the instances in a chain begin with, if all do: res2_1, res2_2 are res2."""
    uses = [step for step in flat(chain.parts) if isinstance(step, Use) and not is_made_up(step)]
    names = [_own_name(step, body) for step in uses]
    if len(set(names)) == 1:
        return names[0]
    heads = {name.rpartition("_")[0] for name in names}
    return heads.pop() if len(heads) == 1 and len(names) == len(list(flat(chain.parts))) else ""


def _made_name(chain: Chain) -> str:
    """The variable of the loop that a chain is a turn of, with its value; else what it consists of, in the plural."""
    if chain.stage is not None:
        return loop_name(chain.stage)
    names = {_short(step) for step in flat(chain.parts)}
    return plural(names.pop()) if len(names) == 1 else "layers"


def loop_name(loop: Loop) -> str:
    """``stage2`` for the turn of a loop over ``stage`` whose value is 2; a variable of one letter says nothing."""
    word = loop.variable if len(loop.variable) > 2 else "stage"
    value = loop.value
    if isinstance(value, str) and value:
        return f"{word}_{value}"
    return f"{word}{value}" if type(value) is int and value >= 0 else f"{word}{loop.turn + 1}"
