"""Source text to syntax tree. All syntax errors of a text are found in one run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from zlib import crc32

from netgen.diag import NetgenError, Source, Span
from netgen.formats.files import MAX_PROGRAM
from netgen.lang import ast, complaints
from netgen.lang.build import FLAT, Trees
from netgen.lang.engine import END, Machine, Stacks, Tables, Token, TooDeep
from netgen.lang.lexer import Lexer
from netgen.lang.reading import read_source
from netgen.lang.recover import GiveUp, Recovery
from netgen.resources import read

__all__ = ["parse", "parse_setting", "read_source"]

MAX_DEPTH = 200
"""Levels of nesting, statements and expressions together."""
MAX_DEPTH_IN_STRING = 20
"""Levels inside an interpolation, on top of those around its string."""
MAX_PROBLEMS = 20


def parse(source: Source) -> ast.File:
    """The syntax tree of a file, or a ``NetgenError`` with its syntax errors."""
    if len(source.text) > MAX_PROGRAM:
        raise NetgenError([complaints.too_large(source, MAX_PROGRAM)])
    file: ast.File = _Parser(source).parse("file")
    if not file.uses and not file.blocks:
        raise NetgenError([complaints.empty(source)])
    return file


def parse_setting(text: str, source: Source) -> ast.Expr:
    """The expression of a setting from outside; its places are in ``source``, whose text is ``text``."""
    assert source.text == text
    value: ast.Expr = _Parser(source).parse("expression")
    return value


@cache
def load() -> tuple[Tables, Lexer]:
    """The generated tables; or, while somebody works on the grammar, newly computed ones."""
    grammar = read("grammars", "netgen.lark")
    tables = _generated()
    if tables is None or tables.fingerprint != crc32(grammar.encode()):
        from netgen.lang.grammar import compute

        tables = Tables(**compute(grammar))
    return tables, Lexer(tables)


def _generated() -> Tables | None:
    """What grammar.py wrote, which cannot be imported at the top: its generation passes through this module."""
    try:
        from netgen.lang._tables import TABLES
    except ImportError:
        return None
    return TABLES


class _Parser:
    """One run over one source."""

    def __init__(self, source: Source) -> None:
        tables, self._lexer = load()
        self._source = source
        self._recovery = Recovery(source, tables, self._lexer, MAX_PROBLEMS)
        self._comments: list[tuple[int, int]] = []
        trees = Trees(source, self._comments, self._recovery, self._interpolation)
        self._machine = Machine(tables, source, trees.builders(), FLAT)

    def parse(self, start: str) -> Any:
        text = self._source.text
        tokens = self._lexer.tokens(text, text.startswith("\ufeff"), len(text), self._comments, self._no_token)
        problems = self._recovery.problems
        tree = None
        try:
            tree = self._machine.run(start, tokens, self._recover, MAX_DEPTH)
        except TooDeep as deep:
            problems.append(complaints.too_deep(Span(self._source, deep.start, deep.end), MAX_DEPTH))
        except GiveUp:
            pass
        if problems:
            raise NetgenError(complaints.sort_out(self._source, problems))
        return tree

    def _recover(self, stacks: Stacks, token: Token, tokens: Iterator[Token]) -> tuple[int, list[Token]]:
        return self._recovery.recover(self._machine, stacks, token, tokens)

    def _no_token(self, kind: str, start: int, end: int) -> None:
        self._recovery.complain(complaints.no_token(kind, Span(self._source, start, end)))

    # --- interpolations ------------------------------------------------------------------------

    def _interpolation(self, start: int, stop: int) -> tuple[ast.Expr, int] | None:
        """The expression of an interpolation that begins at ``start``, and the offset behind its ``}``.

        None when it is wrong, which has been reported then.
        """
        text = self._source.text
        closing: Token = (END, "", stop, stop)

        def until_brace() -> Iterator[Token]:
            nonlocal closing
            for token in self._lexer.tokens(text, start, stop, [], self._no_token_in_string):
                if token[0] in ("RBRACE", END):
                    closing = token
                    yield END, "", token[2], token[2]
                    return
                yield token

        def give_up(stacks: Stacks, token: Token, tokens: Iterator[Token]) -> tuple[int, list[Token]]:
            place = Span(self._source, start - 1, token[3])
            if token[0] != END or (closing[0] != END and stacks.values):
                found = token if token[0] != END else closing
                trouble = self._recovery.trouble(self._machine, stacks, found, start, in_string=True)
                self._recovery.complain(complaints.in_string(trouble.span, trouble.label))
            elif closing[0] == END:
                self._recovery.complain(complaints.open_interpolation(place))
            else:
                self._recovery.complain(complaints.empty_interpolation(place))
            raise _BrokenInterpolation

        try:
            value: ast.Expr = self._machine.run("expression", until_brace(), give_up, MAX_DEPTH_IN_STRING)
        except _BrokenInterpolation:
            return None
        if closing[0] == END:
            self._recovery.complain(complaints.open_interpolation(Span(self._source, start - 1, start)))
            return None
        return value, closing[3]

    def _no_token_in_string(self, kind: str, start: int, end: int) -> None:
        self._recovery.complain(complaints.no_token_in_string(Span(self._source, start, end)))
        raise _BrokenInterpolation


class _BrokenInterpolation(Exception):
    """It has been reported."""
