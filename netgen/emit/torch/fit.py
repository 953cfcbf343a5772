"""Finding the expression behind numbers: what a constant is in terms of a block's settings.

A block is used many times; each use has its settings (one row) and needs some constant (one value for each row).
``Table.fit`` looks for the simplest expression of the settings that gives every value, and ``Table.fit_truth`` for
the simplest condition. Whatever is returned has been evaluated for every row, so it is never wrong for the uses that
exist; where several expressions are right, the one that a person would more likely have meant is taken:

1. a setting as it is, ``width``
2. a setting and a number, ``4 * width``, ``kernel // 2``, ``in_channels + 32``
3. two settings, ``width * groups``; before the others, if the source text speaks of both
4. two settings and a number, ``in_channels + 32 * layers``; or a setting and two numbers
5. three settings, ``in_channels + growth * layers``

Between 3 and 4 comes what depends on a condition that the class has anyhow, ``out if stride == 1 else out // 2``. Lists
are settings whose elements may be used alone, ``kernel[0] // 2``.

The longer forms fit few rows by accident too easily, so they need more rows that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice, permutations
from operator import add, eq, floordiv, mul, ne, sub
from typing import Any

from netgen.emit.torch.expression import Conditional, Not
from netgen.ir.spell_torch import Infix, Name

ABSENT: Any = object()
"""Stands in a row that does not need the value."""

ALIASES = {
    "out_channels": ("out", "width", "channels", "filters", "features"),
    "out_features": ("out", "classes", "width"),
    "num_features": ("out", "out_channels", "in_channels", "width"),
    "kernel_size": ("kernel",),
    "padding": ("pad", "kernel"),
}
"""Settings that an argument of PyTorch's is likely to be."""

SPATIAL = frozenset(["kernel", "stride", "pad", "dilation"])
"""Settings that say nothing about channels."""

SIZES = frozenset(["kernel_size", "padding", *SPATIAL])
"""Arguments that channels say nothing about."""

COUNTS = ("channels", "features", "groups")
"""How the names of channels end."""


def same(a: object, b: object) -> bool:
    """Equal and of one type: ``1``, ``1.0`` and ``True`` are three values."""
    return type(a) is type(b) and a == b


def constant(values: Iterable[object]) -> tuple[bool, Any]:
    """Whether all values that are present are the same one, and which."""
    present = [value for value in values if value is not ABSENT]
    first = present[0] if present else None
    return all(same(value, first) for value in present), first


class Setting:
    """A column of the table: a constructor argument, as far as it is needed."""

    __slots__ = ("default", "is_used", "name", "values")

    NO_DEFAULT = object()

    def __init__(self, name: str, values: list[Any], default: object = NO_DEFAULT) -> None:
        self.name = name
        self.values = values
        self.default = default
        self.is_used = False

    @property
    def has_default(self) -> bool:
        return self.default is not self.NO_DEFAULT

    def is_all(self, kind: type) -> bool:
        return all(type(value) is kind for value in self.values)


class Table:
    """The settings of all uses of a block."""

    def __init__(self) -> None:
        self.settings: list[Setting] = []
        self.conditions: list[object] = []
        """What the class decides by."""

    def find(self, name: str) -> Setting | None:
        return next((setting for setting in self.settings if setting.name == name), None)

    def use(self, expr: object) -> object:
        """Note that the settings in an expression are needed; gives the expression."""
        used = {name.partition("[")[0] for name in names_in(expr)}
        for setting in self.settings:
            setting.is_used = setting.is_used or setting.name in used
        return expr

    # --- values --------------------------------------------------------------------------------

    def fit(self, values: Sequence[Any], argument: str = "", mentioned: Collection[str] = ()) -> object | None:
        """The expression that gives ``values``, or None. ``argument`` is what they are passed as.

        ``mentioned`` are words of the source text where the value comes from, which decide between equals.
        """
        return self.use(self._found(_Problem(values, self.settings, argument, mentioned)))

    def _found(self, problem: _Problem) -> object | None:
        found = problem.best((Name(setting.name) for setting in problem.settings), 1)
        if found is not None or not problem.values:
            return found
        if all(isinstance(value, tuple) for value in problem.values):
            return self._tuple(problem)
        if any(type(value) is not int for value in problem.values):
            return None
        numbers = problem.numbers()
        said = [name for name in numbers if problem.is_mentioned(name) and name not in SPATIAL]
        for fewest, tier, names in ((2, _pairs, said), (2, _with_number, numbers), (3, _pairs, numbers)):
            found = problem.best(tier(names, problem), fewest)
            if found is not None:
                return found
        found = self._conditional(problem)
        for fewest, tier in ((3, _pairs_with_number), (4, _triples)):
            found = problem.best(tier(numbers, problem), fewest) if found is None else found
        return found

    def _conditional(self, problem: _Problem) -> object | None:
        """``yes if condition else no``, each side a constant or simple."""
        if len(problem.rows) < 3:
            return None
        for condition in self.conditions:
            sides = [self._side(problem.where(condition, truth)) for truth in (True, False)]
            if None not in sides:
                return Conditional(sides[0], condition, sides[1])
        return None

    def _side(self, problem: _Problem) -> object | None:
        """The values on one side of a condition."""
        if constant(problem.values)[0]:
            value: object = problem.values[0] if problem.values else None
            return value
        tiers = ((1, map(Name, problem.numbers())), (2, _with_number(problem.numbers(), problem)))
        for fewest, tier in (*tiers, (3, _pairs(problem.numbers(), problem))):
            found = problem.best(tier, fewest)
            if found is not None:
                return found
        return None

    def _tuple(self, problem: _Problem) -> object | None:
        """A tuple, element by element."""
        if len({len(value) for value in problem.values}) > 1:
            return None
        elements = []
        for i in range(len(problem.values[0])):
            part = problem.element(i)
            is_same, value = constant(part.values)
            elements.append(value if is_same else self._found(part))
        return tuple(elements) if None not in elements else None

    # --- conditions ----------------------------------------------------------------------------

    def fit_truth(self, truths: Sequence[bool]) -> object | None:
        """The condition that holds in just the rows where ``truths`` says so, or None."""
        problem = _Problem(truths, self.settings)
        atoms = list(_conditions(problem))
        found = next((atom for atom in atoms if problem.is_right(atom)), None)
        return self.use(found if found is not None else _combined(atoms, problem))


class _Problem:
    """Values to be explained, and the rows that need them. Rows that are equal in all respects count once."""

    def __init__(
        self, values: Sequence[Any], settings: list[Setting], argument: str = "", mentioned: Collection[str] = ()
    ) -> None:
        self.settings = [each for setting in settings for each in _with_elements(setting)]
        self.settings = [setting for setting in self.settings if not constant(setting.values)[0]]
        self.argument = argument
        self.mentioned = mentioned
        names = [setting.name for setting in self.settings]
        columns = [setting.values for setting in self.settings]
        seen: dict[tuple[object, ...], tuple[Any, dict[str, Any]]] = {}
        for value, *row in zip(values, *columns, strict=True):
            if value is not ABSENT:
                seen.setdefault((type(value), value, *row), (value, dict(zip(names, row, strict=True))))
        self.values: list[Any] = [value for value, _ in seen.values()]
        self.rows = [row for _, row in seen.values()]

    def _with(self, values: list[Any], rows: list[dict[str, Any]]) -> _Problem:
        other = _Problem([], [], self.argument, self.mentioned)
        other.settings, other.values, other.rows = self.settings, values, rows
        return other

    def where(self, condition: object, truth: bool) -> _Problem:
        """The rows for which a condition holds, or does not."""
        chosen = [at for at, row in enumerate(self.rows) if evaluate(condition, row) == truth]
        return self._with([self.values[at] for at in chosen], [self.rows[at] for at in chosen])

    def element(self, i: int) -> _Problem:
        """The problem of one element of tuples."""
        return self._with([value[i] for value in self.values], self.rows)

    def numbers(self) -> list[str]:
        """The settings to calculate with. Channels say nothing about strides and the like, nor these about channels."""
        counts, sizes = self.argument.endswith(COUNTS), self.argument in SIZES
        return [
            setting.name
            for setting in self.settings
            if setting.is_all(int)
            and not (counts and setting.name in SPATIAL)
            and not (sizes and setting.name.rstrip("0123456789").endswith(COUNTS))
        ]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def is_right(self, expr: object) -> bool:
        return all(same(evaluate(expr, row), value) for row, value in zip(self.rows, self.values, strict=True))

    def best(self, candidates: Iterable[object], fewest: int) -> object | None:
        """Of the candidates that are right and not by accident, the one whose settings are likeliest meant."""
        best: tuple[int, object] | None = None
        for expr in candidates:
            names = names_in(expr)
            rank = sum(map(self._unlikeliness, names))
            if (best is None or rank < best[0]) and self.is_right(expr) and self._differ(names) >= fewest:
                best = rank, expr
        return best[1] if best is not None else None

    def _unlikeliness(self, setting: str) -> int:
        name = setting.partition("[")[0]
        if name == self.argument or name in ALIASES.get(self.argument, ()):
            return 0
        return 1 if self.is_mentioned(name) else 2

    def is_mentioned(self, name: str) -> bool:
        """Whether the source text speaks of a setting; it says ``x.channels`` where there is ``in_channels``."""
        return name in self.mentioned or (name.endswith("channels") and "channels" in self.mentioned)

    def _differ(self, names: Collection[str]) -> int:
        """How many of the rows differ in the value or in some settings."""
        return len({(value, *map(row.get, names)) for row, value in zip(self.rows, self.values, strict=True)})


def _with_elements(setting: Setting) -> list[Setting]:
    """A setting; of a list also its elements."""
    lengths = {len(value) if isinstance(value, tuple) else 0 for value in setting.values}
    if len(lengths) != 1 or 0 in lengths:
        return [setting]
    elements = [Setting(f"{setting.name}[{i}]", [value[i] for value in setting.values]) for i in range(lengths.pop())]
    return [setting, *elements]


# --- expressions ---------------------------------------------------------------------------------

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": add, "-": sub, "*": mul, "//": floordiv, "==": eq, "!=": ne,
    "and": lambda a, b: a and b, "or": lambda a, b: a or b,
}  # fmt: skip


def evaluate(expr: object, row: Mapping[str, Any]) -> Any:
    """What an expression gives for a row of settings; None where it divides by zero."""
    match expr:
        case Name():
            return row[expr.text]
        case Not():
            return not evaluate(expr.value, row)
        case Conditional():
            return evaluate(expr.yes if evaluate(expr.test, row) else expr.no, row)
        case tuple():
            return tuple(evaluate(each, row) for each in expr)
        case Infix():
            value, *others = (evaluate(each, row) for each in expr.operands)
            for other in others:
                if expr.symbol == "//" and other == 0:
                    return None
                value = _ARITHMETIC[expr.symbol](value, other)
            return value
        case _:
            return expr


def names_in(expr: object) -> list[str]:
    """The settings in an expression, each as often as it occurs."""
    match expr:
        case Name():
            return [expr.text]
        case Not():
            return names_in(expr.value)
        case Conditional():
            return [name for each in (expr.yes, expr.test, expr.no) for name in names_in(each)]
        case tuple():
            return [name for each in expr for name in names_in(each)]
        case Infix():
            return [name for each in expr.operands for name in names_in(each)]
        case _:
            return []


def plus(expr: object, number: int) -> object:
    """``expr + number`` as people write it."""
    if not number:
        return expr
    return Infix("+", expr, number) if number > 0 else Infix("-", expr, -number)


def plus_times(base: object, factor: object, expr: object) -> object:
    """``base + factor * expr`` as people write it."""
    negative = isinstance(factor, int) and factor < 0
    size = -factor if isinstance(factor, int) and factor < 0 else factor
    term = expr if same(size, 1) else Infix("*", size, expr)
    if same(base, 0) and not negative:
        return term
    return Infix("-" if negative else "+", base, term)


# --- forms of values -----------------------------------------------------------------------------


def _with_number(names: list[str], problem: _Problem) -> Iterator[object]:
    for p in names:
        yield from _scaled(Name(p), problem)
    for p in names:
        yield plus(Name(p), problem.values[0] - problem.rows[0][p])


def _scaled(expr: object, problem: _Problem) -> Iterator[object]:
    """``factor * expr`` and ``expr // divisor``. The row with the largest value says which numbers are possible."""
    at = max(range(len(problem.rows)), key=lambda row: abs(problem.values[row]))
    value, whole = problem.values[at], evaluate(expr, problem.rows[at])
    factors = expr.operands if isinstance(expr, Infix) else (expr,)
    if whole and value % whole == 0 and value // whole > 1:
        yield Infix("*", value // whole, *factors)
    if 0 < value < whole:
        lowest, highest = whole // (value + 1) + 1, whole // value
        yield from (Infix("//", expr, by) for by in range(max(lowest, 2), min(highest, lowest + 8) + 1))


def _pairs(names: list[str], problem: _Problem) -> Iterator[object]:
    for p, q in combinations(names, 2):
        yield Infix("*", Name(p), Name(q))
        yield Infix("+", Name(p), Name(q))
    for p, q in permutations(names, 2):
        yield Infix("-", Name(p), Name(q))
        yield Infix("//", Name(p), Name(q))


def _pairs_with_number(names: list[str], problem: _Problem) -> Iterator[object]:
    for p in names:
        yield from _line(p, problem)
    for p, q in permutations(names, 2):
        yield from _sum_with_factor(p, q, problem)
    for p, q in combinations(names, 2):
        yield from _scaled(Infix("*", Name(p), Name(q)), problem)


def _line(p: str, problem: _Problem) -> Iterator[object]:
    """``factor * p + number``"""
    column, values = problem.column(p), problem.values
    other = next((at for at, value in enumerate(column) if value != column[0]), None)
    if other is None:
        return
    factor, rest = divmod(values[other] - values[0], column[other] - column[0])
    if rest or factor in (0, 1, -1):
        return
    number = values[0] - factor * column[0]
    yield plus(Infix("*", factor, Name(p)), number) if factor > 0 else plus_times(number, factor, Name(p))


def _sum_with_factor(p: str, q: str, problem: _Problem) -> Iterator[object]:
    """``p + factor * q``"""
    for value, row in zip(problem.values, problem.rows, strict=True):
        if row[q]:
            factor, rest = divmod(value - row[p], row[q])
            if not rest and factor not in (0, 1, -1):
                yield plus_times(Name(p), factor, Name(q))
            return


def _triples(names: list[str], problem: _Problem) -> Iterator[object]:
    for p in names:
        for q, r in combinations([name for name in names if name != p], 2):
            yield Infix("+", Name(p), Infix("*", Name(q), Name(r)))


# --- forms of conditions -------------------------------------------------------------------------


def _conditions(problem: _Problem) -> Iterator[object]:
    """Flags first; then settings that have a default, compared with it; then sizes compared with each other."""
    for setting in problem.settings:
        if setting.is_all(bool):
            yield Name(setting.name)
            yield Not(Name(setting.name))
    for setting in problem.settings:
        if (setting.has_default or setting.is_all(str)) and not setting.is_all(bool):
            yield from _equalities(setting)
    sizes = [setting.name for setting in problem.settings if setting.is_all(int) and not setting.has_default]
    yield from _relations(sizes, problem)


def _equalities(setting: Setting) -> Iterator[object]:
    """``p == number`` and ``p != number``; 1 and the default are the numbers that are likeliest meant."""
    first = [1] if setting.is_all(int) and 1 in setting.values else []
    default = [setting.default] if setting.has_default else []
    numbers = dict.fromkeys([*first, *default, *setting.values])
    for number in islice(numbers, 8):
        yield Infix("!=", Name(setting.name), number)
        yield Infix("==", Name(setting.name), number)


def _relations(names: list[str], problem: _Problem) -> Iterator[object]:
    """``p != q``, ``p != factor * q``, and the same with ``==``"""
    for p, q in permutations(names, 2):
        ratios = {divmod(row[p], row[q]) for row in problem.rows if row[q]}
        factors = sorted(factor for factor, rest in ratios if rest == 0 and 0 < factor <= 64)
        for factor in factors[:8]:
            if factor > 1 or names.index(p) < names.index(q):
                right = plus_times(0, factor, Name(q))
                yield Infix("!=", Name(p), right)
                yield Infix("==", Name(p), right)


def _combined(atoms: list[object], problem: _Problem) -> object | None:
    """Two conditions joined by ``or`` or ``and``, the first pair that is right in all rows.

    A side of ``or`` may hold only where the whole does, and a side of ``and`` fail only where the whole does.
    """
    for symbol, wanted in (("or", True), ("and", False)):
        sides = []
        for atom in atoms:
            told = [
                truth for row, truth in zip(problem.rows, problem.values, strict=True) if evaluate(atom, row) == wanted
            ]
            if told and all(truth == wanted for truth in told):
                sides.append(atom)
        for a, b in combinations(sides[:48], 2):
            if problem.is_right(Infix(symbol, a, b)):
                return Infix(symbol, a, b)
    return None
