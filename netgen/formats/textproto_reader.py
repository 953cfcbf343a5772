"""A fast reader of protobuf's text format that needs no schema and keeps places.

``read_text`` takes what protobuf's own reader takes, of any message. What is usual (``name: 1``, ``name: "x"``,
``name {`` and ``}``) is found by one regular expression in a tight loop; whatever else stands there (lists, escapes,
strings in pieces, ``<>``, extensions) is read a step at a time, and so is what is wrong.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import islice

from netgen.diag import Diagnostic, Source
from netgen.formats import textproto_wrong as wrong
from netgen.formats.message import Placed, Raw
from netgen.formats.textproto_faults import Fault, Faults
from netgen.formats.textproto_files import decode_text, decoding_warnings
from netgen.formats.textproto_strings import as_bytes, text_or_bytes, unescape
from netgen.formats.textproto_warnings import Oddities

__all__ = ["MAX_DEPTH", "MAX_FIELDS", "decode_text", "read_text"]

MAX_DEPTH = 100
"""How deep messages may nest, as with protobuf."""
MAX_FIELDS = 2_000_000
"""How many fields a text may have, which bounds the memory that it takes. The largest nets have a tenth of that."""

_SPACE = r"\s*+(?:\#[^\n]*+\s*+)*+"
_NAME = r"[A-Za-z_]\w*+"
_NUMBER = r"(?:0[xX][0-9A-Fa-f]++|(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+[fF]?+)(?![\w.])"
_FIELD = re.compile(
    rf"""
    {_SPACE}(?:[;,]{_SPACE})?+
    (?: ({_NAME})\s*+                                                    # 1: the field, 2 to 4: its value
        (?: :\s*+(?: "([^"\\\n]*+)" | '([^'\\\n]*+)' | (-?+(?:{_NAME}|{_NUMBER})) )
          | :?+\s*+\{{ )
      | (\}})                                                            # 5
      | ()                                                               # 6: something else
    )""",
    re.ASCII | re.VERBOSE,
)
_OPENS, _DOUBLE, _SINGLE, _SCALAR, _CLOSES = 1, 2, 3, 4, 5

_SKIP = re.compile(_SPACE, re.ASCII | re.VERBOSE)
_KEY = re.compile(rf"{_NAME} | \[ \s*+ {_NAME} (?: \s*+ [./-] \s*+ {_NAME} )*+ \s*+ \]", re.ASCII | re.VERBOSE)
_TOKEN = re.compile(rf"([-+]?+) {_SPACE} ({_NAME}|{_NUMBER})", re.ASCII | re.VERBOSE)
_MESSAGES = re.compile(rf"\[{_SPACE}[{{<]", re.ASCII | re.VERBOSE)
"""The beginning of a list of messages, which needs no colon."""
_STRINGS = {
    '"': re.compile(r'"((?:[^"\\\n]|\\[^\n])*+)"'),
    "'": re.compile(r"'((?:[^'\\\n]|\\[^\n])*+)'"),
}
_CLOSERS = {"{": "}", "<": ">"}


def read_text(source: Source, warnings: list[Diagnostic] | None = None) -> Placed:
    """The message that a text is, its scalars ``Raw`` or strings, with the places of fields and messages.

    Names of extensions keep their brackets: ``[a.b.c]``. The elements of a list are fields of their own, each where it
    stands. What Caffe refuses and is plain all the same is added to ``warnings``; what cannot be read raises
    ``NetgenError`` with what is wrong, or with what the file really is.
    """
    reader = _Reader(source)
    message = reader.read()
    if warnings is not None:
        warnings += decoding_warnings(source)
        warnings += reader.odd.warnings()
    return message


class _Reader:
    """One walk over one text. Open messages are in a list of its own, so that no nesting can overflow the stack."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.at = 0
        self.before = 0
        """Where the last thing ended that was read."""
        self.resumed = -1
        """Where reading went on behind a fault."""
        self.message = Placed(start=0, end=len(self.text))
        self.open: list[tuple[Placed, str]] = []
        """The messages around the present one, each with the field in whose list the one inside it stands, or none."""
        self.left = MAX_FIELDS
        self.raws: dict[str, Raw] = {}
        self.odd = Oddities(source)
        self.faults = Faults(source)

    def read(self) -> Placed:
        """The whole text."""
        going = True
        while going:
            try:
                self.run()
                going = self.step()
            except Fault as fault:
                self.at = self.before = self.resumed = self.faults.add(fault)
                going = self.at >= 0
        self.faults.finish(empty=self.before == 0)
        return self.message

    def run(self) -> None:
        """Read on as long as only the usual stands there."""
        text, message, around, raws = self.text, self.message, self.open, self.raws
        new = Placed.__new__
        for found in islice(_FIELD.finditer(text, self.at), 2 * MAX_FIELDS + 2):  # each may be closed
            kind = found.lastindex
            if kind == _SCALAR:
                name, value = found.group(1, 4)
                raw = raws.get(value)
                if raw is None:
                    raw = raws[value] = Raw(value)
                message.append((name, raw))
                message.starts.append(found.start(1))
            elif kind == _DOUBLE:
                message.append((found[1], found[2]))
                message.starts.append(found.start(1))
            elif kind == _OPENS and len(around) < MAX_DEPTH:
                inner = new(Placed)
                inner.starts = []
                inner.start = found.end() - 1
                inner.end = -1
                message.append((found[1], inner))
                message.starts.append(found.start(1))
                around.append((message, ""))
                message = inner
            elif kind == _CLOSES and around and not around[-1][1] and text[message.start] == "{":
                message.end = found.end()
                self.left -= len(message)
                message = around.pop()[0]
            elif kind == _SINGLE:
                message.append((found[1], found[3]))
                message.starts.append(found.start(1))
            else:
                break
        else:
            raise wrong.too_many(text, self.at, MAX_FIELDS)
        self.message = message
        self.at = self.before = found.start()

    def step(self) -> bool:
        """Read one thing of any kind; False at the end of the text."""
        if len(self.message) + sum(len(message) for message, _ in self.open) > self.left:
            raise wrong.too_many(self.text, self.at, MAX_FIELDS)
        if self.joins():
            self.at = self.message.starts.pop()
            self.message.pop()
            self.field()
            return True
        char = self.skip()
        if char in (";", ","):
            self.at += 1
            while (char := self.skip()) in (";", ","):
                self.odd.separator(self.at)
                self.at += 1
        if not char and self.open:
            raise wrong.not_closed(self.text, self.message.start)
        if not char:
            return False
        if char in "}>":
            self.close()
        else:
            self.field()
        return True

    def joins(self) -> bool:
        """Whether a string follows a string: the two are one."""
        last = self.last()
        if last is None or isinstance(last[1], Raw | list) or self.text[self.before - 1] not in _STRINGS:
            return False
        behind = _SKIP.match(self.text, self.at)
        return behind is not None and self.text[behind.end() : behind.end() + 1] in _STRINGS

    def skip(self) -> str:
        """Pass over blanks and comments; the character that stands there, empty at the end of the text."""
        text = self.text
        while True:
            if blanks := _SKIP.match(text, self.at):
                self.at = blanks.end()
            char = text[self.at : self.at + 1]
            if not char or (char.isascii() and char > " "):
                return char
            end = self.odd.blank(self.at)
            if end == self.at:
                return char
            self.at = end

    def field(self) -> None:
        """Read a field, or of a message its beginning."""
        start = self.at
        key = _KEY.match(self.text, start)
        if key is None:
            raise wrong.no_field(self.text, self.last(), self.before, start)
        name = "".join(key[0].split())
        self.at = key.end()
        char = self.skip()
        colon = char == ":"
        if colon:
            self.at += 1
            char = self.skip()
        if char in _CLOSERS:
            self.enter(name, start, "")
        elif char == "[" and (colon or _MESSAGES.match(self.text, self.at)):
            self.at += 1
            self.items(name, start, first=True)
        elif not colon:
            raise wrong.no_colon(self.text, self.last(), self.before, key, self.at)
        else:
            self.add(name, self.scalar(name, start), start)

    def last(self) -> tuple[str, object, int] | None:
        """The field before, with its place; none directly behind a fault."""
        if not self.message or self.before == self.resumed:
            return None
        return (*self.message[-1], self.message.starts[-1])

    def add(self, name: str, value: object, start: int) -> None:
        self.message.append((name, value))
        self.message.starts.append(start)
        self.before = self.at

    def enter(self, name: str, start: int, listed: str) -> None:
        """Begin a message; ``listed`` is the field in whose list it stands."""
        if len(self.open) >= MAX_DEPTH:
            raise wrong.too_deep(self.text, self.at, MAX_DEPTH)
        inner = Placed(start=self.at)
        self.at += 1
        self.add(name, inner, start)
        self.open.append((self.message, listed))
        self.message = inner

    def close(self) -> None:
        """End a message, and go on with the list in which it stood."""
        if not self.open:
            raise wrong.stray_closer(self.text, self.at)
        if _CLOSERS[self.text[self.message.start]] != self.text[self.at]:
            raise wrong.wrong_closer(self.text, self.message.start, self.at)
        self.at += 1
        self.message.end = self.before = self.at
        self.left -= len(self.message)
        self.message, listed = self.open.pop()
        if listed:
            self.items(listed, self.at, first=False)

    def items(self, name: str, start: int, first: bool) -> None:
        """Read a list on: from its beginning, or from behind an element."""
        while True:
            char = self.skip()
            if not first and char == ",":
                comma = self.at
                self.at += 1
                char = self.skip()
                if char == "]":
                    self.odd.separator(comma)
            elif not first and char != "]":
                self.needs_comma(name)
            if char == "]":
                self.at += 1
                self.before = self.at
                return
            first = False
            begin = self.at
            if char in _CLOSERS:
                self.enter(name, begin, name)
                return
            if len(self.message) > self.left:
                raise wrong.too_many(self.text, begin, MAX_FIELDS)
            self.add(name, self.scalar(name, start), begin)

    def needs_comma(self, name: str) -> None:
        """Let an element of a list follow another without a comma, which Caffe refuses."""
        value = self.text[self.at : self.at + 1] in _CLOSERS or _TOKEN.match(self.text, self.at)
        if not value or self.at == self.before:
            raise wrong.in_list(self.text, name, self.at)
        self.odd.missing(self.before)

    def scalar(self, name: str, start: int) -> str | bytes:
        """Read a value that is no message: a string, of as many pieces as it has, or what stands without quotes."""
        if self.text[self.at : self.at + 1] in _STRINGS:
            return self.string(name)
        token = _TOKEN.match(self.text, self.at)
        if token is None:
            raise wrong.no_value(self.text, name, start, self.at)
        self.at = token.end()
        return Raw(token[1] + token[2])

    def string(self, name: str) -> str | bytes:
        pieces: list[str | bytes] = []
        while (quote := self.text[self.at : self.at + 1]) in _STRINGS:
            found = _STRINGS[quote].match(self.text, self.at)
            if found is None:
                raise wrong.open_string(self.text, name, self.at)
            unknown = partial(self.odd.escape, self.at)
            pieces.append(unescape(found[1], unknown) if "\\" in found[1] else found[1])
            self.at = self.before = found.end()
            self.skip()
        self.at = self.before
        return pieces[0] if len(pieces) == 1 else text_or_bytes(b"".join(map(as_bytes, pieces)))
