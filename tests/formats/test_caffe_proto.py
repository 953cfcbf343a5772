"""caffe.proto against the facts about Caffe, and what is made from it against caffe.proto."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

import netgen.formats
from netgen.formats import _fields, caffe_pb2, generate

HERE = Path(netgen.formats.__file__).parent
Rows = dict[str, dict[str, tuple[object, ...]]]
"""Fields by message and name, or numbers by enum and word."""


def schema() -> FileDescriptorProto:
    proto = FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(proto)
    return proto


def of_bindings(proto: FileDescriptorProto | None = None) -> tuple[Rows, Rows]:
    """What the bindings say: (label, type, number, default, packed) by field, and the words of enums."""
    proto = proto or schema()
    fields: Rows = {}
    enums: Rows = {enum.name: {value.name: (value.number,) for value in enum.value} for enum in proto.enum_type}

    def walk(messages: Any, scope: str) -> None:
        for message in messages:
            name = scope + message.name
            fields[name] = {field.name: _row(field) for field in message.field}
            for enum in message.enum_type:
                enums[f"{name}.{enum.name}"] = {value.name: (value.number,) for value in enum.value}
            walk(message.nested_type, f"{name}.")

    walk(proto.message_type, "")
    return fields, enums


def _row(field: FieldDescriptorProto) -> tuple[object, ...]:
    kind = field.type_name.removeprefix(".caffe.") or FieldDescriptorProto.Type.Name(field.type)[5:].lower()
    label = FieldDescriptorProto.Label.Name(field.label)[6:].lower()
    default = field.default_value if field.HasField("default_value") else None
    return label, kind, field.number, _default(kind, default), field.options.packed


def _default(kind: str, said: str | None) -> object:
    """A default as it can be compared: protobuf's runtimes spell floats with more or with fewer digits."""
    return pack("<f", float(said)) if said is not None and kind in ("float", "double") else said


def of_text() -> tuple[Rows, Rows]:
    """What caffe.proto says, read line by line; the types are not yet looked up."""
    fields: Rows = {}
    enums: Rows = {}
    scopes: list[str] = []
    text = re.sub(r"//.*", "", (HERE / "caffe.proto").read_text(encoding="utf-8"))
    token = re.compile(
        r"(?:message|enum) (?P<scope>\w+) \{|(?P<end>\})"
        r"|(?P<label>optional|required|repeated) (?P<type>[\w.]+) (?P<field>\w+) = (?P<number>\d+)"
        r"(?: \[(?:default = (?P<default>[^\],]+|\"[^\"]*\"))?(?P<packed>packed = true)?\])?;"
        r"|(?P<word>\w+) = (?P<value>\d+);"
    )
    for found in token.finditer(text):
        if found["scope"]:
            scopes.append(found["scope"])
            if found[0].startswith("message"):
                fields[".".join(scopes)] = {}
        elif found["end"]:
            scopes.pop()
        elif found["field"]:
            default = None if found["default"] is None else found["default"].strip('"')
            row = (found["label"], found["type"], int(found["number"]), _default(found["type"], default))
            fields[".".join(scopes)][found["field"]] = (*row, bool(found["packed"]))
        else:
            enums.setdefault(".".join(scopes), {})[found["word"]] = (int(found["value"]),)
    return fields, enums


def test_the_bindings_are_those_of_caffe_proto() -> None:
    fields, enums = of_bindings()
    said, words = of_text()
    assert enums == words
    assert len(fields) > 150
    for message, rows in fields.items():
        scopes = [message.rsplit(".", depth)[0] for depth in range(message.count(".") + 1)]
        for name, row in rows.items():
            label, kind, *others = said[message].pop(name)
            assert row in [(label, f"{scope}{kind}", *others) for scope in ("", *(f"{each}." for each in scopes))]
        assert not said[message]


def test_the_table_is_that_of_the_bindings() -> None:
    assert generate.table(schema()) == (HERE / "_fields.py").read_text(encoding="utf-8")
    assert _fields.FIELDS["TransformationParameter"]["resize_param"] == ("repeated", "ResizeParameter", None)
    assert "MKLDNN" in _fields.WORDS["ConvolutionParameter.Engine"]


def test_protoc_agrees() -> None:
    pytest.importorskip("grpc_tools")
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{HERE}",
        "--descriptor_set_out=/dev/stdout",
        "caffe.proto",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    (compiled,) = FileDescriptorSet.FromString(done.stdout).file
    assert of_bindings(compiled) == of_bindings()


@pytest.mark.parametrize("name", ["bvlc_schema.json", "ssd_schema.json"])
def test_every_field_of_caffe_is_there(name: str, shared: Path) -> None:
    facts = json.loads((shared / "facts" / name).read_text())
    bvlc = json.loads((shared / "facts" / "bvlc_schema.json").read_text())
    fields, enums = of_bindings()
    for message, rows in facts["messages"].items():
        expected = {
            row["name"]: (
                row["label"],
                row["type"],
                row["number"],
                _default(row["type"], row.get("default")),
                row.get("packed", False),
            )
            for row in rows
        }
        if name.startswith("ssd"):
            taken = {row["number"] for row in bvlc["messages"].get(message, [])}
            clash = {field for field, row in expected.items() if row[2] in taken}
            expected = {field: row for field, row in expected.items() if field not in clash or message not in fields}
            assert all(field in fields[message] for field in clash)
        assert {field: fields[message].get(field) for field in expected} == expected
    for enum, words in facts["enums"].items():
        assert {word: enums[enum].get(word) for word in words} == {word: (number,) for word, number in words.items()}
    if name.startswith("bvlc"):
        assert all(set(enums[enum]) == set(words) for enum, words in facts["enums"].items())


def test_fields_of_other_forks(shared: Path) -> None:
    """Every name of every fork has a type, on the wire or for text alone; nothing on the wire is made up."""
    lines = (shared / "facts" / "message_fields.tsv").read_text().splitlines()[1:]
    fields, _ = of_bindings()
    numbers: dict[tuple[str, str], set[int]] = {}
    for message, number, field, *_ in (line.split("\t") for line in lines):
        numbers.setdefault((message, field), set()).add(int(number))
    renamed = {"RelU6Parameter": "a twin of ReLU6Parameter", "DetectNetGroundTruthParameter": "has ClassMapping within"}
    for (message, field), known in numbers.items():
        if message in renamed and field in ("engine", "src", "dst"):
            continue
        assert field in _fields.FIELDS[message], (message, field)
        if field in fields[message]:
            assert fields[message][field][2] in known, (message, field)


def test_other_bindings_of_caffe_in_one_process() -> None:
    """Netgen's bindings do not mind pycaffe's, whose file and messages have the same names."""
    code = """
from google.protobuf import descriptor_pb2, descriptor_pool
other = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe")
other.message_type.add(name="NetParameter").field.add(name="name", number=7, type=9, label=1)
descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
from netgen.formats import caffe_pb2
assert caffe_pb2.NetParameter(name="a").SerializeToString() == bytes([10, 1, 97])
"""
    subprocess.run([sys.executable, "-c", code], check=True)
