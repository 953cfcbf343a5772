"""The layers of a prototxt as facts to compare with: of either format, and of any fork."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

Fields = list[tuple[str, "str | Fields"]]

_TOKEN = re.compile(r"""\#[^\n]* | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [{}<>:] | [^\s{}<>:;,\#]+""", re.VERBOSE)

_OLD_TYPES = {
    "CONVOLUTION": "Convolution",
    "DROPOUT": "Dropout",
    "INNER_PRODUCT": "InnerProduct",
    "POOLING": "Pooling",
    "RELU": "ReLU",
    "SOFTMAX": "Softmax",
}

_GEOMETRY = {
    "num_output": "",
    "kernel_size": "",
    "stride": "1",
    "pad": "0",
    "group": "1",
    "pool": "MAX",
    "global_pooling": "false",
    "local_size": "5",
    "axis": "1",
}
"""The fields that fix what a layer's shape is, with Caffe's defaults."""


class Layer(NamedTuple):
    """A layer, and the names of the layers that it reads, whatever the blobs between them are called."""

    name: str
    type: str
    inputs: tuple[str, ...]
    geometry: tuple[str, ...]
    has_bias: bool

    @property
    def is_learned(self) -> bool:
        return self.type in ("BatchNorm", "Convolution", "Deconvolution", "InnerProduct", "Scale")


def layers(text: str) -> list[Layer]:
    """The layers that read something, in order."""
    tokens = iter([token for token in _TOKEN.findall(text) if not token.startswith("#")])
    found: list[Layer] = []
    makers: dict[str, str] = {}
    for field, value in _message(tokens):
        if field not in ("layer", "layers") or isinstance(value, str):
            continue
        layer = _layer(value, makers)
        if layer.inputs:
            found.append(layer)
            makers.update(dict.fromkeys(_all(value, "top"), layer.name))
    return found


def _layer(fields: Fields, makers: dict[str, str]) -> Layer:
    kind = _all(fields, "type")[-1]
    said = dict(pair for _, value in fields if not isinstance(value, str) for pair in value)
    return Layer(
        name=_all(fields, "name")[-1],
        type=_OLD_TYPES.get(kind, kind),
        inputs=tuple(makers.get(blob, blob) for blob in _all(fields, "bottom")),
        geometry=tuple(str(said.get(name, default)) for name, default in _GEOMETRY.items()),
        has_bias=said.get("bias_term", "false" if kind == "Scale" else "true") == "true",
    )


def _message(tokens: Iterator[str]) -> Fields:
    fields: Fields = []
    for name in tokens:
        if name in "}>":
            break
        value = next(tokens)
        if value == ":":
            value = next(tokens)
        fields.append((name, _message(tokens) if value in "{<" else value.strip("\"'")))
    return fields


def _all(fields: Fields, wanted: str) -> list[str]:
    return [value for name, value in fields if name == wanted and isinstance(value, str)]
