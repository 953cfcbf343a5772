"""What a reader of Caffe's text needs to know of caffe.proto: types, labels, defaults and the words of enums.

It stands on a light table instead of protobuf's descriptors, which take longer to load than most files take to read.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from netgen.formats._fields import ENUMS, FIELDS, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

SCALARS = ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")

_READ: dict[str, dict[str, object]] = {}
"""What has been read of each scalar type and enum, by what stood in the text: the same few numbers stand everywhere."""


class EnumType:
    """An enum: the numbers of its words and the words of its numbers.

    ``foreign`` are words that only forks have; their numbers mean other words elsewhere.
    """

    __slots__ = ("foreign", "name", "numbers", "words")

    def __init__(self, name: str) -> None:
        self.name = name
        self.numbers = ENUMS[name]
        self.words = {number: word for word, number in self.numbers.items()}
        self.foreign = tuple(WORDS.get(name, ()))


class Field:
    """What the schema says of one field.

    ``type`` is a scalar type or the name of a message or enum; ``message`` and ``enum`` are set accordingly.
    ``default`` is what the schema gives expressly, else None. ``read`` remembers scalars of the type by their text.
    """

    __slots__ = ("default", "enum", "message", "name", "read", "repeated", "required", "type")

    def __init__(self, name: str, label: str, type: str, default: object) -> None:
        self.name = name
        self.type = type
        self.repeated = label == "repeated"
        self.required = label == "required"
        self.default = default
        self.message = type if type in FIELDS else ""
        self.enum = enum_type(type) if type in ENUMS else None
        self.read = _READ.setdefault(type, {})


@cache
def fields_of(message: str) -> Mapping[str, Field]:
    """The fields of a message by name; none for a message that the schema does not know."""
    return MappingProxyType({name: Field(name, *said) for name, said in FIELDS.get(message, {}).items()})


@cache
def required_of(message: str) -> frozenset[str]:
    """The names of the fields that a message cannot be without."""
    return frozenset(name for name, field in fields_of(message).items() if field.required)


def is_enum(name: str) -> bool:
    """Whether a type is an enum."""
    return name in ENUMS


@cache
def enum_type(name: str) -> EnumType:
    """An enum by its name, such as ``PoolingParameter.PoolMethod``."""
    return EnumType(name)


def messages() -> list[str]:
    """The names of all messages."""
    return list(FIELDS)
