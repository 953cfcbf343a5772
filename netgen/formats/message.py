"""Protobuf messages as plain data: what text is read into and written from.

A message is a list of (field, value) pairs in the order of the file. A value is a number, a bool, a string (bytes where
it is not UTF-8), an ``Enum``, a ``Raw`` that the schema has not typed yet, or again a message. A repeated field stands
there as often as it has values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Message = list[tuple[str, object]]
"""A protobuf message as it will be printed: (field, value); a message's value is again a list."""


class Enum(str):
    """The name of an enum's value: printed without quotes."""

    __slots__ = ()


class Double(float):
    """A number of 64 bits, which is printed with all of its digits."""

    __slots__ = ()


class Raw(str):
    """A scalar as it stood in a text without quotes, not yet typed: ``1.``, ``0x1F``, ``-inf``, ``True``, ``MAX``.

    A sign stands directly before what it belongs to, however the text was spaced.
    """

    __slots__ = ()


class Placed(Message):
    """A message that was read from a text and knows its places.

    ``start`` and ``end`` are where it stands in the text, ``starts`` where each of its fields begins; -1 where
    something was not in the text.
    """

    __slots__ = ("end", "start", "starts")

    def __init__(
        self, fields: Iterable[tuple[str, object]] = (), starts: Iterable[int] = (), start: int = -1, end: int = -1
    ) -> None:
        super().__init__(fields)
        self.starts = [*starts]
        self.starts += [-1] * (len(self) - len(self.starts))
        self.start = start
        self.end = end


def get(message: Message, field: str, default: object = None) -> Any:
    """The last value of a field, as protobuf reads an optional field."""
    return next((value for name, value in reversed(message) if name == field), default)


def get_all(message: Message, field: str) -> list[Any]:
    """All values of a repeated field."""
    return [value for name, value in message if name == field]


def place_of(message: Message, field: str, number: int = -1) -> int:
    """Where a field begins in the text, of a repeated one the one of a number; -1 where that is not known."""
    if not isinstance(message, Placed):
        return -1
    found = [start for (name, _), start in zip(message, message.starts, strict=True) if name == field]
    return found[number] if -len(found) <= number < len(found) else -1
