"""Expressions of the language as they are written: literals, strings with holes, and formulas over a variable."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netgen.ir.filler import Filler
from netgen.ir.kinds import Float, Kind, Listed, Optional, Pair

KEYWORDS = frozenset(
    (
        *("and", "as", "block", "default", "else", "false", "for", "if", "in", "net", "not", "or", "require"),
        *("return", "then", "true", "use"),
    )
)
FUNCTIONS = frozenset(
    ("min", "max", "len", "zip", "enumerate", "range", "sum", "round", "floor", "ceil", "int", "float")
)
"""The functions of plain values, which a block of the same name would hide."""
RESERVED = KEYWORDS | {"name", *Filler.KINDS}
"""What a variable cannot be called, or had better not."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", '"': '\\"', "{": "{{", "}": "}}"}
_LONGEST = 28


def is_identifier(text: str) -> bool:
    """Whether a name can be that of a variable."""
    return _IDENTIFIER(text) is not None and text not in RESERVED


def identifier(text: str, otherwise: str) -> str:
    """A variable's name made from any text; ``otherwise`` is put in front where it does not begin with a letter."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not words or not words[0].isalpha():
        words = f"{otherwise}_{words}".strip("_")
    words = words[:_LONGEST].strip("_")
    return words if is_identifier(words) else f"{words}_"


# --- values ---------------------------------------------------------------------------------------


def plain(kind: Kind, value: object) -> object:
    """An argument's value as people write it: pairs of equals are one number, a multiplier alone is no list."""
    if isinstance(kind, Optional):
        kind = kind.of
    if isinstance(kind, Pair) and isinstance(value, tuple):
        return value[0] if value.count(value[0]) == len(value) else list(value)
    if isinstance(kind, Listed) and isinstance(kind.of, Float) and isinstance(value, tuple) and len(value) == 1:
        return value[0]
    return _listed(value)


def of_one_type(kind: Kind, values: Sequence[object]) -> list[object]:
    """Values as people write them, but if some are lists then all: a parameter has one type."""
    found = [plain(kind, value) for value in values]
    if not any(isinstance(value, list) for value in found):
        return found
    return [_listed(value) if isinstance(value, tuple) else value for value in values]


def _listed(value: object) -> object:
    return [_listed(each) for each in value] if isinstance(value, (tuple, list)) else value


def literal(value: object) -> str:
    """A value as the language writes it, exactly."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return f'"{escaped(value)}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    return _filler(value) if isinstance(value, Filler) else str(value)


def escaped(text: str) -> str:
    """A text as it stands between double quotes."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _float(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _filler(filler: Filler) -> str:
    defaults = Filler.KINDS[filler.kind]
    said = {name: value for name, value in filler.values.items() if value != defaults[name]}
    if filler.kind == "constant" and said:
        return f"constant({literal(said['value'])})"
    if filler.kind == "uniform" and said:
        return f"uniform({literal(filler.values['min'])}, {literal(filler.values['max'])})"
    if not said:
        return filler.kind
    return f"{filler.kind}({', '.join(f'{name} = {literal(value)}' for name, value in said.items())})"


# --- expressions ----------------------------------------------------------------------------------


class Literal:
    """A value that stands as it is."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __str__(self) -> str:
        return literal(self.value)


class Variable:
    """A parameter or a loop's variable. Its name may be settled after it is used in expressions."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Formula:
    """An expression over one variable, such as ``4 * width``; ``is_text`` where its value is a string."""

    __slots__ = ("after", "before", "is_text", "variable")

    def __init__(self, variable: Variable, before: str = "", after: str = "", *, is_text: bool = False) -> None:
        self.variable = variable
        self.before = before
        self.after = after
        self.is_text = is_text

    def __str__(self) -> str:
        return f"{self.before}{self.variable.name}{self.after}"


class Template:
    """A string with holes. ``parts`` are texts and, as formulas, what is put in between."""

    __slots__ = ("parts",)

    def __init__(self, *parts: str | Formula) -> None:
        self.parts = tuple(part for part in parts if not isinstance(part, str) or part)

    def __str__(self) -> str:
        if len(self.parts) == 1 and isinstance(self.parts[0], Formula) and self.parts[0].is_text:
            return str(self.parts[0])
        return self.quoted()

    def quoted(self) -> str:
        """The string between its quotes, as ``as`` wants it, also where it is a hole alone."""
        return f'"{"".join(escaped(part) if isinstance(part, str) else f"{{{part}}}" for part in self.parts)}"'


class Listing:
    """A list of expressions."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Expr]) -> None:
        self.items = tuple(items)

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


Expr = Literal | Formula | Template | Listing
