"""Complaints that need no more than a place: about characters, numbers, strings, single statements and whole files."""

from __future__ import annotations

import re

from netgen.diag import Diagnostic, Source, Span

_SIGNS = {
    ";": "statements need no separator: leave it out, or begin a new line",
    "!": "write `not`, or `!=` for a comparison",
    "&": "write `and`",
    "&&": "write `and`",
    "|": "write `or`; the arrow of a chain is `->`",
    "||": "write `or`",
    "|>": "the arrow of a chain is `->`",
    "→": "the arrow of a chain is `->`",
    "^": "a power is written `**`",
    "×": "write `*`",
    "÷": "write `/` or `//`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "−": "write `-`",
    "–": "write `-`",
    "—": "write `-`",
    "…": "a range is written `1..4`",
    "@": "there are no decorators",
    "\\": "a line needs no sign to go on: newlines mean nothing",
    "\xa0": "replace it by an ordinary space",
    "\u200b": "remove it: it is a space that cannot be seen",
    "\ufeff": "remove it: a byte order mark stands at the beginning of a file only",
}
# A text that is a Caffe network by its first words.
_PROTOTXT = r"(?:\s|#[^\n]*\n)*+(name\s*:\s*[\"']|(?:layers?|input_shape|state)\s*:?\s*\{|input\s*:\s*[\"'])"


def shorten(word: str) -> str:
    """A word of the source as a message quotes it."""
    return word if len(word) <= 40 else f"{word[:39]}…"


# --- characters --------------------------------------------------------------------------------


def no_token(kind: str, span: Span) -> Diagnostic:
    """For a piece of text that is no token; ``kind`` is a group of lexer.py."""
    text = span.text
    if kind == "BROKEN_STRING":
        label = f"this string has no closing `{text[0]}` on its line"
        hint = "a string stands on one line; `\\n` in it is a line break"
        return Diagnostic("NG103", "string not closed", span, label, hint=hint)
    if kind == "BROKEN_NUMBER":
        label = f"`{shorten(text)}` is neither a number nor a name"
        return Diagnostic("NG102", "unexpected word or sign", span, label, hint="a name does not begin with a digit")
    if kind == "BROKEN_QUOTES":
        label, hint = "these quotes are typographic", 'strings stand in plain quotes: `"stem"`'
    elif kind == "BROKEN_WORD":
        label, hint = f"`{shorten(text)}` is no name", "names are made of the letters a to z, digits and `_`"
    else:
        label, hint = f"{_describe(text)} means nothing here", _SIGNS.get(text, "")
    return Diagnostic("NG101", "unexpected character", span, label, hint=hint)


def _describe(sign: str) -> str:
    if sign.isascii() and sign.isprintable():
        return f"`{sign}`"
    code = f"U+{ord(sign[0]):04X}"
    return f"`{sign}` ({code})" if sign.isprintable() else f"the character {code}"


# --- values ------------------------------------------------------------------------------------


def number_range(span: Span, limit: str) -> Diagnostic:
    return Diagnostic("NG109", "number out of range", span, limit)


def in_string(span: Span, label: str, hint: str = "") -> Diagnostic:
    return Diagnostic("NG108", "bad interpolation or escape in a string", span, label, hint=hint)


def no_token_in_string(span: Span) -> Diagnostic:
    place = Span(span.source, span.start, span.start + 1)
    hint = "a string in an interpolation stands in the other kind of quotes" if place.text in "\\\"'" else ""
    return in_string(place, f"{_describe(place.text)} cannot stand in an interpolation", hint)


def unknown_escape(span: Span) -> Diagnostic:
    letter = span.text[1]
    if letter in "{}":
        return in_string(span, f"`{span.text}` is no escape", f"`{letter * 2}` is a plain `{letter}`")
    return in_string(
        span, f"`{span.text}` is no escape", "there are `\\\"`, `\\'`, `\\n`, `\\t`, and `\\\\` for `\\` itself"
    )


def stray_brace(span: Span) -> Diagnostic:
    return in_string(span, "this `}` closes no interpolation", "`}}` is a plain `}`")


def open_interpolation(span: Span) -> Diagnostic:
    return in_string(span, "this `{` begins an interpolation that is never closed", "`{{` is a plain `{`")


def empty_interpolation(span: Span) -> Diagnostic:
    return in_string(span, "there is no value between the braces", "`{{}}` is a plain `{}`")


# --- statements --------------------------------------------------------------------------------


def no_statement(span: Span) -> Diagnostic:
    """For a statement that does not begin with a name or a keyword."""
    text = span.source.text
    before = text[text.rfind("\n", 0, span.start) + 1 : span.start].rstrip(" \t")
    first = text[span.start]
    place = Span(span.source, span.start, span.start + 1)
    hint = "give the value a name: `y = …`"
    if first in "\"'":
        place = span
        label = "a string cannot stand here"
        if prefix := re.search(r"\w+$", text[max(0, span.start - 8) : span.start]):
            hint = f"strings interpolate as they are, without `{prefix[0]}` in front"
        elif before:
            hint = '`as` names a layer: `… as "stem"`'
    elif first.isdigit() or first == ".":
        place = span
        label = "a number cannot stand here"
    elif first == "(" and re.search(r"[)\]]$|\.\w+$", before):
        label = "only a name can be called"
        hint = "`x.relu()` is written `relu(x)` or `x -> relu`"
    else:
        label = f"a statement cannot begin with `{first}`"
        hint = "put what it belongs to in parentheses, or give it a name: `y = …`"
    return Diagnostic("NG102", "unexpected word or sign", place, label, hint=hint)


# --- files -------------------------------------------------------------------------------------


def too_deep(span: Span, limit: int) -> Diagnostic:
    end = Span(span.source, max(span.start, span.end - 1), span.end)
    label = f"more than {limit} levels of brackets, operators and statements stand inside each other"
    return Diagnostic("NG110", "nested too deep", end, label, hint="name the parts: `a = …`")


def empty(source: Source) -> Diagnostic:
    label = "there is nothing but comments in it" if source.text.strip() else "there is nothing in it"
    place = Span(Source(source.path, ""), 0, 0)
    return Diagnostic("NG105", "empty file", place, label, hint="a file holds blocks and nets: `net Name() { … }`")


def too_large(source: Source, limit: int) -> Diagnostic:
    return Diagnostic("NG111", "file too large", Span(source, 0, 0), f"it has more than {limit >> 20} MiB")


def sort_out(source: Source, problems: list[Diagnostic]) -> list[Diagnostic]:
    """The problems of a text in its order, or the one that explains them all."""
    if prototxt := re.match(_PROTOTXT, source.text):
        label = "this is a Caffe prototxt, not a netgen program"
        place = Span(source, *prototxt.span(1))
        hint = "a `.net` file holds `block` and `net` definitions"
        return [Diagnostic("NG102", "unexpected word or sign", place, label, hint=hint)]
    return sorted(problems, key=lambda problem: problem.span.start if problem.span else 0)
