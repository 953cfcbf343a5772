"""The one canonical layout of a program. Only spaces, newlines, quotes and commas behind last items change.

The tree says where statements begin and end; what is written are the tokens themselves, with the comments around them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from netgen.diag import Source
from netgen.lang import ast
from netgen.lang.engine import Token
from netgen.lang.layout import INDENT, WIDTH, Line, Part, Word, Writer, flat, group, set_spaces, width
from netgen.lang.parse import load, parse

_CHAIN_COLUMN = 40
"""Arrows stand below the first one if it is left of this column, else they are indented."""
_ONE_LINERS = 1
"""The run of all statements on one line; chains have runs of their own."""

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "{": "{{", "}": "}}", '"': '\\"'}


def format_text(source: Source) -> str:
    """The text in its canonical layout, or a ``NetgenError`` if it does not parse."""
    return _Formatter(parse(source)).text()


class _Formatter:
    def __init__(self, file: ast.File) -> None:
        self._file = file
        self._source = file.source
        self._lines: list[Line] = []
        self._runs = _ONE_LINERS
        self._words = self._read_words()
        self._starts = [word.start for word in self._words]
        self._at = 0

    def text(self) -> str:
        self._items()
        _align_labels(self._lines)
        return "".join(f"{line}\n" for line in self._lines)

    # --- words ---------------------------------------------------------------------------------

    def _read_words(self) -> list[Word]:
        text = self._source.text
        strings = {node.span.start: node for node in _strings(self._file)}
        words = []
        for kind, word, start, end in self._lex(0, len(text)):
            written = self._quote(strings[start], strings) if kind == "STRING" else word
            words.append(Word(kind, written, start, end))
        set_spaces(words)
        _attach(words, self._file.comments, text)
        return words

    def _lex(self, start: int, stop: int) -> Iterator[Token]:
        begin = start + (start == 0 and self._source.text.startswith("\ufeff"))
        return load()[1].tokens(self._source.text, begin, stop, [], lambda kind, begin, end: None)

    def _quote(self, node: ast.String, strings: dict[int, ast.String], inner: bool = False) -> str:
        """A string in double quotes; inside an interpolation in single ones, lest it ends the one around it."""
        mark = "'" if inner else '"'
        escapes = {**_ESCAPES, "'": "\\'"} if inner else _ESCAPES
        text = ""
        for part in node.parts:
            if isinstance(part, str):
                text += "".join(escapes.get(letter, letter) for letter in part)
            else:
                text += f"{{{self._interpolation(part, strings)}}}"
        return mark + text + mark

    def _interpolation(self, value: ast.Expr, strings: dict[int, ast.String]) -> str:
        words = []
        for kind, word, start, end in self._lex(value.span.start, value.span.end):
            written = self._quote(strings[start], strings, inner=True) if kind == "STRING" else word
            words.append(Word(kind, written, start, end))
        set_spaces(words[:-1])
        return flat(group(words[:-1]))

    # --- items and statements ------------------------------------------------------------------

    def _items(self) -> None:
        items: list[ast.Use | ast.Block] = [*self._file.uses, *self._file.blocks]
        items.sort(key=lambda item: item.span.start)
        before: ast.Use | ast.Block | None = None
        for item in items:
            word = self._words[self._at]
            if isinstance(before, ast.Block) or (before and isinstance(item, ast.Block) and not _has_gap(word)):
                _set_gap(word)
            self._above(word, 0)
            if isinstance(item, ast.Use):
                self._use(item)
            else:
                self._header(0)
                self._body(item.body, 0)
            before = item
        last = self._words[self._at]
        if isinstance(before, ast.Block):
            _set_gap(last)
        last.gap = False
        self._above(last, 0)

    def _use(self, use: ast.Use) -> None:
        words = self._take(use.span.end)
        last = words[-1]
        if last.kind == "COMMA" and not last.above and not last.behind:
            words.pop()
        self._write(words, 0)

    def _statement(self, statement: ast.Statement, indent: int) -> None:
        self._above(self._words[self._at], indent)
        match statement:
            case ast.If():
                self._if(statement, indent)
            case ast.For():
                self._header(indent)
                self._body(statement.body, indent)
            case ast.Assign() | ast.Evaluate():
                self._write(self._take(statement.span.end), indent, statement.value)
            case ast.Return(values=[value]):
                self._write(self._take(statement.span.end), indent, value)
            case _:
                self._write(self._take(statement.span.end), indent)

    def _if(self, statement: ast.If, indent: int, onto: Line | None = None) -> None:
        self._header(indent, onto)
        self._body(statement.body, indent)
        word = self._words[self._at]
        if word.kind != "ELSE":
            return
        onto = self._lines[-1]
        if word.above or onto.comment:
            onto = None
            word.gap = False
            self._above(word, indent)
        if self._words[self._at + 1].kind == "IF":
            nested = statement.otherwise[0]
            assert isinstance(nested, ast.If)
            self._if(nested, indent, onto)
        else:
            self._header(indent, onto)
            self._body(statement.otherwise, indent)

    def _body(self, statements: Sequence[ast.Statement], indent: int) -> None:
        """What stands behind a header, up to its `}`."""
        if self._words[self._at - 1].kind == "RBRACE":
            return
        for statement in statements:
            self._statement(statement, indent + INDENT)
        brace = self._words[self._at]
        brace.gap = False
        self._above(brace, indent + INDENT)
        self._at += 1
        self._lines.append(Line(indent, "}", brace.behind))

    # --- writing -------------------------------------------------------------------------------

    def _above(self, word: Word, indent: int) -> None:
        """The comments above a word, and the blank lines: one at most, none at the beginning of a body."""
        for comment, gap in word.above:
            self._gap(gap)
            self._lines.append(Line(indent, comment=comment))
        self._gap(word.gap)
        word.above = []

    def _gap(self, wanted: bool) -> None:
        if wanted and self._lines and not self._lines[-1].text.endswith("{"):
            self._lines.append(Line(0))

    def _take(self, end: int) -> list[Word]:
        """The words from here to an offset."""
        first = self._at
        self._at = bisect_left(self._starts, end, first)
        return self._words[first : self._at]

    def _header(self, indent: int, onto: Line | None = None) -> None:
        """The words up to a `{`, and its `}` if that follows at once; ``onto`` is the line to go on with."""
        last = self._at
        while self._words[last].kind != "LBRACE":
            last += 1
        brace = self._words[last + 1]
        is_empty = brace.kind == "RBRACE" and not brace.above and not self._words[last].behind
        if is_empty and self._words[last + 2].kind != "ELSE":
            brace.space = ""
            last += 1
        words = self._words[self._at : last + 1]
        self._at = last + 1
        writer = Writer(indent)
        if onto is not None:
            writer.lines = [self._lines.pop()]
        writer.write(group(words), indent)
        self._lines += writer.lines

    def _write(self, words: list[Word], indent: int, value: ast.Expr | None = None) -> None:
        """A statement without a body; ``value`` is what may be a chain."""
        parts = group(words)
        arrows = [part for part in parts if isinstance(part, Word) and part.kind == "ARROW"]
        if arrows and isinstance(value, ast.Chain) and not self._fits(words, parts, arrows, indent):
            lines = _chain(words, arrows, indent)
        else:
            writer = Writer(indent)
            writer.write(parts, indent)
            lines = writer.lines
        self._runs += 1
        for line in lines:
            line.run = _ONE_LINERS if len(lines) == 1 else self._runs
        self._lines += lines

    def _fits(self, words: list[Word], parts: list[Part], arrows: list[Word], indent: int) -> bool:
        """Whether a chain goes on one line: it has room there, no comments, and the author did not break it."""
        if _has_comments(words):
            return False
        if indent + width(parts) > WIDTH:
            return False
        around = set(arrows)
        return not any(word.is_first and (word in around or before in around) for before, word in pairwise(words))


# --- helpers -----------------------------------------------------------------------------------


def _strings(tree: object) -> Iterator[ast.String]:
    """All strings of a tree, also those inside interpolations."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, ast.Tree):
            if isinstance(node, ast.String):
                yield node
            waiting += [getattr(node, name) for name in node.fields]


def _attach(words: Sequence[Word], comments: Sequence[ast.Comment], text: str) -> None:
    """Give each comment to the word behind it, or to the one in front of it on its line; note blank lines."""
    waiting = list(reversed(comments))
    before: Word | None = None
    end = 0
    for word in words:
        while waiting and waiting[-1].span.start < word.start:
            comment = waiting.pop()
            if comment.own_line or before is None:
                word.above.append((comment.text, text.count("\n", end, comment.span.start) > 1))
            else:
                before.behind = comment.text
            end = comment.span.end
        breaks = text.count("\n", end, word.start)
        word.is_first, word.gap = breaks > 0, breaks > 1
        before = word
        end = word.end


def _has_gap(word: Word) -> bool:
    return word.gap or any(gap for _, gap in word.above)


def _set_gap(word: Word) -> None:
    """Have a blank line in front of a word and the comments above it."""
    if word.above:
        word.above[0] = (word.above[0][0], True)
    else:
        word.gap = True


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
