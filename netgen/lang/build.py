"""Builders of the syntax tree: what the machine calls at the end of each rule of the grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from netgen.diag import Source, Span
from netgen.lang import ast, complaints
from netgen.lang.comments import document, make_comments
from netgen.lang.engine import Builder
from netgen.lang.recover import Recovery

MAX_INTEGER = 2**63 - 1
MAX_DIGITS = 400
"""Python refuses to read an int of more than 4300 digits, and nobody means one of more than these."""

FLAT = frozenset(
    ("file", "use", "import", "block", "parameter", "type_name", "argument", "link", "name", "number", "bool")
)
"""Nodes that are no level of nesting to whoever walks the tree."""

Interpolation = Callable[[int, int], "tuple[ast.Expr, int] | None"]
"""Reads the expression of an interpolation between two offsets: the expression, and the offset behind the ``}``."""

# The next piece of a string between its quotes.
_PIECE = re.compile(r"(?P<text>[^\\{}]+)|(?P<escape>\\.)|(?P<brace>\{\{|\}\})|(?P<open>\{)|(?P<close>\})").match
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


class Trees:
    """The builders for one source: they note comments and complaints as they go."""

    def __init__(
        self,
        source: Source,
        comments: list[tuple[int, int]],
        recovery: Recovery,
        interpolation: Interpolation,
    ) -> None:
        self._source = source
        self._comments = comments
        self._complain = recovery.complain
        self._complain_once = recovery.complain_once
        self._interpolation = interpolation

    def builders(self) -> Mapping[str, Builder]:
        """A builder for each node. ``names``, ``values``, ``body`` and the like have none and stay lists."""
        return {
            "file": self.file,
            "use": ast.Use,
            "import": self.import_,
            "block": self.block,
            "parameter": ast.Parameter,
            "type_name": self.type_name,
            "assign": ast.Assign,
            "evaluate": self.evaluate,
            "for": ast.For,
            "if": self.if_,
            "return": ast.Return,
            "require": ast.Require,
            "default": ast.Default,
            "conditional": ast.Conditional,
            "chain": self.chain,
            "link": self.link,
            "binary": ast.Binary,
            "unary": ast.Unary,
            "range": ast.Range,
            "group": self.group,
            "attribute": ast.Attribute,
            "index": ast.Index,
            "call": ast.Call,
            "argument": ast.Argument,
            "list_display": ast.ListDisplay,
            "name": ast.Name,
            "number": self.number,
            "bool": self.bool_,
            "string": self.string,
        }

    # --- files ---------------------------------------------------------------------------------

    def file(self, span: Span, *items: ast.Use | ast.Block) -> ast.File:
        uses = [item for item in items if isinstance(item, ast.Use)]
        blocks = [item for item in items if isinstance(item, ast.Block)]
        comments = make_comments(self._source, self._comments)
        title = document(self._source.text, blocks, comments)
        return ast.File(span, self._source, uses, blocks, comments, title)

    def import_(self, span: Span, name: ast.Name, alias: ast.Name | None) -> ast.Import:
        return ast.Import(span, name, alias or name)

    def block(
        self, span: Span, word: str, name: ast.Name, parameters: list[ast.Parameter], body: list[ast.Statement]
    ) -> ast.Block:
        return ast.Block(span, name, parameters, body, word == "net", "")

    def type_name(self, span: Span, *parts: ast.Name | str) -> ast.TypeName:
        name = parts[-1]
        assert isinstance(name, ast.Name)
        return ast.TypeName(span, name.name, len(parts) > 1)

    # --- statements ----------------------------------------------------------------------------

    def evaluate(self, span: Span, value: ast.Expr) -> ast.Evaluate:
        """Behind an expression, `(`, `[`, `+` and `-` go on with it, so no statement begins with them anywhere.

        Nor with a number or a string: they would be the rest of something that broke off.
        """
        first = self._source.text[span.start]
        if not (first.isalpha() or first == "_"):
            self._complain_once(complaints.no_statement(span))
        return ast.Evaluate(span, value)

    def if_(
        self, span: Span, test: ast.Expr, body: list[ast.Statement], otherwise: list[ast.Statement] | ast.If | None
    ) -> ast.If:
        return ast.If(span, test, body, [otherwise] if isinstance(otherwise, ast.If) else otherwise or [])

    # --- expressions ---------------------------------------------------------------------------

    def chain(self, span: Span, *links: ast.Link) -> ast.Chain:
        return ast.Chain(span, list(links))

    def link(self, span: Span, value: ast.Expr, label: ast.String | None = None) -> ast.Link:
        return ast.Link(span, value, label)

    def group(self, span: Span, inner: ast.Expr) -> ast.Expr:
        return inner

    def number(self, span: Span, text: str) -> ast.Number:
        value: int | float
        if text.replace("_", "").isdigit():
            value = int(text) if len(text) <= MAX_DIGITS else MAX_INTEGER + 1
            if value > MAX_INTEGER:
                self._complain(complaints.number_range(span, f"the largest int is {MAX_INTEGER}"))
        else:
            value = float(text)
            if value == float("inf"):
                self._complain(complaints.number_range(span, "the largest float is about 1.8e308"))
        return ast.Number(span, value)

    def bool_(self, span: Span, word: str) -> ast.Bool:
        return ast.Bool(span, word == "true")

    def string(self, span: Span, text: str) -> ast.String:
        if "{" not in text and "}" not in text and "\\" not in text:
            return ast.String(span, [text[1:-1]] if len(text) > 2 else [])
        parts: list[str | ast.Expr] = []
        literal = ""
        position, stop = span.start + 1, span.end - 1
        while position < stop:
            piece = _PIECE(self._source.text, position, stop)
            assert piece is not None
            begin, position = piece.span()
            if piece.lastgroup == "text":
                literal += piece[0]
            elif piece.lastgroup == "brace":
                literal += piece[0][0]
            elif piece.lastgroup == "escape":
                literal += self._escape(piece[0][1], begin)
            elif piece.lastgroup == "close":
                self._complain(complaints.stray_brace(Span(self._source, begin, position)))
            else:
                found = self._interpolation(position, stop)
                if found is None:
                    break
                if literal:
                    parts.append(literal)
                    literal = ""
                value, position = found
                parts.append(value)
        if literal:
            parts.append(literal)
        return ast.String(span, parts)

    def _escape(self, letter: str, begin: int) -> str:
        if letter not in _ESCAPES:
            self._complain(complaints.unknown_escape(Span(self._source, begin, begin + 2)))
        return _ESCAPES.get(letter, letter)
