"""Statements that come again with other numbers or names in them become loops, and loops of loops.

A statement is opened into a key, equal for statements that differ in literals only, and its literals, the slots. What
differs between the turns of a loop is counted (``1..4``, in names as well: "stage1", "stage2") or listed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence, Set

from netgen.emit.net.expr import Expr, Formula, Listing, Literal, Template, Variable, identifier
from netgen.emit.net.program import Block, Link, Loop, Range, Statement, Step
from netgen.formats.net_layout import WIDTH
from netgen.ops import OPERATORS

_LONGEST = 6
"""The most statements in the body of a loop that are looked for."""
_MOST_LISTS = 2
_FAR = 3
"""How far two counts may be from each other to be one variable and an offset."""
_COUNTERS = ("i", "j", "k")
_LISTED = 1
"""What a list costs in lines saved: rows of calls are read more easily than lists side by side."""

Part = str | Formula
Fill = Callable[[object], Expr | None]
"""What is put into a slot, given what stands there; None to leave it."""


class _Slot:
    """A literal, with what it is called where it stands. ``is_text`` if it may be put together from parts."""

    __slots__ = ("hint", "value")

    def __init__(self, value: object, hint: str) -> None:
        self.value = value
        self.hint = hint


def fold(steps: list[Step], taken: Set[str]) -> list[Step]:
    """Statements with what repeats in loops; ``taken`` are the names of what the body knows already."""
    while True:
        best = _best(steps, taken)
        if best is None:
            return steps
        start, length, loop = best
        steps = [*steps[:start], loop, *steps[start + length :]]


def _best(steps: list[Step], taken: Set[str]) -> tuple[int, int, Loop] | None:
    """The loop that saves most lines: where it begins, how many steps it stands for."""
    keys = [_key(step) for step in steps]
    found = []
    for period in range(1, min(_LONGEST, len(steps) // 2) + 1):
        same = 0  # how many steps up to here are like those a period before
        for i in range(period, len(steps) + 1):
            if i < len(steps) and keys[i] == keys[i - period] and keys[i] is not None:
                same += 1
                continue
            turns = same // period + 1
            if turns > 1:
                start = i - same - period
                found += [(start + shift, period, turns) for shift in range(same % period + 1)]
            same = 0
    best: tuple[int, int, Loop] | None = None
    most = 0
    for start, period, turns in found:
        cost = sum(_lines(step) for step in steps[start : start + period])
        if turns * cost - cost - 2 <= most:
            continue
        loop = _loop([steps[i : i + period] for i in range(start, start + turns * period, period)], taken)
        if loop is None:
            continue
        lists = sum(not isinstance(items, Range) for items in loop.items)
        saved = turns * cost - cost - 2 - _LISTED * lists
        if saved > most:
            most, best = saved, (start, turns * period, loop)
    return best


def _lines(step: Step) -> int:
    if isinstance(step, Loop):
        return 2 + sum(map(_lines, step.body))
    return 1 if len(str(step)) < WIDTH - 8 else max(1, len(step.links))


# --- one loop --------------------------------------------------------------------------------------


def _loop(turns: list[list[Step]], taken: Set[str]) -> Loop | None:
    """The loop that some turns are, or None where too much differs between them."""
    rows = [[slot for step in turn for slot in _slots(step)] for turn in turns]
    maker = _Maker(len(turns), frozenset(taken).union(*map(_variables, turns[0])))
    fills = [maker.fill([slot.value for slot in column], column[0].hint) for column in zip(*rows, strict=True)]
    if maker.failed or not maker.variables:
        return None
    left = iter(fills)
    body = [_filled(step, left) for step in turns[0]]
    loop = Loop(*maker.header(), body)
    return loop if len(str(loop)) <= WIDTH - 12 else None


def _variables(step: Step) -> set[str]:
    """The variables of the loops in a step."""
    if not isinstance(step, Loop):
        return set()
    return {variable.name for variable in step.variables}.union(*map(_variables, step.body))


class _Maker:
    """Finds the variables of one loop, and what each slot becomes."""

    def __init__(self, turns: int, taken: Set[str]) -> None:
        self.turns = turns
        self.taken = set(taken)
        self.variables: list[tuple[Variable, list[object]]] = []
        self.counter: tuple[Variable, int] | None = None
        self.failed = False

    def header(self) -> tuple[list[Variable], list[Range | Expr]]:
        names: list[Variable] = []
        items: list[Range | Expr] = []
        for variable, values in self.variables:
            is_counter = self.counter is not None and variable is self.counter[0]
            first, last = Literal(values[0]), Literal(values[-1])
            names.append(variable)
            items.append(Range(first, last) if is_counter else Literal(values))
        order = sorted(range(len(items)), key=lambda i: not isinstance(items[i], Range))
        return [names[i] for i in order], [items[i] for i in order]

    def fill(self, values: list[object], hint: str) -> list[Part] | Expr | None:
        """What stands in a slot that has these values in turn; None where they are all equal."""
        if all(value == values[0] and type(value) is type(values[0]) for value in values):
            return None
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == len(values):
            return self._text(texts, hint)
        counted = self._counted(values)
        return counted or self._variable(values, hint)

    def _text(self, texts: list[str], hint: str) -> list[Part]:
        before, middles, after = _split(texts)
        numbers: list[object] = [int(each) if _is_number(each) else each for each in middles]
        counted = self._counted(numbers)
        if counted is None:
            listed: list[object] = numbers if all(isinstance(each, int) for each in numbers) else [*middles]
            counted = self._variable(listed, "id" if hint in ("as", "label", "share") else hint)
            counted.is_text = listed is not numbers
        return [before, counted, after]

    def _counted(self, values: list[object]) -> Formula | None:
        """The counter, with an offset if need be."""
        if any(type(value) is not int for value in values):
            return None
        first = values[0]
        assert isinstance(first, int)
        if values != list(range(first, first + self.turns)):
            return None
        if self.counter is None:
            self.counter = (
                Variable(self._name(next((name for name in _COUNTERS if name not in self.taken), "i"))),
                first,
            )
            self.variables.append((self.counter[0], values))
        variable, begin = self.counter
        offset = first - begin
        sign = "" if offset == 0 else f" + {offset}" if offset > 0 else f" - {-offset}"
        return Formula(variable, "", sign)

    def _variable(self, values: list[object], hint: str) -> Formula:
        """A variable that takes some values in turn, or one that does but for an offset."""
        for variable, known in self.variables:
            if known == values and type(known[0]) is type(values[0]):
                return Formula(variable)
            offset = _offset(known, values)
            if offset:
                return Formula(variable, "", f" + {offset}" if offset > 0 else f" - {-offset}")
        self.failed |= sum(known is not None for _, known in self.variables) > _MOST_LISTS
        variable = Variable(self._name(identifier(hint, "each")))
        self.variables.append((variable, values))
        return Formula(variable)

    def _name(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.taken:
            name = f"{wanted}_{number}"
            number += 1
        self.taken.add(name)
        return name


def _offset(known: list[object], values: list[object]) -> int:
    """What must be added to some ints to give others; 0 where that is no one small number."""
    offsets = {
        other - one if type(one) is int and type(other) is int else 0 for one, other in zip(known, values, strict=True)
    }
    offset = offsets.pop()
    return offset if not offsets and abs(offset) <= _FAR else 0


def _split(texts: Sequence[str]) -> tuple[str, list[str], str]:
    """What some texts begin with, what differs, and what they end with. Numbers and words stay whole."""
    first, last = min(texts), max(texts)
    shortest = min(map(len, texts))
    left = 0
    while left < shortest and first[left] == last[left]:
        left += 1
    right = 0
    while right < shortest - left and len({text[len(text) - right - 1] for text in texts}) == 1:
        right += 1
    one = texts[0]
    for belongs in (str.isdigit, str.isalnum):
        begin, end = left, right
        while begin > 0 and belongs(one[begin - 1]):
            begin -= 1
        while end > 0 and belongs(one[len(one) - end]):
            end -= 1
        middles = [text[begin : len(text) - end] for text in texts]
        if all(map(_is_number, middles)):
            break
    return one[:begin], middles, one[len(one) - end :]


def _is_number(text: str) -> bool:
    """Whether a text is what an int looks like in a string."""
    return text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) < 10


# --- statements opened and closed ------------------------------------------------------------------


def _key(step: Step) -> Hashable:
    """Equal for steps that differ in literals only; None for those that stay where they are."""
    if isinstance(step, Loop):
        items = tuple("range" if isinstance(each, Range) else "list" for each in step.items)
        names = tuple(variable.name for variable in step.variables)
        return ("for", names, items, *map(_key, step.body))
    if step.returns or step.notes or not step.links:
        return None
    links = [
        (
            id(link.callee),
            link.callee.name,
            *link.operands,
            *((name, _outline(value)) for name, value in link.arguments),
            _outline(link.label),
        )
        for link in step.links
    ]
    return (*step.targets, None, step.head, *links)


def _outline(expr: Expr | None) -> Hashable:
    """An expression without its literals."""
    if isinstance(expr, Literal):
        return "text" if isinstance(expr.value, str) else type(expr.value).__name__
    if isinstance(expr, Formula):
        return (id(expr.variable), str(expr))
    if isinstance(expr, Listing):
        return ("list", *map(_outline, expr.items))
    return None if expr is None else tuple("text" if isinstance(part, str) else _outline(part) for part in expr.parts)


def _slots(step: Step) -> Iterator[_Slot]:
    """The literals of a step, in its order."""
    if isinstance(step, Loop):
        for each in step.items:
            yield from (_of(each.first, "first") if isinstance(each, Range) else _of(each, "items"))
            if isinstance(each, Range):
                yield from _of(each.last, "count")
        for inner in step.body:
            yield from _slots(inner)
        return
    for link in step.links:
        for hint, (_, value) in zip(_hints(link), link.arguments, strict=True):
            yield from _of(value, hint)
        yield from _of(link.label, "as")


def _of(expr: Expr | None, hint: str) -> Iterator[_Slot]:
    if isinstance(expr, Literal):
        yield _Slot(expr.value, hint)
    elif isinstance(expr, Listing):
        for item in expr.items:
            yield from _of(item, hint)
    elif isinstance(expr, Template):
        yield from (_Slot(part, hint) for part in expr.parts if isinstance(part, str))


def _hints(link: Link) -> list[str]:
    """What the arguments of a call are called."""
    if isinstance(link.callee, Block):
        known = [parameter.name for parameter in link.callee.parameters if parameter.default is None]
    else:
        known = [arg.name for arg in OPERATORS[link.callee.name].args]
    return [name or known[i] for i, (name, _) in enumerate(link.arguments)]


def _filled(step: Step, fills: Iterator[list[Part] | Expr | None]) -> Step:
    """A step with what its slots become, in the order of ``_slots``."""
    if isinstance(step, Loop):
        items: list[Range | Expr] = []
        for each in step.items:
            if isinstance(each, Range):
                items.append(Range(_put(each.first, fills), _put(each.last, fills)))
            else:
                items.append(_put(each, fills))
        return Loop(step.variables, items, [_filled(inner, fills) for inner in step.body])
    links = []
    for link in step.links:
        made = Link(link.callee, link.operands, [(name, _put(value, fills)) for name, value in link.arguments])
        made.label = None if link.label is None else _put(link.label, fills)
        links.append(made)
    return Statement(step.targets, step.head, links)


def _put(expr: Expr, fills: Iterator[list[Part] | Expr | None]) -> Expr:
    if isinstance(expr, Formula):
        return expr
    if isinstance(expr, Literal):
        fill = next(fills)
        return expr if fill is None else Template(*fill) if isinstance(fill, list) else fill
    if isinstance(expr, Listing):
        return Listing([_put(item, fills) for item in expr.items])
    parts: list[Part] = []
    for part in expr.parts:
        fill = next(fills) if isinstance(part, str) else None
        parts += fill if isinstance(fill, list) else [part]
    return Template(*parts)
