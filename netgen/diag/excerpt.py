"""A piece of source as a terminal can show it: tabs, wide letters, control characters and very long lines."""

from __future__ import annotations

from netgen.diag.source import Source, Span

MAX_WIDTH = 120
"""Columns of source that are shown of a line."""
_CONTEXT = 24
"""Columns in front of the place, where the beginning of a line must be cut off."""
_MOST_LETTERS = 600
"""Letters of a line that are looked at, around the place."""
_TAB = "    "
_MOST_LINES = 4


class Row:
    """One line of an excerpt, with the columns to underline. A row without a number stands for lines left out."""

    __slots__ = ("length", "number", "start", "text")

    def __init__(self, number: int, text: str = "", start: int = 0, length: int = 0) -> None:
        self.number = number
        self.text = text
        self.start = start
        self.length = length


def visible(text: str) -> str:
    """A text that cannot move the cursor, change colours or reverse the direction of what follows."""
    return text if text.isprintable() else "".join(map(_show, text))


def excerpt(span: Span) -> list[Row]:
    """The lines of a span, at most four of them."""
    source = span.source
    first, start = source.position(span.start)
    last, stop = source.position(max(span.start, span.end - 1))
    numbers = list(range(first, last + 1))
    if len(numbers) > _MOST_LINES:
        numbers = [first, first + 1, 0, last]
    rows = []
    for number in numbers:
        if number == 0:
            rows.append(Row(0))
            continue
        line = source.line(number)
        begin = start - 1 if number == first else len(line) - len(line.lstrip())
        end = min(stop, len(line)) if number == last else len(line.rstrip())
        rows.append(_row(number, line, begin, end, number == first))
    return rows


def last_line(span: Span) -> int:
    """The number of the last line that a span touches."""
    return span.source.position(max(span.start, span.end - 1))[0]


def is_whole_file(source: Source) -> bool:
    """Whether there is nothing to show of a source, so that only its name can be given."""
    return not source.text.strip()


def _row(number: int, line: str, begin: int, end: int, always: bool) -> Row:
    """A line and its underline in columns; ``always`` underlines one column at least."""
    if len(line) > _MOST_LETTERS:
        dropped = max(0, begin - _MOST_LETTERS // 2)
        line = line[dropped : dropped + _MOST_LETTERS]
        begin, end = begin - dropped, end - dropped
    shown = [_show(letter) for letter in line]
    columns = [0]
    for piece in shown:
        columns.append(columns[-1] + _width(piece))
    begin, end = min(begin, len(line)), min(end, len(line))
    start, stop = columns[begin], columns[max(begin, end)]
    length = max(stop - start, 1 if always else 0)
    if columns[-1] <= MAX_WIDTH:
        return Row(number, "".join(shown), start, length)
    return _cut(number, shown, columns, start, length)


def _cut(number: int, shown: list[str], columns: list[int], start: int, length: int) -> Row:
    """The part of a long line around the underline."""
    left = 0 if start + length < MAX_WIDTH else max(0, start - _CONTEXT)
    inside = [i for i in range(len(shown)) if left <= columns[i] and columns[i + 1] <= left + MAX_WIDTH]
    if not inside:
        return Row(number, "…", 0, 1)
    text = "".join(shown[i] for i in inside)
    shift = columns[inside[0]]
    if inside[0] > 0:
        text = f"…{text}"
        shift -= 1
    if inside[-1] < len(shown) - 1:
        text += "…"
    return Row(number, text, start - shift, min(length, columns[inside[-1] + 1] + 1 - start))


def _show(letter: str) -> str:
    if letter == "\t":
        return _TAB
    return letter if letter.isprintable() else f"<U+{ord(letter):04X}>"


def _width(piece: str) -> int:
    """The columns that a terminal gives to a piece."""
    if piece.isascii():
        return len(piece)
    from unicodedata import category, east_asian_width  # rarely needed

    if category(piece) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(piece) in "WF" else 1
