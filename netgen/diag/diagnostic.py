"""Diagnostics as data. Prose is written in codes.py, layout in render.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from netgen.diag.source import Span

Severity = Literal["error", "warning"]


class Note:
    """A second place that the reader needs, with what is to be seen there."""

    __slots__ = ("span", "text")

    def __init__(self, text: str, span: Span | None = None) -> None:
        self.text = text
        self.span = span


class Frame:
    """One call in the chain of block calls that led to a diagnostic, innermost first."""

    __slots__ = ("block", "span")

    def __init__(self, block: str, span: Span) -> None:
        self.block = block
        self.span = span


class Diagnostic:
    """One thing that is wrong, or dubious, and what to do about it.

    ``code`` names an entry of ``codes.CODES``, which gives the title unless one is
    passed. ``span`` is the place, ``label`` what stands under its carets, ``trace``
    the block calls around it, ``hint`` the way out.
    """

    __slots__ = ("code", "hint", "label", "notes", "severity", "span", "title", "trace")

    def __init__(
        self,
        code: str,
        title: str,
        span: Span | None = None,
        label: str = "",
        *,
        notes: Sequence[Note] = (),
        trace: Sequence[Frame] = (),
        hint: str = "",
        severity: Severity = "error",
    ) -> None:
        self.code = code
        self.title = title
        self.span = span
        self.label = label
        self.notes = tuple(notes)
        self.trace = tuple(trace)
        self.hint = hint
        self.severity: Severity = severity


class NetgenError(Exception):
    """The input is at fault. ``diagnostics`` says where and how; ``str()`` renders them."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from netgen.diag.render import render_all

        return render_all(self.diagnostics)
