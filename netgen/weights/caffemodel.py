"""Reading caffemodels, at the level of the wire: names, types, bottoms, tops and blobs of layers of any generation.

Everything else is passed over, so that it does not matter which fork wrote the file: their field numbers contradict
each other. Only the outlines of the file are looked at; numbers are read when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

from netgen.diag import NetgenError
from netgen.formats.schema import enum_type
from netgen.formats.upgrade_layers import TYPES
from netgen.weights.blob import Blob
from netgen.weights.entry import Entry, FileLayer, WeightsFile
from netgen.weights.faults import damaged, foreign, plural
from netgen.weights.wire import BYTES, VARINT, Field, Wire, WireFault

_NET_NAME, _V1_LAYERS, _LAYER = 1, 2, 100
_NET_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 100}
_MAX_NAME = 1 << 16


class _Numbers:
    """Which fields of a layer's message hold what, in one generation of Caffe."""

    __slots__ = ("blobs", "bottom", "name", "nested", "top", "type")

    def __init__(self, *, name: int, type: int, bottom: int = 0, top: int = 0, blobs: int, nested: int = 0) -> None:
        self.name = name
        self.type = type
        self.bottom = bottom
        self.top = top
        self.blobs = blobs
        self.nested = nested


_V2 = _Numbers(name=1, type=2, bottom=3, top=4, blobs=7)
_V1 = _Numbers(name=4, type=5, bottom=2, top=3, blobs=6, nested=1)
_V0 = _Numbers(name=1, type=2, blobs=50)


def read_caffemodel(path: str, data: bytes | mmap) -> WeightsFile:
    """The layers of a caffemodel and their blobs; raises ``NetgenError`` where it is damaged, or is none."""
    reader = _Reader(path, data)
    try:
        layers = list(reader.layers())
    except WireFault as error:
        raise reader.fault(reader.closer(error)) from None
    if not layers:
        raise foreign(path, "it can be read as protobuf, but there is no layer of Caffe in it")
    blobs = [blob for layer in layers for blob in layer.blobs]
    return WeightsFile(path, "caffemodel", blobs, layers=layers, net=reader.net)


class _Reader:
    """Where in the file the reader is, so that an error can say so."""

    def __init__(self, path: str, data: bytes | mmap) -> None:
        self.path = path
        self.data = data
        self.wire = Wire(data)
        self.net = ""
        self.first: Field | None = None
        self.done = 0
        self.layer = ""
        self.blob = -1

    def layers(self) -> Iterator[FileLayer]:
        for field in self.wire.fields(0, len(self.data)):
            self.first = self.first or field
            if field.kind != BYTES:
                continue
            if field.number == _NET_NAME:
                self.net = self._text(field)
            elif field.number in (_LAYER, _V1_LAYERS):
                yield self._layer(field)
                self.done += 1
                self.layer = ""

    def _layer(self, field: Field) -> FileLayer:
        found = _Found()
        self._collect(field, _V2 if field.number == _LAYER else _V1, found)
        self.layer = found.name
        blobs = []
        for index, span in enumerate(found.blobs):
            self.blob = index
            blob = Blob(self.wire, span.start, span.end)
            blobs.append(self._entry(blob, index))
        self.blob = -1
        return FileLayer(found.name, found.type, found.bottoms, found.tops, blobs, span=(field.at, field.end))

    def _collect(self, field: Field, numbers: _Numbers, found: _Found) -> None:
        """What a layer's message says; of what may be said once, the last holds, as everywhere in protobuf."""
        for each in self._fields(field, numbers, found):
            number = each.number
            if each.kind == VARINT:
                if number == numbers.type:
                    found.type = _v1_type(each.value)
            elif each.kind != BYTES:
                continue
            elif number == numbers.name:
                self.layer = found.name = self._text(each)
            elif number == numbers.type:
                found.type = self._text(each)
            elif number == numbers.bottom:
                found.bottoms.append(self._text(each))
            elif number == numbers.top:
                found.tops.append(self._text(each))
            elif number == numbers.blobs:
                found.blobs.append(each)
            elif number == numbers.nested:
                self._collect(each, _V0, found)

    def _fields(self, field: Field, numbers: _Numbers, found: _Found) -> Iterator[Field]:
        try:
            yield from self.wire.fields(field.start, field.end)
        except WireFault as error:
            if error.number == numbers.blobs:
                self.blob = len(found.blobs)
            raise

    def _entry(self, blob: Blob, index: int) -> Entry:
        return Entry(
            f"{self.layer}[{index}]",
            blob.shape,
            blob.read,
            dtype=blob.dtype,
            layer=self.layer,
            index=index,
            path=self.path,
            offset=blob.offset,
            mapped=not isinstance(self.data, bytes),
        )

    def _text(self, field: Field) -> str:
        """A name. Some are in encodings of their writers' countries; what is not UTF-8 is shown byte by byte."""
        if field.end - field.start > _MAX_NAME:
            raise WireFault(field.at, f"a name of {field.end - field.start:,} bytes")
        return bytes(self.data[field.start : field.end]).decode("utf-8", "backslashreplace")

    def closer(self, error: WireFault) -> WireFault:
        """Of a layer that goes on behind the end of the file: where in the layer that end is."""
        if not error.missing or self.layer or error.number not in (_LAYER, _V1_LAYERS):
            return error
        whole = Field(error.number, BYTES, error.offset, error.start, len(self.data))
        try:
            self._layer(whole)
        except WireFault as inner:
            inner.missing = error.missing
            return inner
        return error

    def fault(self, error: WireFault) -> NetgenError:
        """What is wrong, and where."""
        if not self.done and (self.first is None or self.first.number not in _NET_FIELDS):
            return foreign(
                self.path, f"it begins with the bytes {bytes(self.data[:8]).hex(' ')}, as no caffemodel does"
            )
        where = f"at byte {error.offset:,}"
        if self.layer:
            where += f", in layer `{self.layer}`"
            where += f", blob {self.blob}" if self.blob >= 0 else ""
        elif self.done:
            where += f", behind {plural(self.done, 'layer')}"
        if error.missing:
            size = len(self.data)
            return damaged(
                self.path,
                f"{where}: {error.text}\nthe file ends after {size:,} bytes; at least {error.missing:,} are missing",
                "it is cut off: download it or copy it again",
            )
        return damaged(self.path, f"{where}: {error.text}")


def _v1_type(number: int) -> str:
    """The type of a v1 layer, which was a number, by the name that it has today."""
    word = enum_type("V1LayerParameter.LayerType").words.get(number, str(number))
    return TYPES.get(word, word)


class _Found:
    """What the messages of one layer said so far."""

    __slots__ = ("blobs", "bottoms", "name", "tops", "type")

    def __init__(self) -> None:
        self.name = ""
        self.type = ""
        self.bottoms: list[str] = []
        self.tops: list[str] = []
        self.blobs: list[Field] = []
