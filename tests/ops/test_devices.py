"""Operators compute where their inputs are, in the numbers that these have, and without waiting for a card.

No card is needed to see that: a device that can hold no numbers is the default while an operator computes elsewhere.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import nodes
from spelled import layer, node, outputs
from test_torch import COMPUTING, EXAMPLES, FEW, as_inferred, inputs_of

from netgen.ir.graph import Node

HALVES = [torch.float16, torch.bfloat16]
NO_KERNEL = {"lrn"}
"""What PyTorch computes on the CPU in float32 and float64 only; on a card it has a kernel for half precision too."""
COUNTS_FOR_ALL = {"accuracy", "argmax"}
"""Counts and numbers of classes, which are float32 whatever is counted: halves end at 2048."""


def _computes_where_its_inputs_are(n: Node) -> None:
    module, given_inputs = layer(n), inputs_of(n)
    with torch.no_grad(), torch.device("meta"):  # whatever is made without saying where is made there, and of no use
        made = outputs(module, given_inputs)
    assert {each.device.type for each in made} == {"cpu"}


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@settings(FEW, max_examples=3)
def test_nothing_is_made_elsewhere(op: str, data: st.DataObject) -> None:
    _computes_where_its_inputs_are(data.draw(nodes(op)))


@pytest.mark.parametrize("example", [name for name, n in EXAMPLES.items() if n.op.name in COMPUTING])
def test_nothing_is_made_elsewhere_in_examples(example: str) -> None:
    _computes_where_its_inputs_are(EXAMPLES[example])


@pytest.mark.parametrize("score", [0.0, 1.0])
@pytest.mark.parametrize("op", [name for name in EXAMPLES if "detection_output" in name])
def test_detections_are_where_their_inputs_are_if_there_are_any_or_none(op: str, score: float) -> None:
    n = EXAMPLES[op]
    module, given_inputs = layer(n), [torch.full(shape, score) for shape in n.x]
    with torch.no_grad(), torch.device("meta"):
        assert outputs(module, given_inputs)[0].device.type == "cpu"


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@settings(FEW, max_examples=2)
def test_no_step_depends_on_numbers(op: str, data: st.DataObject) -> None:
    """But where the operator says so: nothing waits for a card, and a CUDA graph can hold it."""
    n = data.draw(nodes(op))
    assert _runs_without_numbers(n) == n.op.has_fixed_steps(n)


@pytest.mark.parametrize("samples", [0, 2])
def test_aligning_as_many_points_as_there_are_places_looks_at_numbers(samples: int) -> None:
    n = node("roi_align", (2, 4, 6, 6), (3, 5), size=2, samples=samples)
    assert _runs_without_numbers(n) == n.op.has_fixed_steps(n) == (samples == 2)


def _runs_without_numbers(n: Node) -> bool:
    try:
        with torch.no_grad():
            made = outputs(layer(n).to("meta"), [torch.empty(shape, device="meta") for shape in n.x])
    except (NotImplementedError, RuntimeError) as error:
        if "meta" not in str(error):
            raise
        return False
    assert as_inferred(made, n)
    return True


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@settings(FEW, max_examples=2)
def test_half_precision_goes_through(op: str, data: st.DataObject) -> None:
    """In modules made half, and in autocast: constants neither raise the precision nor stand in the way."""
    n = data.draw(nodes(op))
    for half in HALVES:
        given_inputs = inputs_of(n)
        with torch.no_grad():
            with torch.autocast("cpu", half):
                outputs(layer(n), given_inputs)
            if op in NO_KERNEL:
                continue
            made = outputs(layer(n).to(half), [each.to(half) for each in given_inputs])
        if n.op.has_fixed_steps(n) and op not in COUNTS_FOR_ALL and not op.startswith("prior_box"):
            assert {each.dtype for each in made if each.is_floating_point()} == {half}
