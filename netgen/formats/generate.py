"""Make what is made from caffe.proto: the bindings ``caffe_pb2.py`` and the light table ``_fields.py``.

Run ``python -m netgen.formats.generate`` at the root of the repository, in an environment with
``grpcio-tools==1.62.3``: what later compilers write refuses to run with older versions of protobuf.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from netgen.formats.textproto import float_text

HERE = os.path.dirname(__file__)
COMPILER = "libprotoc 25."
TEXT_ONLY = "TextOnly"
"""The message within a message whose fields and words are read from text alone."""

_POOL = "_descriptor_pool.Default()"
_OWN_POOL = "_descriptor_pool.DescriptorPool()"
_LABELS = {1: "optional", 2: "required", 3: "repeated"}
_HEADER = '''"""Caffe's fields and enums, made from caffe.proto by ``python -m netgen.formats.generate``."""

'''


def bindings() -> str:
    """The bindings as protoc writes them, in a pool of their own.

    A process may have other bindings of a file with this name and these messages, pycaffe's for one; in one pool they
    would be at odds.
    """
    from tempfile import TemporaryDirectory

    from grpc_tools import protoc

    with TemporaryDirectory() as folder:
        if protoc.main(["protoc", f"-I{HERE}", f"--python_out={folder}", "caffe.proto"]):
            raise SystemExit("protoc could not read caffe.proto")
        with open(os.path.join(folder, "caffe_pb2.py"), encoding="utf-8") as file:
            text = file.read()
    assert text.count(_POOL) == 1, "protoc writes something else than it did"
    return text.replace(_POOL, _OWN_POOL)


def table(schema: Any) -> str:
    """The light table for the FileDescriptorProto of caffe.proto, as a Python module.

    ``FIELDS`` has (label, type, default) by message and field, ``ENUMS`` the numbers by enum and word, ``WORDS`` the
    words that only forks have: their numbers mean other things elsewhere.
    """
    fields: dict[str, dict[str, tuple[str, str, object]]] = {}
    enums = {enum.name: _numbers(enum) for enum in schema.enum_type}
    words: dict[str, list[str]] = {}
    prefix = f".{schema.package}."
    for name, message in _messages(schema.message_type):
        owner = name.removesuffix(f".{TEXT_ONLY}")
        known = fields.setdefault(owner, {})
        for field in message.field:
            known[field.name] = (_LABELS[field.label], _type(field, prefix), _default(field))
        for enum in message.enum_type:
            if owner == name:
                enums[f"{owner}.{enum.name}"] = _numbers(enum)
            else:
                words[f"{owner}.{enum.name}"] = [value.name for value in enum.value]
    return _HEADER + "".join(
        f"{title}: {annotation} = {{\n" + "".join(f"    {key!r}: {value!r},\n" for key, value in rows.items()) + "}\n"
        for title, annotation, rows in (
            ("FIELDS", "dict[str, dict[str, tuple[str, str, object]]]", fields),
            ("ENUMS", "dict[str, dict[str, int]]", enums),
            ("WORDS", "dict[str, list[str]]", words),
        )
    )


def _messages(found: Any, scope: str = "") -> Iterator[tuple[str, Any]]:
    for message in found:
        yield scope + message.name, message
        yield from _messages(message.nested_type, f"{scope}{message.name}.")


def _numbers(enum: Any) -> dict[str, int]:
    return {value.name: value.number for value in enum.value}


def _type(field: Any, prefix: str) -> str:
    if field.type_name:
        return str(field.type_name).removeprefix(prefix)
    return str(field.Type.Name(field.type)).removeprefix("TYPE_").lower()


def _default(field: Any) -> object:
    if not field.HasField("default_value"):
        return None
    said: str = field.default_value
    kind = _type(field, "")
    if kind in ("float", "double"):
        return float(float_text(float(said)))  # the runtime spells a float with more digits than it has
    if kind == "bool":
        return said == "true"
    return int(said) if kind in ("int32", "int64", "uint32", "uint64") else said


def main() -> None:
    """Write the files."""
    from subprocess import run

    version = run(
        [sys.executable, "-m", "grpc_tools.protoc", "--version"], capture_output=True, text=True, check=False
    ).stdout
    if not version.startswith(COMPILER):
        raise SystemExit("this needs the compiler of grpcio-tools 1.62: pip install grpcio-tools==1.62.3")
    _write("caffe_pb2.py", bindings())
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    from netgen.formats import caffe_pb2

    schema = FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(schema)
    _write("_fields.py", table(schema))


def _write(name: str, text: str) -> None:
    with open(os.path.join(HERE, name), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


if __name__ == "__main__":
    main()
