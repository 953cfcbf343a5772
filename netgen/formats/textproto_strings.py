"""The escapes in strings of protobuf's text format."""

from __future__ import annotations

import re
from collections.abc import Callable

_ESCAPE = re.compile(
    rb"\\(?: ([0-7]{1,3}) | [xX]([0-9A-Fa-f]{1,2}) | u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})"
    rb" | u([0-9A-Fa-f]{4}) | U(00(?:10|0[0-9A-Fa-f])[0-9A-Fa-f]{4}) | ([\x00-\x7f]|[\x80-\xff][\x80-\xbf]*) )",
    re.VERBOSE,
)
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b"?": b"?",
    b"'": b"'",
    b'"': b'"',
}


def unescape(text: str, unknown: Callable[[str], None]) -> str | bytes:
    """What a string between its quotes stands for; bytes where that is not UTF-8.

    ``unknown`` is told of each escape that protobuf does not know and refuses; it stands for itself.
    """

    def replaced(found: re.Match[bytes]) -> bytes:
        octal, hexadecimal, high, low, short, long, letter = found.groups()
        if octal:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal:
            return bytes([int(hexadecimal, 16)])
        if high:
            return _utf8(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
        if short or long:
            return _utf8(int(short or long, 16))
        if letter not in _LETTERS:
            unknown(found[0].decode("utf-8", "replace"))
        return _LETTERS.get(letter, found[0])

    data = _ESCAPE.sub(replaced, text.encode("utf-8", "surrogatepass"))
    return text_or_bytes(data)


def text_or_bytes(data: bytes) -> str | bytes:
    """Text where some bytes are UTF-8, else themselves."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def as_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _utf8(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass")
