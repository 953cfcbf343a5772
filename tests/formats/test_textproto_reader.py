"""Reading protobuf's text format: what is read, where it stands, and that protobuf itself reads the same."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest
from caffe_schema import CaffeSchema
from google.protobuf import text_format
from google.protobuf.wrappers_pb2 import BytesValue
from hypothesis import given
from hypothesis import strategies as st

from netgen.diag import Diagnostic, Source
from netgen.formats import textproto_reader
from netgen.formats.message import Enum, Message, Placed, Raw, get
from netgen.formats.textproto import write_text
from netgen.formats.textproto_reader import MAX_DEPTH, decode_text, read_text
from netgen.formats.textproto_strings import as_bytes


def read(text: str) -> Message:
    """What a text holds, all of it as Caffe takes it."""
    warnings: list[Diagnostic] = []
    message = read_text(Source("test.prototxt", text), warnings)
    assert not warnings
    return message


def kinds(value: object) -> object:
    """A message with the types of its values, as a raw 1 equals a quoted one."""
    return [(name, kinds(each)) for name, each in value] if isinstance(value, list) else (type(value), value)


A = [("a", Raw("1"))]
ONE_A = {
    "usual": "a: 1",
    "tight": "a:1",
    "wide": "\n\t a \r\n :\f\v 1 \n",
    "semicolon": "a: 1;",
    "comma": "a: 1 ,",
    "comments": "# one\na # two\n: # three\n1 # four",
    "no line feed": "a: 1 #",
    "list": "a: [1]",
    "wide list": "a : [ # one\n 1 # two\n ] ;",
}
VALUES = {
    "1.": Raw("1."),
    ".5": Raw(".5"),
    "-.5e-3": Raw("-.5e-3"),
    "1e+5f": Raw("1e+5f"),
    "1.f": Raw("1.f"),
    "0x1F": Raw("0x1F"),
    "017": Raw("017"),
    "- 1": Raw("-1"),
    "- # so\n inf": Raw("-inf"),
    "-nan": Raw("-nan"),
    "True": Raw("True"),
    "MAX": Raw("MAX"),
    '"text"': "text",
    "'text'": "text",
    "''": "",
    "'\"'": '"',
    '"#"': "#",
    '"one" "two"\n\'three\' # four\n "five"': "onetwothreefive",
    r'"\a\b\f\n\r\t\v\\\?\'\""': "\a\b\f\n\r\t\v\\?'\"",
    r'"\1013\x41B\X42\x4"': "A3AB\x42\x04".replace("\x42", "B"),
    r'"\303\251 \u00e9 \U0001F600 \ud83d\ude00"': "é é 😀 😀",
    r'"\377\x00"': b"\xff\x00",
    r'"\377" "é"': b"\xff\xc3\xa9",
    r'"\303" "\251"': "é",
    r'"\ud800"': b"\xed\xa0\x80",
    "{}": [],
    "<>": [],
    "{ a: 1 }": A,
    "<a:1,>": A,
    "{a:1};": A,
    "< a < a: 1 > >": [("a", A)],
    "{ a { a: 1 } }": [("a", A)],
}
WHOLE = {
    "one line": ("a: 1 b: 2; c { d: 3 } e < f: 4 >", "a: 1; b: 2; c: { d: 3 } e { f: 4 }"),
    "strings touch": ('a:"x"b:"y"', 'a: "x" b: "y"'),
    "messages touch": ("a{b{}c{}}d:1", "a { b { } c { } } d: 1"),
    "scalars in a list": ("a: [1, -2, MAX, 'x' 'y']", "a: 1 a: -2 a: MAX a: 'xy'"),
    "messages in a list": ("a: [{b: 1}, <c: [2, {d: 3}]>] e: 4", "a { b: 1 } a { c: 2 c { d: 3 } } e: 4"),
    "a list without a colon": ("a [{b: 1}, {}]", "a { b: 1 } a { }"),
    "empty list": ("a: [] b: 1", "b: 1"),
    "extensions": ("[ x . y ] : 1 [t.com/x.y] { a: 1 }", "[x.y]: 1 [t.com/x.y] { a: 1 }"),
    "brace on the next line": ("a\r\n{\r\n  b: 1\r\n}\r\n", "a { b: 1 }"),
    "list of strings before a string": ('a: ["x"], b: "y"', 'a: "x" b: "y"'),
}


@pytest.mark.parametrize("text", ONE_A.values(), ids=ONE_A.keys())
def test_spellings_of_a_field(text: str) -> None:
    assert kinds(read(text)) == kinds(A)


@pytest.mark.parametrize("text", VALUES)
def test_values(text: str) -> None:
    (name, value), last = read(f"a: {text} b: 1")
    assert (name, kinds(value)) == ("a", kinds(VALUES[text]))
    assert last == ("b", Raw("1"))


@pytest.mark.parametrize("text, same", WHOLE.values(), ids=WHOLE.keys())
def test_spellings_of_a_text(text: str, same: str) -> None:
    assert kinds(read(text)) == kinds(read(same))


def test_places() -> None:
    text = "# é\nname: 'n'\nlayer { a: [1, 22] b: < c: '' > }\n"
    message = read_text(Source("test.prototxt", text))
    assert (message.start, message.end) == (0, len(text))
    assert [text[at:].split(maxsplit=1)[0] for at in message.starts] == ["name:", "layer"]
    layer = message[1][1]
    assert isinstance(layer, Placed)
    assert text[layer.start : layer.end] == "{ a: [1, 22] b: < c: '' > }"
    assert [text[at : at + 2] for at in layer.starts] == ["1,", "22", "b:"]
    inner = get(layer, "b")
    assert text[inner.start : inner.end] == "< c: '' >"


def test_messages_nest_as_deep_as_protobuf_lets_them() -> None:
    message: object = read("a {" * MAX_DEPTH + "}" * MAX_DEPTH)
    for _ in range(MAX_DEPTH):
        assert isinstance(message, list)
        ((_, message),) = message
    assert message == []


@pytest.mark.parametrize("text", ["a: 1 " * 30, "a: [1, 2] " * 15, "a { b: 1 } " * 15, "a: [" + "1," * 29 + "1]"])
def test_the_number_of_fields_is_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textproto_reader, "MAX_FIELDS", 30)
    read(text)
    with pytest.raises(Exception, match="more than 30 fields"):
        read(text + " b: 1" * 2)


# What protobuf reads, netgen reads too: random messages in random spellings, and published files.

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z_0-9]{0,6}|\[[a-z]+(\.[a-z]+){0,2}\]", fullmatch=True)
RAWS = st.sampled_from("0 1 -1 1. .5 -.5 1e-5 1E+5f 0x1F 017 inf -inf nan true False MAX x_1 -x".split()).map(Raw)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
BYTES = st.binary(max_size=6).map(lambda data: data + b"\xff")
FIELDS: st.SearchStrategy[Message] = st.deferred(lambda: st.lists(st.tuples(NAMES, ANY), max_size=4))
ANY: st.SearchStrategy[object] = st.one_of(RAWS, TEXTS, BYTES, FIELDS)


class Speller:
    """Writes a message as people, programs and fools would."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def some(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def blank(self, least: str = "") -> str:
        return self.some(least, " ", "\t", "\r\n", "\n \f\v", " # { \" ' \r x: 1\n").join(["", least])

    def message(self, message: Message) -> str:
        parts = []
        at = 0
        while at < len(message):
            name = message[at][0]
            alike = 1
            while at + alike < len(message) and message[at + alike][0] == name and self.chance.random() < 0.7:
                alike += 1
            parts.append(self.field(name, [value for _, value in message[at : at + alike]]))
            at += alike
        return "".join(parts)

    def field(self, name: str, values: list[object]) -> str:
        lead = self.blank() + name + self.blank()
        if len(values) > 1 or self.chance.random() < 0.1:
            inside = f"{self.blank()},{self.blank()}".join(map(self.value, values))
            return f"{lead}:{self.blank()}[{self.blank()}{inside}{self.blank()}]" + self.end()
        colon = self.some("", ":") if isinstance(values[0], list) else ":"
        return lead + colon + self.blank() + self.value(values[0]) + self.end()

    def end(self) -> str:
        return self.blank() + self.some(";", ",") if self.chance.random() < 0.3 else self.blank(" ")

    def value(self, value: object) -> str:
        if isinstance(value, list):
            left, right = self.chance.choice([("{", "}"), ("<", ">")])
            return left + self.message(value) + self.blank() + right
        if isinstance(value, Raw):
            return value.replace("-", "-" + self.blank(), 1) if value.startswith("-") else value
        assert isinstance(value, str | bytes)
        cut = self.chance.randint(0, len(value))
        pieces = [value[:cut], value[cut:]] if self.chance.random() < 0.3 else [value]
        return self.blank().join(map(self.string, pieces))

    def string(self, piece: str | bytes) -> str:
        quote = self.some("'", '"')
        if isinstance(piece, bytes):
            inside = "".join(self.some(f"\\{byte:03o}", f"\\x{byte:02x}") for byte in piece)
        else:
            inside = "".join(self.letter(letter, quote) for letter in piece)
        return quote + inside + quote

    def letter(self, letter: str, quote: str) -> str:
        code = ord(letter)
        escaped = self.some(
            f"\\U{code:08x}",
            f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}",
            "".join(f"\\{byte:03o}" for byte in letter.encode()),
        )
        plain = letter not in ("\\", "\n", quote)
        return letter if plain and self.chance.random() < 0.8 else escaped


@given(FIELDS.filter(bool), st.randoms(use_true_random=False))
def test_a_message_in_any_spelling(message: Message, chance: random.Random) -> None:
    text = Speller(chance).message(message)
    placed = read_text(Source("test.prototxt", text))
    assert kinds(placed) == kinds(message)
    check_places(placed, text)


def check_places(message: Placed, text: str) -> None:
    for (name, value), start in zip(message, message.starts, strict=True):
        assert text.startswith(name, start) or not isinstance(value, list) or text[start] in "{<"
        if isinstance(value, Placed):
            assert text[value.start] + text[value.end - 1] in ("{}", "<>")
            check_places(value, text)


@given(FIELDS.filter(bool))
def test_what_is_written_is_read_again(message: Message) -> None:
    assert kinds(read(write_text(message))) == kinds(message)


def test_what_is_written_in_other_types() -> None:
    message: Message = [("a", Enum("MAX")), ("b", True), ("c", 0.1), ("d", [("e", -3), ("f", 'say "x"')])]
    assert write_text(message) == 'a: MAX\nb: true\nc: 0.1\nd {\n  e: -3\n  f: "say \\"x\\""\n}\n'


@pytest.mark.filterwarnings("error::DeprecationWarning")
@given(st.text(st.sampled_from("\\xXuU01789abfF'\"?né\n "), max_size=12))
def test_strings_are_those_of_protobuf(inside: str) -> None:
    """Against protobuf's own reader, on whatever it takes as one string."""
    text = f'"{inside}"'
    try:
        expected = text_format.Parse(f"value: {text}", BytesValue()).value
    except (text_format.ParseError, DeprecationWarning):  # an escape that Python does not know
        return
    value = read(f"value: {text}")[0][1]
    assert isinstance(value, str | bytes)
    assert as_bytes(value) == expected


@pytest.fixture(scope="module")
def schemas(shared: Path) -> list[CaffeSchema]:
    return [CaffeSchema(shared / "facts" / f"{name}_schema.json") for name in ("bvlc", "ssd")]


@pytest.mark.parametrize("portion", range(4))
def test_published_files_are_read_as_protobuf_reads_them(
    portion: int, shared: Path, schemas: list[CaffeSchema]
) -> None:
    with (shared / "corpus" / "manifest.csv").open() as table:
        files = sorted(row["file"] for row in csv.DictReader(table) if row["schema"] != "syntax-error")
    compared = 0
    for file in files[portion::4]:
        data = (shared / "corpus" / file).read_bytes()
        source = decode_text(file, data)
        message = read_text(source)
        check_places(message, source.text)
        for schema in schemas if portion else schemas[:1]:
            expected = schema.try_parse(source.text)
            if expected is not None:
                compared += 1
                assert typed(message, type(expected)()) == expected, file
                break
    assert compared > 20


def typed(message: Message, made: Any) -> Any:
    """A raw message typed by protobuf's descriptors, which know nothing of netgen."""
    for name, value in message:
        field = made.DESCRIPTOR.fields_by_name[name]
        if isinstance(value, list):
            inner = getattr(made, name).add() if field.is_repeated else getattr(made, name)
            inner.SetInParent()
            typed(value, inner)
        elif field.is_repeated:
            getattr(made, name).append(_scalar(field, value))
        else:
            setattr(made, name, _scalar(field, value))
    return made


def _scalar(field: Any, value: object) -> Any:
    if not isinstance(value, Raw):
        return value
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return float(value.removesuffix("f") if value[-2:] != "nf" else value)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return value in ("true", "True", "t", "1")
    if field.cpp_type == field.CPPTYPE_ENUM and not value.lstrip("-").isdecimal():
        return field.enum_type.values_by_name[value].number
    return int(value, 0)
