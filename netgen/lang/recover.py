"""Where to go on behind a syntax error, so that the next one is found and none is reported twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netgen.diag import Diagnostic, Source
from netgen.lang.engine import END, Machine, Stacks, Tables, Token
from netgen.lang.lexer import Lexer
from netgen.lang.mistakes import Trouble, indentation, line_start, unexpected

_BEGINNINGS = frozenset(("NAME", "FOR", "IF", "RETURN", "REQUIRE", "DEFAULT"))
_ITEMS = frozenset(("USE", "BLOCK", "NET"))
_BLOCK_HEADER = (("BLOCK", "block"), ("NAME", "_"), ("LPAR", "("), ("RPAR", ")"))
_IF_HEADER = (("IF", "if"), ("TRUE", "true"))
_ENDS_LINE = re.compile(r"[ \t\r\f]*(?:#|\n|\Z)").match


class GiveUp(Exception):
    """There is no sense in reading on. The problems so far are recorded."""


class Recovery:
    """Records problems, at most so many, and finds the statement, block or ``}`` to go on with behind each.

    To the grammar newlines mean nothing; to somebody who guesses what was meant they mean a lot.
    """

    def __init__(self, source: Source, tables: Tables, lexer: Lexer, most: int) -> None:
        self.problems: list[Diagnostic] = []
        self._source = source
        self._tables = tables
        self._lexer = lexer
        self._most = most

    def complain(self, problem: Diagnostic) -> None:
        self.problems.append(problem)
        if len(self.problems) >= self._most:
            raise GiveUp

    def complain_once(self, problem: Diagnostic) -> None:
        """Record a problem, unless its line is known to be wrong in front of it."""
        assert problem.span is not None
        if not self._is_known(line_start(self._source, problem.span.start), problem.span.end):
            self.complain(problem)

    def recover(
        self, machine: Machine, stacks: Stacks, token: Token, tokens: Iterator[Token]
    ) -> tuple[int, list[Token]]:
        """Report a token that cannot follow; say how many symbols to keep and which tokens to go on with."""
        item = self._innermost(stacks, "BLOCK")
        statement = self._innermost(stacks, "RETURN")
        anchor = item if statement is None else statement
        start = token[2]
        if anchor is not None and anchor < len(stacks.begins) and not machine.accepts(stacks.states, END):
            start = stacks.begins[anchor]
        if not self._is_known(start, token[3]):
            self.complain(unexpected(self.trouble(machine, stacks, token, start)))
        if item is None:
            raise GiveUp
        return self._resume(token, tokens, item, statement, indentation(self._source, start))

    def trouble(
        self, machine: Machine, stacks: Stacks, token: Token, start: int, *, in_string: bool = False
    ) -> Trouble:
        """What there is to know about a token that cannot follow, in a statement that begins at ``start``."""
        kinds = {"NAME", "INT", "STRING", END, *self._tables.words.values()}
        return Trouble(
            self._source,
            token,
            last=stacks.last,
            start=start,
            expected={kind for kind in kinds if machine.accepts(stacks.states, kind)},
            opens=_open_brackets(stacks),
            lex=_lex_nothing if in_string else self._lex,
            ending="`}`" if in_string else "the end",
        )

    def _resume(
        self, token: Token, tokens: Iterator[Token], item: int, statement: int | None, depth: int
    ) -> tuple[int, list[Token]]:
        """The next token that begins an item or, indented no deeper, a statement, or that closes the body.

        At a brace that begins a body, a header is put in front of it in place of the wrong one.
        """
        braces = 0
        while token[0] != END:
            kind, _, begin, _ = token
            if kind in _ITEMS and self._is_first(begin):
                return item, [token]
            if statement is not None and braces == 0:
                if kind == "RBRACE":
                    return statement, [token]
                if kind in _BEGINNINGS and self._is_first(begin) and indentation(self._source, begin) <= depth:
                    return statement, [token]
            if kind == "LBRACE" and braces == 0 and _ENDS_LINE(self._source.text, begin + 1):
                header = _BLOCK_HEADER if statement is None else _IF_HEADER
                return item if statement is None else statement, [*((*word, begin, begin) for word in header), token]
            if kind == "LBRACE":
                braces += 1
            elif kind == "RBRACE" and braces > 0:
                braces -= 1
            token = next(tokens)
        raise GiveUp

    def _innermost(self, stacks: Stacks, word: str) -> int | None:
        """How many symbols stand below the innermost place where a word can come."""
        actions = self._tables.actions
        states = stacks.states
        return next((i for i in reversed(range(len(states))) if actions[states[i]].get(word, -1) >= 0), None)

    def _is_known(self, start: int, end: int) -> bool:
        """Whether something between two offsets is reported already: then this is a consequence of it."""
        return any(problem.span and start <= problem.span.start < end for problem in self.problems)

    def _is_first(self, offset: int) -> bool:
        """Whether only white space stands before it on its line; that much is looked at and no more."""
        text = self._source.text
        before = offset - 1
        while before >= 0 and text[before] in " \t\r\f\ufeff":
            before -= 1
        return before < 0 or text[before] == "\n"

    def _lex(self, start: int, stop: int) -> list[Token]:
        tokens = self._lexer.tokens(self._source.text, start, stop, [], lambda kind, begin, end: None)
        return [token for token in tokens if token[0] != END]


def _open_brackets(stacks: Stacks) -> list[tuple[str, int]]:
    """The brackets on the stack that have no partner there, and where they stand."""
    opens: list[tuple[str, int]] = []
    for symbol, begin in zip(stacks.values, stacks.begins, strict=True):
        if isinstance(symbol, str) and symbol in ("(", "[", "{"):
            opens.append((symbol, begin))
        elif isinstance(symbol, str) and symbol in (")", "]", "}"):
            opens.pop()
    return opens


def _lex_nothing(start: int, stop: int) -> list[Token]:
    """Inside a string there is no line of tokens to look at."""
    return []
