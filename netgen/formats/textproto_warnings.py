"""What Caffe refuses or takes in another way than it looks, though its meaning is plain: found once, told once."""

from __future__ import annotations

import re

from netgen.diag import Diagnostic, Source, Span
from netgen.diag.codes import CODES

_ODD = frozenset("\x85\xa0\u1680\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff") | {
    chr(code) for code in range(0x2000, 0x200B)
}
"""Blanks and invisible characters that editors and web pages put into texts, and that protobuf does not know."""
_END = re.compile(r"[\0\x1a\s]+\Z")
"""What some programs write behind a text: zero bytes, and the mark of an end that DOS has."""

_COMMENTS = re.compile(r"""\#([^\n]*) | "(?:[^"\\\n]|\\[^\n])*+" | '(?:[^'\\\n]|\\[^\n])*+'""", re.VERBOSE)
_SWALLOWED = re.compile(r"\r\s*[^\s#]")


class Oddities:
    """What is odd about one text, by kind: the first place, and how often."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[str, tuple[int, int, int]] = {}

    def blank(self, at: int) -> int:
        """Where the characters at a place end that may pass for blanks."""
        char = self._source.text[at]
        if char in _ODD:
            self._note("blank", at, at + 1)
            return at + 1
        end = _END.match(self._source.text, at) if char in "\0\x1a" else None
        if end is None:
            return at
        self._note("end", at, at + 1)
        return end.end()

    def separator(self, at: int) -> None:
        self._note("separator", at, at + 1)

    def missing(self, at: int) -> None:
        """A place in a list where a comma is missing."""
        self._note("missing", at - 1, at)

    def escape(self, at: int, escape: str) -> None:
        """An escape that is none, in the string at a place."""
        at = max(at, self._source.text.find(escape, at))
        self._note("escape", at, at + len(escape))

    def warnings(self) -> list[Diagnostic]:
        found = [self._warning(kind, *places) for kind, places in self._found.items()]
        return found + _swallowing_comments(self._source)

    def _note(self, kind: str, start: int, end: int) -> None:
        first = self._found.get(kind)
        self._found[kind] = (start, end, 1) if first is None else (*first[:2], first[2] + 1)

    def _warning(self, kind: str, start: int, end: int, count: int) -> Diagnostic:
        text = self._source.text[start:end]
        label, hint = {
            "blank": (f"U+{ord(text[0]):04X} is no blank to Caffe, which stops here", "replace it with a space"),
            "end": (f"U+{ord(text[0]):04X} stands behind the text; Caffe stops here", "remove it"),
            "separator": (f"a `{text}` too many, at which Caffe stops", "remove it"),
            "missing": ("a comma is missing behind this element: Caffe stops here", "put commas between the elements"),
            "escape": (f"`{text}` is no escape: Caffe stops here", f"write a backslash twice: `\\{text}`"),
        }[kind]
        times = f"; {count} times in this file" if count > 1 else ""
        return _warn(Span(self._source, start, end), label + times, hint)


def _swallowing_comments(source: Source) -> list[Diagnostic]:
    """Comments that go on behind the end of a line that is a carriage return alone, as Caffe takes them to do."""
    text = source.text
    if text.count("\r") == text.count("\r\n"):
        return []
    for found in _COMMENTS.finditer(text):
        swallowed = _SWALLOWED.search(found[1] or "")
        if swallowed:
            at = found.start(1) + swallowed.end() - 1
            label = "this still belongs to the comment: a carriage return alone does not end it for Caffe"
            hint = "save the file with line feeds"
            return [_warn(Span(source, at, at + 1), label, hint)]
    return []


def _warn(span: Span, label: str, hint: str) -> Diagnostic:
    return Diagnostic("NG519", CODES["NG519"].title, span, label, hint=hint, severity="warning")
