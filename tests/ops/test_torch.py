"""What operators say in PyTorch: shapes agree, both forms agree, and the batch stays free."""

from __future__ import annotations

import bvlc_nodes
import detection_nodes
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import concerns_the_batch, nodes
from spelled import fits, function_text, layer, module_text, node, outputs, run
from suitable import MAKES_NO_TENSOR, suitable
from torch import Tensor

from netgen.ir.graph import Node, Shape
from netgen.ir.operator import Refused
from netgen.ops import OPERATORS

COMPUTING = [op for op in OPERATORS if op not in MAKES_NO_TENSOR and not isinstance(OPERATORS[op].torch, Refused)]
ALWAYS_ALIKE = [op for op in COMPUTING if not OPERATORS[op].dynamic]
"""Operators that do the same steps whatever the values are."""

FEW = settings(max_examples=15)


def inputs_of(n: Node, more: int = 0) -> list[Tensor]:
    """Random inputs, with a batch that is larger by ``more``."""
    return [torch.from_numpy(array) for array in suitable(n, more)]


def shapes(tensors: list[Tensor]) -> list[Shape]:
    return [tuple(tensor.shape) for tensor in tensors]


def as_inferred(made: list[Tensor], n: Node) -> bool:
    return all(fits(shape, value) for shape, value in zip(shapes(made), n.outputs, strict=True))


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@FEW
def test_module_and_function_make_what_was_inferred_and_the_same(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op))
    given_inputs = inputs_of(n)
    forms = [is_function for is_function, said in ((False, module_text(n)), (True, function_text(n))) if said]
    first, *others = [run(n, given_inputs, function=is_function) for is_function in forms]
    assert as_inferred(first, n)
    for made in others:
        for one, other in zip(first, made, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@FEW
def test_parameters_have_a_place(op: str, data: st.DataObject) -> None:
    """Each array fits an attribute of the module, and the module has no other."""
    n = data.draw(nodes(op))
    if not n.params:
        assert not module_text(n) or not list(layer(n, function=False).parameters())
        return
    names = n.op.torch.params  # type: ignore[union-attr]
    inner = layer(n).inner
    assert inner is not None
    found = {**dict(inner.named_parameters()), **dict(inner.named_buffers())}
    found.pop("num_batches_tracked", None)
    assert found.keys() == {names.get(param.name, param.name) for param in n.params}
    learned = dict(inner.named_parameters())
    for param in n.params:
        attribute = names.get(param.name, param.name)
        assert found[attribute].numel() == param.count
        assert (attribute in learned) == param.learned


@pytest.mark.parametrize("op", COMPUTING)
@given(data=st.data())
@FEW
def test_batch_is_free(op: str, data: st.DataObject) -> None:
    """What is said for a batch of one size computes a batch of any."""
    n = data.draw(nodes(op))
    if concerns_the_batch(n):
        return
    made = run(n, inputs_of(n, more=2))
    assert shapes(made) == [(y[0] + 2, *y[1:]) for y in n.y]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("op", ALWAYS_ALIKE)
@given(data=st.data())
@settings(FEW, max_examples=2)
def test_survives_export_and_trace(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op))
    given_inputs = inputs_of(n)
    module = layer(n)
    graphs = [torch.export.export(module, tuple(given_inputs)).module()]
    if given_inputs:  # of nothing there is no trace
        graphs.append(torch.jit.trace(module, tuple(given_inputs), check_trace=False))  # type: ignore[no-untyped-call]
    with torch.no_grad():
        wanted = outputs(module, given_inputs)
        for graph in graphs:
            for one, other in zip(outputs(graph, given_inputs), wanted, strict=True):
                torch.testing.assert_close(one, other, equal_nan=True)


_IMAGE = (2, 4, 6, 6)

EXAMPLES = {
    **bvlc_nodes.EXAMPLES,
    **detection_nodes.EXAMPLES,
    "abs": node("abs", _IMAGE),
    "add": node("add", _IMAGE, _IMAGE),
    "add, weighted": node("add", _IMAGE, _IMAGE, coeff=[1, -2]),
    "argmax": node("argmax", _IMAGE, axis=1),
    "argmax, of image": node("argmax", _IMAGE, top_k=3, out_max_val=True),
    "avg_pool": node("avg_pool", _IMAGE, kernel=3, stride=2, pad=1),
    "avg_pool, loose": node("avg_pool", _IMAGE, kernel=1, stride=4),
    "avg_pool, wide pad": node("avg_pool", _IMAGE, kernel=3, stride=2, pad=2),
    "axpy": node("axpy", (2, 4, 1, 1), _IMAGE, _IMAGE),
    "batch_norm": node("batch_norm", _IMAGE),
    "batch_norm, frozen": node("batch_norm", _IMAGE, frozen=True),
    "batch_norm, live": node("batch_norm", _IMAGE, statistics="batch"),
    "batch_norm, of the batch alone": node("batch_norm", _IMAGE, statistics="none", affine=False),
    "bias": node("bias", _IMAGE),
    "bnll": node("bnll", _IMAGE),
    "clip": node("clip", _IMAGE, min=-1, max=1),
    "conv, of a sequence": node("conv", (2, 4, 9), out=3, kernel=3),
    "conv, of a video": node("conv", (2, 4, 3, 6, 6), out=3, kernel=[1, 3, 3], pad=[0, 1, 1]),
    "max_pool, of a video": node("max_pool", (2, 4, 3, 6, 6), kernel=[1, 2, 2]),
    "avg_pool, of a sequence": node("avg_pool", (2, 4, 9), kernel=2),
    "concat": node("concat", _IMAGE, _IMAGE),
    "conv": node("conv", _IMAGE, out=3, kernel=3),
    "crop": node("crop", _IMAGE, (2, 4, 3, 3)),
    "deconv": node("deconv", _IMAGE, out=3, kernel=3),
    "dropout": node("dropout", _IMAGE),
    "dropout, unscaled": node("dropout", _IMAGE, scale_train=False),
    "elu": node("elu", _IMAGE),
    "exp": node("exp", _IMAGE, base=2),
    "flatten": node("flatten", _IMAGE),
    "global_avg_pool": node("global_avg_pool", _IMAGE),
    "global_max_pool": node("global_max_pool", _IMAGE),
    "hard_sigmoid": node("hard_sigmoid", _IMAGE),
    "hard_swish": node("hard_swish", _IMAGE),
    "identity": node("identity", _IMAGE),
    "interp": node("interp", _IMAGE, zoom=2, crop=[1, 0]),
    "linear": node("linear", _IMAGE, out=3),
    "linear, transposed": node("linear", _IMAGE, out=3, transpose=True),
    "local_conv": node("local_conv", _IMAGE, out=3, kernel=3, stride=2),
    "log": node("log", _IMAGE, base=3),
    "lrn": node("lrn", _IMAGE),
    "lrn, within": node("lrn", _IMAGE, region="within"),
    "max": node("max", _IMAGE, _IMAGE),
    "max_pool": node("max_pool", _IMAGE, kernel=3, stride=2),
    "max_pool, loose": node("max_pool", _IMAGE, kernel=1, stride=4),
    "max_pool, wide pad": node("max_pool", _IMAGE, kernel=3, stride=2, pad=2),
    "max_unpool": node("max_unpool", _IMAGE, _IMAGE, scale=2),
    "mish": node("mish", _IMAGE),
    "mul": node("mul", _IMAGE, _IMAGE, _IMAGE),
    "mvn": node("mvn", _IMAGE),
    "mvn, mean only": node("mvn", _IMAGE, normalize_variance=False),
    "normalize": node("normalize", _IMAGE),
    "permute": node("permute", _IMAGE, order=[0, 2, 3, 1]),
    "power": node("power", _IMAGE, power=0.5, scale=2, shift=1),
    "prelu": node("prelu", _IMAGE),
    "reduce": node("reduce", _IMAGE, operation="sumsq"),
    "relu": node("relu", _IMAGE),
    "relu, leaky": node("relu", _IMAGE, slope=0.1),
    "relu6": node("relu6", _IMAGE),
    "reshape": node("reshape", _IMAGE, shape=[0, 2, -1]),
    "reverse": node("reverse", _IMAGE, axes=[3]),
    "scale": node("scale", _IMAGE, bias=True),
    "scale, given": node("scale", _IMAGE, (2, 4), axis=0, bias=True),
    "shuffle_channels": node("shuffle_channels", _IMAGE, groups=2),
    "sigmoid": node("sigmoid", _IMAGE),
    "slice": node("slice", _IMAGE, parts=2),
    "softmax": node("softmax", _IMAGE),
    "spatial_dropout": node("spatial_dropout", _IMAGE),
    "swish": node("swish", _IMAGE),
    "swish, steep": node("swish", _IMAGE, beta=2),
    "tanh": node("tanh", _IMAGE),
    "threshold": node("threshold", _IMAGE),
    "tile": node("tile", _IMAGE, tiles=2),
    "unit_length": node("unit_length", _IMAGE),
    "unit_length, of the image": node("unit_length", _IMAGE, across_spatial=True),
    "upsample": node("upsample", _IMAGE, scale=2),
    "upsample, with gain": node("upsample", _IMAGE, scale=2, gain=0.5),
    "upsample, bilinear": node("upsample", _IMAGE, scale=2, mode="bilinear"),
}
"""One node of each form that operators have in PyTorch."""

WITHOUT_GRADIENT = {"accuracy", "argmax", "dummy_data", "prior_box", "prior_box_clustered", "threshold"}

WITHOUT_GRADIENT_INPUTS = {**bvlc_nodes.INDICES, **detection_nodes.INDICES, "crop": (1,), "max_unpool": (1,)}
"""The inputs that are a size, or places, to an operator: of all its examples, or of one."""


def test_examples_are_complete() -> None:
    assert {n.op.name for n in EXAMPLES.values()} == set(COMPUTING)


@pytest.mark.parametrize("example", EXAMPLES)
def test_gradients_reach_the_inputs(example: str) -> None:
    n = EXAMPLES[example]
    xs = [x.requires_grad_() for x in inputs_of(n)]
    total = torch.stack([output.sum() for output in outputs(layer(n), xs)]).sum()
    if n.op.name in WITHOUT_GRADIENT and not n.a.get("out_max_val"):
        assert not total.requires_grad
        return
    total.backward()  # type: ignore[no-untyped-call]
    without = WITHOUT_GRADIENT_INPUTS.get(example, WITHOUT_GRADIENT_INPUTS.get(n.op.name, ()))
    choosing = {number % len(xs) for number in without}
    for number, x in enumerate(xs):
        if number not in choosing:
            assert x.grad is not None
            assert x.grad.isfinite().all()


@pytest.mark.parametrize("example", [example for example, n in EXAMPLES.items() if not n.op.dynamic])
def test_compiles_without_a_break(example: str) -> None:
    n = EXAMPLES[example]
    module, xs = layer(n), inputs_of(n)
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    for one, other in zip(outputs(compiled, xs), outputs(module, xs), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("example", EXAMPLES)
def test_takes_other_layouts_and_precisions(example: str) -> None:
    n = EXAMPLES[example]
    module, xs = layer(n), inputs_of(n)
    wanted = outputs(module, xs)
    last = [x.to(memory_format=torch.channels_last) if x.dim() == 4 else x for x in xs]
    for one, other in zip(outputs(module, last), wanted, strict=True):
        torch.testing.assert_close(one, other)
    with torch.autocast("cpu", torch.bfloat16):
        made = outputs(module, [x.bfloat16() for x in xs])
    assert as_inferred(made, n)
