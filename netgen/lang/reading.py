"""The text of a program, whatever a file turns out to be."""

from __future__ import annotations

from netgen.diag import Diagnostic, NetgenError, Source, Span
from netgen.formats.files import MAX_PROGRAM, of_file, read_bytes


def read_source(path: str) -> Source:
    """The text of a file; a ``NetgenError`` where there is none, or it is no text."""
    return decode(path, read_bytes(path, (".net",), MAX_PROGRAM))


def decode(path: str, data: bytes) -> Source:
    """The text that some bytes are, which came from a file or from elsewhere."""
    if len(data) > MAX_PROGRAM:
        raise NetgenError([of_file("NG111", "file too large", path, f"it has more than {MAX_PROGRAM >> 20} MiB")])
    if path.endswith(".py"):
        label = "it is a program in Python, and netgen reads its own language, and prototxts"
        hint = "write the net in a .net file; its weights come from a state_dict: --weights model.pth"
        raise NetgenError([of_file("NG501", "cannot read the file", path, label, hint)])
    if b"\0" in data:
        hint = "it looks like UTF-16: save it as UTF-8" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        label = f"there is a zero byte at offset {data.index(0)}"
        raise NetgenError([of_file("NG107", "binary file", path, label, hint)])
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(path, text.decode())
    except UnicodeDecodeError as error:
        raise NetgenError([_not_utf8(path, text, error.start, len(data) - len(text))]) from None


def _not_utf8(path: str, text: bytes, start: int, mark: int) -> Diagnostic:
    """Shows the line of the first byte that is not UTF-8. ``mark`` bytes of a byte order mark stand before the text."""
    offset = len(text[:start].decode())
    span = Span(Source(path, text.decode(errors="replace")), offset, offset + 1)
    label = f"the byte 0x{text[start]:02x} at offset {mark + start} is not UTF-8"
    return Diagnostic("NG106", "not UTF-8", span, label, hint="save the file in the encoding UTF-8")
