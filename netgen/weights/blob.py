"""One BlobProto: its shape and where its numbers are. It is checked when it is found; the numbers stay in the file."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Shape
from netgen.weights.faults import number, shape_text
from netgen.weights.numbers import FLOATS, numpy_type
from netgen.weights.wire import BYTES, FIXED32, FIXED64, VARINT, Field, Wire, WireFault

if TYPE_CHECKING:
    import numpy as np

_LEGACY = (1, 2, 3, 4)
"""num, channels, height and width: how Caffe said shapes until 2014."""
_DATA, _SHAPE, _DOUBLE_DATA, _RAW_TYPE, _RAW_DATA = 5, 7, 8, 10, 12
_RAW_TYPES = {0: "float64", 1: "float32", 2: "float16", 3: "int32", 4: "uint32"}
"""NVIDIA's `Type`."""
_MAX_AXES = 32
"""As many as Caffe's blobs have at most."""
_FIXED = {"float32": FIXED32, "float64": FIXED64}


class _Run:
    """Numbers at equal distances."""

    __slots__ = ("count", "start", "stride")

    def __init__(self, start: int, count: int, stride: int) -> None:
        self.start = start
        self.count = count
        self.stride = stride


class Blob:
    """The array of a BlobProto that lies in ``[start, end)``; raises ``WireFault`` where it is none."""

    def __init__(self, wire: Wire, start: int, end: int) -> None:
        self._data = wire.data
        self._runs: dict[int, list[_Run]] = {_DATA: [], _DOUBLE_DATA: []}
        self._legacy: dict[int, int] = {}
        self._dims: list[int] = []
        self._raw: Field | None = None
        self._raw_type = 0
        for field in wire.fields(start, end):
            self._take(wire, field)
        self.dtype, self._numbers = self._choose()
        self.shape = self._shape(start)

    def _take(self, wire: Wire, field: Field) -> None:
        if field.number == _DATA:
            self._add_numbers(field, "float32")
        elif field.number == _DOUBLE_DATA:
            self._add_numbers(field, "float64")
        elif field.kind == VARINT and field.number in _LEGACY:
            self._legacy[field.number] = _signed(field.value & 0xFFFFFFFF, 32)
        elif field.kind == BYTES and field.number == _SHAPE:
            self._add_dims(wire, field)
        elif field.kind == VARINT and field.number == _RAW_TYPE:
            self._raw_type = field.value
        elif field.kind == BYTES and field.number == _RAW_DATA:
            self._raw = field

    def _add_numbers(self, field: Field, dtype: str) -> None:
        """Numbers that are packed into one field, or that have a field each."""
        width = FLOATS[dtype]
        if field.kind == BYTES:
            size = field.end - field.start
            if size % width:
                raise WireFault(field.at, f"{size:,} bytes of numbers are no multiple of {width}")
            self._runs[field.number].append(_Run(field.start, size // width, width))
        elif field.kind == _FIXED[dtype]:
            self._runs[field.number].append(_Run(field.start, field.count, field.stride))

    def _add_dims(self, wire: Wire, field: Field) -> None:
        for each in wire.fields(field.start, field.end):
            if each.number != 1:
                continue
            if each.kind == VARINT:
                self._dims.append(_signed(each.value, 64))
            elif each.kind == BYTES:
                self._dims += [_signed(value, 64) for value in wire.varints(each.start, each.end)]
        if len(self._dims) > _MAX_AXES:
            raise WireFault(field.at, f"a shape of {len(self._dims):,} axes; Caffe has at most {_MAX_AXES}")

    def _choose(self) -> tuple[str, list[_Run]]:
        """The numbers that count, where there are several kinds, and what they are."""
        raw = self._raw
        if raw is not None and raw.end > raw.start:
            return self._raw_numbers(raw)
        if self._runs[_DOUBLE_DATA]:
            return "float64", self._runs[_DOUBLE_DATA]
        return "float32", self._runs[_DATA]

    def _raw_numbers(self, raw: Field) -> tuple[str, list[_Run]]:
        dtype = _RAW_TYPES.get(self._raw_type)
        width = FLOATS.get(dtype or "")
        if dtype is None or width is None:
            known = dtype or f"of type {self._raw_type}"
            raise WireFault(raw.at, f"raw numbers are {known}; netgen reads float16, float32 and float64")
        size = raw.end - raw.start
        if size % width:
            raise WireFault(raw.at, f"{size:,} bytes of {dtype} are no multiple of {width}")
        return dtype, [_Run(raw.start, size // width, width)]

    def _shape(self, start: int) -> Shape:
        """The shape that the blob says, if its numbers are as many."""
        shape = tuple(self._legacy.get(number, 0) for number in _LEGACY) if self._legacy else tuple(self._dims)
        count = sum(run.count for run in self._numbers)
        if any(dim < 0 for dim in shape) or prod(shape) != count:
            has = "no numbers" if not count else f"{number(count)} number{'s' if count > 1 else ''}"
            raise WireFault(
                start, f"its shape is {shape_text(shape)}, which is {number(prod(shape))}, and it has {has}"
            )
        return shape

    @property
    def offset(self) -> int | None:
        """Where the numbers begin, if they lie in one piece."""
        runs = self._numbers
        return runs[0].start if len(runs) == 1 and runs[0].stride == FLOATS[self.dtype] else None

    def read(self) -> np.ndarray[Any, Any]:
        """The numbers as the file has them, in one row: a view where that can be."""
        import numpy as np

        runs = [self._view(run) for run in self._numbers if run.count]
        if len(runs) == 1:
            return runs[0]
        return np.concatenate(runs) if runs else np.empty(0, numpy_type(self.dtype))

    def _view(self, run: _Run) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.ndarray((run.count,), numpy_type(self.dtype), self._data, run.start, (run.stride,))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
