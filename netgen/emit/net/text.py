"""The text of a program, in the layout that the formatter would give it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netgen.emit.net.arguments import Said
from netgen.emit.net.expr import KEYWORDS, literal, of_one_type
from netgen.emit.net.program import Block, Loop, Parameter, Statement, Step
from netgen.formats.net_layout import INDENT, Line, Page, Word, set_spaces
from netgen.formats.textproto import comment_lines
from netgen.ops import OPERATORS

_TOKEN = re.compile(
    r"""(?P<STRING>"(?:[^"\\]|\\.)*")|(?P<NAME>[A-Za-z_]\w*)|(?P<FLOAT>\d+(?:\.\d+(?:e-?\d+)?|e-?\d+))|(?P<INT>\d+)"""
    r"""|(?P<sign>->|\.\.|//|\S)"""
)
_SIGNS = {
    "(": "LPAR",
    ")": "RPAR",
    "[": "LSQB",
    "]": "RSQB",
    ",": "COMMA",
    ":": "COLON",
    ".": "DOT",
    "..": "DOTS",
    "+": "PLUS",
    "-": "MINUS",
    "->": "ARROW",
}


def render(blocks: Sequence[Block], net: Block, *, title: str, defaults: dict[str, Said], lost: Sequence[str]) -> str:
    """The whole program."""
    page = Page()
    _comment(page, title, 0)
    for block in blocks:
        page.gap()
        _comment(page, block.doc, 0)
        _header(page, f"block {block.name}({', '.join([*block.tensors, *map(_parameter, block.parameters)])}) {{", 0)
        _body(page, block.statements, INDENT)
        page.lines.append(Line(0, "}"))
    page.gap()
    _comment(page, net.doc, 0)
    _header(page, f"net {net.name}({', '.join(map(_parameter, net.parameters))}) {{", 0)
    _comment(page, "\n".join(lost), INDENT)
    if lost:
        page.gap()
    for op, said in defaults.items():
        _statement(page, f"default {op}({_arguments(op, said)})", INDENT)
    if defaults:
        page.gap()
    _body(page, net.statements, INDENT)
    page.lines.append(Line(0, "}"))
    return str(page)


def _arguments(op: str, said: Said) -> str:
    kinds = {arg.name: arg.kind for arg in OPERATORS[op].args}
    return ", ".join(f"{name} = {literal(of_one_type(kinds[name], [value])[0])}" for name, value in said.items())


def _parameter(parameter: Parameter) -> str:
    text = f"{parameter.name}: {parameter.type}"
    return text if parameter.default is None else f"{text} = {literal(parameter.default)}"


def _body(page: Page, statements: Iterable[Step], indent: int) -> None:
    for statement in statements:
        if isinstance(statement, Loop):
            _header(page, f"{statement} {{", indent)
            _body(page, statement.body, indent + INDENT)
            page.lines.append(Line(indent, "}"))
            continue
        for note in statement.notes:
            _comment(page, note, indent)
        _statement(page, str(statement), indent, may_chain=_is_chain(statement))


def _is_chain(statement: Statement) -> bool:
    return len(statement.links) + bool(statement.head) > 1 or any(link.label is not None for link in statement.links)


def _statement(page: Page, text: str, indent: int, *, may_chain: bool = False) -> None:
    page.statement(_words(text), indent, may_chain=may_chain)


def _header(page: Page, text: str, indent: int) -> None:
    page.header(_words(text), indent)


def _comment(page: Page, text: str, indent: int) -> None:
    page.lines += [Line(indent, comment=f"# {line}".rstrip()) for line in comment_lines(text)]


def _words(text: str) -> list[Word]:
    """The tokens of a statement, as the layout wants them."""
    words = []
    for token in _TOKEN.finditer(text):
        kind, word = token.lastgroup or "", token[0]
        if kind == "sign":
            kind = _SIGNS.get(word, "OTHER")
        elif word in KEYWORDS:
            kind = word.upper()
        words.append(Word(kind, word, token.start(), token.end()))
    set_spaces(words)
    return words
