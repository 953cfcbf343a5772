"""Operators compute, in PyTorch and in ONNX Runtime, what a real Caffe computed.

``tests/data/oracle`` holds some cases of every type, and those of rarer types and fields (numbers from 100 on);
``../shared/oracle``, where it is, has all of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from caffe_files import Array, Net, read_caffemodel
from onnx_models import run_onnx
from spelled import fits

from netgen.emit.torch import emit
from netgen.emit.torch.live import load
from netgen.ir.graph import Value

HERE = Path(__file__).parents[1] / "data" / "oracle"
SHARED = Path(__file__).parents[2] / "../shared/oracle"

TOLERANCE = 1e-5
"""Of the largest number of a result."""


def _cases() -> list[Path]:
    found = {case.stem: case for folder in (HERE, SHARED) for case in folder.glob("*.prototxt")}
    return [found[name] for name in sorted(found)]


class Case:
    """A network with Caffe's weights, the inputs that it was given and the blobs that it made of them."""

    def __init__(self, path: Path) -> None:
        weights = path.with_suffix(".caffemodel")
        self.net = Net(path.read_text(), read_caffemodel(weights.read_bytes()) if weights.exists() else {})
        arrays = dict(np.load(path.with_suffix(".npz")))
        self.inputs = {name[4:]: array for name, array in arrays.items() if name.startswith("in__")}
        self.outputs = {name[5:]: array for name, array in arrays.items() if name.startswith("out__")}
        graph = self.net.graph
        graph.inputs = [node.outputs[0] for node in graph.nodes if node.op.name == "input"]
        graph.outputs = list(dict.fromkeys(self.net.values[blob] for blob in self.outputs))

    def compare(self, results: Mapping[Value, Array]) -> None:
        assert self.outputs
        for blob, expected in self.outputs.items():
            value = self.net.values[blob]
            got = results[value]
            assert fits(expected.shape, value)
            assert got.shape == expected.shape
            finite = np.isfinite(expected)
            np.testing.assert_array_equal(np.isfinite(got), finite)
            error = np.abs(got - expected)[finite].max(initial=0)
            assert error <= TOLERANCE * np.abs(expected[finite]).max(initial=0)


EVERY = pytest.mark.parametrize("path", _cases(), ids=lambda path: path.stem)


@EVERY
def test_the_emitted_module_computes_what_caffe_computed(path: Path) -> None:
    case = Case(path)
    graph = case.net.graph
    emitted = emit(graph)
    module = load(emitted).eval()
    state = module.state_dict()
    for layer, arrays in case.net.arrays.items():
        for name, array in arrays.items():
            tensor = state[emitted.state[layer, name]]
            tensor.copy_(torch.from_numpy(np.array(array)).reshape(tensor.shape))
    with torch.no_grad():
        results = module(*[torch.from_numpy(case.inputs[value.node.name]) for value in graph.inputs])
    results = results if isinstance(results, tuple) else [results]
    case.compare({value: result.numpy() for value, result in zip(graph.outputs, results, strict=True)})


@EVERY
def test_onnx_runtime_computes_what_caffe_computed(path: Path) -> None:
    case = Case(path)
    refused = {node.op.name for node in case.net.graph.nodes if node.op.refuses("onnx", node)}
    if refused:
        assert refused == {"multibox_loss"}
        pytest.skip("ONNX is not for the training of detectors")
    values: dict[Value, Array] = {}
    for node in case.net.graph.nodes:
        if node.op.name == "input":
            values[node.outputs[0]] = case.inputs[node.name]
            continue
        made = run_onnx(node, [values[value] for value in node.inputs], case.net.arrays[node.name])
        values.update(zip(node.outputs, made, strict=True))
    case.compare(values)
