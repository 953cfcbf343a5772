"""Tokens of a program to lines: spaces, where a statement that is too long is broken, and which names are aligned.

What a statement is, the caller knows: the formatter, which reads programs, and whoever writes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

WIDTH = 100
INDENT = 4
_FILL_COLUMN = 60
"""Arguments flow behind their parenthesis if it stands left of this column, else they go below it."""

_CHAIN_COLUMN = 40
"""Arrows stand below the first one if it is left of this column, else they are indented."""
_ONE_LINERS = 1
"""The run of all statements on one line; chains have runs of their own."""

_OPERANDS = frozenset(("NAME", "INT", "FLOAT", "FRACTION", "STRING", "TRUE", "FALSE", "RPAR", "RSQB"))
_OPENERS = {"LPAR": "RPAR", "LSQB": "RSQB"}
_BREAK_BEFORE = frozenset(("AND", "OR", "THEN", "ELSE", "ARROW", "PLUS", "MINUS"))


class Word:
    """A token as it is written, with the comments around it.

    ``above`` are the comment lines in front of it, each with whether a blank line stands before it; ``behind`` is the
    comment at the end of its line. ``is_first`` says whether the author began a line with it, ``gap`` whether a blank
    line stands right in front of it.
    """

    __slots__ = ("above", "behind", "end", "gap", "is_first", "kind", "space", "start", "text", "unary")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end
        self.above: list[tuple[str, bool]] = []
        self.behind = ""
        self.gap = False
        self.is_first = False
        self.space = ""
        self.unary = False


class Line:
    """A line of output.

    ``label`` is where its only ``as`` begins, if nothing follows it but the name. ``run`` is common to lines whose
    labels may be aligned with each other; 0 for none.
    """

    __slots__ = ("comment", "indent", "label", "run", "text")

    def __init__(self, indent: int, text: str = "", comment: str = "") -> None:
        self.indent = indent
        self.text = text
        self.comment = comment
        self.label: int | None = None
        self.run = 0

    def __str__(self) -> str:
        text = " " * self.indent + self.text if self.text else ""
        if not self.comment:
            return text
        return f"{text}  {self.comment}" if text else " " * self.indent + self.comment


def set_spaces(words: Sequence[Word]) -> None:
    """Decide for each word whether a space stands in front of it, when it does not begin a line."""
    before: Word | None = None
    for word in words:
        word.unary = word.kind in ("PLUS", "MINUS") and (before is None or before.kind not in _OPERANDS)
        word.space = " " if before is not None and _is_apart(before, word) else ""
        before = word


def _is_apart(before: Word, word: Word) -> bool:
    if before.kind in ("LPAR", "LSQB", "DOT", "DOTS") or before.unary:
        return False
    if word.kind in ("RPAR", "RSQB", "COMMA", "COLON", "DOT", "DOTS"):
        return False
    if word.kind == "LPAR":
        return before.kind != "NAME"
    if word.kind == "LSQB":
        return before.kind not in _OPERANDS
    return True


# --- groups ------------------------------------------------------------------------------------


class Group:
    """What stands in brackets, as items with commas between, and the brackets."""

    __slots__ = ("close", "commas", "is_list", "is_spread", "items", "open", "words")

    def __init__(self, open: Word, is_list: bool) -> None:
        self.open = open
        self.close = open
        self.is_list = is_list
        """Whether a comma may stand behind the last item."""
        self.items: list[list[Part]] = [[]]
        self.commas: list[Word] = []
        self.words: list[Word] = []
        """All words but the brackets."""
        self.is_spread = False
        """Whether each item must have a line of its own."""

    def end(self, close: Word) -> None:
        """Close the group. It is spread for comments, for a group in it that is, or because the author wants it.

        The author says so by a line break behind the opening bracket and a comma behind the last item.
        """
        self.close = close
        has_comments = self.open.behind or close.above or any(word.above or word.behind for word in self.words)
        has_last_comma = self.is_list and bool(self.commas) and not self.items[-1]
        inner = (part for item in self.items for part in item if isinstance(part, Group))
        self.is_spread = (
            bool(has_comments) or (has_last_comma and self.words[0].is_first) or any(part.is_spread for part in inner)
        )


Part = Word | Group


def group(words: Sequence[Word]) -> list[Part]:
    """Words with what stands in brackets put together."""
    parts: list[Part] = []
    stack: list[Group] = []
    for before, word in zip([None, *words[:-1]], words, strict=True):
        home = stack[-1].items[-1] if stack else parts
        if word.kind in _OPENERS:
            new = Group(word, _is_list(before, word))
            for outer in stack:
                outer.words.append(word)
            home.append(new)
            stack.append(new)
            continue
        if stack and word.kind == _OPENERS[stack[-1].open.kind]:
            stack.pop().end(word)
        elif stack and word.kind == "COMMA":
            stack[-1].commas.append(word)
            stack[-1].items.append([])
        else:
            home.append(word)
        for outer in stack:
            outer.words.append(word)
    return parts


def _is_list(before: Word | None, word: Word) -> bool:
    """Whether a bracket holds arguments, parameters or the items of a list: not a group, an index or a type."""
    if word.kind == "LPAR":
        return before is not None and before.kind == "NAME"
    return before is None or before.kind not in (*_OPERANDS, "COLON")


def flat(parts: Sequence[Part]) -> str:
    """Parts on one line, without a comma behind the last item of a list."""
    return "".join(part.space + part.text if isinstance(part, Word) else _flat_group(part) for part in parts)


def width(parts: Sequence[Part]) -> int:
    """The columns of parts on one line, at its beginning."""
    return len(flat(parts).lstrip())


def _flat_group(part: Group) -> str:
    items = [flat(item) for item in part.items if item]
    return f"{part.open.space}{part.open.text}{', '.join(each.lstrip() for each in items)}{part.close.text}"


# --- lines -------------------------------------------------------------------------------------


class Writer:
    """Writes parts into lines, and breaks those that are too long or hold comments."""

    def __init__(self, indent: int) -> None:
        self.lines = [Line(indent)]
        self._labels = 0
        self._last_as: int | None = None

    @property
    def _line(self) -> Line:
        return self.lines[-1]

    @property
    def _column(self) -> int:
        return self._line.indent + len(self._line.text)

    def newline(self, indent: int) -> None:
        if self._line.text or self._line.comment:
            self.lines.append(Line(indent))
            self._labels = 0
        else:
            self._line.indent = indent

    def write(self, parts: Sequence[Part], indent: int, tail: int = 0) -> None:
        """Write parts from where the line is; lines that they go on with are indented more than ``indent``.

        ``tail`` columns must find room behind the last one.
        """
        for i, part in enumerate(parts):
            here = indent if i == 0 else indent + INDENT
            rest = _up_to_break(parts, i)
            behind = tail if i + len(rest) == len(parts) else 0
            if i > 0 and _may_break(parts, i) and self._needs_line(rest, here, behind):
                self.newline(here)
            if isinstance(part, Word):
                self._word(part, here)
            else:
                self._group(part, _tail_width(rest[1:], behind), here)

    def _needs_line(self, parts: Sequence[Part], indent: int, tail: int) -> bool:
        """Whether parts without a break between them go on a line of their own.

        They do if they do not fit here and fit there. If they must be broken anyway, it is enough that their first
        bracket can be opened here.
        """
        columns = len(flat(parts)) + tail
        groups = [i for i, part in enumerate(parts) if isinstance(part, Group)]
        is_spread = any(isinstance(part, Group) and part.is_spread for part in parts)
        if not is_spread and self._column + columns <= WIDTH:
            return False
        if not groups or (not is_spread and indent + columns <= WIDTH):
            return True
        return self._column + _tail_width(parts[: groups[0]], 0) + 2 > WIDTH

    def _word(self, word: Word, indent: int) -> None:
        for comment, _ in word.above:
            self.newline(indent)
            self._line.comment = comment
        if self._line.comment:
            self.newline(indent)
        self._text((word.space if self._line.text else "") + word.text)
        if word.kind == "AS":
            self._labels += 1
            self._last_as = len(self._line.text) - len(word.text)
        else:
            self._line.label = self._last_as if word.kind == "STRING" and self._labels == 1 else None
            self._last_as = None
        self._line.comment = word.behind

    def _text(self, text: str) -> None:
        self._line.text += text
        self._line.label = None

    def _group(self, part: Group, tail: int, indent: int) -> None:
        """``tail`` columns must find room behind the closing bracket."""
        self._word(part.open, indent)
        items = [flat(item).lstrip() for item in part.items if item]
        inner = ", ".join(items)
        if part.is_spread:
            self._spread(part)
        elif self._column + len(inner) + 1 + tail <= WIDTH or not items:
            self._text(inner + part.close.text)
        elif part.is_list and self._can_flow(items, tail):
            self._flow(items, tail)
            self._text(part.close.text)
        else:
            self._spread(part)
        self._line.comment = part.close.behind

    def _can_flow(self, items: list[str], tail: int) -> bool:
        room = WIDTH - self._column
        return self._column <= _FILL_COLUMN and max(map(len, items)) < room and len(items[-1]) + 1 + tail <= room

    def _flow(self, items: list[str], tail: int) -> None:
        """Items one behind another, on further lines below the first."""
        left = self._column
        for i, item in enumerate(items):
            is_last = i == len(items) - 1
            needed = 1 + len(item) + 1 + (tail if is_last else 0)
            if i > 0 and self._column + needed > WIDTH:
                self.newline(left)
            elif i > 0:
                self._text(" ")
            self._text(item if is_last else item + ",")

    def _spread(self, part: Group) -> None:
        """Items one below another, with their comments."""
        outer = self._line.indent
        inner = outer + INDENT
        items = [item for item in part.items if item]
        for i, item in enumerate(items):
            self.newline(inner)
            has_comma = i < len(items) - 1 or part.is_list
            self.write(item, inner, 1 if has_comma else 0)
            if has_comma:
                self._text(",")
            if i < len(part.commas):
                self._comma_comments(part.commas[i], inner)
        for comment, _ in part.close.above:
            self.newline(inner)
            self._line.comment = comment
        self.newline(outer)
        self._text(part.close.text)

    def _comma_comments(self, comma: Word, indent: int) -> None:
        for comment in [*(each for each, _ in comma.above), *([comma.behind] if comma.behind else [])]:
            if self._line.comment or comment != comma.behind:
                self.newline(indent)
            self._line.comment = comment


def _may_break(parts: Sequence[Part], index: int) -> bool:
    """Whether a line may end in front of a part that stands in no brackets."""
    part, before = parts[index], parts[index - 1]
    if isinstance(part, Word) and part.kind in _BREAK_BEFORE and not part.unary:
        return True
    return isinstance(before, Word) and before.kind == "COMMA"


def _up_to_break(parts: Sequence[Part], start: int) -> Sequence[Part]:
    end = start + 1
    while end < len(parts) and not _may_break(parts, end):
        end += 1
    return parts[start:end]


def _tail_width(parts: Sequence[Part], tail: int) -> int:
    """The columns that must find room behind a bracket: up to the next one that can be broken, or all of them."""
    columns = 0
    for part in parts:
        if isinstance(part, Group):
            if part.is_spread or (part.is_list and part.words):
                return columns + len(part.open.space) + len(part.open.text)
            columns += len(_flat_group(part))
        else:
            columns += len(part.space) + len(part.text)
    return columns + tail


# --- statements --------------------------------------------------------------------------------


class Page:
    """The lines of a program, as statements are added."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._runs = _ONE_LINERS

    def __str__(self) -> str:
        """The text, once all of it is there."""
        _align_labels(self.lines)
        return "".join(f"{line}\n" for line in self.lines)

    def gap(self) -> None:
        """A blank line, but none at the beginning of the text or of a body."""
        if self.lines and not self.lines[-1].text.endswith("{"):
            self.lines.append(Line(0))

    def header(self, words: Sequence[Word], indent: int, onto: Line | None = None) -> None:
        """Words up to a `{`; ``onto`` is the last line, if they go on with it."""
        writer = Writer(indent)
        if onto is not None:
            writer.lines = [self.lines.pop()]
        writer.write(group(words), indent)
        self.lines += writer.lines

    def statement(self, words: list[Word], indent: int, *, may_chain: bool) -> None:
        """A statement without a body; ``may_chain`` where the arrows in it are those of one chain."""
        parts = group(words)
        arrows = [part for part in parts if isinstance(part, Word) and part.kind == "ARROW"]
        if arrows and may_chain and not _fits(words, parts, arrows, indent):
            lines = _chain(words, arrows, indent)
        else:
            writer = Writer(indent)
            writer.write(parts, indent)
            lines = writer.lines
        self._runs += 1
        for line in lines:
            line.run = _ONE_LINERS if len(lines) == 1 else self._runs
        self.lines += lines


def _fits(words: list[Word], parts: list[Part], arrows: list[Word], indent: int) -> bool:
    """Whether a chain goes on one line: it has room there, no comments, and the author did not break it."""
    if _has_comments(words):
        return False
    if indent + width(parts) > WIDTH:
        return False
    around = set(arrows)
    return not any(word.is_first and (word in around or before in around) for before, word in pairwise(words))


def _has_comments(words: Sequence[Word]) -> bool:
    """Whether comments stand inside a run of words, not only around it."""
    return any(word.above for word in words[1:]) or any(word.behind for word in words[:-1])


def _chain(words: list[Word], arrows: list[Word], indent: int) -> list[Line]:
    """A chain with one link a line, the arrows below each other."""
    outer = set(arrows)
    places = [i for i, word in enumerate(words) if word in outer]
    head, *links = [words[i:j] for i, j in zip([0, *places], [*places, len(words)], strict=True)]
    left = indent + width(group(head)) + 1
    is_calm = not head[-1].behind and not any(map(_has_comments, (head, *links)))
    widest = max(width(group(link)) for link in links)
    writer = Writer(indent)
    writer.write(group(head), indent)
    if is_calm and left <= _CHAIN_COLUMN and left + widest <= WIDTH:
        writer.write(group(links.pop(0)), left)
    else:
        left = indent + INDENT
    for link in links:
        writer.newline(left)
        writer.write(group(link), left)
    return writer.lines


def _alignment(line: Line) -> tuple[int, int, bool]:
    """Equal for lines whose labels may stand in one column. In a chain, links without one do not interrupt it."""
    if line.run == _ONE_LINERS:
        return line.run, line.indent, line.label is not None
    return line.run, 0, False


def _align_labels(lines: list[Line]) -> None:
    """Put the `as` of statements right below each other, or of the links of a chain, into one column."""
    for (run, *_), together in groupby(lines, _alignment):
        places = [(line, line.label) for line in together if line.label is not None]
        if run == 0 or len(places) < 2:
            continue
        bodies = [line.text[:label].rstrip() for line, label in places]
        column = max(line.indent + len(body) for (line, _), body in zip(places, bodies, strict=True)) + 2
        labels = [line.text[label:] for line, label in places]
        if column + max(map(len, labels)) > WIDTH:
            continue
        for (line, _), body, label in zip(places, bodies, labels, strict=True):
            line.text = body.ljust(column - line.indent) + label
