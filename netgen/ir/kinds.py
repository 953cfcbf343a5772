"""The kinds of argument that operators take: what is accepted, and what it becomes."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.diag import did_you_mean
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler

REQUIRED = object()
"""The default of an argument that must be given."""

MAX_INT = 2**31 - 1
"""Caffe's fields, and every consumer's, are 32 bits wide."""


def type_name(value: object) -> str:
    """What the language calls the type of a value."""
    if isinstance(value, bool):
        return "bool"
    for kind, name in (
        (int, "int"),
        (float, "float"),
        (str, "string"),
        (list, "list"),
        (tuple, "list"),
        (range, "list"),
    ):
        if isinstance(value, kind):
            return name
    return "filler" if isinstance(value, Filler) else "tensor"


def a_type(value: object) -> str:
    """The same with its article: ``an int``."""
    return with_article(type_name(value))


def with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def show(value: object) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, (list, tuple, range)):
        if len(value) > 32:
            return f"[{', '.join(show(each) for each in value[:4])}, ... {len(value)} items]"
        return f"[{', '.join(show(each) for each in value)}]"
    return "none" if value is None else repr(value)


def _wrong_type(wanted: str, value: object) -> Fault:
    hint = ""
    if isinstance(value, float) and wanted.startswith("an int"):
        hint = "`/` gives a float; `//` divides and rounds down"
    return Fault(
        "NG207", "wrong type of argument", f"expected {wanted}, got {type_name(value)} {_brief(value)}", hint=hint
    )


def _brief(value: object) -> str:
    text = show(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _out_of_range(label: str, hint: str = "") -> Fault:
    return Fault("NG208", "argument out of range", label, hint=hint)


class Kind:
    """A kind of argument. ``accept`` gives the typed value or raises ``Fault``."""

    text = "anything"

    def accept(self, value: object) -> object:
        return value


class Int(Kind):
    """An integer with bounds, both included."""

    def __init__(self, low: int = 1, high: int = MAX_INT) -> None:
        self.low = low
        self.high = high
        self.text = "int" if low <= -MAX_INT else f"int >= {low}" if high == MAX_INT else f"int {low}..{high}"

    def accept(self, value: object) -> int:
        if type(value) is not int:
            raise _wrong_type("an int", value)
        if not self.low <= value <= self.high:
            bound = f"at least {self.low}" if value < self.low else f"at most {self.high}"
            raise _out_of_range(f"must be {bound}, got {value}")
        return value


class Float(Kind):
    """A number with bounds: ``low`` and ``high`` belong to the range, ``above`` and ``below`` do not."""

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
    ) -> None:
        self.low = low
        self.high = high
        self.above = above
        self.below = below
        bounds = ((">", above), (">=", low), ("<", below), ("<=", high))
        self.text = " ".join(["float", *(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)])

    def accept(self, value: object) -> float:
        if type(value) is not float and type(value) is not int:
            raise _wrong_type("a number", value)
        number = float(value)
        if number != number or abs(number) > 3.4028235677973366e38:
            raise _out_of_range(f"must be a finite float32, got {value}")
        if self.above is not None and number <= self.above:
            raise _out_of_range(f"must be greater than {self.above:g}, got {value}")
        if self.low is not None and number < self.low:
            raise _out_of_range(f"must be at least {self.low:g}, got {value}")
        if self.below is not None and number >= self.below:
            raise _out_of_range(f"must be less than {self.below:g}, got {value}")
        if self.high is not None and number > self.high:
            raise _out_of_range(f"must be at most {self.high:g}, got {value}")
        return number


class Bool(Kind):
    """``true`` or ``false``."""

    text = "bool"

    def accept(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise _wrong_type("true or false", value)
        return value


class Text(Kind):
    """Any string that is not empty."""

    text = "string"

    def accept(self, value: object) -> str:
        if not isinstance(value, str):
            raise _wrong_type("a string", value)
        if not value:
            raise _out_of_range("must not be empty")
        return value


class Names(Kind):
    """A name; or a list of names, in which an empty one stands for none. Becomes a tuple."""

    text = "string or [string, ...]"

    def accept(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)):
            return (Text().accept(value),)
        strange = next((each for each in value if not isinstance(each, str)), None)
        if strange is not None:
            raise _wrong_type("strings", strange)
        if not 1 <= len(value) <= 16:
            raise _out_of_range(f"needs 1 to 16 names, got {len(value)}")
        return tuple(value)


class Choice(Kind):
    """One of some words, written as a string."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.text = " or ".join(f'"{word}"' for word in words)

    def accept(self, value: object) -> str:
        if not isinstance(value, str):
            raise _wrong_type(self.text, value)
        if value not in self.words:
            raise Fault(
                "NG208",
                "argument out of range",
                f"must be {self.text}, got {show(value)}",
                hint=did_you_mean(value, self.words),
            )
        return value


class Pair(Kind):
    """A number for both directions, or ``[height, width]``; becomes ``(height, width)``."""

    def __init__(self, low: int = 1, *words: str) -> None:
        self.low = low
        self.words = words
        self.text = " or ".join([f"int >= {low}", "[h, w]", *(f'"{word}"' for word in words)])

    def accept(self, value: object) -> tuple[int, ...] | str:
        if isinstance(value, str) and self.words:
            return Choice(*self.words).accept(value)
        each = Int(self.low)
        if isinstance(value, (list, tuple)):
            if len(value) != 2:
                raise _out_of_range(f"a list here is [height, width], got {len(value)} values")
            return each.accept(value[0]), each.accept(value[1])
        if type(value) is not int:
            raise _wrong_type("an int or [height, width]", value)
        number = each.accept(value)
        return number, number


class Extents(Pair):
    """Like a pair, and for other than two directions a number for each, ``[depth, height, width]``, or one for all."""

    def accept(self, value: object) -> tuple[int, ...] | str:
        if not isinstance(value, (list, tuple)) or len(value) == 2:
            return super().accept(value)
        if len(value) not in (1, 3):
            raise _out_of_range(f"a list here is [height, width], or [depth, height, width], got {len(value)} values")
        each = Int(self.low)
        return tuple(each.accept(number) for number in value)


class Listed(Kind):
    """A list whose elements are of one kind; a lone element stands for a list of one."""

    def __init__(self, of: Kind, low: int = 0, high: int = 1 << 16) -> None:
        self.of = of
        self.low = low
        self.high = high
        self.text = f"[{of.text}, ...]"

    def accept(self, value: object) -> tuple[object, ...]:
        values: Sequence[object] = value if isinstance(value, (list, tuple)) else [value]
        if not self.low <= len(values) <= self.high:
            wanted = f"at least {self.low}" if len(values) < self.low else f"at most {self.high}"
            raise _out_of_range(f"needs {wanted} values, got {len(values)}")
        return tuple(self.of.accept(each) for each in values)


class Shapes(Kind):
    """A shape, or a list of shapes; becomes a tuple of shapes."""

    text = "[int, ...] or a list of these"

    def accept(self, value: object) -> tuple[object, ...]:
        if isinstance(value, (list, tuple)) and any(isinstance(each, (list, tuple)) for each in value):
            return Listed(Listed(Int(), 0, 8), 1, 64).accept(value)
        return (Listed(Int(), 0, 8).accept(value),)


class FillerKind(Kind):
    """A filler, such as ``xavier`` or ``gaussian(std = 0.01)``."""

    text = "filler"

    def accept(self, value: object) -> Filler:
        if not isinstance(value, Filler):
            fault = _wrong_type("a filler, such as xavier or gaussian(std = 0.01)", value)
            if isinstance(value, str) and value in Filler.KINDS:
                fault.hint = f"write {value} without quotes"
            raise fault
        return value


class Optional(Kind):
    """A kind whose value may be left out; the default is then ``None``."""

    def __init__(self, of: Kind) -> None:
        self.of = of
        self.text = of.text

    def accept(self, value: object) -> object:
        return None if value is None else self.of.accept(value)


class Arg:
    """One argument of an operator: its name, kind, default and what it means."""

    __slots__ = ("default", "doc", "kind", "name")

    def __init__(self, name: str, kind: Kind, default: object, doc: str) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.doc = doc
