"""Scalars of protobuf's text format as values: strictly as Caffe reads them, leniently where the meaning is plain."""

from __future__ import annotations

import re
from struct import pack, unpack

from netgen.formats.message import Double, Enum, Raw
from netgen.formats.schema import EnumType, Field

_WHOLE = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?\Z")
_SPECIAL = {"inf", "infinity", "nan"}
_TRUE = {"true", "True", "t", "1"}
_FALSE = {"false", "False", "f", "0"}
_BITS = {"int32": (31, True), "int64": (63, True), "uint32": (32, False), "uint64": (64, False)}
_MOST_DIGITS = 40
_LONGEST = 400
"""No integer has more digits, and no number that a person means is longer: converting takes more than linear time."""


Scalar = int | float | bool | str


def strict(text: str, field: Field) -> Scalar | None:
    """The value that Caffe reads from a text without quotes for a field; None where it refuses it."""
    kind = field.type
    if field.enum is not None:
        return _word(text, field.enum)
    if kind in _BITS:
        return _whole(text, kind)
    if kind in ("float", "double"):
        return _real(text, kind)
    if kind == "bool":
        return True if text in _TRUE else False if text in _FALSE else None
    return None


def lenient(text: str, field: Field) -> Scalar | None:
    """The value that a text plainly means though Caffe refuses it; None where nothing is plain.

    ``64.0`` and ``08`` are whole numbers, ``+1`` is 1, ``TRUE`` is true and ``max`` is MAX.
    """
    kind = field.type
    bare = text.strip().removeprefix("+")
    if field.enum is not None:
        alike = [word for word in field.enum.numbers if word.lower() == bare.lower()]
        return Enum(alike[0]) if len(alike) == 1 else strict(bare, field)
    if kind == "bool":
        return {"true": True, "false": False}.get(bare.lower(), strict(bare, field))
    if kind in _BITS and len(bare) <= _LONGEST and _NUMBER.match(bare):
        number = float(bare.rstrip("fF"))
        return _whole(str(int(number)), kind) if number.is_integer() and abs(number) < 2**53 else None
    return strict(bare, field)


def plain(text: str) -> Scalar:
    """The value that a text looks like, for a field that no schema has: a number, true or false, or else a word."""
    if text in ("true", "True", "false", "False"):
        return text[0] in "tT"
    number = _whole(text, "int64")
    if number is not None:
        return number
    if len(text) <= _LONGEST and _NUMBER.match(text):
        return float(text.rstrip("fF"))
    return Enum(text)


def expected(field: Field) -> str:
    """What a field takes, in words."""
    if field.message:
        return "a message in braces"
    if field.enum is not None:
        *most, last = field.enum.numbers
        return f"{', '.join(most)} or {last}" if most else last
    if field.type in _BITS:
        return "a whole number"
    return {"float": "a number", "double": "a number", "bool": "true or false"}.get(field.type, "a string in quotes")


def bounds(field: Field) -> str:
    """The range of a field of whole numbers, in words."""
    bits, signed = _BITS[field.type]
    return f"from {-(1 << bits) if signed else 0} to {(1 << bits) - 1}"


def is_whole(text: str, field: Field) -> bool:
    """Whether a text is a whole number for a field of such, but for its range."""
    return field.type in _BITS and _WHOLE.match(text) is not None


def by_look(raw: Raw) -> Scalar:
    """What a scalar of an unknown field means by its look: a number, a bool or the word of an enum."""
    whole = _integer(raw)
    if whole is not None:
        return whole
    real = _real(raw, "float")
    if real is not None:
        return real
    return raw.lower() == "true" if raw.lower() in ("true", "false") else Enum(raw)


def float32(value: float) -> float:
    """The float32 that is nearest to a number; infinite beyond their range, as Caffe has it."""
    try:
        (rounded,) = unpack("<f", pack("<f", value))
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return float(rounded)


def _whole(text: str, kind: str) -> int | None:
    number = _integer(text)
    bits, signed = _BITS[kind]
    if number is None or number >> bits not in (0, -1 if signed else 0):
        return None
    return number


def _integer(text: str) -> int | None:
    """A decimal, hexadecimal (0x) or octal (0) integer."""
    if len(text) > _MOST_DIGITS or not _WHOLE.match(text):
        return None
    digits = text.lstrip("-")
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
    return int(text, base)


def _real(text: str, kind: str) -> float | None:
    if len(text) <= _LONGEST and _NUMBER.match(text):
        number = float(text.rstrip("fF"))
    elif text.removeprefix("-").lower() in _SPECIAL:
        number = float(text)
    else:
        whole = _integer(text)
        if whole is None:
            return None
        number = float(whole)
    return Double(number) if kind == "double" else float32(number)


def _word(text: str, enum: EnumType) -> Enum | int | None:
    """An enum's word, by name or number. A number without a word stays a number, if only it could be one."""
    if text in enum.numbers or text in enum.foreign:
        return Enum(text)
    number = _whole(text, "int32")
    return None if number is None else Enum(enum.words[number]) if number in enum.words else number
