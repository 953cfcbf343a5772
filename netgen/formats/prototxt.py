"""Caffe's text files: text to messages with types and places, of Caffe's present form, and back to text."""

from __future__ import annotations

from itertools import islice
from typing import Any

from netgen.diag import Diagnostic, NetgenError, Source, Span
from netgen.diag.codes import CODES
from netgen.formats.message import Enum, Message, Placed, Raw
from netgen.formats.schema import fields_of, messages
from netgen.formats.textproto_reader import read_text
from netgen.formats.typed import type_values
from netgen.formats.upgrade import upgrade_net, upgrade_solver

_FIRST = ("NetParameter", "SolverParameter", "LabelMap", "TransformationParameter")
"""Of messages that fit a file alike, these are meant."""

_KINDS = {"NetParameter": "net", "SolverParameter": "solver"}
_FEW_FIELDS = 8
_LOOK = 10_000
"""How many fields tell what a file is."""


class Prototxt:
    """A text file of Caffe's, read.

    ``kind`` is "net", "solver" or else the name of the message, such as "LabelMap". ``message`` is typed and upgraded:
    all layers of a net are ``layer`` fields, and an Input layer comes first where the text had ``input`` with sizes.
    ``upgraded_from`` is the generation of its layers, "v0" or "v1", and empty for today's.
    """

    __slots__ = ("kind", "message", "source", "upgraded_from", "warnings")

    def __init__(
        self, source: Source, kind: str, message: Placed, warnings: list[Diagnostic], upgraded_from: str
    ) -> None:
        self.source = source
        self.kind = kind
        self.message = message
        self.warnings = warnings
        self.upgraded_from = upgraded_from


def read_prototxt(source: Source) -> Prototxt:
    """Read a net, a solver or another message of Caffe's; raises ``NetgenError`` for what is none."""
    warnings: list[Diagnostic] = []
    raw = read_text(source, warnings)
    name = message_of(raw, source)
    type_values(raw, name, source, warnings)
    message, generation = raw, ""
    if name == "NetParameter":
        message, generation = upgrade_net(raw, source, warnings)
    elif name == "SolverParameter":
        message = upgrade_solver(raw, source, warnings)
    return Prototxt(source, _KINDS.get(name, name), message, warnings, generation)


def message_of(raw: Placed, source: Source) -> str:
    """The message of the schema that has the most of a file's fields, a net if the file is empty."""
    said: dict[str, bool] = {}
    again: set[str] = set()
    for name, value in islice(raw, _LOOK):
        if name in said:
            again.add(name)
        said[name] = isinstance(value, Placed)
    best, most = _FIRST[0], 0
    for name in (*_FIRST, *messages()):
        fields = fields_of(name)
        fits = sum(
            field in fields and bool(fields[field].message) == within and (fields[field].repeated or field not in again)
            for field, within in said.items()
        )
        if fits > most:
            best, most = name, fits
        if most == len(said):
            return best
    if most:
        return best
    names = [f"`{name}`" for name in said]
    shown = ", ".join(names[:_FEW_FIELDS]) + (", …" if len(names) > _FEW_FIELDS else "")
    span = Span(source, max(raw.starts[0], 0), max(raw.starts[0], 0) + len(raw[0][0]))
    label = f"no message of Caffe's has the field{'s' if len(names) > 1 else ''} {shown}"
    raise NetgenError([Diagnostic("NG529", CODES["NG529"].title, span, label)])


def as_protobuf(message: Message, name: str = "NetParameter") -> Any:
    """A message of netgen's own bindings with all that they can hold; what they cannot is left out."""
    from netgen.formats import caffe_pb2

    made = getattr(caffe_pb2, name)()
    _fill(made, message)
    return made


def _fill(made: Any, message: Message) -> None:
    fields = made.DESCRIPTOR.fields_by_name
    for name, value in message:
        field = fields.get(name)
        if field is None or (field.message_type is not None) != isinstance(value, list):
            continue
        repeated = _repeated(field)
        if isinstance(value, list):
            inner = getattr(made, name).add() if repeated else getattr(made, name)
            inner.SetInParent()
            _fill(inner, value)
            continue
        plain = _plain(field, value)
        if plain is None:
            continue
        if repeated:
            getattr(made, name).append(plain)
        else:
            setattr(made, name, plain)


def _repeated(field: Any) -> bool:
    """Whether a field is repeated: older and newer versions of protobuf say it differently."""
    known = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if known is None else known)


def _plain(field: Any, value: object) -> object:
    """A scalar as the bindings take it; None if they do not, such as the word of a fork."""
    if isinstance(value, Raw):
        return None
    if field.enum_type is not None:
        known = field.enum_type.values_by_name.get(value) if isinstance(value, Enum) else None
        if known is None:
            known = field.enum_type.values_by_number.get(value)
        return None if known is None else known.number
    if field.type == field.TYPE_BYTES and isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if field.type == field.TYPE_STRING and isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value
