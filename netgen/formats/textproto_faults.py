"""The faults of one text: which of them are told, and what else the file may be."""

from __future__ import annotations

from netgen.diag import Diagnostic, NetgenError, Note, Source, Span
from netgen.diag.codes import CODES
from netgen.formats.textproto_kinds import CONFLICT, kind_of, line_start, names

NOT_PROTOTXT = "NG510"
TEMPLATE = "NG511"
STRING = "NG512"
BRACES = "NG513"
COMMENT = "NG514"
SYNTAX = "NG515"
UNQUOTED = "NG516"
CONFLICTS = "NG517"
TOO_LARGE = "NG518"

_MOST = 10
"""Faults of one text that are told."""
_MOST_COUNTED = 1000
_MOST_NAMES = 8
_ONCE = {TEMPLATE, COMMENT}
"""What a text is full of if it has one: told at its first place, with how many there are."""
_DEPENDENT = {SYNTAX, BRACES, TOO_LARGE}
"""What may follow from another fault, and is told only where there is none."""


class Fault(Exception):
    """One thing that cannot be read. ``resume`` is where reading can go on, -1 where it cannot."""

    def __init__(
        self,
        code: str,
        start: int,
        end: int,
        label: str,
        hint: str = "",
        *,
        note: tuple[str, int, int] | None = None,
        resume: int = -1,
    ) -> None:
        super().__init__(code, start, label)
        self.code = code
        self.start = start
        self.end = end
        self.label = label
        self.hint = hint
        self.note = note
        self.resume = resume


class Faults:
    """The faults of one text as they are met. What follows from another is left out."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._told: list[Fault] = []
        self._counts: dict[str, int] = {}

    def add(self, fault: Fault) -> int:
        """Note a fault; where to read on, -1 for nowhere. Raises if the file turns out to be something else."""
        if not self._told:
            self._expect_a_prototxt(fault.start, max(fault.resume, fault.start))
        others = self._counts.keys() - {fault.code}
        self._counts[fault.code] = count = self._counts.get(fault.code, 0) + 1
        if not (count > 1 and fault.code in _ONCE) and not (others and fault.code in _DEPENDENT):
            self._told.append(fault)
        return fault.resume if len(self._told) < _MOST and count < _MOST_COUNTED else -1

    def finish(self, empty: bool) -> None:
        """Raise what was found. ``empty`` says that nothing was read."""
        if self._told:
            raise NetgenError([self._diagnostic(fault) for fault in self._told])
        if empty:
            label = "nothing is in it" + (" but comments" if "#" in self._source.text else "")
            hint = 'a prototxt has fields: `name: "net" layer { … }`'
            raise NetgenError([self._of_kind("empty file", 0, label, hint)])

    def _expect_a_prototxt(self, at: int, next: int) -> None:
        """``next`` is where reading could go on."""
        text = self._source.text
        conflict = CONFLICT.match(text, line_start(text, at))
        if conflict is not None:
            raise NetgenError([self._conflict(conflict.start())])
        found = kind_of(text, at, next)
        if found is not None:
            kind, place = found
            title = CODES[NOT_PROTOTXT].title
            raise NetgenError([self._of_kind(title, place, f"this is {kind.what}", kind.hint)])

    def _of_kind(self, title: str, at: int, label: str, hint: str) -> Diagnostic:
        return Diagnostic(NOT_PROTOTXT, title, self._line(at), label, hint=hint)

    def _conflict(self, at: int) -> Diagnostic:
        marks = [found.start() for found in CONFLICT.finditer(self._source.text)]
        first, last = (self._source.position(place)[0] for place in (marks[0], marks[-1]))
        label = (
            f"a mark of version control: two versions of the file did not agree here, and {len(marks)} marks were left"
        )
        hint = f"settle the conflicts in lines {first} to {last}, or get the file as it was before the merge"
        return Diagnostic(CONFLICTS, CODES[CONFLICTS].title, self._line(at), label, hint=hint)

    def _diagnostic(self, fault: Fault) -> Diagnostic:
        notes = []
        if fault.note is not None:
            text, start, end = fault.note
            notes.append(Note(text, Span(self._source, start, end)))
        if fault.code == TEMPLATE:
            notes += self._names(fault)
        label = fault.label
        count = self._counts[fault.code]
        if fault.code == COMMENT and count > 1:
            label += f"; {count} times in this file"
        span = Span(self._source, fault.start, fault.end)
        return Diagnostic(fault.code, CODES[fault.code].title, span, label, notes=notes, hint=fault.hint)

    def _names(self, fault: Fault) -> list[Note]:
        """What else is to be put into a template."""
        known = names(self._source.text, fault.start, fault.end)
        if len(known) < 2:
            return []
        shown = ", ".join(f"`{name}`" for name in known[:_MOST_NAMES]) + (", …" if len(known) > _MOST_NAMES else "")
        return [Note(f"the file has {len(known)} placeholders in this style: {shown}")]

    def _line(self, at: int) -> Span:
        """A place to the end of its line."""
        end = self._source.text.find("\n", at)
        end = len(self._source.text) if end < 0 else end
        return Span(self._source, at, at + len(self._source.text[at:end].rstrip()))
