"""From the bytes of a file to the text that they are, or to what they are instead of a prototxt."""

from __future__ import annotations

import re

from netgen.diag import Diagnostic, NetgenError, Source, Span
from netgen.diag.codes import CODES
from netgen.formats.files import MAX_PROTOTXT, of_file

_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", 0, "an HDF5 file, as Caffe and Keras keep weights in"),
    (b"\x1f\x8b", 0, "compressed by gzip"),
    (b"BZh", 0, "compressed by bzip2"),
    (b"\xfd7zXZ\0", 0, "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", 0, "compressed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive"),
    (b"Rar!\x1a\x07", 0, "a RAR archive"),
    (b"ustar", 257, "a tar archive"),
    (b"\x93NUMPY", 0, "an array of NumPy"),
    (b"\x89PNG\r\n\x1a\n", 0, "a PNG image"),
    (b"\xff\xd8\xff", 0, "a JPEG image"),
    (b"GIF8", 0, "a GIF image"),
    (b"%PDF", 0, "a PDF document"),
    (b"\x7fELF", 0, "a program or library for Linux"),
    (b"MZ\x90\0", 0, "a program or library for Windows"),
    (b"TFL3", 4, "a TensorFlow Lite model"),
    (b"SQLite format 3\0", 0, "a SQLite database"),
    (b"\xd0\xcf\x11\xe0", 0, "an old Office document"),
    (b"{\\rtf", 0, "a document of a word processor (RTF), not plain text"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_SAFETENSORS = re.compile(rb"[\s\S]{5}\0\0\0\{\"")
_CONTROLS = bytes([*range(9), *range(14, 26), *range(27, 32)])
_SEEN = 4096
_MOST_CONTROLS = 0.02
"""The part of control characters above which nobody takes some bytes for a text."""

_CAFFE_FIELDS = {1: (2,), 2: (2,), 3: (2,), 4: (0, 2), 5: (0,), 6: (2,), 7: (0,), 8: (2,), 100: (2,)}
"""The fields of a NetParameter, and how each can stand on the wire: to know a caffemodel by."""
_ONNX = re.compile(rb"\x08[\x01-\x1f][\x12\x1a\x22\x2a\x32\x3a\x42\x72]")
"""An ONNX model begins with the version of its format, and goes on with a field that is a string or the graph."""
_NET = "give the program (.net) or the .prototxt that describes the net"
_NET_AND_WEIGHTS = f"{_NET}; weights go to `--weights`"


class Decoded(Source):
    """A text with what had to be said when it was decoded."""

    __slots__ = ("warnings",)

    def __init__(self, path: str, text: str, warnings: list[Diagnostic]) -> None:
        super().__init__(path, text)
        self.warnings = warnings


def decode_text(path: str, data: bytes) -> Source:
    """The text of a prototxt. Raises ``NetgenError`` for bytes that are no text, saying what they look like.

    Caffe takes any bytes in comments and strings, so lines that are not UTF-8 are read as Windows-1252, with a warning.
    """
    if len(data) > MAX_PROTOTXT:
        label = f"it has more than {MAX_PROTOTXT >> 20} MiB, and a prototxt has no weights in it"
        raise NetgenError([of_file("NG518", "the file is too large", path, label)])
    what, hint = _binary(data)
    if what:
        raise NetgenError([of_file("NG510", CODES["NG510"].title, path, f"this is {what}", hint)])
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(path, data.decode())
    except UnicodeDecodeError as error:
        return _by_lines(path, data, error.start)


def decoding_warnings(source: Source) -> list[Diagnostic]:
    """What had to be said when a text was decoded."""
    return source.warnings if isinstance(source, Decoded) else []


def _binary(data: bytes) -> tuple[str, str]:
    """What some bytes are if they are no text, and what to do then."""
    for magic, offset, what in _MAGIC:
        if data.startswith(magic, offset):
            return what, _NET
    if data.startswith(b"PK\x03\x04"):
        return "a ZIP archive, as PyTorch keeps weights in", _NET_AND_WEIGHTS
    if _PICKLE.match(data):
        return "a pickle of Python, as PyTorch keeps weights in", _NET_AND_WEIGHTS
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or _looks_utf16(data):
        return "text in UTF-16, not UTF-8", "save it as UTF-8"
    seen = data[:_SEEN]
    controls = len(seen) - len(seen.translate(None, _CONTROLS))
    if b"\0" not in data.rstrip(b"\0\x1a \t\r\n") and controls <= max(2, _MOST_CONTROLS * len(seen)):
        return "", ""
    if _ONNX.match(data):
        return "an ONNX model, which netgen writes and does not read", _NET
    if _is_caffemodel(seen):
        return (
            "a caffemodel, which holds weights",
            _NET_AND_WEIGHTS,
        )
    if _SAFETENSORS.match(data):
        return "a safetensors file, which holds weights", _NET_AND_WEIGHTS
    return "binary data, not text", _NET


def _looks_utf16(data: bytes) -> bool:
    """Whether every second byte of the beginning is zero, as in UTF-16 without a mark."""
    seen = data[:64]
    return len(seen) >= 8 and any(not any(seen[start::2]) and all(seen[1 - start :: 2]) for start in (0, 1))


def _is_caffemodel(data: bytes) -> bool:
    """Whether some bytes begin as a NetParameter on the wire: fields that it has, or the cut ones at the end."""
    at = 0
    for _ in range(8):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind not in _CAFFE_FIELDS.get(number, ()):
            return False
        value, at = _varint(data, at)
        if value < 0:
            return False
        at += value if kind == 2 else 0
        if at >= len(data):
            break
    return True


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number on the wire and where it ends; -1 where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return -1, at
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    return -1, at


def _by_lines(path: str, data: bytes, first: int) -> Source:
    """A text some of whose lines are not UTF-8; ``first`` is the first byte that is not."""
    lines = []
    odd = []
    for number, line in enumerate(data.split(b"\n")):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(_western(line))
            odd.append(number)
    source = Decoded(path, "\n".join(lines), [])
    at = len(_western(data[data.rfind(b"\n", 0, first) + 1 : first]))
    at += sum(len(line) + 1 for line in lines[: odd[0]])
    label = f"the byte 0x{data[first]:02x} is not UTF-8: the line is read as Windows-1252"
    times = f", and so are {len(odd) - 1} others" if len(odd) > 1 else ""
    hint = "Caffe takes any bytes in comments and strings; save the file as UTF-8 to see them right"
    warning = Diagnostic("NG519", "not UTF-8", Span(source, at, at + 1), label + times, hint=hint, severity="warning")
    source.warnings.append(warning)
    return source


def _western(line: bytes) -> str:
    """A line in Windows-1252, whose five missing letters are taken from Latin-1."""
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")
