"""Protobuf's wire format: the fields of a message, without a schema and without copying anything.

Nothing that a file claims is believed before it is compared with what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmap import mmap

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
_WIDTH = {FIXED64: 8, FIXED32: 4}
_GROUPS = 100
"""How deep protobuf lets groups be nested."""
MAX_FIELDS = 20_000_000
"""How many fields a file may have in all; a caffemodel with more is not one."""
_BLOCK = 1 << 16


class WireFault(Exception):
    """The bytes from ``offset`` on are no message.

    If a field goes on behind the end of the file, it is that of a ``number``, begins at ``start``, and ``missing``
    bytes would be needed.
    """

    def __init__(self, offset: int, text: str, missing: int = 0, *, number: int = 0, start: int = 0) -> None:
        super().__init__(text)
        self.offset = offset
        self.text = text
        self.missing = missing
        self.number = number
        self.start = start


class Field:
    """One field: ``[start, end)`` are its bytes, or those of its fixed number; ``value`` is that of a varint.

    Fixed numbers that follow each other under one tag are one field of ``count`` numbers, ``stride`` bytes apart.
    """

    __slots__ = ("at", "count", "end", "kind", "number", "start", "stride", "value")

    def __init__(
        self, number: int, kind: int, at: int, start: int, end: int, *, value: int = 0, count: int = 1, stride: int = 0
    ) -> None:
        self.number = number
        self.kind = kind
        self.at = at
        self.start = start
        self.end = end
        self.value = value
        self.count = count
        self.stride = stride


class Wire:
    """Reads fields out of some bytes, and counts how many there were."""

    def __init__(self, data: bytes | mmap) -> None:
        self.data = data
        self.size = len(data)
        self._left = MAX_FIELDS

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message that lies in ``[start, end)``; raises ``WireFault``."""
        at = start
        while at < end:
            field = self._field(at, end)
            yield field
            at = field.end

    def varints(self, start: int, end: int) -> Iterator[int]:
        """The numbers that are packed into ``[start, end)``."""
        at = start
        while at < end:
            self._spend(at)
            value, at = self._varint(at, end)
            yield value

    def _field(self, at: int, end: int) -> Field:
        self._spend(at)
        tag, start = self._varint(at, end)
        number, kind = tag >> 3, tag & 7
        if number == 0 or tag >> 32:
            raise WireFault(at, f"a field cannot have the number {number}")
        if kind == BYTES:
            length, start = self._varint(start, end)
            self._need(at, start, length, end, number)
            return Field(number, kind, at, start, start + length)
        if kind == VARINT:
            value, start = self._varint(start, end)
            return Field(number, kind, at, start, start, value=value)
        if kind in _WIDTH:
            return self._run(number, kind, at, start, end)
        if kind == GROUP:
            return Field(number, kind, at, start, self._after_group(number, at, start, end))
        what = "a group ends that did not begin" if kind == GROUP_END else f"there is no wire type {kind}"
        raise WireFault(at, what)

    def _run(self, number: int, kind: int, at: int, start: int, end: int) -> Field:
        """A fixed number, and all that follow it under the same tag."""
        width = _WIDTH[kind]
        self._need(at, start, width, end, number)
        stride = start - at + width
        count = self._repeats(at, start, stride, (end - at) // stride)
        return Field(number, kind, at, start, at + count * stride, count=count, stride=stride)

    def _repeats(self, at: int, start: int, stride: int, most: int) -> int:
        """How often the tag at ``[at, start)`` stands there, every ``stride`` bytes."""
        tag = self.data[at:start]
        few = min(most, 8)
        for count in range(1, few):
            if self.data[at + count * stride : start + count * stride] != tag:
                return count
        return few if most == few else self._many_repeats(at, tag, stride, most)

    def _many_repeats(self, at: int, tag: bytes, stride: int, most: int) -> int:
        import numpy as np

        rows = np.frombuffer(self.data, np.uint8, most * stride, at).reshape(most, stride)[:, : len(tag)]
        wanted = np.frombuffer(tag, np.uint8)
        for begin in range(0, most, _BLOCK):
            same = (rows[begin : begin + _BLOCK] == wanted).all(axis=1)
            if not same.all():
                return begin + int(same.argmin())
        return most

    def _after_group(self, number: int, at: int, start: int, end: int) -> int:
        """Where a group ends. Groups are an old form of messages, which some fork may still use."""
        open_groups = [number]
        here = start
        while open_groups:
            if here >= end:
                raise WireFault(at, "a group does not end")
            self._spend(here)
            tag, behind = self._varint(here, end)
            if tag & 7 == GROUP:
                open_groups.append(tag >> 3)
                if len(open_groups) > _GROUPS:
                    raise WireFault(here, f"groups are nested more than {_GROUPS} deep")
                here = behind
            elif tag & 7 == GROUP_END:
                if open_groups.pop() != tag >> 3:
                    raise WireFault(here, "a group ends that did not begin")
                here = behind
            else:
                here = self._field(here, end).end
        return here

    def _spend(self, at: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise WireFault(at, f"there are more than {MAX_FIELDS:,} fields")

    def _need(self, at: int, start: int, length: int, end: int, number: int) -> None:
        """Objects where a field claims more bytes than there are."""
        if length <= end - start:
            return
        missing = max(0, start + length - self.size) if end == self.size else 0
        left = f"only {end - start:,} are left"
        text = f"a field of {length:,} bytes is announced, and {left}"
        raise WireFault(at, text, missing, number=number, start=start)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        data = self.data
        value = shift = 0
        for here in range(at, min(at + 10, end)):
            byte = data[here]
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (1 << 64) - 1, here + 1
            shift += 7
        if end - at < 10:
            raise WireFault(at, "a number is cut off", 1 if end == self.size else 0)
        raise WireFault(at, "a number has more than ten bytes")
