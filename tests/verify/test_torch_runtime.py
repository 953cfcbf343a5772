"""PyTorch as a runtime: every value is shown, and each manner of running computes the same within its own bound."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from example_nets import EXAMPLES
from golden import Array
from suitable import suitable
from test_torch import EXAMPLES as FORMS

import netgen
from netgen.emit.torch.device import cuda_fault
from netgen.emit.torch.live import capture
from netgen.ir.graph import Node
from netgen.ops import OPERATORS, bind
from netgen.verify import torch_runtime
from netgen.verify.compare import fits, measure
from netgen.verify.random_inputs import random_inputs
from netgen.verify.recompute import alone
from netgen.verify.runtime import Runtime, ValueKey
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import (
    RUNTIMES,
    Torch,
    TorchBfloat16,
    TorchChannelsLast,
    TorchCompiled,
    TorchCudaFloat16,
    TorchCudaGraph,
)

pytestmark = pytest.mark.usefixtures("one_thread")

PROGRAM = """
net Mixed() {
    x = input(2, 3, 20, 20) as "data"
    info = input(2, 6)      as "info"
    x = x -> conv(8, 3, pad = 1) -> batch_norm -> relu -> max_pool(2)
    a, b = slice(x, [3])
    y = concat(b, a) -> conv(8, 1) -> batch_norm(affine = false) -> scale(bias = true) -> relu6
    z = add(x, y) -> shuffle_channels(2) -> deconv(4, 2, stride = 2) -> batch_norm -> prelu
    pooled, places = max_pool(z, 2, mask = true)
    gate = info -> linear(4) -> sigmoid
    w = scale(pooled, gate, axis = 0) -> global_avg_pool -> flatten
    return w, places, info
}
"""

PLACES = ("pool", 1)
"""Which of four numbers is the largest: whole numbers, and others where two of them are close."""


class Seen(dict[ValueKey, Array]):
    """Keeps what it wants to see."""

    def __init__(self, *wanted: ValueKey) -> None:
        self.wanted = wanted

    def wants(self, key: ValueKey) -> bool:
        return not self.wanted or key in self.wanted

    def see(self, key: ValueKey, value: Array) -> None:
        assert self.wants(key)
        assert key not in self, f"{key} is shown twice"
        self[key] = np.array(value)


@cache
def mixed() -> tuple[netgen.Net, Sequence[Array]]:
    net = netgen.compile(PROGRAM)
    net.random_weights()
    return net, list(random_inputs(net.graph, 1).values())


def ran(runtime: Runtime, net: netgen.Net, inputs: Sequence[Array], *wanted: ValueKey) -> Seen:
    seen = Seen(*wanted)
    assert net.weights is not None
    with Subject(net.graph, net.weights) as subject:
        runtime.run(subject, inputs, seen)
    return seen


def outputs(net: netgen.Net) -> set[ValueKey]:
    return {(value.node.name, value.index) for value in net.graph.outputs}


def test_every_value_is_shown() -> None:
    net, inputs = mixed()
    seen = ran(Torch(), net, inputs)
    made = {(node.name, at): shape for node in net.graph.nodes for at, shape in enumerate(node.y)}
    del made["data", 0]  # which goes in, and does not come out
    assert {key: value.shape for key, value in seen.items()} == made
    assert {key for key, value in seen.items() if value.dtype != np.float32} == {PLACES}


@pytest.mark.parametrize("example", FORMS)
def test_every_operator_shows_its_values(example: str) -> None:
    """On the way, not only at the end; and weights and inputs by chance suit it."""
    graph = alone(FORMS[example], suitable(FORMS[example]))
    made = graph.outputs
    copy = OPERATORS["identity"]
    graph.outputs = [
        graph.add(Node(copy, bind(copy, {}), [value], f"copy{at}", instance=graph.root, spans={}))[0]
        for at, value in enumerate(made)
    ]
    net = netgen.Net(graph, [])
    net.random_weights()
    seen = ran(Torch(), net, list(random_inputs(graph).values()))
    for at, value in enumerate(made):
        shown = seen[value.node.name, value.index]
        assert fits(shown.shape, value)
        np.testing.assert_array_equal(shown, seen[f"copy{at}", 0])


def test_only_what_is_wanted_is_shown() -> None:
    net, inputs = mixed()
    wanted = ("x/pool", 0), ("slice", 1)
    assert ran(Torch(), net, inputs, *wanted).keys() == set(wanted)


def test_a_normalisation_is_shown_although_it_is_one_module_with_its_scale() -> None:
    net, inputs = mixed()
    seen = ran(Torch(), net, inputs)
    assert net.weights is not None
    mean, variance, weight, bias = (
        net.weights[key].reshape(1, -1, 1, 1)
        for key in (("y/bn", "mean"), ("y/bn", "variance"), ("y/scale", "weight"), ("y/scale", "bias"))
    )
    norm = (seen["y/conv", 0] - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(seen["y/bn", 0], norm, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen["y/scale", 0], norm * weight + bias, rtol=1e-4, atol=1e-5)


def test_what_comes_out_is_what_the_plain_module_makes() -> None:
    """The source with taps, in which nothing is overwritten, makes the very same."""
    for net in (mixed()[0], *[each.small() for each in EXAMPLES if each.id in ("mobilenet_v3", "shufflenet_v2")]):
        if net.weights is None:
            net.random_weights()
        inputs = [torch.from_numpy(array) for array in random_inputs(net.graph, 1).values()]
        module = net.to_torch().eval()
        tapped = capture(net.graph, *inputs, state=module.state_dict())
        with torch.no_grad():
            made = module(*[each.clone() for each in inputs])
        for value, result in zip(net.graph.outputs, made if isinstance(made, tuple) else (made,), strict=True):
            if value in net.graph.inputs:
                continue
            shown = tapped[value.node.name]
            assert torch.equal(shown if isinstance(shown, torch.Tensor) else shown[value.index], result)


# --- the manners of running -----------------------------------------------------------------------


class Float16(TorchCudaFloat16):
    """The same on the CPU, for machines without a card."""

    device = "cpu"


class Eager(TorchCompiled):
    """What is compiled, as PyTorch itself runs it: everything but the compiler."""

    backend = "aot_eager"


HERE: list[Runtime] = [Torch(), TorchChannelsLast(), TorchBfloat16(), Float16(), Eager()]


@pytest.mark.parametrize("runtime", HERE, ids=lambda each: type(each).__name__)
def test_each_manner_computes_the_same(runtime: Runtime) -> None:
    net, inputs = mixed()
    wanted, seen = ran(Torch(), net, inputs), ran(runtime, net, inputs)
    assert seen.keys() == (outputs(net) if runtime.only_outputs else wanted.keys())
    for key, value in seen.items():
        assert value.shape == wanted[key].shape
        assert value.dtype == wanted[key].dtype
        assert key == PLACES or measure(wanted[key], value).error <= runtime.bound


@pytest.mark.parametrize("half", [TorchBfloat16(), Float16()], ids=lambda each: each.half)
def test_half_precision_is_what_it_says(half: Torch) -> None:
    """It rounds: what it makes is further from float32 than float32 ever is; and no further than its bound."""
    net, inputs = mixed()
    wanted, seen = (ran(each, net, inputs, ("x", 0))["x", 0] for each in (Torch(), half))
    error = measure(wanted, seen).error
    assert half.step / 16 < error < half.step < half.bound


@pytest.mark.cuda
@pytest.mark.parametrize("runtime", [each for each in RUNTIMES if each.device == "cuda"], ids=lambda each: each.name)
def test_each_manner_computes_the_same_on_a_card(runtime: Runtime) -> None:
    if runtime.missing():
        pytest.skip(str(runtime.missing()))
    test_each_manner_computes_the_same(runtime)


# --- settings, and what is missing ----------------------------------------------------------------


def test_settings_are_as_they_were() -> None:
    net, inputs = mixed()
    torch.set_float32_matmul_precision("high")
    try:
        during: list[str] = []

        class Looking(Torch):
            def _casting(self) -> Any:
                during.append(torch.get_float32_matmul_precision())
                return super()._casting()

        ran(Looking(), net, inputs)
        assert during == ["highest", "highest"]
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_names_are_of_one_family() -> None:
    assert all(each.name.startswith("torch") and each.family == each.extra == "torch" for each in RUNTIMES)
    assert len({each.name for each in RUNTIMES}) == len(RUNTIMES)
    for each in RUNTIMES:
        assert (each.device == "cuda") == ("cuda" in each.name)
        assert each.only_outputs == any(word in each.name for word in ("compiled", "graph"))


@pytest.mark.skipif(not cuda_fault(), reason="there is a card")
def test_without_a_card_pytorchs_own_words_say_why() -> None:
    assert TorchCudaGraph().missing() == f"there is no CUDA device: {cuda_fault()}"
    assert Torch().missing() is None


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_runtime, "find_spec", lambda name: None)
    assert {each.missing() for each in RUNTIMES} == {"the package `torch` is not installed"}


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_runtime, "which", lambda name: None)
    monkeypatch.setenv("CXX", "c++-99")
    assert TorchCompiled().missing() == "torch.compile needs a C++ compiler, and there is no `c++-99`"
