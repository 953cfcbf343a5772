"""Moves weights from one file to another and prints, as JSON, the seconds it took and the most megabytes in use.

``weights`` runs it in a process of its own: ``python -m benchmarks.weights_once HOW PROGRAM FROM TO``. Imports and the
compilation of the program are not counted as time; of memory everything is.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import netgen
from benchmarks.compile_once import megabytes
from netgen.weights import read_weights


def main(how: str, program: str, source: str, target: str) -> None:
    if how == "netgen":
        net = netgen.compile(program)
        net.match_weights({})  # so that it is known where its arrays go
        _import_torch(source)
        start = time.perf_counter()
        net.load_weights(source)
        save = net.save_caffemodel if target.endswith(".caffemodel") else net.save_state_dict
        save(target)
    elif how == "look":
        start = time.perf_counter()
        for entry in read_weights(source).entries.values():
            entry.array().sum()
    else:
        start = _protobuf(how, source, target)
    print(json.dumps([time.perf_counter() - start, megabytes()]))


def _import_torch(source: str) -> None:
    if source.endswith(".pth"):
        import torch  # noqa: F401 - it takes a second, whatever is read


def _protobuf(how: str, source: str, target: str) -> float:
    """The same with protobuf's own objects: every number goes through Python, or through a C++ vector at best."""
    from netgen.formats import caffe_pb2

    start = time.perf_counter()
    net = caffe_pb2.NetParameter()
    net.ParseFromString(Path(source).read_bytes())
    arrays = {(layer.name, index): _array(blob) for layer in net.layer for index, blob in enumerate(layer.blobs)}
    if how == "protobuf looks":
        for array in arrays.values():
            array.sum()
        return start
    for layer in net.layer:
        for index, blob in enumerate(layer.blobs):
            blob.ClearField("data")
            blob.data.extend(arrays[layer.name, index].ravel())
    Path(target).write_bytes(net.SerializeToString())
    return start


def _array(blob: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(blob.data, np.float32).reshape(tuple(blob.shape.dim))


if __name__ == "__main__":
    main(*sys.argv[1:])
