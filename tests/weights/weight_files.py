"""Files of weights made by others than netgen: by protobuf, or byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from netgen.diag import NetgenError
from netgen.formats import caffe_pb2
from netgen.weights import WeightsFile, read_weights

Array = np.ndarray[Any, np.dtype[np.float32]]

SPECIAL = [0.0, -0.0, 1e-45, -1.1754942e-38, float("inf"), float("-inf")]


def numbers(*shape: int, seed: int = 0) -> Array:
    """Random numbers, among them what arithmetic would not leave as it is: -0, denormals, NaNs that carry something."""
    rng = np.random.default_rng(seed)
    array = rng.standard_normal(shape, dtype=np.float32)
    flat = array.reshape(-1)
    odd = np.array([*SPECIAL, 0.0, 0.0], np.float32)
    odd.view("u4")[-2:] = (0x7FC12345, 0xFF800001)
    places = rng.permutation(flat.size)[: odd.size]
    flat[places] = odd[: places.size]
    return array


def same(one: Array, other: Array) -> bool:
    """Whether two arrays are equal bit by bit."""
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


# --- protobuf's wire format, by hand --------------------------------------------------------------


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, data: bytes) -> bytes:
    """A field that holds bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def net(*layers: bytes) -> bytes:
    return field(1, b"net") + b"".join(field(100, layer) for layer in layers)


def layer(name: str, *blobs: bytes, kind: str = "Convolution") -> bytes:
    return field(1, name.encode()) + field(2, kind.encode()) + b"".join(field(7, blob) for blob in blobs)


def shape(*dims: int) -> bytes:
    return field(7, field(1, b"".join(map(varint, dims))))


def floats(*values: float) -> bytes:
    return field(5, struct.pack(f"<{len(values)}f", *values))


# --- files ----------------------------------------------------------------------------------------


def write(folder: Path, data: bytes, name: str = "net.caffemodel") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def read(folder: Path, data: bytes, name: str = "net.caffemodel") -> WeightsFile:
    return read_weights(write(folder, data, name))


def complaint(folder: Path, data: bytes, name: str = "net.caffemodel") -> tuple[str, str]:
    """The code and the message of what is wrong with a file, without the folder's name."""
    try:
        read(folder, data, name)
    except NetgenError as error:
        return error.diagnostics[0].code, str(error).replace(f"{folder}/", "")
    return "", ""


def caffe_net() -> Any:
    return caffe_pb2.NetParameter(name="net")
