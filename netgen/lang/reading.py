"""Reading a file from disk, whatever it turns out to be."""

from __future__ import annotations

import os

from netgen.diag import Diagnostic, NetgenError, Source, Span, did_you_mean

MAX_SIZE = 8 << 20


def read_source(path: str) -> Source:
    """The text of a file; a ``NetgenError`` where there is none, or it is no text."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NetgenError([_missing(path)]) from None
    except (OSError, ValueError) as error:
        raise NetgenError([_unreadable(path, error)]) from None
    return decode(path, data)


def decode(path: str, data: bytes) -> Source:
    """The text that some bytes are, which came from a file or from elsewhere."""
    if len(data) > MAX_SIZE:
        raise NetgenError([_of_file("NG111", "file too large", path, f"it has more than {MAX_SIZE >> 20} MiB")])
    if b"\0" in data:
        hint = "it looks like UTF-16: save it as UTF-8" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        label = f"there is a zero byte at offset {data.index(0)}"
        raise NetgenError([_of_file("NG107", "binary file", path, label, hint)])
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(path, text.decode())
    except UnicodeDecodeError as error:
        raise NetgenError([_not_utf8(path, text, error.start, len(data) - len(text))]) from None


def _of_file(code: str, title: str, path: str, label: str, hint: str = "") -> Diagnostic:
    """A diagnostic about a file as a whole."""
    return Diagnostic(code, title, Span(Source(path, ""), 0, 0), label, hint=hint)


def _unreadable(path: str, error: OSError | ValueError) -> Diagnostic:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _of_file("NG501", "cannot read the file", path, reason[:1].lower() + reason[1:])


def _missing(path: str) -> Diagnostic:
    folder, name = os.path.split(path)
    try:
        present = sorted(each for each in os.listdir(folder or ".") if each.endswith(".net"))
    except OSError:
        return _of_file("NG213", "file not found", path, f"there is no folder `{folder}`" if folder else "")
    label = f"there is no `{name}` in {f'`{folder}`' if folder else 'the current folder'}"
    hint = did_you_mean(name, present)
    if not hint and present:
        hint = f"it has {', '.join(present[:8])}{', …' if len(present) > 8 else ''}"
    return _of_file("NG213", "file not found", path, label, hint)


def _not_utf8(path: str, text: bytes, start: int, mark: int) -> Diagnostic:
    """Shows the line of the first byte that is not UTF-8. ``mark`` bytes of a byte order mark stand before the text."""
    offset = len(text[:start].decode())
    span = Span(Source(path, text.decode(errors="replace")), offset, offset + 1)
    label = f"the byte 0x{text[start]:02x} at offset {mark + start} is not UTF-8"
    return Diagnostic("NG106", "not UTF-8", span, label, hint="save the file in the encoding UTF-8")
