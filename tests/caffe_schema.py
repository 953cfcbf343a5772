"""Caffe's protobuf messages, built from a schema in JSON: an independent reader of what the emitter writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

Proto = descriptor_pb2.FieldDescriptorProto


class CaffeSchema:
    """The messages of one ``caffe.proto``."""

    def __init__(self, path: Path) -> None:
        schema = json.loads(path.read_text())
        self.package: str = schema["package"]
        self._messages: dict[str, list[dict[str, Any]]] = schema["messages"]
        self._enums: dict[str, dict[str, int]] = schema["enums"]
        pool = descriptor_pool.DescriptorPool()
        pool.Add(self._file())
        self._net = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{self.package}.NetParameter"))

    def parse(self, prototxt: str) -> Any:
        """A prototxt as a NetParameter; raises ``text_format.ParseError`` where it is none."""
        return text_format.Parse(prototxt, self._net())

    def try_parse(self, prototxt: str) -> Any:
        """The same, or None where it is none."""
        try:
            return self.parse(prototxt)
        except text_format.ParseError:
            return None

    def _file(self) -> descriptor_pb2.FileDescriptorProto:
        file = descriptor_pb2.FileDescriptorProto(name=f"{self.package}.proto", package=self.package, syntax="proto2")
        messages = {}
        for name, fields in self._messages.items():
            message = messages[name] = file.message_type.add(name=name)
            for field in fields:
                self._add_field(message, field)
        for name, values in self._enums.items():
            scope, _, short = name.rpartition(".")
            enum = messages[scope].enum_type.add(name=short) if scope else file.enum_type.add(name=short)
            for value, number in values.items():
                enum.value.add(name=value, number=number)
        return file

    def _add_field(self, message: descriptor_pb2.DescriptorProto, field: dict[str, Any]) -> None:
        proto = message.field.add(name=field["name"], number=field["number"])
        proto.label = Proto.Label.Value(f"LABEL_{field['label'].upper()}")
        if field["type"] in self._messages or field["type"] in self._enums:
            proto.type = Proto.TYPE_MESSAGE if field["type"] in self._messages else Proto.TYPE_ENUM
            proto.type_name = f".{self.package}.{field['type']}"
        else:
            proto.type = Proto.Type.Value(f"TYPE_{field['type'].upper()}")
        if "default" in field:
            proto.default_value = field["default"]
        if field.get("packed"):
            proto.options.packed = True
