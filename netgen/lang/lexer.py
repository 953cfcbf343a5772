"""Text to tokens. Comments are put aside; what is no token is reported and, where its meaning is clear, replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from netgen.lang.engine import END, Tables, Token

Complaint = Callable[[str, int, int], None]
"""Takes what is wrong (a group of ``_BROKEN``) and where."""

# What is no token, cut into pieces that are worth one message each: a string without its end, a number that runs into
# a name, a text in typographic quotes, a foreign word, any other sign.
_BROKEN = (
    r"(?P<BROKEN_STRING>[\"'][^\r\n]*)|(?P<BROKEN_NUMBER>[0-9]\w*)|(?P<BROKEN_QUOTES>[“”„‘’«»][^“”‘’«»\r\n]*[“”‘’«»]?)"
    r"|(?P<BROKEN_WORD>\w+)|(?P<BROKEN_SIGN>&&|\|\||\|>|(?s:.))"
)
# What to go on with behind each, lest one mistake is reported twice.
_REPAIRS = {
    "BROKEN_STRING": ("STRING", '""'),
    "BROKEN_NUMBER": ("INT", "0"),
    "BROKEN_QUOTES": ("STRING", '""'),
    "BROKEN_WORD": ("NAME", "_"),
    "&&": ("AND", "and"),
    "||": ("OR", "or"),
    "!": ("NOT", "not"),
    "|>": ("ARROW", "->"),
    "→": ("ARROW", "->"),
}


class Lexer:
    """The token patterns of a grammar, compiled."""

    __slots__ = ("_find", "_words")

    def __init__(self, tables: Tables) -> None:
        self._words = tables.words
        # Space goes in front of the token behind it, and the end is a token: so matches leave no gaps.
        pattern = rf"(?:{tables.space})?+(?:{tables.pattern}|(?P<END>\Z)|{_BROKEN})"
        self._find = re.compile(pattern).finditer

    def tokens(
        self, text: str, start: int, stop: int, comments: list[tuple[int, int]], complain: Complaint
    ) -> Iterator[Token]:
        """The tokens of ``text[start:stop]``, then one `END`; comments are added to the list as they are passed."""
        words = self._words
        for found in self._find(text, start, stop):
            kind = found.lastgroup
            assert kind is not None
            begin, end = found.span(kind)
            word = text[begin:end]
            if kind in ("NAME", "SIGN"):
                yield words.get(word, kind), word, begin, end
            elif kind == "COMMENT":
                comments.append((begin, end))
            elif kind == "END":
                yield END, "", begin, end
                return
            elif kind.startswith("BROKEN"):
                complain(kind, begin, end)
                if repair := _REPAIRS.get(kind) or _REPAIRS.get(word):
                    yield *repair, begin, end
            else:
                yield kind, word, begin, end
