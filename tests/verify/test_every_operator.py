"""Every operator in every runtime, with random arguments: PyTorch, ONNX Runtime and OpenCV compute the same.

Where a consumer is known to compute something else, the table of its dialect says so; ``tests/emit/caffe`` shows that
each such fault is still there. ``NETGEN_EXAMPLES=200 pytest tests/verify/test_every_operator.py`` looks further.
"""

from __future__ import annotations

import os

import pytest
from agreement import alone, assert_agree, random_arrays
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from random_nodes import nodes
from suitable import MAKES_NO_TENSOR, suitable

from netgen.ir.operator import Refused
from netgen.ops import OPERATORS

EXAMPLES = int(os.environ.get("NETGEN_EXAMPLES", "0"))
ONE_LAYER = 1e-5
"""How far one layer may be off, of the largest number of a result."""
COMPUTING = [op for op in OPERATORS if op not in MAKES_NO_TENSOR and not isinstance(OPERATORS[op].torch, Refused)]


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@settings(
    max_examples=EXAMPLES or 8,
    derandomize=not EXAMPLES,
    database=None,
    phases=list(Phase) if EXAMPLES else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_runtimes_agree(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op))
    assume(n.op.refuses("torch", n) is None)
    graph = alone(n)
    assert_agree(graph, random_arrays(graph), suitable(n), ONE_LAYER)
