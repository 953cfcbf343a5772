"""The wording of syntax errors: what was expected, what was found, and what the author probably meant."""

from __future__ import annotations

from collections.abc import Callable

from netgen.diag import Diagnostic, Note, Source, Span, did_you_mean
from netgen.lang.complaints import shorten
from netgen.lang.engine import END, Token

_TYPES = frozenset(("tensor", "int", "float", "bool", "string", "filler"))
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPENER_OF = {closer: opener for opener, closer in _PAIRS.items()}
_COMPARISONS = frozenset(("EQUAL", "UNEQUAL", "LESS", "LESS_EQUAL", "MORE", "MORE_EQUAL"))
_VALUES = frozenset(("NAME", "INT", "FLOAT", "FRACTION", "STRING", "TRUE", "FALSE", "LSQB"))
_ITEMS = frozenset(("USE", "BLOCK", "NET"))
_STATEMENTS = frozenset(("FOR", "IF", "RETURN", "REQUIRE", "DEFAULT"))
_ITEM_WORDS = ("use", "block", "net")
_STATEMENT_WORDS = ("for", "if", "else", "return", "require", "default")
_OPERATORS = frozenset(("PLUS", "MINUS", "TIMES", "OVER", "FLOOR", "MODULO", "POWER"))
_GOES_ON = _OPERATORS | _COMPARISONS | {"AND", "OR", "NOT", "ASSIGN", "ARROW", "COMMA", "DOTS"}

# How many characters of a line are looked at, on either side.
_NEAR = 500

# Words of other languages that begin a line, and what is written here.
_FOREIGN = {
    "elif": "write `else if`",
    "elseif": "write `else if`",
    "def": "a block is written `block name(x) { … }`",
    "class": "a block is written `block name(x) { … }`",
    "fn": "a block is written `block name(x) { … }`",
    "func": "a block is written `block name(x) { … }`",
    "function": "a block is written `block name(x) { … }`",
    "while": "the only loop is `for i in 1..n { … }`",
    "import": "write `use common: conv_block`",
    "from": "write `use common: conv_block`",
    "include": "write `use common: conv_block`",
    "let": "a value needs no word in front: `name = value`",
    "var": "a value needs no word in front: `name = value`",
    "const": "a value needs no word in front: `name = value`",
    "assert": 'write `require test, "message"`',
}

# What the structure of the language needs, in the order in which it is named; the rest are operators.
_STRUCTURE = {
    "COMMA": "`,`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "LPAR": "`(`",
    "ASSIGN": "`=`",
    "COLON": "`:`",
    "IN": "`in`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "THEN": "`then`",
    "ELSE": "`else`",
}


class Trouble:
    """A token that cannot follow, and what there is to know about the place.

    ``last`` is where the token before it ends, ``start`` where its statement begins, ``expected`` the terminals that
    could follow, ``opens`` the brackets that are open, outermost first. ``before`` and ``after`` are the other tokens
    of its line; ``lex`` gives those between two offsets. ``ending`` is what the whole ends with, in words.
    """

    __slots__ = (
        "after",
        "before",
        "ending",
        "expected",
        "kind",
        "last",
        "lex",
        "opens",
        "source",
        "span",
        "start",
        "word",
    )

    def __init__(
        self,
        source: Source,
        token: Token,
        *,
        last: int,
        start: int,
        expected: set[str],
        opens: list[tuple[str, int]],
        lex: Callable[[int, int], list[Token]],
        ending: str,
    ) -> None:
        self.source = source
        self.kind, self.word, begin, end = token
        self.span = Span(source, begin, end)
        self.last = last
        self.start = start
        self.expected = expected
        self.opens = opens
        self.lex = lex
        self.ending = ending
        line_end = source.text.find("\n", end, end + _NEAR)
        self.before = lex(max(line_start(source, begin), begin - _NEAR), begin)
        self.after = lex(end, line_end if line_end >= 0 else min(len(source.text), end + _NEAR))

    @property
    def previous(self) -> str:
        """The kind of the token in front of it on its line, or nothing."""
        return self.before[-1][0] if self.before else ""

    @property
    def next(self) -> str:
        """The kind of the token behind it on its line, or nothing."""
        return self.after[0][0] if self.after else ""

    @property
    def touches(self) -> bool:
        """Whether it follows the token before it without a space."""
        return self.last == self.span.start

    @property
    def place(self) -> Span:
        """The token; at the end of the file, the place behind the last one."""
        return Span(self.source, self.last, self.last) if self.kind == END else self.span

    @property
    def label(self) -> str:
        return f"expected {_expected(self)}, found {_found(self)}"


def line_start(source: Source, offset: int) -> int:
    return source.text.rfind("\n", 0, offset) + 1


def indentation(source: Source, offset: int) -> int:
    """How far the line of an offset is indented, or as much of it as stands before the offset."""
    line = source.text[line_start(source, offset) : offset].expandtabs(4)
    return len(line) - len(line.lstrip())


def unexpected(trouble: Trouble) -> Diagnostic:
    """The diagnostic for a token that cannot follow."""
    special = (
        _never_closed(trouble)
        or _closes_nothing(trouble)
        or _keyword_for_name(trouble)
        or _foreign_word(trouble)
        or _outside(trouble)
    )
    return special or _wrong_word(trouble.place, trouble.label, _hint(trouble))


def _wrong_word(span: Span, label: str, hint: str = "", *notes: Note) -> Diagnostic:
    return Diagnostic("NG102", "unexpected word or sign", span, label, hint=hint, notes=notes)


def _not_closed(source: Source, offset: int, label: str, *notes: Note) -> Diagnostic:
    return Diagnostic("NG104", "bracket or brace not closed", Span(source, offset, offset + 1), label, notes=notes)


# --- brackets ----------------------------------------------------------------------------------


def _never_closed(trouble: Trouble) -> Diagnostic | None:
    """A bracket is open where its closer can no longer come."""
    if not trouble.opens:
        return None
    opener, offset = trouble.opens[-1]
    found = Note(trouble.label, trouble.place)
    at_end = trouble.kind == END or (trouble.kind in _ITEMS and not trouble.before)
    if opener == "{":
        return _open_brace(trouble, offset) if at_end else None
    other_closer = trouble.word in _OPENER_OF and trouble.word != _PAIRS[opener]
    body = trouble.kind == "LBRACE" and not trouble.after and "INT" not in trouble.expected
    if at_end or other_closer or body or _begins_statement(trouble):
        return _not_closed(trouble.source, offset, f"this `{opener}` is never closed", found)
    return None


def _begins_statement(trouble: Trouble) -> bool:
    """Whether a token that cannot stand in brackets looks like the beginning of the next statement."""
    if trouble.before or indentation(trouble.source, trouble.span.start) > indentation(trouble.source, trouble.start):
        return False
    return trouble.kind in _STATEMENTS or (
        trouble.kind == "NAME" and trouble.next in ("ASSIGN", "COMMA", "ARROW", "LPAR")
    )


def _open_brace(trouble: Trouble, offset: int) -> Diagnostic:
    source = trouble.source
    found = Note(f"expected `}}`, found {_found(trouble)}", trouble.place)
    misplaced = _misplaced_brace(trouble)
    if misplaced is None:
        return _not_closed(source, offset, "this `{` is never closed", found)
    opener, closer = misplaced
    hint = Note("it is closed here, where the indentation is that of another brace", Span(source, closer, closer + 1))
    return _not_closed(source, opener, "going by the indentation, this `{` is not closed", hint, found)


def _misplaced_brace(trouble: Trouble) -> tuple[int, int] | None:
    """The first brace whose closer is indented less than the line that opens it, and that closer."""
    source = trouble.source
    opened: list[int] = []
    for kind, _, begin, _ in trouble.lex(trouble.opens[0][1], trouble.span.start):
        if kind == "LBRACE":
            opened.append(begin)
        elif kind == "RBRACE" and opened:
            opener = opened.pop()
            is_first = not source.text[line_start(source, begin) : begin].strip()
            if is_first and indentation(source, begin) < indentation(source, opener):
                return opener, begin
    return None


def _closes_nothing(trouble: Trouble) -> Diagnostic | None:
    opener = _OPENER_OF.get(trouble.word)
    if opener is None or (trouble.opens and trouble.opens[-1][0] == opener):
        return None
    return _wrong_word(trouble.span, f"this `{trouble.word}` closes nothing: no `{opener}` is open here")


# --- words -------------------------------------------------------------------------------------


def _keyword_for_name(trouble: Trouble) -> Diagnostic | None:
    """A word of the language is used as a name."""
    word, span = trouble.word, trouble.span
    wants_name = "NAME" in trouble.expected and _is_keyword(trouble.kind, word)
    used_as_name = trouble.next in ("ASSIGN", "COMMA", "COLON", "DOT", "RPAR", "RSQB", "LPAR", "LBRACE")
    if not (wants_name and (used_as_name or "INT" not in trouble.expected)):
        if trouble.kind not in ("ASSIGN", "COLON") or not trouble.before:
            return None
        kind, word, begin, end = trouble.before[-1]
        span = Span(trouble.source, begin, end)
        if not _is_keyword(kind, word) or kind == "ELSE":
            return None
    return _wrong_word(span, f"`{word}` is a word of the language and cannot be a name", "choose another name")


def _is_keyword(kind: str, word: str) -> bool:
    return word.isalpha() and kind == word.upper()


def _foreign_word(trouble: Trouble) -> Diagnostic | None:
    """The line, or its rest behind a brace, begins with a word of another language or a misspelt one of this."""
    line = [*trouble.before, (trouble.kind, trouble.word, trouble.span.start, trouble.span.end), *trouble.after]
    braces = [i for i, token in enumerate(trouble.before) if token[0] in ("LBRACE", "RBRACE")]
    del line[: braces[-1] + 1 if braces else 0]
    if len(line) < 2 or line[0][0] != "NAME":
        return None
    _, word, begin, end = line[0]
    follower = line[1][0]
    hint = "" if follower in ("ASSIGN", "COMMA", "ARROW", "DOT", "AS") else _FOREIGN.get(word, "")
    if not hint and follower in _VALUES and len(word) > 2:
        hint = did_you_mean(word, _ITEM_WORDS if "BLOCK" in trouble.expected else _STATEMENT_WORDS)
    if not hint:
        return None
    return _wrong_word(Span(trouble.source, begin, end), f"`{word}` is no word of the language", hint)


def _outside(trouble: Trouble) -> Diagnostic | None:
    """A statement stands outside all blocks."""
    if "BLOCK" not in trouble.expected or not (trouble.kind in _STATEMENTS or trouble.kind in _VALUES):
        return None
    notes = []
    if trouble.source.text[trouble.last - 1 : trouble.last] == "}":
        notes.append(Note("the block before it ends here", Span(trouble.source, trouble.last - 1, trouble.last)))
    hint = "statements stand inside a block or a net: `net Name() { … }`"
    return _wrong_word(trouble.span, trouble.label, hint, *notes)


# --- labels ------------------------------------------------------------------------------------


def _found(trouble: Trouble) -> str:
    if trouble.kind == END:
        return "the end of the file"
    if trouble.kind == "STRING":
        return "a string"
    if trouble.kind in ("INT", "FLOAT", "FRACTION"):
        return f"the number `{shorten(trouble.word)}`"
    if _is_keyword(trouble.kind, trouble.word):
        return f"the keyword `{trouble.word}`"
    return f"`{shorten(trouble.word)}`"


def _expected(trouble: Trouble) -> str:
    expected = trouble.expected
    if "BLOCK" in expected:
        return "`use`, `block` or `net`"
    words = []
    if "RETURN" in expected:
        words.append("a statement")
    elif "INT" in expected:
        words.append("a value")
    else:
        words += ["a name"] * ("NAME" in expected) + ["a string"] * ("STRING" in expected)
    words += [sign for kind, sign in _STRUCTURE.items() if kind in expected and not _goes_without_saying(kind, trouble)]
    if not words:
        words = [trouble.ending]
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _goes_without_saying(kind: str, trouble: Trouble) -> bool:
    """Whether a sign that could follow is not worth its mention: the reader thinks of others first."""
    expected = trouble.expected
    if "RETURN" in expected:
        return kind != "RBRACE"
    if kind == "LPAR":
        return "INT" in expected or "PLUS" in expected
    if kind == "ASSIGN":
        return "PLUS" in expected
    return kind == "THEN" and trouble.source.text.startswith("if", trouble.start)


# --- hints -------------------------------------------------------------------------------------


def _hint(trouble: Trouble) -> str:
    """What the author probably meant, or nothing."""
    for guess in (
        _hint_assign,
        _hint_body,
        _hint_conditional,
        _hint_operator,
        _hint_string,
        _hint_position,
        _hint_comma,
    ):
        if hint := guess(trouble):
            return hint
    return ""


def _hint_assign(trouble: Trouble) -> str:
    kinds = (trouble.previous, trouble.kind) if trouble.touches else (trouble.kind, trouble.next)
    if kinds == ("ASSIGN", "MORE"):
        return "the arrow is `->`"
    if trouble.kind != "ASSIGN":
        return ""
    if trouble.previous in _OPERATORS and trouble.touches:
        sign = trouble.before[-1][1]
        return f"there is no `{sign}=`: write `x = x {sign} …`"
    if sign := _unfinished(trouble):
        return f"the line above is not finished: it ends with `{sign}`"
    if trouble.source.text.startswith(("if", "require", "for", "return"), trouble.start) or "THEN" in trouble.expected:
        return "`==` compares; `=` names a value"
    return "only a name, or several with commas between, can stand in front of `=`"


def _unfinished(trouble: Trouble) -> str:
    """What the line above ends with, if it goes on with a name that was meant to begin a statement."""
    if [kind for kind, *_ in trouble.before] != ["NAME"]:
        return ""
    above = trouble.lex(max(trouble.start, trouble.last - _NEAR), trouble.before[0][2])
    kind, word = above[-1][:2] if above else ("", "")
    return word if kind in _GOES_ON else ""


def _hint_body(trouble: Trouble) -> str:
    if trouble.kind == "COLON" and "LBRACE" in trouble.expected:
        return "a body stands in braces: `if test { … }`"
    if trouble.kind == "COLON" and "RETURN" in trouble.expected:
        return "only parameters have a type written behind them"
    if trouble.kind == "LBRACE" and "INT" in trouble.expected:
        return "braces are for statements; a list stands in brackets: `[1, 2]`"
    if trouble.kind == "ELSE" and "RETURN" in trouble.expected:
        return "`else` stands right behind the `}` of an `if`"
    return ""


def _hint_conditional(trouble: Trouble) -> str:
    has_if = any(kind == "IF" for kind, *_ in trouble.before)
    if (trouble.kind == "ELSE" and has_if) or (trouble.kind == "IF" and trouble.before):
        return "a value that depends on a test is written `if test then a else b`"
    if trouble.kind == "FOR" and trouble.before:
        return "`for` is a statement of its own; lists are written out: `[1, 2, 4]`"
    return ""


def _hint_operator(trouble: Trouble) -> str:
    if trouble.kind in _COMPARISONS and any(kind in _COMPARISONS for kind, *_ in trouble.before):
        return "comparisons cannot be chained: write `a < b and b < c`"
    if trouble.kind in ("FLOOR", "OVER") and not trouble.before:
        return "comments begin with `#`"
    if trouble.kind == "ARROW" and "RETURN" in trouble.expected:
        return "a chain begins with a value: `x -> relu`"
    if trouble.kind in ("PLUS", "MINUS") and trouble.previous == trouble.kind:
        return f"there is no `{trouble.word * 2}`"
    return ""


def _hint_string(trouble: Trouble) -> str:
    if trouble.kind == "NAME" and trouble.previous == "AS" and "STRING" in trouble.expected:
        return f'a layer\'s name stands in quotes: `as "{trouble.word}"`'
    if trouble.kind == "DOT" and any(kind == "USE" for kind, *_ in trouble.before):
        return 'a file\'s path stands in quotes: `use "blocks.net": head`'
    return ""


def _hint_position(trouble: Trouble) -> str:
    if "LPAR" in trouble.expected and trouble.kind == "LBRACE":
        return "parentheses follow even when there are no parameters: `net Name() { … }`"
    if (
        trouble.kind == "RBRACE"
        and trouble.source.text.startswith("return", trouble.start)
        and trouble.last - trouble.start == 6
    ):
        return "`return` gives back one value at least"
    if trouble.kind == "RPAR" and [kind for kind, *_ in trouble.before[-3:]] == ["DOT", "NAME", "LPAR"]:
        return f"only a name can be called: write `x -> {trouble.before[-2][1]}`"
    if trouble.word in _TYPES and "COLON" in trouble.expected:
        return f"a type stands behind a colon: `: {trouble.word}`"
    return ""


def _hint_comma(trouble: Trouble) -> str:
    if "COMMA" in trouble.expected and trouble.opens and trouble.kind in _VALUES:
        return "is a comma missing in front of it?"
    return ""
