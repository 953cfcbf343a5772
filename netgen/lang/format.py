"""The one canonical layout of a program. Only spaces, newlines, quotes and commas behind last items change.

The tree says where statements begin and end; what is written are the tokens themselves, with the comments around them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from netgen.diag import Source
from netgen.formats.net_layout import INDENT, Line, Page, Word, flat, group, set_spaces
from netgen.lang import ast
from netgen.lang.engine import Token
from netgen.lang.parse import load, parse

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "{": "{{", "}": "}}", '"': '\\"'}


def format_text(source: Source) -> str:
    """The text in its canonical layout, or a ``NetgenError`` if it does not parse."""
    return _Formatter(parse(source)).text()


class _Formatter:
    def __init__(self, file: ast.File) -> None:
        self._file = file
        self._source = file.source
        self._page = Page()
        self._lines = self._page.lines
        self._words = self._read_words()
        self._starts = [word.start for word in self._words]
        self._at = 0

    def text(self) -> str:
        self._items()
        return str(self._page)

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
        if wanted:
            self._page.gap()

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
        self._page.header(words, indent, onto)

    def _write(self, words: list[Word], indent: int, value: ast.Expr | None = None) -> None:
        """A statement without a body; ``value`` is what may be a chain."""
        self._page.statement(words, indent, may_chain=isinstance(value, ast.Chain))


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
