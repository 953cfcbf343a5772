"""Python expressions: trees become text, laid out as ``ruff format`` would.

The trees are those of ``netgen.ir.spell_torch`` and the few forms below that only emitted code needs. ``text`` gives
one line; ``layout`` gives a statement, broken at its brackets where it is too long. Nothing here knows what the
expressions mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netgen.ir.spell_torch import Call, Infix, Input, Inputs, Item, Name

WIDTH = 88
"""The line length that black and ruff agree on by default."""

LOWEST = -4
CONDITIONAL = -3
UNARY = 3
TIGHTEST = 5


class Not:
    """``not value``, or a comparison the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class Conditional:
    """``yes if test else no``."""

    __slots__ = ("no", "test", "yes")

    def __init__(self, yes: object, test: object, no: object) -> None:
        self.yes = yes
        self.test = test
        self.no = no


class Repeat:
    """``*(element for variable in range(start, stop))``, an argument list of its own."""

    __slots__ = ("element", "start", "stop", "variable")

    def __init__(self, element: object, variable: str, stop: object, start: int = 0) -> None:
        self.element = element
        self.variable = variable
        self.stop = stop
        self.start = start

    @property
    def loop(self) -> str:
        bounds = [text(self.start), text(self.stop)] if self.start else [text(self.stop)]
        return f"for {self.variable} in range({', '.join(bounds)})"


# --- one line ----------------------------------------------------------------------------------


def text(expr: object, level: int = LOWEST) -> str:
    """An expression on one line, in parentheses where its surroundings bind tighter than ``level``."""
    own, said = _say(expr)
    return f"({said})" if own < level else said


def quoted(value: str) -> str:
    """A string literal that holds any string: ASCII, in double quotes unless that takes more escapes."""
    mark = "'" if value.count('"') > value.count("'") else '"'
    escaped = value.encode("unicode_escape").decode("ascii").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def _say(expr: object) -> tuple[int, str]:
    match expr:
        case Call():
            return TIGHTEST, f"{_function(expr)}({', '.join(_arguments(expr))})"
        case Name():
            return TIGHTEST, expr.text
        case str():
            return TIGHTEST, quoted(expr)
        case int() | float() if not isinstance(expr, bool) and expr < 0:
            return UNARY, repr(expr)
        case tuple():
            return TIGHTEST, f"({', '.join(map(text, expr))}{',' if len(expr) == 1 else ''})"
        case list():
            return TIGHTEST, f"[{', '.join(map(text, expr))}]"
        case Infix():
            return expr.level, _infix(expr)
        case Item():
            return TIGHTEST, f"{text(expr.value, TIGHTEST)}[{', '.join(map(_index, expr.indices))}]"
        case Not():
            return _say_not(expr.value)
        case Conditional():
            above = CONDITIONAL + 1
            return CONDITIONAL, f"{text(expr.yes, above)} if {text(expr.test, above)} else {text(expr.no)}"
        case Repeat():
            return LOWEST, f"*({text(expr.element)} {expr.loop})"
        case bool() | int() | float() | None:
            return TIGHTEST, repr(expr)
        case _:
            raise TypeError(f"not an expression: {expr!r}")


def _function(call: Call) -> str:
    """What stands before the bracket; a method stands behind its object, which is ``args[0]``."""
    if call.function.startswith("."):
        return text(call.args[0], TIGHTEST) + call.function
    return call.function


def _arguments(call: Call) -> list[str]:
    return [f"{name}={text(arg)}" if name else text(arg) for name, arg in _named_arguments(call)]


def _named_arguments(call: Call) -> list[tuple[str, object]]:
    skip = 1 if call.function.startswith(".") else 0
    return [*(("", arg) for arg in call.args[skip:]), *call.kwargs.items()]


def _infix(expr: Infix) -> str:
    """Operands to the right bind one tighter, so that ``a - (b - c)`` keeps its parentheses; not so with ``**``."""
    first, *others = expr.operands
    left, right = (expr.level + 1, UNARY) if expr.symbol == "**" else (expr.level, expr.level + 1)
    is_tight = expr.symbol == "**" and all(isinstance(each, (Name, int, float)) for each in expr.operands)
    between = expr.symbol if is_tight else f" {expr.symbol} "
    return between.join([text(first, left), *(text(each, right) for each in others)])


def _index(index: object) -> str:
    if not isinstance(index, slice):
        return text(index)
    simple = all(not isinstance(part, Infix) for part in (index.start, index.stop))
    start, stop = ("" if part is None else text(part) for part in (index.start, index.stop))
    if simple:
        return f"{start}:{stop}"
    return f"{start} : {stop}".strip()


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _say_not(value: object) -> tuple[int, str]:
    if isinstance(value, Not):
        return _say(value.value)
    if isinstance(value, Infix) and value.symbol in _OPPOSITE:
        return _say(Infix(_OPPOSITE[value.symbol], *value.operands))
    return 0, f"not {text(value, 1)}"


# --- several lines -----------------------------------------------------------------------------


def layout(expr: object, indent: int, prefix: str = "", suffix: str = "") -> list[str]:
    """``prefix expr suffix`` as lines. ``prefix`` is what stands before on the first line, such as ``x = ``."""
    margin = " " * indent
    line = f"{margin}{prefix}{text(expr)}{suffix}"
    if len(line) <= WIDTH:
        return [line]
    match expr:
        case Call() if arguments := _named_arguments(expr):
            head = f"{margin}{prefix}{_function(expr)}("
            return [head, *_inside(arguments, indent + 4), f"{margin}){suffix}"]
        case Item(value=Call() as value):
            return layout(value, indent, prefix, f"[{', '.join(map(_index, expr.indices))}]{suffix}")
        case tuple() | list() if expr:
            opening, closing = "()" if isinstance(expr, tuple) else "[]"
            arguments = [("", each) for each in expr]
            return [f"{margin}{prefix}{opening}", *_inside(arguments, indent + 4), f"{margin}{closing}{suffix}"]
        case Repeat():
            return [f"{margin}{prefix}*(", *_generator(expr, indent + 4), f"{margin}){suffix}"]
        case Infix() | Conditional():
            return [f"{margin}{prefix}(", *_operands(expr, indent + 4), f"{margin}){suffix}"]
        case _:
            return [line]


def _inside(arguments: Sequence[tuple[str, object]], indent: int) -> list[str]:
    """What stands between brackets: on one line if it fits there, else one a line with a comma behind each."""
    margin = " " * indent
    parts = [f"{name}={text(arg)}" if name else text(arg) for name, arg in arguments]
    line = margin + ", ".join(parts)
    if len(line) <= WIDTH:
        return [line]
    return [each for name, arg in arguments for each in layout(arg, indent, f"{name}=" if name else "", ",")]


def _generator(expr: Repeat, indent: int) -> list[str]:
    line = f"{' ' * indent}{text(expr.element)} {expr.loop}"
    if len(line) <= WIDTH:
        return [line]
    return [*layout(expr.element, indent), f"{' ' * indent}{expr.loop}"]


def _operands(expr: Infix | Conditional, indent: int) -> list[str]:
    """An operation in parentheses of its own: on one line if it fits, else broken before its operators."""
    margin = " " * indent
    line = margin + text(expr)
    return [line] if len(line) <= WIDTH else _broken(expr, indent)


def _broken(expr: Infix | Conditional, indent: int) -> list[str]:
    margin = " " * indent
    if isinstance(expr, Conditional):
        above = CONDITIONAL + 1
        lines = [*layout(expr.yes, indent), f"{margin}if {text(expr.test, above)}"]
        if isinstance(expr.no, Conditional):
            following = _broken(expr.no, indent)
            return [*lines, f"{margin}else {following[0].lstrip()}", *following[1:]]
        return [*lines, *layout(expr.no, indent, "else ")]
    first, *others = expr.operands
    right = expr.level + 1
    lines = [margin + text(first, expr.level)]
    lines += [f"{margin}{expr.symbol} {text(each, right)}" for each in others]
    return lines


# --- trees -------------------------------------------------------------------------------------


def bind(expr: object, inputs: Sequence[object]) -> object:
    """An expression with the node's inputs put in their places."""
    match expr:
        case Input():
            return inputs[expr.index]
        case Call():
            return Call(expr.function, *_bind_all(expr.args, inputs), **_bind_kwargs(expr, inputs))
        case Infix():
            return Infix(expr.symbol, *_bind_all(expr.operands, inputs))
        case Item():
            return Item(bind(expr.value, inputs), *(bind(index, inputs) for index in expr.indices))
        case Inputs():
            return list(inputs)
        case tuple():
            return tuple(bind(each, inputs) for each in expr)
        case list():
            return list(_bind_all(expr, inputs))
        case _:
            return expr


def _bind_all(exprs: Sequence[object], inputs: Sequence[object]) -> Iterator[object]:
    for expr in exprs:
        if isinstance(expr, Inputs) and not expr.listed:
            yield from inputs
        else:
            yield bind(expr, inputs)


def _bind_kwargs(call: Call, inputs: Sequence[object]) -> dict[str, Any]:
    return {name: bind(value, inputs) for name, value in call.kwargs.items()}


def uses(expr: object, index: int) -> int:
    """How often an expression names the node's input of a number."""
    match expr:
        case Input():
            return int(expr.index == index)
        case Inputs():
            return 1
        case Call():
            return sum(uses(each, index) for each in (*expr.args, *expr.kwargs.values()))
        case Infix():
            return sum(uses(each, index) for each in expr.operands)
        case Item():
            return uses(expr.value, index) + sum(uses(each, index) for each in expr.indices)
        case tuple() | list():
            return sum(uses(each, index) for each in expr)
        case _:
            return 0
