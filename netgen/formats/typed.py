"""Raw messages become typed ones: what stood in a text without quotes gets the type that Caffe's schema has for it.

What people write by hand is read as Caffe reads it. Where Caffe would refuse it, this says so, and reads on where the
meaning is plain. Fields of forks that nobody has told netgen of are kept as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from netgen.diag import Diagnostic, NetgenError, Note, Source, Span, did_you_mean
from netgen.diag.codes import CODES
from netgen.formats.message import Enum, Placed, Raw
from netgen.formats.scalars import bounds, expected, is_whole, lenient, strict
from netgen.formats.schema import Field, enum_type, fields_of, is_enum, required_of

LAYER_TYPE = "V1LayerParameter.LayerType"
_OTHER_GENERATION = {"LayerParameter": "V1LayerParameter", "V1LayerParameter": "LayerParameter"}
"""Whose fields are understood in a layer too, since people mix the generations."""

_MOST_ERRORS = 20
_MOST_READ = 4096
"""How many texts of a type are remembered with their values."""

_WORD = re.compile(r"[A-Za-z_][\w.-]*\Z")
_FIELD = re.compile(r"[\w.\[\]/]*\s*:?\s*")


def type_values(message: Placed, kind: str, source: Source, warnings: list[Diagnostic]) -> None:
    """Give the values of a message the types that the schema has for the message ``kind``, in place.

    Whole numbers, floats rounded to float32, bools, ``Enum`` words and strings; what the schema does not know stays
    ``Raw``. Raises ``NetgenError`` with all values that mean nothing.
    """
    typist = _Typist(source, warnings)
    typist.message(message, kind)
    typist.finish()


class _Typist:
    """One walk over one message."""

    def __init__(self, source: Source, warnings: list[Diagnostic]) -> None:
        self.source = source
        self.warnings = warnings
        self.errors: list[Diagnostic] = []
        self.fields: dict[tuple[str, str], list[int]] = {}
        self.words: dict[tuple[str, str, str], list[int]] = {}

    def message(self, message: Placed, kind: str) -> None:
        """Type the values of a message and of all messages in it."""
        fields = fields_of(kind)
        single: set[str] = set()
        twice = False
        for at, (name, value) in enumerate(message):
            field = fields.get(name) or self.elsewhere(kind, name, message.starts[at])
            if field is None:
                continue
            if type(value) is Raw and not field.message:
                read = field.read.get(value)
                message[at] = (name, self.scalar(field, value, message.starts[at]) if read is None else read)
            elif field.message and isinstance(value, Placed):
                self.message(value, field.message)
            elif field.type != "string" or type(value) is not str:
                message[at] = (name, self.misfit(kind, field, value, message.starts[at]))
            if not field.repeated:
                twice = twice or name in single
                single.add(name)
        if twice:
            self.once(message, fields)
        self.whole(message, kind)

    def elsewhere(self, kind: str, name: str, start: int) -> Field | None:
        """The field of a layer that the other generation has; None for a field that no Caffe known to netgen has."""
        found = fields_of(_OTHER_GENERATION.get(kind, "")).get(name)
        if found is None and kind:
            self.fields.setdefault((kind, name), []).append(start)
        return found

    def scalar(self, field: Field, raw: Raw, start: int) -> object:
        """What stood without quotes, which was not met before."""
        value = strict(raw, field)
        if value is not None:
            if len(field.read) < _MOST_READ:
                field.read[raw] = value
            return value
        if field.type in ("string", "bytes"):
            self.bends(raw, start, f"`{field.name}` is a string, and this has no quotes", f'put it in quotes: "{raw}"')
            return str(raw)
        if field.type == LAYER_TYPE:
            return Enum(raw)  # a fork's layer, or the name of a type; upgrading knows more
        return self.plain(field, raw, start)

    def misfit(self, kind: str, field: Field, value: object, start: int) -> object:
        """A quoted string or a message where the schema has something else."""
        twin = fields_of(_OTHER_GENERATION.get(kind, "")).get(field.name)
        if twin is not None and twin.message and isinstance(value, Placed):
            self.message(value, twin.message)
            return value
        if field.type == "bytes" or (twin is not None and twin.type == "string" and isinstance(value, str)):
            if field.type == LAYER_TYPE:
                self.bends(str(value), start, "in `layers` a type is a word without quotes", "write `layer`")
            return value
        if isinstance(value, Placed):
            return self.refuse(field, value, start, f"`{field.name}` takes {expected(field)}, not a message")
        if isinstance(value, bytes):
            return value if field.type == "string" else self.refuse(field, value, start)
        return self.plain(field, value if isinstance(value, Raw) else str(value), start)

    def plain(self, field: Field, text: str, start: int) -> object:
        """A scalar that Caffe refuses: its value with a warning if that is plain, else an error."""
        quoted = not isinstance(text, Raw)
        value = strict(text, field) if quoted else None
        if value is None:
            value = None if field.message else lenient(text, field)
        if value is None and not quoted and _WORD.match(text):
            self.words.setdefault((field.name, field.type, text), []).append(start)
            return Enum(text) if field.enum is not None else text
        if value is None:
            return self.refuse(field, text, start)
        said = str(value).lower() if isinstance(value, bool) else str(value)
        why = f"Caffe takes {expected(field)} here" + (", without quotes" if quoted else "")
        self.bends(text, start, why, f"write {said}")
        return value

    def refuse(self, field: Field, value: object, start: int, label: str = "") -> object:
        """Report a value that means nothing, and stand in for it with itself."""
        span = self.span(start, value if isinstance(value, str) else "")
        label = label or f"`{field.name}` takes {expected(field)}"
        if isinstance(value, str) and is_whole(value, field):
            label += f" {bounds(field)}"
        self.errors.append(Diagnostic("NG520", CODES["NG520"].title, span, label))
        if len(self.errors) >= _MOST_ERRORS:
            self.finish()
        return value

    def once(self, message: Placed, fields: Mapping[str, Field]) -> None:
        """Leave one of each field that may stand once: the last scalar; of messages, all that they say together."""
        places: dict[str, int] = {}
        kept: list[tuple[str, object]] = []
        starts: list[int] = []
        for (name, value), start in zip(message, message.starts, strict=True):
            field = fields.get(name)
            if field is None or field.repeated or name not in places:
                places[name] = len(kept)
                kept.append((name, value))
                starts.append(start)
                continue
            first = places[name]
            self.again(name, starts[first], start, "the two are read as one" if field.message else "this one holds")
            kept[first] = (name, self.join(field, kept[first][1], value))
            starts[first] = start
        message[:] = kept
        message.starts[:] = starts

    def join(self, field: Field, one: object, other: object) -> object:
        """What a field says that stands twice."""
        if not isinstance(one, Placed) or not isinstance(other, Placed):
            return other
        joined = Placed([*one, *other], [*one.starts, *other.starts], other.start, other.end)
        self.once(joined, fields_of(field.message))
        return joined

    def again(self, name: str, first: int, start: int, label: str) -> None:
        """Warn of a field that stands twice."""
        note = Note("the first stands here", self.name(first, name))
        hint = "Caffe refuses a field that stands twice where it is not repeated"
        self.warn("NG522", self.name(start, name), f"`{name}` again: {label}", notes=[note], hint=hint)

    def whole(self, message: Placed, kind: str) -> None:
        """Report required fields that are missing."""
        missing = required_of(kind)
        if missing:
            missing = missing.difference(name for name, _ in message)
        for name in sorted(missing):
            label = f"this {kind} has no `{name}`"
            span = Span(self.source, max(message.start, 0), max(message.start, 0) + 1)
            self.errors.append(
                Diagnostic("NG526", CODES["NG526"].title, span, label, hint="Caffe does not read it without")
            )

    def finish(self) -> None:
        """Warn of fields and words that nobody knows; raise the errors."""
        for (kind, name), starts in self.fields.items():
            hint = did_you_mean(name, fields_of(kind), within=_slips(name))
            if hint:
                label = f"no Caffe that netgen knows has `{name}` in {kind}{_times(starts)}"
                self.warn("NG523", self.name(starts[0], name), label, hint=hint)
        for (name, kind, word), starts in self.words.items():
            known = [*enum_type(kind).numbers, *enum_type(kind).foreign] if is_enum(kind) else []
            what = "no Caffe that netgen knows has this value" if known else f"`{name}` is a number, and this is a word"
            hint = did_you_mean(word, known) or (f"there are {', '.join(known)}" if known else "is it a placeholder?")
            self.warn("NG521", self.span(starts[0], word), f"{what}{_times(starts)}; it is kept", hint=hint)
        if self.errors:
            raise NetgenError([*self.errors, *self.warnings])

    def bends(self, text: str, start: int, label: str, hint: str) -> None:
        """Warn of what Caffe refuses, though its meaning is plain."""
        self.warn("NG524", self.span(start, text), label, hint=hint)

    def warn(self, code: str, span: Span, label: str, *, notes: list[Note] | None = None, hint: str = "") -> None:
        self.warnings.append(
            Diagnostic(code, CODES[code].title, span, label, notes=notes or (), hint=hint, severity="warning")
        )

    def name(self, start: int, name: str) -> Span:
        """Where the name of a field stands."""
        return Span(self.source, max(start, 0), max(start, 0) + (len(name) if start >= 0 else 0))

    def span(self, start: int, text: str) -> Span:
        """Where a value stands, behind its field; the field where that cannot be seen."""
        found = _FIELD.match(self.source.text, max(start, 0))
        begin = found.end() if found else start
        for shown in (text, f'"{text}"', f"'{text}'"):
            for at in (start, begin):
                if text and self.source.text.startswith(shown, at):
                    return Span(self.source, at, at + len(shown))
        end = found.end() if found else start
        return Span(self.source, max(start, 0), max(end, start + 1, 1))


def _slips(name: str) -> int:
    """How many letters of a field's name may be wrong: few, since so many fields of forks are alike."""
    stem = name.removesuffix("_param")
    return 0 if len(stem) < 4 else 1 if len(stem) < 8 else 2


def _times(starts: list[int]) -> str:
    return f", {len(starts)} times in this file" if len(starts) > 1 else ""
