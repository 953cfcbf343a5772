"""Emitted modules work with all that PyTorch offers: training, compilers, exporters, other types and layouts."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch_nets import compiled, example, net, random_inputs

from netgen.diag import NetgenError
from netgen.emit.torch import emit
from netgen.emit.torch.live import capture, load
from netgen.ir.graph import Graph
from netgen.ir.operator import Refused
from netgen.ops import OPERATORS

MIXED = """
block unit(x, out: int, stride: int = 1, se: bool = false, act: string = "relu") {
    y = x -> conv(out, 3, pad = 1, stride = stride, bias = false) -> batch_norm
    if se { y = scale(y, y -> global_avg_pool -> conv(out, 1) -> sigmoid -> flatten, axis = 0) }
    if act == "relu" { y = relu(y) } else { y = hard_swish(y) }
    if stride == 1 and x.channels == out { y = add(x, y) }
    return y
}
block split(x, halves: bool) {
    if halves { a, b = slice(x, [4]) } else { a = conv(x, 4, 1)  b = x -> conv(4, 3, pad = 1) -> dropout(0.1) }
    return concat(b, a) -> shuffle_channels(2)
}
block run(x, n: int) { for i in range(n) { x = unit(x, 8 + 8 * i) }  return x }
net Mixed() {
    x = input(1, 3, 32, 32)
    x = unit(x, 8, stride = 2)
    x = unit(x, 8, se = true, act = "swish")
    x = split(x, true)
    x = split(x, false)
    x = run(x, 2)
    x = run(x, 3)
    x = x -> max_pool(2, stride = 3) -> lrn(5) -> prelu -> global_avg_pool
    y = linear(x, 5)
}
"""
"""One of each: identities, choices, branches with and without an else, generators, helpers."""


def small(name: str) -> Graph:
    return compiled(MIXED) if name == "mixed" else example(name, size=64)


@pytest.fixture(params=["mixed", pytest.param("peleenet", marks=pytest.mark.slow)])
def graph(request: pytest.FixtureRequest) -> Graph:
    return small(request.param)


@pytest.fixture
def model(graph: Graph) -> nn.Module:
    torch.manual_seed(0)
    return load(emit(graph))


@pytest.fixture
def images(graph: Graph) -> Tensor:
    return torch.rand(2, *graph.inputs[0].shape[1:])


def close(a: Tensor, b: Tensor, tolerance: float = 1e-4) -> bool:
    return bool((a - b).abs().max() <= tolerance * b.abs().max() + 1e-30)


def test_backward(model: nn.Module, images: Tensor) -> None:
    model.train()
    model(images).square().sum().backward()
    assert all(value.grad is not None and bool(value.grad.isfinite().all()) for value in model.parameters())
    model.eval()
    with torch.no_grad():
        assert close(model(images), model(images))


@pytest.mark.parametrize("graph", ["mixed", "tiny"], indirect=True)  # compiling takes long
def test_compile(model: nn.Module, images: Tensor) -> None:
    model.eval()
    faster = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert close(faster(images), model(images))
    torch.compile(model.train(), fullgraph=True, backend="aot_eager")(images).sum().backward()


def test_export_with_a_free_batch(model: nn.Module, images: Tensor) -> None:
    model.eval()
    (name,) = inspect.signature(model.forward).parameters
    exported = torch.export.export(model, (images,), dynamic_shapes={name: {0: torch.export.Dim("batch", min=2)}})
    more = torch.cat([images, images, images])
    assert close(exported.module()(more), model(more))


def test_trace(model: nn.Module, images: Tensor) -> None:
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Converting a tensor")  # PyTorch's own local_response_norm does
        traced = torch.jit.trace(model, images)  # type: ignore[no-untyped-call]
    assert close(traced(images), model(images))


def test_autocast(model: nn.Module, images: Tensor) -> None:
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = model(images)
    assert close(result.float(), model(images), 0.1)
    model.double()
    assert model(images.double()).dtype == torch.float64


def test_channels_last(model: nn.Module, images: Tensor) -> None:
    model.eval()
    wanted = model(images)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert close(model(images.to(memory_format=torch.channels_last)), wanted)


def test_copies(model: nn.Module, images: Tensor) -> None:
    model.eval()
    wanted = model(images)
    assert close(copy.deepcopy(model)(images), wanted)
    assert close(pickle.loads(pickle.dumps(model))(images), wanted)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    twin = type(model)().eval()
    twin.load_state_dict(torch.load(file))
    assert close(twin(images), wanted)


@pytest.mark.cuda
def test_cuda(model: nn.Module, images: Tensor) -> None:
    model.eval()
    wanted = model(images)
    model.cuda()
    images = images.cuda()
    assert close(model(images).cpu(), wanted, 1e-2)
    with torch.autocast("cuda", dtype=torch.float16):
        assert close(model(images).float().cpu(), wanted, 0.1)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    faster = torch.compile(model, fullgraph=True)
    assert close(faster(images.to(memory_format=torch.channels_last)).cpu(), wanted, 1e-2)
    model.train()(images).sum().backward()


def test_the_batch_is_free() -> None:
    model = load(emit(compiled(MIXED))).eval()
    assert model(torch.rand(7, 3, 32, 32)).shape == (7, 5)


def test_the_source_can_be_read_where_it_runs() -> None:
    model = load(emit(compiled(MIXED)))
    assert inspect.getsource(type(model)).startswith("class Mixed(nn.Module):")


def test_captured_values_are_those_before_anything_is_overwritten() -> None:
    graph = net("x = x -> conv(4, 1) -> relu\ny = x -> conv(4, 1) -> batch_norm -> relu")
    values = capture(graph, *random_inputs(graph))
    conv, relu = values["x"], values["x/relu"]
    assert isinstance(conv, Tensor)
    assert isinstance(relu, Tensor)
    assert (conv < 0).any()
    assert torch.equal(conv.relu(), relu)


def test_every_layer_is_captured() -> None:
    graph = example("tiny")
    values = capture(graph, *random_inputs(graph))
    assert {node.name for node in graph.nodes if node.op.name != "input"} == set(values)


def test_what_pytorch_cannot_say_is_reported_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["tanh"], "torch", Refused("there is no tanh here", "use sigmoid"))
    with pytest.raises(NetgenError) as caught:
        emit(net("x = tanh(x)\ny = relu(x)\nz = tanh(y)"))
    assert [each.code for each in caught.value.diagnostics] == ["NG402", "NG402"]
    first = caught.value.diagnostics[0]
    assert first.span is not None
    assert first.span.text == "tanh(x)"
    assert "there is no tanh here" in first.label
    assert first.hint == "use sigmoid"
