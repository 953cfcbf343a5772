"""What differs between the calls of one block becomes its settings; what is equal stays a literal."""

from __future__ import annotations

from collections.abc import Sequence, Set

from netgen.emit.net.cores import HOLE, SEPARATORS, pattern
from netgen.emit.net.expr import Expr, Formula, Literal, Template, Variable, identifier
from netgen.emit.net.program import Parameter
from netgen.ir.filler import Filler

_LARGEST_FACTOR = 16


class Wish:
    """A setting that was asked for, with the names that would suit it: a short one, and one that tells it apart."""

    __slots__ = ("longer", "parameter", "short")

    def __init__(self, parameter: Parameter, short: str, longer: str) -> None:
        self.parameter = parameter
        self.short = short
        self.longer = longer


class Settings:
    """The settings of one block, found while its body is written. ``count`` is how often the block is called.

    ``known`` are texts that differ between the calls and have a variable: the instance's name, or an ``id``.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.known: list[tuple[Variable, list[str]]] = []
        self._wishes: list[Wish] = []

    @property
    def parameters(self) -> list[Parameter]:
        """In the order of a call: those that have defaults come last."""
        found = [wish.parameter for wish in self._wishes]
        return sorted(found, key=lambda parameter: parameter.default is not None)

    # --- texts -----------------------------------------------------------------------------------

    def text(self, values: Sequence[str]) -> Literal | Template:
        """An expression that gives each call its text."""
        for variable, known in self.known:
            for last in (False, True):
                patterns = {pattern(value, part, last=last) for value, part in zip(values, known, strict=True)}
                if len(patterns) == 1 and HOLE in (only := patterns.pop()):
                    return _with_hole(only, variable)
        if len(set(values)) == 1:
            return Literal(values[0])
        parameter = self._add("string", list(values), None, "label", "label")
        self.known.append((parameter, list(values)))
        return Template(Formula(parameter, is_text=True))

    def identify(self, names: Sequence[str]) -> None:
        """Make a setting of what is common to the names of a call's layers."""
        parameter = self._add("string", list(names), None, "id", "id")
        self.known.append((parameter, list(names)))

    # --- everything else -------------------------------------------------------------------------

    def value(self, values: list[object], usual: object, name: str, where: str) -> Expr:
        """An expression that gives each call its value; ``usual`` is what a default would be."""
        first = values[0]
        if all(_same(value, first) for value in values):
            return Literal(first)
        kind = _type(values)
        for wish in self._wishes:
            found = _related(wish.parameter, kind, values)
            if found is not None:
                return found
        default = usual if usual is not None and any(_same(value, usual) for value in values) else None
        return Formula(self._add(kind, values, default, name, f"{name}_{where}"))

    def _add(self, kind: str, values: list[object] | list[str], default: object, short: str, longer: str) -> Parameter:
        parameter = Parameter(short, kind, list(values), default)
        self._wishes.append(Wish(parameter, short, longer))
        return parameter

    def name_parameters(self, taken: Set[str]) -> None:
        """Give each setting a name of its own: the short one where no other wants it."""
        names = set(taken)
        wanted = [wish.short for wish in self._wishes]
        for wish in self._wishes:
            name = wish.short if wanted.count(wish.short) == 1 else wish.longer
            name = stem = identifier(name, wish.short)
            number = 2
            while name in names:
                name = f"{stem}_{number}"
                number += 1
            names.add(name)
            wish.parameter.name = name


def _with_hole(text: str, variable: Variable) -> Template:
    before, _, after = text.partition(HOLE)
    return Template(before, Formula(variable, is_text=True), after)


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _type(values: Sequence[object]) -> str:
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    kind = next(
        name
        for name, type_ in (("bool", bool), ("filler", Filler), ("string", str), ("float", float), ("int", int))
        if any(isinstance(each, type_) for each in flat)
    )
    return f"[{kind}]" if isinstance(values[0], list) else kind


def _related(parameter: Parameter, kind: str, values: list[object]) -> Formula | None:
    """An expression over a setting that there is already: the setting itself, or a multiple or part of it."""
    if parameter.type != kind:
        return None
    if parameter.values == values:
        return Formula(parameter)
    if kind != "int":
        return None
    own = [value for value in parameter.values if isinstance(value, int)]
    wanted = [value for value in values if isinstance(value, int)]
    for small, large, before, after in ((own, wanted, "{} * ", ""), (wanted, own, "", " // {}")):
        factor = _factor(small, large)
        if factor:
            return Formula(parameter, before.format(factor), after.format(factor))
    return None


def _factor(small: list[int], large: list[int]) -> int:
    """What all of some numbers must be multiplied by to give others; 0 where that is no one small number."""
    factor = large[0] // small[0] if small[0] > 0 else 0
    if not 1 < factor <= _LARGEST_FACTOR:
        return 0
    return factor if all(factor * one == other for one, other in zip(small, large, strict=True)) else 0


def stem(core: str) -> str:
    """The name of an instance whose layers' names have a core in common."""
    return core.rstrip(SEPARATORS)
