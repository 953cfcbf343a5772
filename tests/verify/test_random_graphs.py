"""Random networks in every runtime, layer by layer and as runtimes run them when they may join layers."""

from __future__ import annotations

import os

import numpy as np
from agreement import assert_agree, random_arrays
from hypothesis import HealthCheck, Phase, assume, given, settings
from random_graphs import graphs

from netgen.ir.graph import Graph

EXAMPLES = int(os.environ.get("NETGEN_EXAMPLES", "0"))


@given(graph=graphs())
@settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    database=None,
    phases=list(Phase) if EXAMPLES else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_runtimes_agree(graph: Graph) -> None:
    assume(graph.outputs)
    random = np.random.default_rng(0)
    inputs = [np.asarray(random.standard_normal(value.shape), np.float32) for value in graph.inputs]
    assert_agree(graph, random_arrays(graph), inputs)
