"""Every operator computes in PyTorch what a real Caffe computed.

``tests/data/oracle`` holds some cases of every type; ``../shared/oracle``, where it is, all of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from caffe_files import Array, Net, parse, read_caffemodel
from spelled import run

from netgen.ir.spell_caffe import get, get_all

HERE = Path(__file__).parents[1] / "data" / "oracle"
SHARED = Path(__file__).parents[2] / "../shared/oracle"

TOLERANCE = 1e-5
"""Of the largest number of a result."""

NOT_OPERATORS = {
    "Accuracy": "a measure, for training",
    "BatchReindex": "picks images by a tensor's values",
    "DetectionOutput": "detection",
    "Embed": "a table of words",
    "EuclideanLoss": "a loss",
    "HingeLoss": "a loss",
    "Im2col": "a step of Caffe's convolution",
    "LSTM": "recurrent",
    "PriorBox": "detection",
    "RNN": "recurrent",
    "SPP": "several poolings in one layer",
    "SigmoidCrossEntropyLoss": "a loss",
    "SoftmaxWithLoss": "a loss",
}
"""Types of layers that are no operators of the language yet, and what they are."""


def _cases() -> list[Path]:
    folder = SHARED if SHARED.is_dir() else HERE
    return [case for case in sorted(folder.glob("*.prototxt")) if _kind(case) not in NOT_OPERATORS]


def _kind(case: Path) -> str:
    return case.stem.rpartition("_")[0]


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.stem)
def test_result_is_caffes(case: Path) -> None:
    weights = case.with_suffix(".caffemodel")
    blobs = read_caffemodel(weights.read_bytes()) if weights.exists() else {}
    net = Net(case.read_text(), blobs)
    arrays = dict(np.load(case.with_suffix(".npz")))
    results = _run(net, {name.removeprefix("in__"): array for name, array in arrays.items() if name.startswith("in__")})
    wanted = {name.removeprefix("out__"): array for name, array in arrays.items() if name.startswith("out__")}
    assert wanted
    for blob, expected in wanted.items():
        value = net.values[blob]
        got = results[value.node.name, value.index]
        assert value.shape == expected.shape
        assert got.shape == expected.shape
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(np.isfinite(got), finite)
        error = np.abs(got - expected)[finite].max(initial=0)
        assert error <= TOLERANCE * np.abs(expected[finite]).max(initial=0)


def _run(net: Net, given: dict[str, Array]) -> dict[tuple[str, int], Array]:
    results: dict[tuple[str, int], Array] = {}
    for node in net.graph.nodes:
        if node.op.name == "input":
            results[node.name, 0] = given[node.name]
            continue
        inputs = [torch.from_numpy(results[value.node.name, value.index]) for value in node.inputs]
        for index, output in enumerate(run(node, inputs, net.arrays[node.name])):
            results[node.name, index] = output.numpy()
    return results


def test_nothing_else_is_left_out(shared: Path) -> None:
    """Every case whose layers are operators is compared: the others are those listed above, and no more."""
    left_out = set()
    for case in (shared / "oracle").glob("*.prototxt"):
        kinds = {get(layer, "type") for layer in get_all(parse(case.read_text()), "layer")}
        if kinds & NOT_OPERATORS.keys():
            left_out.add(_kind(case))
    assert left_out == NOT_OPERATORS.keys()
