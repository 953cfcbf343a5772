"""What rounding explains is told from what it does not: ties, noise that is made large, and errors that add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from wrong_runtime import Array, Wrong, against_wrong, weights_of

import netgen
from netgen.emit.torch.live import capture
from netgen.verify.compare import Measure, measure, measure_rows
from netgen.verify.inputs import prepare
from netgen.verify.onnx_runtime import OnnxRuntime, OnnxRuntimeOptimised
from netgen.verify.patterns import pattern
from netgen.verify.random_weights import random_weights
from netgen.verify.recompute import alone
from netgen.verify.results import AGREES, DIFFERS, KNOWN, ROUNDING, Compared, Difference, Row, Verification
from netgen.verify.run import _excuse_what_grows, verify
from netgen.verify.runtime import Runtime, Watcher
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import Torch


class Noisy(Wrong):
    """Computes each layer rightly, from numbers to which it adds a relative error: rounding, or more than that."""

    name = "noisy"

    def __init__(self, program: str, error: float) -> None:
        super().__init__(program)
        self.error = error

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        random = np.random.default_rng(5)
        graph = subject.graph
        values = dict(zip(graph.inputs, map(torch.from_numpy, inputs), strict=True))
        assert not subject.arrays, "layers here have no weights"
        for node in graph.nodes:
            if not node.inputs:
                continue
            layer = alone(node, [values[each].numpy() for each in node.inputs])
            made = capture(layer, *(values[each] for each in node.inputs))[node.name]
            assert isinstance(made, torch.Tensor)
            noise = torch.from_numpy(1 + self.error * random.choice([-1.0, 1.0], made.shape)).float()
            values[node.outputs[0]] = made if node.op.name == "argmax" else made * noise
            watcher.see((node.name, 0), values[node.outputs[0]].numpy())


def _noisy(program: str, error: float) -> Verification:
    graph = netgen.compile(program).graph
    graph, inputs = prepare(graph, {})
    return verify(graph, weights_of(random_weights(graph)), inputs, [Torch(), Noisy(program, error)])


TIES = """
net Ties() {
    data = input(1, 64, 30, 30)
    halves = data -> power(shift = 10000)
    found = halves -> argmax(axis = 1)
    return found
}
"""
CANCELS = """
net Cancels() {
    data = input(1, 2, 8, 8)
    large = data -> power(scale = 0.0001, shift = 1)
    centred = large -> mvn
    return centred -> power(scale = 2)
}
"""


@pytest.mark.parametrize("program", [TIES, CANCELS])
def test_what_rounding_decides_is_no_difference(program: str) -> None:
    """A layer makes much of a disturbance in the last digit: the runtime is right all the same."""
    found = _noisy(program, 1e-7)
    assert found.rows[1].state == AGREES
    assert found.rows[1].count(ROUNDING) > 0
    assert "by more than the bound and" in str(found)
    assert found


def test_what_is_more_than_rounding_is_found_where_it_begins() -> None:
    """An error below the bound in the first layer is above it in the last, and the first is to blame."""
    found = _noisy(CANCELS, 5e-5)
    assert not found
    assert found.rows[1].state == DIFFERS
    assert found.first_difference is not None
    assert found.first_difference.node.name == "large"


class Outputs(Wrong):
    """Shows what comes out only, as runtimes do that join layers."""

    name = "wrong-fused"
    only_outputs = True

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        class Last:
            def wants(self, key: tuple[str, int]) -> bool:
                return key == ("power/power", 0)

            def see(self, key: tuple[str, int], value: Array) -> None:
                if self.wants(key):
                    watcher.see(key, value)

        super().run(subject, inputs, Last())


PLAIN = """
net Plain() {
    data = input(1, 2, 8, 8)
    power = data -> sigmoid -> tanh -> relu -> sigmoid -> tanh -> sigmoid -> tanh -> sigmoid -> tanh -> power(shift = 1)
    return power
}
"""


def test_joined_layers_are_to_blame_where_the_same_runtime_agrees_layer_by_layer() -> None:
    wrong = PLAIN.replace("shift = 1", "shift = 2")
    found = against_wrong(PLAIN, others=[Outputs(wrong)])
    assert [row.state for row in found.rows[1:]] == [AGREES, DIFFERS]
    assert found.first_difference is not None
    assert found.first_difference.kind == "optimisation"
    assert "`wrong`, layer by layer, agrees" in str(found)
    both = against_wrong(PLAIN, wrong, others=[Outputs(wrong)])
    assert str(both).endswith(
        "wrong differs from torch first at `power/power` (it computes it with `shift = 2`, where the net says 1)."
    )


class Silent(Runtime):
    """Shows other shapes, and numbers that are not finite."""

    name = "silent"
    family = "silent"
    about = "shapes"
    extra = "verify"

    def missing(self) -> str | None:
        return None

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        watcher.see(("first", 0), np.zeros((1, 2, 3), np.float32))
        watcher.see(("second", 0), np.full((1, 2, 8, 8), np.nan, np.float32))


def test_other_shapes_and_numbers_that_are_none() -> None:
    program = (
        "net Two() {\n  data = input(1, 2, 8, 8)\n  first = relu(data)\n  second = tanh(first)\n  return second\n}\n"
    )
    found = against_wrong(program, others=[Silent()])
    said = str(found)
    assert "shape:  1x2x3 in silent, inferred is 1x2x8x8" in said
    assert found.rows[2].state == DIFFERS
    assert found.rows[2].values[1].measure is not None
    assert found.rows[2].values[1].measure.strange == 128


def test_a_known_fault_is_named_and_fails_unless_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    from netgen.verify.known import KnownFault

    fault = KnownFault("`shift` is 1; computes with 2", "wrong 4.14", "power_layer.cpp")
    monkeypatch.setattr("netgen.verify.locate.known_fault", lambda runtime, node: fault)
    found = against_wrong(PLAIN, PLAIN.replace("shift = 1", "shift = 2"))
    assert found.rows[1].state == KNOWN
    assert not found
    assert "known:  `shift` is 1; computes with 2 (wrong 4.14, power_layer.cpp)" in str(found)
    assert str(found).endswith("wrong differs at `power/power` by a known fault of its own.")
    found.allow_known = True
    assert found


def test_a_reference_with_a_shape_that_was_not_inferred_is_none() -> None:
    program = (
        "net One() {\n  data = input(1, 2, 8, 8)\n  first = relu(data)\n  second = tanh(first)\n  return second\n}\n"
    )
    graph, inputs = prepare(netgen.compile(program).graph, {})
    found = verify(graph, weights_of({}), inputs, [Silent(), Torch(), Wrong(program)])
    assert [row.state for row in found.rows] == [DIFFERS, "reference", AGREES]
    assert str(found).endswith("silent differs from torch first at `first`.")
    alone = verify(graph, weights_of({}), inputs, [Silent()])
    assert str(alone).endswith("silent differs from what is inferred first at `first`.")
    assert not found
    assert not alone


# --- the measure ----------------------------------------------------------------------------------


def test_the_measure() -> None:
    one = np.array([[1.0, -4.0], [0.0, np.inf]], np.float32)
    other = np.array([[1.0, -4.4], [0.0, np.inf]], np.float32)
    found = measure(one, other)
    assert (round(found.error, 6), found.at, found.strange, found.size) == (0.1, (0, 1), 1, 4.0)
    assert measure(one, one).error == measure(np.zeros(3), np.zeros(3)).error == 0
    assert measure(np.zeros(3), np.full(3, 1e-9)).error == 1
    nothing = np.full_like(one, np.nan)
    assert measure(one, nothing).error == np.inf
    assert measure(nothing, nothing)[::6] == (0, 4), "what is no number is so in both"


def test_rows_are_compared_in_whatever_order_they_come() -> None:
    rows = np.array([[0, 1, 0.9, 4], [0, 2, 0.8, 5], [0, 2, 0.8, 7]], np.float32).reshape(1, 1, 3, 4)
    filled = np.concatenate([rows[:, :, ::-1], np.zeros((1, 1, 4, 4), np.float32)], axis=2)
    assert measure_rows(rows, filled).error == 0
    assert measure_rows(rows, rows[:, :, 1:]).error == np.inf
    assert 0 < measure_rows(rows, rows * np.float32(1.01)).error < 0.02


def test_patterns() -> None:
    x = np.random.default_rng(0).standard_normal((2, 8, 6, 6))
    border = x.copy()
    border[:, :, -1] += 1
    one = x.copy()
    one[:, 3] += x[:, 4]
    for other, words in (
        (x * 2, "all of it is 2 times as large"),
        (x + 0.5, "all of it is larger by 0.5"),
        (x * 0, "all of it is 0"),
        (border, "only the border differs: bottom"),
        (one, "only 1 of 8 channels differs: 3"),
        (x[:, ::-1], "the same numbers in another order"),
        (x**3, "numbers differ"),
    ):
        assert words in pattern(x, other, 1e-4)


@pytest.mark.parametrize(("fused", "agrees"), [(0.05, True), (0.5, False)])
def test_what_grows_layer_by_layer_grows_in_a_run_of_outputs_too(fused: float, agrees: bool) -> None:
    graph = netgen.compile("net N() {\n    return relu(input(1, 3, 4, 4))\n}\n").graph
    (value,) = graph.outputs
    rows = []
    for runtime, error, state in ((OnnxRuntime(), 0.02, ROUNDING), (OnnxRuntimeOptimised(), fused, DIFFERS)):
        row = Row(runtime, AGREES if state == ROUNDING else DIFFERS)
        row.values = [Compared(value, value.shape, Measure(error, error, (0, 0, 0, 0), 1.0, 1.0 - error, 1.0), state)]
        row.differences = [Difference(each) for each in row.values if state == DIFFERS]
        rows.append(row)
    _excuse_what_grows(rows[1], rows[0])
    assert (rows[1].state == AGREES) == agrees
    assert (rows[1].values[0].state == ROUNDING) == agrees
