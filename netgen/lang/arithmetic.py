"""What expressions compute, on plain values: Python's arithmetic with bounds, so that no program can hang it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.kinds import a_type, show, type_name, with_article

MAX_INTEGER = 2**63 - 1
MAX_ITEMS = 1_000_000
MAX_TEXT = 100_000

Number = int | float


def is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple, range))


_NUMERIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def binary(symbol: str, left: Any, right: Any) -> object:
    """``left symbol right``; raises ``Fault`` where the types or the size of the result forbid it."""
    if is_number(left) and is_number(right):
        if symbol in _NUMERIC:
            return _arithmetic(symbol, left, right)
        if symbol == "**":
            return _power(left, right)
        if symbol in _ORDER:
            return _ORDER[symbol](left, right)
    if symbol in ("==", "!="):
        equal = (list(left) == list(right)) if is_list(left) and is_list(right) else left == right
        return equal if symbol == "==" else not equal
    if isinstance(left, str) and isinstance(right, str):
        if symbol == "+":
            return _bounded_text(left + right)
        if symbol in _ORDER:
            return _ORDER[symbol](left, right)
    if symbol == "+" and is_list(left) and is_list(right):
        _check_items(len(left) + len(right))
        return [*left, *right]
    if symbol == "*":
        for value, count in ((left, right), (right, left)):
            if isinstance(value, (str, list, tuple, range)) and type(count) is int:
                return _repeat(value, count)
    raise _no_such_operation(symbol, left, right)


def _arithmetic(symbol: str, left: Number, right: Number) -> Number:
    if symbol in ("/", "//", "%") and right == 0:
        raise Fault("NG224", "division by zero", f"{show(left)} {symbol} {show(right)}")
    try:
        return bounded(_NUMERIC[symbol](left, right))
    except OverflowError:
        raise _too_large() from None


def _power(base: Number, exponent: Number) -> Number:
    if base == 0 and exponent < 0:
        raise Fault("NG224", "division by zero", f"{show(base)} ** {show(exponent)}")
    if base < 0 and isinstance(exponent, float) and not exponent.is_integer():
        raise Fault("NG224", "no real result", f"a root of the negative number {show(base)}")
    if isinstance(exponent, int) and abs(exponent) > 1024 and abs(base) > 1:
        raise _too_large()
    try:
        result: Number = base**exponent
    except OverflowError:
        raise _too_large() from None
    return bounded(result)


def bounded(value: Number) -> Number:
    """The number itself, if it is one that netgen works with."""
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise _too_large()
    elif value != value or value in (float("inf"), float("-inf")):
        raise _too_large()
    return value


def _too_large() -> Fault:
    return Fault("NG224", "the result is too large", "integers are limited to 63 bits, floats to 1.8e308")


def _repeat(value: Sequence[object] | str, count: int) -> object:
    size = len(value) * max(count, 0)
    if isinstance(value, str):
        if size > MAX_TEXT:
            raise _text_too_long(size)
        return value * count
    _check_items(size)
    return list(value) * count


def _bounded_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise _text_too_long(len(text))
    return text


def _text_too_long(size: int) -> Fault:
    return Fault("NG217", "string is too long", f"{size} characters; the limit is {MAX_TEXT}")


def _check_items(size: int) -> None:
    if size > MAX_ITEMS:
        raise Fault("NG217", "list is too long", f"{size} items; the limit is {MAX_ITEMS}")


_TENSOR_OPERATORS = {"+": "add(a, b)", "*": "mul(a, b)", "-": "add(a, b, coeff = [1, -1])"}


def _no_such_operation(symbol: str, left: object, right: object) -> Fault:
    kinds = type_name(left), type_name(right)
    label = f"`{symbol}` does not work on {kinds[0]} and {kinds[1]}"
    if kinds == ("tensor", "tensor") and symbol in _TENSOR_OPERATORS:
        return Fault("NG228", "a tensor is not a number", label, hint=f"use {_TENSOR_OPERATORS[symbol]}")
    if "tensor" in kinds:
        hint = "ask a tensor for numbers with .channels, .height, .width, .batch or .shape"
        if "list" in kinds and symbol == "+":
            hint = "put the tensor into a list: xs + [y]"
        return Fault("NG228", "a tensor is not a number", label, hint=hint)
    hint = 'strings interpolate: "stage{i}"' if "string" in kinds and symbol == "+" else ""
    return Fault("NG225", "wrong types for this operation", label, hint=hint)


def unary(symbol: str, value: Any) -> object:
    """``-value``, ``+value`` or ``not value``."""
    if symbol == "not":
        return not truth(value)
    if is_number(value):
        return -value if symbol == "-" else value
    kind = type_name(value)
    code, title = (
        ("NG228", "a tensor is not a number") if kind == "tensor" else ("NG225", "wrong types for this operation")
    )
    hint = "use power(x, scale = -1)" if kind == "tensor" and symbol == "-" else ""
    raise Fault(code, title, f"`{symbol}` needs a number, this is {with_article(kind)}", hint=hint)


def truth(value: object) -> bool:
    """A condition's value. Numbers, strings and lists are true unless zero or empty, as in Python."""
    if isinstance(value, bool):
        return value
    if is_number(value) or isinstance(value, str) or is_list(value):
        return bool(value)
    kind = type_name(value)
    if kind == "tensor":
        raise Fault(
            "NG228", "a tensor is not a number", "conditions are decided while compiling, when a tensor has no values"
        )
    raise Fault("NG225", "wrong types for this operation", f"{with_article(kind)} is neither true nor false")


def index(value: Any, position: Any) -> object:
    """``value[position]`` of a list or string; negative positions count from the end."""
    if not is_list(value) and not isinstance(value, str):
        kind = type_name(value)
        code = "NG228" if kind == "tensor" else "NG225"
        hint = "use slice(x, …) for a part of a tensor" if kind == "tensor" else ""
        raise Fault(code, "not a list", f"only lists and strings have items, this is {with_article(kind)}", hint=hint)
    if type(position) is not int:
        raise Fault("NG225", "wrong type of index", f"an index is an int, this is {a_type(position)}")
    if not -len(value) <= position < len(value):
        items = f"{len(value)} items" if len(value) != 1 else "1 item"
        last = f", 0 to {len(value) - 1}" if len(value) else ""
        raise Fault("NG224", "index out of range", f"there are {items}{last}; asked for number {position}")
    found: object = value[position]
    return found


def text(value: object) -> str:
    """A value inside a string."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or is_number(value):
        return show(value)
    if is_list(value):
        return show(list(value))
    raise Fault("NG225", "not printable", f"{a_type(value)} cannot stand in a string")


def stepped_range(first: object, last: object, step: int = 1) -> range:
    """Python's range, of ints only."""
    for each in (first, last):
        if type(each) is not int:
            hint = "`//` divides and rounds down" if isinstance(each, float) else ""
            raise Fault("NG225", "wrong type in a range", f"expected an int, got {type_name(each)}", hint=hint)
    if step == 0:
        raise Fault("NG224", "a range cannot step by zero", "")
    assert isinstance(first, int)
    assert isinstance(last, int)
    return range(first, last, step)


# --- the functions of the language --------------------------------------------------------------


def _numbers(name: str, values: Sequence[object]) -> list[Number]:
    flat: Sequence[Any] = values
    if len(values) == 1 and is_list(values[0]):
        flat = values[0]
    _check_items(len(flat))
    numbers = list(flat)
    for value in numbers:
        if not is_number(value):
            raise Fault("NG225", "wrong type of argument", f"`{name}` needs numbers, got {a_type(value)}")
    return numbers


def _number(name: str, value: Any) -> Number:
    if not is_number(value):
        raise Fault("NG225", "wrong type of argument", f"`{name}` needs a number, got {a_type(value)}")
    number: Number = value
    return number


def _extreme(name: str, pick: Callable[[list[Number]], Number]) -> Callable[..., object]:
    def function(*values: object) -> object:
        numbers = _numbers(name, values)
        if not numbers:
            raise Fault("NG224", f"`{name}` of nothing", "the list is empty")
        return pick(numbers)

    return function


def _rounded(name: str) -> Callable[..., object]:
    def function(value: object, digits: object = None) -> object:
        number = _number(name, value)
        if digits is not None:
            if name != "round" or type(digits) is not int:
                raise Fault("NG205", "too many arguments", f"`{name}` takes one number")
            return round(number, digits)
        if name == "round":
            return round(number)
        whole = int(number // 1)
        return whole if name == "floor" or whole == number else whole + 1

    return function


def _list_like(name: str, value: object) -> Sequence[object]:
    if not is_list(value) and not isinstance(value, str):
        raise Fault("NG225", "wrong type of argument", f"`{name}` needs a list, got {a_type(value)}")
    _check_items(len(value))
    return value


def _enumerate(values: object, start: object = 0) -> object:
    if type(start) is not int:
        raise Fault("NG225", "wrong type of argument", f"counting starts at an int, got {a_type(start)}")
    return [(start + i, value) for i, value in enumerate(_list_like("enumerate", values))]


def _range(*bounds: object) -> object:
    if not 1 <= len(bounds) <= 3:
        raise Fault("NG205", "wrong number of arguments", f"`range` takes one to three ints, got {len(bounds)}")
    first, last = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
    step = bounds[2] if len(bounds) == 3 else 1
    if type(step) is not int:
        raise Fault("NG225", "wrong type in a range", f"expected an int, got {type_name(step)}")
    return stepped_range(first, last, step)


def _converted(kind: Callable[[Any], Number]) -> Callable[..., object]:
    def function(value: object) -> object:
        if isinstance(value, bool):
            return kind(value)
        if isinstance(value, str):
            try:
                return bounded(kind(value))
            except ValueError:
                raise Fault("NG225", "not a number", f"{show(value)} cannot be read as one") from None
        return kind(_number(kind.__name__, value))

    return function


FUNCTIONS: dict[str, Callable[..., object]] = {
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "len": lambda values: len(_list_like("len", values)),
    "zip": lambda *lists: list(zip(*(_list_like("zip", each) for each in lists), strict=False)),
    "enumerate": _enumerate,
    "range": _range,
    "sum": lambda *values: bounded(sum(_numbers("sum", values))),
    "round": _rounded("round"),
    "floor": _rounded("floor"),
    "ceil": _rounded("ceil"),
    "int": _converted(int),
    "float": _converted(float),
}
"""The functions that programs may call on plain values."""


def filler(kind: str, positional: Sequence[object], named: dict[str, object]) -> Filler:
    """``gaussian(0.01)``, ``uniform(-1, 1)``, ``xavier(variance_norm = "fan_out")`` …

    Positional values take the fields in Caffe's order, but a gaussian's first is its ``std``, the one that people set.
    """
    fields = list(Filler.KINDS[kind])
    order = ["std", "mean", "sparse"] if kind == "gaussian" else fields
    if len(positional) > len(order):
        raise Fault("NG205", "too many arguments", f"`{kind}` takes {len(order)}, got {len(positional)}")
    given = dict(zip(order, positional, strict=False))
    for name, value in named.items():
        if name in given:
            raise Fault("NG206", "argument given twice", f"`{name}` was given by position too", arg=name)
        given[name] = value
    values: dict[str, float | int | str] = {}
    for name, value in given.items():
        if name not in fields:
            has = f"`{kind}` has {', '.join(fields)}" if fields else f"`{kind}` takes no arguments"
            raise Fault("NG204", "unknown argument", has, arg=name)
        values[name] = _filler_value(name, value)
    return Filler(kind, values)


def _filler_value(name: str, value: Any) -> float | int | str:
    if name == "variance_norm":
        if value not in Filler.VARIANCE_NORMS:
            words = ", ".join(f'"{word}"' for word in Filler.VARIANCE_NORMS)
            raise Fault("NG208", "argument out of range", f"must be one of {words}, got {show(value)}", arg=name)
        return str(value)
    if not is_number(value):
        raise Fault("NG207", "wrong type of argument", f"expected a number, got {a_type(value)}", arg=name)
    if name == "sparse":
        if type(value) is not int:
            raise Fault("NG207", "wrong type of argument", f"expected an int, got {type_name(value)}", arg=name)
        return value
    if objection := Filler.objection(name, value):
        raise Fault("NG208", "argument out of range", objection, arg=name)
    return float(value)
