"""Warnings about a text, each told once with the number of times: a net says most things for every layer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netgen.diag import Diagnostic, Note, Source, Span
from netgen.diag.codes import CODES

_WORD = re.compile(r"\w+")
_FIELD = re.compile(r"[\w.\[\]/]*\s*:?\s*")


class Remarks:
    """The warnings that gather while a text is read, and the places in it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.times: dict[tuple[str, str], int] = {}
        self.told: list[Diagnostic] = []

    def warn(
        self, code: str, span: Span, label: str, hint: str = "", *, notes: Sequence[Note] = (), times: int = 1
    ) -> None:
        """Tell something; the same label again only counts."""
        key = (code, label)
        known = self.times.get(key, 0)
        self.times[key] = known + times
        if not known:
            title = CODES[code].title
            self.told.append(Diagnostic(code, title, span, label, notes=notes, hint=hint, severity="warning"))

    def all(self) -> list[Diagnostic]:
        """All warnings by their places."""
        for each in self.told:
            times = self.times.pop((each.code, each.label), 1)
            if times > 1:
                each.label += f"; {times} times in this file"
        return sorted(self.told, key=lambda each: each.span.start if each.span else 0)

    def field(self, start: int) -> Span:
        """The name of the field that stands at a place."""
        start = max(start, 0)
        word = _WORD.match(self.source.text, start)
        return Span(self.source, start, word.end() if word else start + 1)

    def value(self, start: int, text: str) -> Span:
        """A value, behind the field at a place or there itself, as in a list; the field where it cannot be seen."""
        start = max(start, 0)
        found = _FIELD.match(self.source.text, start)
        behind = found.end() if found else start
        for shown in (text, f'"{text}"', f"'{text}'"):
            for at in (start, behind):
                if text and self.source.text.startswith(shown, at):
                    return Span(self.source, at, at + len(shown))
        return self.field(start)
