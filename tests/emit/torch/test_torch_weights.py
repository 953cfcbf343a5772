"""Initial weights follow the fillers, and say so in as few lines as they allow."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import Tensor, nn
from torch_nets import calls_in, compiled, net, source_of

from netgen.emit.torch import emit
from netgen.emit.torch.live import load
from netgen.emit.torch.weights import fill_for
from netgen.ir.filler import Filler
from netgen.ir.graph import Graph

ABOUT = 0.06
"""How far a measured spread may be from the true one: weights are counted in the ten thousands."""


def model(graph: Graph) -> nn.Module:
    torch.manual_seed(0)
    return load(emit(graph))


def weight(filler: str, layer: str = "conv(64, 5)", channels: int = 32) -> Tensor:
    """The initial weights of one layer with a filler."""
    call = layer.replace(")", f", weight_filler = {filler})")
    return next(model(net(f"y = x -> {call}", channels=channels)).parameters()).detach()


@pytest.mark.parametrize(
    ("filler", "spread", "bound"),
    [
        ("xavier", sqrt(1 / 800), sqrt(3 / 800)),
        ('xavier(variance_norm = "fan_out")', sqrt(1 / 1600), sqrt(3 / 1600)),
        ('xavier(variance_norm = "average")', sqrt(1 / 1200), sqrt(3 / 1200)),
        ("msra", sqrt(2 / 800), None),
        ('msra(variance_norm = "fan_out")', sqrt(2 / 1600), None),
        ('msra(variance_norm = "average")', sqrt(2 / 1200), None),
        ("gaussian(std = 0.01)", 0.01, None),
        ("gaussian", 1.0, None),
        ("uniform", sqrt(1 / 12), 1.0),
        ("uniform(-3, 1)", sqrt(16 / 12), 3.0),
    ],
)
def test_random_fillers(filler: str, spread: float, bound: float | None) -> None:
    """Caffe's ``n`` is what feeds one output (fan_in, 32 * 25), or what one input feeds (fan_out, 64 * 25)."""
    values = weight(filler)
    assert values.std().item() == pytest.approx(spread, rel=ABOUT)
    if bound is not None:
        assert bound * (1 - ABOUT) < values.abs().max().item() <= bound


def test_deconvolutions_count_as_caffe_does() -> None:
    """The blob of a deconvolution is (in, out / groups, h, w), and ``n`` its size less the first axis."""
    assert weight("msra", "deconv(64, 5)").std().item() == pytest.approx(sqrt(2 / 1600), rel=ABOUT)


def test_mean_of_a_normal_filler() -> None:
    assert weight("gaussian(mean = 2.0, std = 0.1)").mean().item() == pytest.approx(2, rel=ABOUT)


def test_sparse_filler() -> None:
    """Of the 64 outputs that an input feeds, 6 on average do not get zero."""
    values = weight("gaussian(sparse = 6)")
    assert (values != 0).float().mean().item() == pytest.approx(6 / 64, rel=2 * ABOUT)
    assert values[values != 0].std().item() == pytest.approx(1, rel=ABOUT)


def test_unit_ball_filler() -> None:
    values = weight("positive_unitball")
    assert torch.allclose(values.flatten(1).sum(1), torch.ones(64))
    assert values.min() >= 0


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_bilinear_filler(size: int) -> None:
    """Caffe: (1 - |x / f - c|) * (1 - |y / f - c|), f = ceil(size / 2), c = (2 f - 1 - f mod 2) / (2 f)."""
    factor = -(-size // 2)
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    ramp = [1 - abs(i / factor - centre) for i in range(size)]
    values = weight("bilinear", f"deconv(8, {size}, groups = 8)", channels=8)
    assert values.shape == (8, 1, size, size)
    assert torch.allclose(values[3, 0], torch.tensor([[a * b for a in ramp] for b in ramp]))


def test_constant_fillers() -> None:
    made = model(net("y = conv(x, 4, 1, weight_filler = constant(0.5), bias_filler = constant(0.1))"))
    assert [value.mean().item() for value in made.parameters()] == pytest.approx([0.5, 0.1])


def test_scalars_and_vectors() -> None:
    """PyTorch counts fans from two axes on only."""
    xavier, msra = (fill_for(Filler(kind, {"variance_norm": "fan_out"}), (12,)) for kind in ("xavier", "msra"))
    assert xavier.call.args[1:] == (-0.5, 0.5)
    assert msra.call.kwargs["std"] == pytest.approx(sqrt(1 / 6))
    assert fill_for(Filler("msra"), ()).call.kwargs["std"] == pytest.approx(sqrt(2))


# --- where they are set -----------------------------------------------------------------------------


def test_one_loop_for_what_all_agree_on() -> None:
    graph = compiled("""
    block unit(x) { return x -> conv(4, 3, bias = false) -> batch_norm }
    net N() {
        default conv(weight_filler = xavier)
        default linear(weight_filler = xavier)
        x = input(1, 3, 16, 16)
        x = unit(x)
        y = linear(x, 10)
    }
    """)
    text = source_of(graph, "N")
    assert text.count("nn.init.") == 2
    assert "isinstance(module, nn.Conv2d | nn.Linear)" in text
    made = model(graph)
    assert made.get_parameter("y.bias").abs().max() == 0


def test_layers_of_the_net_that_differ_come_after_the_loop() -> None:
    graph = compiled("""
    net N() {
        default conv(weight_filler = constant(2))
        x = input(1, 3, 8, 8)
        a = conv(x, 4, 1)
        b = conv(a, 4, 1)
        c = conv(b, 4, 1, weight_filler = constant(3), bias_filler = constant(1))
    }
    """)
    text = source_of(graph, "N")
    assert "        nn.init.constant_(self.c.weight, 3.0)".strip() in text
    assert text.index("for module in") < text.index("self.c.weight, 3.0")
    means = [value.mean().item() for value in model(graph).parameters()]
    assert means == [2, 0, 2, 0, 3, 1]


def test_layers_that_differ_inside_blocks_set_their_own() -> None:
    graph = compiled("""
    block unit(x, std: float) {
        a = conv(x, 64, 5, weight_filler = gaussian(std = std))
        return conv(a, 4, 1)
    }
    net N() {
        x = input(1, 32, 16, 16)
        x = unit(x, 0.5)
        y = unit(x, 0.25)
    }
    """)
    text = source_of(graph, "Unit")
    assert "nn.init.normal_(self.a.weight, std=std)" in text
    assert "for module in" not in emit(graph).source
    made = model(graph)
    assert made.get_parameter("unit.a.weight").std().item() == pytest.approx(0.5, rel=ABOUT)
    assert made.get_parameter("y.a.weight").std().item() == pytest.approx(0.25, rel=ABOUT)
    plain = made.get_parameter("unit.conv.weight")
    assert plain.abs().max() <= 1 / 8, "the layer without a filler keeps PyTorch's initialisation"


def test_turns_that_differ_are_no_sequential() -> None:
    body = "for i in 1..3 { x = conv(x, 3, 1, weight_filler = constant(i)) }"
    graph = net(body + "\nfor i in 1..2 { x = conv(x, 3, 1) }")
    assert [model(graph).get_parameter(f"conv{i}.weight").mean().item() for i in (1, 2, 3)] == [1, 2, 3]


def test_fillers_that_do_what_pytorch_does_are_not_said() -> None:
    body = "x = x -> batch_norm(weight_filler = constant(1), bias_filler = constant(0)) -> prelu"
    assert "nn.init" not in emit(net(body)).source


def test_fillers_of_normalisations() -> None:
    body = "x = x -> batch_norm(affine = false) -> scale(bias = true, weight_filler = constant(0))"
    graph = net(body)
    assert "nn.init.zeros_(module.weight)" in source_of(graph, "Net")
    assert [value.mean().item() for value in model(graph).parameters()] == [0, 0]


def test_no_filler_no_line() -> None:
    assert "nn.init" not in emit(net("x = conv(x, 3, 1)\ny = linear(x, 3)")).source


def test_weights_go_there_and_back() -> None:
    """Every parameter of every layer is found under its key, in its shape."""
    graph = net("x = x -> conv(4, 3) -> batch_norm -> prelu -> scale(bias = true) -> normalize\ny = linear(x, 5)")
    module = emit(graph)
    state = load(module).state_dict()
    for node in graph.nodes:
        for param in node.params:
            assert tuple(state[module.state[node.name, param.name]].shape) == tuple(param.shape), (node, param.name)


def test_shared_weights_are_one_parameter() -> None:
    graph = net('a = conv(x, 4, 1, share = "s")\nb = conv(x, 4, 1, share = "s")\nc = add(a, b)')
    assert "self.b.weight = self.a.weight" in source_of(graph, "Net")
    made = model(graph)
    assert made.get_parameter("a.weight") is made.get_parameter("b.weight")
    assert "self.b" in calls_in(graph, "Net")
