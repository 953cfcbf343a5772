"""Which brace is the culprit where braces do not match. Where it shows is seldom where it is: indentation tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKENS = re.compile(
    r"""\#[^\n]* | "(?:[^"\\\n]|\\[^\n])*" | '(?:[^'\\\n]|\\[^\n])*' | (^[ \t]*)?+ ([{}<>]|[A-Za-z_]\w*)""",
    re.VERBOSE | re.MULTILINE,
)
_CLOSERS = {"}": "{", ">": "<"}


def culprit_opener(text: str, last: int) -> tuple[int, int]:
    """The brace that nothing closes, and where that shows; ``last`` is the innermost that is open at the end.

    A line that begins no further right than the line of the open brace, where what the brace holds is indented, stands
    outside of it.
    """
    opened: list[_Open] = []
    for at, sign, column in _tokens(text):
        if opened and column >= 0 and sign not in "{<" and opened[-1].is_left_by(column, sign in _CLOSERS):
            return opened[-1].at, at
        if sign in _CLOSERS:
            if opened:
                opened.pop()
        elif sign in "{<":
            opened.append(_Open(at, _indent(text, at)))
    return last, -1


class _Open:
    """An open brace: where it stands, how far its line is indented, and how far what it holds."""

    __slots__ = ("at", "indent", "inner")

    def __init__(self, at: int, indent: int) -> None:
        self.at = at
        self.indent = indent
        self.inner = -1

    def is_left_by(self, column: int, closes: bool) -> bool:
        """Whether a line that begins at a column stands outside; ``closes``: with a closing brace."""
        if self.inner < 0:
            self.inner = column
            return False
        return self.inner > self.indent and (column < self.indent or (column == self.indent and not closes))


def culprit_closer(text: str, stray: int) -> int:
    """The closing brace that is one too many, of those up to a place where none can be.

    One that closes what begins further left than itself has probably been closed before.
    """
    opened: list[int] = []
    for at, sign, column in _tokens(text, stray):
        if sign in _CLOSERS:
            if opened and column > opened.pop():
                return at
        elif sign in "{<":
            opened.append(_indent(text, at))
    return stray


def _tokens(text: str, end: int | None = None) -> Iterator[tuple[int, str, int]]:
    """The braces, and the words that begin lines, with their columns; -1 for what does not begin its line."""
    for found in _TOKENS.finditer(text, 0, len(text) if end is None else end):
        sign = found[2]
        if sign and (found[1] is not None or sign in "{}<>"):
            yield found.start(2), sign, -1 if found[1] is None else _width(found[1])


def _indent(text: str, brace: int) -> int:
    """How far the line of an opening brace is indented; of one on a line of its own, the brace's own column."""
    start = _line(text, brace)
    line = text[start:brace]
    return _width(line[: len(line) - len(line.lstrip())])


def _line(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _width(blanks: str) -> int:
    return len(blanks.expandtabs(4))
