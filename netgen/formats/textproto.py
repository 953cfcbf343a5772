"""Protobuf's text format: how messages, numbers, strings and comments are spelled in it."""

from __future__ import annotations

from functools import lru_cache
from struct import pack, unpack

from netgen.formats.message import Double, Enum, Message, Raw

_INFINITY = float("inf")
_KEPT = 6
"""So many digits a float32 keeps whatever they are, so that fewer are found where six are rounded to."""
_NORMAL = 2.0**-126
"""The least number of which a float32 keeps them."""
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write_text(message: Message) -> str:
    """A message as text: a field a line, in the order in which they stand."""
    return "".join(f"{line}\n" for line in message_lines(message))


def message_lines(message: Message, indent: str = "") -> list[str]:
    """The lines of a message's fields."""
    lines = []
    for name, value in message:
        if isinstance(value, list):
            lines += [f"{indent}{name} {{", *message_lines(value, indent + "  "), f"{indent}}}"]
        else:
            lines.append(f"{indent}{name}: {scalar_text(value)}")
    return lines


def scalar_text(value: object) -> str:
    """A scalar as it stands in a text."""
    if isinstance(value, str):
        return value if isinstance(value, Enum | Raw) else quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Double):
        return repr(float(value)).removesuffix(".0")
    if isinstance(value, float):
        return float_text(value)
    return quote_bytes(value) if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=4096)
def shortest(value: float) -> float:
    """The number with the shortest decimal that is the same float32: 1e-05 for 9.99999974738e-06."""
    exact = _float32(value)
    if exact != exact or exact in (_INFINITY, -_INFINITY):
        return exact
    for digits in range(_KEPT if abs(exact) >= _NORMAL else 1, 9):
        short = float(f"{exact:.{digits}g}")
        if _float32(short) == exact:
            return short
    return float(f"{exact:.9g}")


@lru_cache(maxsize=4096)
def float_text(value: float) -> str:
    """The shortest decimal that reads back as the same float32: ``0.001``, ``1e-05``, ``1``."""
    return repr(shortest(value)).removesuffix(".0")


def quote(text: str) -> str:
    """A string in double quotes. What cannot be seen is escaped; letters of all scripts stand as they are."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _octal(char)) for char in text) + '"'


def quote_bytes(data: bytes) -> str:
    """Bytes in double quotes, what is not ASCII escaped."""
    return (
        '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in data) + '"'
    )


def comment_lines(text: str) -> list[str]:
    """The lines of a comment, fit to stand behind ``#``: nothing in them can end it."""
    lines = text.split("\n") if text else []
    return ["".join(char if char.isprintable() else " " for char in line).rstrip() for line in lines]


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogatepass"))


def _float32(value: float) -> float:
    """The float32 nearest to a number, as a Python float."""
    try:
        (rounded,) = unpack("<f", pack("<f", value))
    except OverflowError:
        return _INFINITY if value > 0 else -_INFINITY
    return float(rounded)
