"""What operators say in ONNX: valid, of the inferred shape, and for any batch the same numbers as in PyTorch.

For the batch they are made for, ``tests/verify/test_every_operator.py`` holds them against all runtimes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import model, run_onnx
from random_nodes import concerns_the_batch, nodes
from spelled import node, run
from suitable import MAKES_NO_TENSOR, suitable

from netgen.ir.graph import Node
from netgen.ir.operator import Refused
from netgen.ops import OPERATORS

Array = np.ndarray[Any, np.dtype[np.float32]]

COMPUTING = [op for op in OPERATORS if op not in MAKES_NO_TENSOR and not isinstance(OPERATORS[op].onnx, Refused)]


def arrays_of(n: Node, seed: int = 0) -> dict[str, Array]:
    """Random parameters; a variance is positive."""
    random = np.random.default_rng(seed)
    made = {param.name: random.standard_normal(param.shape).astype(np.float32) for param in n.params}
    return {name: np.abs(array) + np.float32(0.5) if name == "variance" else array for name, array in made.items()}


def assert_same(n: Node, more: int = 0) -> None:
    inputs, arrays = suitable(n, more), arrays_of(n)
    wanted = run(n, [torch.from_numpy(x) for x in inputs], arrays)
    made = run_onnx(n, inputs, arrays, any_batch=more > 0)
    assert [array.shape for array in made] == [tuple(each.shape) for each in wanted]
    for one, other in zip(made, wanted, strict=True):
        assert one.dtype == np.float32
        expected = other.numpy()
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(np.isfinite(one), finite)
        scale = np.abs(expected[finite]).max(initial=0)
        np.testing.assert_allclose(one[finite], expected[finite], rtol=0, atol=1e-5 * scale)


FEW = settings(max_examples=25)


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@FEW
def test_batch_is_free(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op))
    if not concerns_the_batch(n) and n.op.refuses("onnx", n) is None:
        assert_same(n, more=2)


def test_of_equal_values_the_last_wins() -> None:
    n = node("argmax", (1, 4, 1, 1), axis=1, top_k=2)
    x = np.array([3, 5, 5, 1], np.float32).reshape(1, 4, 1, 1)
    assert run_onnx(n, [x])[0].ravel().tolist() == [2, 1]
    assert run(n, [torch.from_numpy(x)])[0].ravel().tolist() == [2, 1]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (8, 12), (7, 7)])
def test_bilinear_of_any_size(align_corners: bool, size: tuple[int, int]) -> None:
    image = (2, 3, min(4, size[0]), min(6, size[1]))
    assert_same(node("upsample", image, mode="bilinear", size=size, align_corners=align_corners))


@pytest.mark.parametrize(("alpha", "said"), [(1e-4, "LRN"), (1.0, "AveragePool")])
def test_a_loud_channel_does_not_drown_its_neighbours(alpha: float, said: str) -> None:
    """ONNX Runtime's own LRN keeps a running sum, which is good enough for a small alpha only."""
    n = node("lrn", (1, 9, 2, 2), size=3, alpha=alpha)
    x = np.random.default_rng(0).standard_normal((1, 9, 2, 2)).astype(np.float32)
    x[:, 2] *= 300
    squares = np.pad(x.astype(np.float64) ** 2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    np.testing.assert_allclose(run_onnx(n, [x])[0], x / (1 + alpha / 3 * sums) ** 0.75, rtol=1e-5)
    assert said in [each.op_type for each in model(n, {}).graph.node]
