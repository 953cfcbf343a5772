"""Diagnostics as text for people and as plain data for programs. The one place that knows how a message looks."""

from __future__ import annotations

from collections.abc import Iterable

from netgen.diag.diagnostic import Diagnostic, Frame
from netgen.diag.excerpt import excerpt, is_whole_file, last_line, visible
from netgen.diag.source import Span

_STYLES = {"error": "1;31", "warning": "1;33", "note": "1;36", "gutter": "1;34", "title": "1"}
_MOST_FRAMES = 8


def render(diagnostic: Diagnostic, color: bool = False) -> str:
    """A diagnostic as it is printed, without a newline at its end."""
    page = _Page(diagnostic, color)
    page.header()
    if diagnostic.span is not None:
        page.place("-->", diagnostic.span, "^", diagnostic.severity, diagnostic.label)
    for note in diagnostic.notes:
        if note.span is not None:
            page.gap()
            page.place(":::", note.span, "-", "note", note.text)
    page.remarks()
    return "\n".join(page.lines)


def render_all(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """Diagnostics with a blank line between, and how many there are if there are several."""
    diagnostics = list(diagnostics)
    parts = [render(diagnostic, color) for diagnostic in diagnostics]
    if len(parts) > 1:
        parts.append(summary(diagnostics))
    return "\n\n".join(parts)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """``2 errors, 1 warning``; nothing if there are none."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = [(severity, severities.count(severity)) for severity in ("error", "warning")]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts if count)


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """Diagnostics as plain data. Lines and columns count from 1, an end is the column behind the last character."""
    return [
        {
            "code": diagnostic.code,
            "severity": diagnostic.severity,
            "title": diagnostic.title,
            **_place(diagnostic.span),
            "label": diagnostic.label,
            "notes": [{"text": note.text, **_place(note.span)} for note in diagnostic.notes],
            "trace": [{"block": frame.block, **_place(frame.span)} for frame in diagnostic.trace],
            "hint": diagnostic.hint,
        }
        for diagnostic in diagnostics
    ]


def _place(span: Span | None) -> dict[str, object]:
    if span is None:
        return dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


class _Page:
    """The lines of one diagnostic, with a gutter that is wide enough for all of its line numbers."""

    def __init__(self, diagnostic: Diagnostic, color: bool) -> None:
        self.lines: list[str] = []
        self._diagnostic = diagnostic
        self._color = color
        spans = [diagnostic.span, *(note.span for note in diagnostic.notes)]
        self._width = max((len(str(last_line(span))) for span in spans if span is not None), default=1)

    def header(self) -> None:
        diagnostic = self._diagnostic
        code = self._paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
        self.lines.append(f"{code}{self._paint('title', ': ' + visible(' '.join(diagnostic.title.splitlines())))}")

    def place(self, arrow: str, span: Span, mark: str, style: str, label: str) -> None:
        """Where something is, the lines there, and the label behind the underline."""
        gutter = " " * self._width
        if is_whole_file(span.source):
            self.lines.append(f"{gutter}{self._paint('gutter', arrow)} {visible(span.source.path)}")
            self._remark(label)
            return
        self.lines.append(f"{gutter}{self._paint('gutter', arrow)} {visible(str(span))}")
        self.gap()
        end = column = 0
        for row in excerpt(span):
            if row.number == 0:
                self.lines.append(self._paint("gutter", "..."))
                continue
            self._numbered(str(row.number), row.text)
            if row.length:
                self._numbered("", " " * row.start + self._paint(style, mark * row.length))
                end, column = len(self.lines), row.start + row.length + 1
        first, *others = [self._paint(style, visible(line)) for line in label.splitlines()] or [""]
        below = self.lines[end:]
        del self.lines[end:]
        self.lines[-1] += f" {first}" if first else ""
        for line in others:
            self._numbered("", " " * column + line)
        self.lines += below

    def gap(self) -> None:
        self._numbered("", "")

    def remarks(self) -> None:
        """What stands below: notes without a place, the chain of block calls, the hint."""
        diagnostic = self._diagnostic
        remarks = [("", diagnostic.label)] if diagnostic.span is None else []
        remarks += [("note: ", note.text) for note in diagnostic.notes if note.span is None]
        remarks += [("", frame) for frame in _frames(diagnostic.trace)]
        remarks += [("hint: ", diagnostic.hint)]
        remarks = [(word, text) for word, text in remarks if text]
        if remarks and diagnostic.span is not None and not is_whole_file(diagnostic.span.source):
            self.gap()
        for word, text in remarks:
            self._remark(text, word)

    def _remark(self, text: str, word: str = "") -> None:
        first, *others = text.splitlines() or [""]
        sign = self._paint("gutter", "=")
        self.lines.append(f"{'':{self._width}} {sign} {self._paint('title', word)}{visible(first)}")
        self.lines += [f"{'':{self._width + 3 + len(word)}}{visible(line)}" for line in others]

    def _numbered(self, number: str, text: str) -> None:
        gutter = self._paint("gutter", f"{number:>{self._width}} |")
        self.lines.append(f"{gutter} {text}" if text else gutter)

    def _paint(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._color and text else text


def _frames(trace: tuple[Frame, ...]) -> list[str]:
    """The chain of block calls, innermost first; of a long one, both ends."""
    lines = [f"in block `{frame.block}` called at {frame.span}" for frame in trace]
    if len(lines) <= _MOST_FRAMES:
        return lines
    half = _MOST_FRAMES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} more calls …", *lines[-half:]]
