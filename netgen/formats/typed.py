"""Raw messages become typed ones: what stood in a text without quotes gets the type that Caffe's schema has for it.

What people write by hand is read as Caffe reads it. Where Caffe would refuse it, this says so, and reads on where the
meaning is plain. Fields of forks that nobody has told netgen of are kept as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

from netgen.diag import Diagnostic, NetgenError, Note, Source, Span, did_you_mean
from netgen.diag.codes import CODES
from netgen.formats.message import Enum, Placed, Raw
from netgen.formats.remarks import Remarks
from netgen.formats.scalars import bounds, expected, is_whole, lenient, strict
from netgen.formats.schema import Field, enum_type, fields_of, is_enum, required_of

LAYER_TYPE = "V1LayerParameter.LayerType"
_OTHER_GENERATION = {"LayerParameter": "V1LayerParameter", "V1LayerParameter": "LayerParameter"}
"""Whose fields are understood in a layer too, since people mix the generations."""

_MOST_ERRORS = 20
_MOST_STRANGE = 200
"""How many unknown names are compared with the known ones."""
_MOST_READ = 4096
"""How many texts of a type are remembered with their values."""

_PATH = re.compile(r"source|file|folder|dir|prefix")
"""Strings that name files, in whatever way the system that has them writes names."""
_WORD = re.compile(r"[A-Za-z_][\w.-]*\Z")


def type_values(message: Placed, kind: str, source: Source, warnings: list[Diagnostic]) -> None:
    """Give the values of a message the types that the schema has for the message ``kind``, in place.

    Whole numbers, floats rounded to float32, bools, ``Enum`` words and strings; what the schema does not know stays
    ``Raw``. Raises ``NetgenError`` with all values that mean nothing.
    """
    typist = _Typist(source)
    typist.message(message, kind)
    typist.look_back()
    warnings += typist.remarks.all()
    if typist.errors:
        raise NetgenError([*typist.errors, *warnings])


class _Typist:
    """One walk over one message."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.remarks = Remarks(source)
        self.errors: list[Diagnostic] = []
        self.fields: dict[tuple[str, str], list[int]] = {}
        self.words: dict[tuple[str, str, str], list[int]] = {}

    def message(self, message: Placed, kind: str) -> None:
        """Type the values of a message and of all messages in it."""
        fields = fields_of(kind)
        if len({name for name, _ in message}) < len(message):
            self.once(message, {**fields_of(_OTHER_GENERATION.get(kind, "")), **fields})
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
        if isinstance(value, Placed):
            return self.refuse(field, value, start, f"`{field.name}` takes {expected(field)}, not a message")
        if field.type == "bytes" or (twin is not None and twin.type == "string" and isinstance(value, str)):
            if field.type == LAYER_TYPE:
                self.bends(str(value), start, "in `layers` a type is a word without quotes", "write `layer`")
            return self.scalar(twin, value, start) if twin is not None and isinstance(value, Raw) else value
        if isinstance(value, bytes):
            return self.readable(field, value, start) if field.type == "string" else self.refuse(field, value, start)
        return self.plain(field, value if isinstance(value, Raw) else str(value), start)

    def readable(self, field: Field, data: bytes, start: int) -> str | bytes:
        """A string that is not UTF-8: names, which are said and compared, become text; paths stay as they are."""
        if _PATH.search(field.name):
            return data
        text = data.decode("utf-8", "backslashreplace")
        self.bends("", start, f"`{field.name}` is not UTF-8; it is read as `{text}`", "write it in UTF-8")
        return text

    def plain(self, field: Field, text: str, start: int) -> object:
        """A scalar that Caffe refuses: its value with a warning if that is plain, else an error."""
        quoted = not isinstance(text, Raw)
        if field.message:
            return self.refuse(field, text, start)
        value = strict(text, field) if quoted else None
        if value is None:
            value = lenient(text, field)
        if value is None and not quoted and _WORD.match(text):
            self.words.setdefault((field.name, field.type, text), []).append(start)
            return Enum(text) if field.enum is not None else text
        if value is None:
            return self.refuse(field, text, start)
        said = str(value).lower() if isinstance(value, bool) else str(value)
        why = f"for `{field.name}` Caffe takes {expected(field)}" + (", without quotes" if quoted else "")
        self.bends(text, start, why, f"write {said}")
        return value

    def refuse(self, field: Field, value: object, start: int, label: str = "") -> object:
        """Report a value that means nothing, and stand in for it with itself."""
        label = label or f"`{field.name}` takes {expected(field)}"
        if isinstance(value, str) and is_whole(value, field):
            label += f" {bounds(field)}"
        self.error("NG520", self.remarks.value(start, value if isinstance(value, str) else ""), label)
        return value

    def once(self, message: Placed, fields: Mapping[str, Field]) -> None:
        """Leave one of each field that may stand once: the last scalar; of messages, all that they say together."""
        rows: dict[tuple[str, int], list[tuple[object, int]]] = {}
        for at, ((name, value), start) in enumerate(zip(message, message.starts, strict=True), 1):
            field = fields.get(name)
            many = field is None or field.repeated
            rows.setdefault((name, at if many else 0), []).append((value, start))
        if len(rows) == len(message):
            return
        for (name, _), found in rows.items():
            if len(found) > 1:
                self.again(name, found, fields[name])
        message[:] = [(name, _joined([value for value, _ in found])) for (name, _), found in rows.items()]
        message.starts[:] = [found[-1][1] for found in rows.values()]

    def again(self, name: str, found: list[tuple[object, int]], field: Field) -> None:
        """Warn of a field that stands more than once."""
        label = f"`{name}` again: {'all are read as one' if field.message else 'the last one holds'}"
        note = Note("the first stands here", self.remarks.field(found[0][1]))
        hint = "Caffe refuses a field that stands twice where it is not repeated"
        self.remarks.warn("NG522", self.remarks.field(found[1][1]), label, hint, notes=[note], times=len(found) - 1)

    def whole(self, message: Placed, kind: str) -> None:
        """Report required fields that are missing."""
        missing = required_of(kind)
        if missing:
            missing = missing.difference(name for name, _ in message)
        for name in sorted(missing):
            brace = Span(self.source, max(message.start, 0), max(message.start, 0) + 1)
            self.error("NG526", brace, f"this {kind} has no `{name}`", "Caffe does not read it without")

    def look_back(self) -> None:
        """Warn of fields and words that nobody knows."""
        for (kind, name), starts in islice(self.fields.items(), _MOST_STRANGE):
            hint = did_you_mean(name, fields_of(kind), within=_slips(name))
            if hint:
                label = f"no Caffe that netgen knows has `{name}` in {kind}"
                self.remarks.warn("NG523", self.remarks.field(starts[0]), label, hint, times=len(starts))
        for (name, kind, word), starts in islice(self.words.items(), _MOST_STRANGE):
            known = [*enum_type(kind).numbers, *enum_type(kind).foreign] if is_enum(kind) else []
            what = f"no Caffe that netgen knows has {word} here" if known else f"`{name}` is a number, {word} a word"
            hint = did_you_mean(word, known) or (f"there are {', '.join(known)}" if known else "is it a placeholder?")
            span = self.remarks.value(starts[0], word)
            self.remarks.warn("NG521", span, f"{what}; it is kept", hint, times=len(starts))

    def bends(self, text: str, start: int, label: str, hint: str) -> None:
        """Warn of what Caffe refuses, though its meaning is plain."""
        self.remarks.warn("NG524", self.remarks.value(start, text), label, hint)

    def error(self, code: str, span: Span, label: str, hint: str = "") -> None:
        """Report what means nothing, and give up if there is too much of it."""
        self.errors.append(Diagnostic(code, CODES[code].title, span, label, hint=hint))
        if len(self.errors) >= _MOST_ERRORS:
            raise NetgenError([*self.errors, *self.remarks.all()])


def _joined(values: list[object]) -> object:
    """What a field says that stands several times."""
    messages = [value for value in values if isinstance(value, Placed)]
    if len(messages) < len(values) or len(values) == 1:
        return values[-1]
    fields = [field for message in messages for field in message]
    starts = [start for message in messages for start in message.starts]
    return Placed(fields, starts, messages[-1].start, messages[-1].end)


def _slips(name: str) -> int:
    """How many letters of a field's name may be wrong: few, since so many fields of forks are alike."""
    stem = name.removesuffix("_param")
    return 0 if len(stem) < 4 else 1 if len(stem) < 8 else 2
