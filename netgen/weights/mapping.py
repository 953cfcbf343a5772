"""Mapping files: what a net's arrays are called in a file of weights, in lines that a person can edit.

    # PeleeNet from model.pth
    stem/conv1.weight = features.0.weight
    stem/bn1 = features.1                  # all arrays of a layer, by what they are for
    fc.bias =                              # left as it is

A name that has quotes, ``#`` or ``=`` in it stands in double quotes, as JSON has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from netgen.diag import Diagnostic, NetgenError, Source, Span, did_you_mean
from netgen.formats.files import not_read
from netgen.ir.slots import Key, Slot
from netgen.weights.entry import Entry, WeightsFile
from netgen.weights.faults import shape_text
from netgen.weights.names import role, split
from netgen.weights.report import MATCHED, SKIPPED, Report, Row

MAX_SIZE = 64 << 20
_PLAIN = re.compile(r'[^\s"=#][^"=#\n]*?(?=\s*(?:[=#\n]|$))')
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SPACE = re.compile(r"[ \t\r]*")
_COMMENT = re.compile(r"#[^\n]*")


class Name:
    """One side of a line, and where it stands. An empty one stands where it would be."""

    __slots__ = ("span", "text")

    def __init__(self, text: str, span: Span) -> None:
        self.text = text
        self.span = span


class Resolved:
    """An array of the net, and the one of the file that it is; None where it is to be left as it is."""

    __slots__ = ("entry", "key")

    def __init__(self, key: Key, entry: Entry | None) -> None:
        self.key = key
        self.entry = entry


class MappingFile:
    """The lines of a mapping file, as names: of the net's array or layer, and of the file's."""

    __slots__ = ("lines",)

    def __init__(self, lines: list[tuple[Name, Name]]) -> None:
        self.lines = lines

    def resolve(self, slots: Mapping[Key, Slot], file: WeightsFile) -> list[Resolved]:
        """What the lines mean for a net and a file; raises ``NetgenError`` with all names that neither has."""
        return _Resolver(slots, file).resolve(self.lines)


def read_mapping(path: str) -> MappingFile:
    """A mapping file; raises ``NetgenError`` (NG605) with all lines that are none."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        raise not_read(path, (".txt", ".map"), error) from None
    if len(data) > MAX_SIZE or b"\0" in data:
        source = Source(path, "")
        raise NetgenError([_bad(Name("", Span(source, 0, 0)), "it is no text, or too large for a mapping")])
    return parse_mapping(Source(path, data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")))


def parse_mapping(source: Source) -> MappingFile:
    """The lines of a text."""
    lines: list[tuple[Name, Name]] = []
    problems: list[Diagnostic] = []
    start = 0
    for text in source.text.split("\n"):
        line = _Line(source, start, start + len(text))
        start += len(text) + 1
        try:
            found = line.parse()
        except NetgenError as error:
            problems += error.diagnostics
            continue
        if found is not None:
            lines.append(found)
    if problems:
        raise NetgenError(problems)
    return MappingFile(lines)


class _Line:
    """Reads one line."""

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.at = start
        self.end = end

    def parse(self) -> tuple[Name, Name] | None:
        self._skip()
        if self.at == self.end:
            return None
        left = self._name()
        self._skip()
        if not left.text or not self.source.text.startswith("=", self.at, self.end):
            here = Name("", Span(self.source, self.at, min(self.at + 1, self.end)))
            raise NetgenError([_bad(here, "here `=` should stand", _EXAMPLE)])
        self.at += 1
        self._skip()
        right = self._name()
        self._skip()
        if self.at != self.end:
            rest = Name("", Span(self.source, self.at, self.end))
            raise NetgenError([_bad(rest, "the line should end here", _EXAMPLE)])
        return left, right

    def _skip(self) -> None:
        for pattern in (_SPACE, _COMMENT):
            found = pattern.match(self.source.text, self.at, self.end)
            self.at = found.end() if found is not None else self.at

    def _name(self) -> Name:
        text, start = self.source.text, self.at
        quoted = _QUOTED.match(text, start, self.end)
        plain = _PLAIN.match(text, start, self.end)
        found = quoted or plain
        self.at = found.end() if found is not None else start
        name = text[start : self.at]
        if quoted is not None:
            name = self._unquoted(name)
        return Name(name, Span(self.source, start, max(self.at, min(start + 1, self.end))))

    def _unquoted(self, text: str) -> str:
        try:
            return str(json.loads(text))
        except ValueError:
            span = Span(self.source, self.at - len(text), self.at)
            raise NetgenError([_bad(Name("", span), "this is no string as JSON has them")]) from None


_EXAMPLE = 'a line is `layer.array = array of the file`; names with # or = in them stand in "quotes"'


def _bad(name: Name, label: str, hint: str = "") -> Diagnostic:
    return Diagnostic("NG605", "bad mapping of weights", name.span, label, hint=hint)


class _Resolver:
    """Looks names up, of single arrays or of all that belong to a layer."""

    def __init__(self, slots: Mapping[Key, Slot], file: WeightsFile) -> None:
        self.arrays = {".".join(key): key for key in slots}
        self.nodes: dict[str, list[Key]] = {}
        for key in slots:
            self.nodes.setdefault(key[0], []).append(key)
        self.file = file
        self.modules: dict[str, list[Entry]] = {}
        for entry in file.entries.values():
            self.modules.setdefault(entry.layer or split(entry.name)[0], []).append(entry)
        self.problems: list[Diagnostic] = []
        self.found: dict[Key, Resolved] = {}

    def resolve(self, lines: Iterable[tuple[Name, Name]]) -> list[Resolved]:
        for left, right in lines:
            if left.text in self.arrays:
                self._one(left, right)
            elif left.text in self.nodes:
                self._all(left, right)
            else:
                known = [*self.arrays, *self.nodes]
                hint = did_you_mean(left.text, known) or "`netgen weights map NET FILE` lists them"
                self.problems.append(_bad(left, f"the net has no array or layer `{left.text}`", hint))
        if self.problems:
            raise NetgenError(self.problems)
        return list(self.found.values())

    def _one(self, left: Name, right: Name) -> None:
        key = self.arrays[left.text]
        if not right.text:
            self._add(left, key, None)
        elif right.text in self.file.entries:
            self._add(left, key, self.file.entries[right.text])
        else:
            self._unknown(right, self.file.entries)

    def _all(self, left: Name, right: Name) -> None:
        """A whole layer: array by array, by what they are for or, in a caffemodel, by their order."""
        keys = self.nodes[left.text]
        if not right.text:
            for key in keys:
                self._add(left, key, None)
            return
        entries = self.modules.get(right.text)
        if entries is None:
            self._unknown(right, self.modules)
            return
        for index, key in enumerate(keys):
            entry = self._counterpart(key, index, entries)
            if entry is None:
                names = ", ".join(f"`{each.name}`" for each in entries)
                self.problems.append(_bad(right, f"it has nothing for `{'.'.join(key)}`: there is {names}"))
            else:
                self._add(left, key, entry)

    def _counterpart(self, key: Key, index: int, entries: list[Entry]) -> Entry | None:
        if self.file.layers:
            return entries[index] if index < len(entries) else None
        return next((entry for entry in entries if role(split(entry.name)[1]) == key[1]), None)

    def _add(self, left: Name, key: Key, entry: Entry | None) -> None:
        if key in self.found:
            self.problems.append(_bad(left, f"`{'.'.join(key)}` has been said before"))
        self.found[key] = Resolved(key, entry)

    def _unknown(self, name: Name, known: Iterable[str]) -> None:
        hint = did_you_mean(name.text, list(known)) or f"`netgen weights list {self.file.path}` lists what it has"
        self.problems.append(_bad(name, f"there is no `{name.text}` in {self.file.path}", hint))


def mapping_text(report: Report) -> str:
    """A mapping file that says what was found, with what is still to be said."""
    lines = [
        f"# {report.summary()}, in {report.path}",
        "# A line for each array of the net: its name = its name in the file. Nothing behind `=` leaves it as it is.",
        "",
    ]
    lines += [_line(row) for row in report.rows]
    if report.left_over:
        lines += ["", "# left over in the file:"]
        lines += [f"#   {_quoted(entry.name)}  {shape_text(entry.shape)}" for entry in report.left_over]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    """A line of what was found; one to be edited, and not read until then, of what was not."""
    name = _quoted(row.name)
    if row.state == MATCHED and row.entry is not None:
        return f"{name} = {_quoted(row.entry.name)}"
    if row.state == SKIPPED:
        return f"{name} ="
    return f"# {name} = ?  # {shape_text(row.shape)}: {row.state}" + (f", {row.note}" if row.note else "")


def _quoted(name: str) -> str:
    plain = _PLAIN.fullmatch(name)
    return name if plain is not None and name == name.strip() else json.dumps(name)
