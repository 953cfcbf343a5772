"""The examples as ONNX models: valid, of the inferred shapes, and the same numbers as in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
import torch
from example_nets import EXAMPLES, FOLDER, Example
from onnx_nets import assert_close, declared, inferred, inputs_of, run, weights_of

import netgen
from netgen.emit.onnx import emit
from netgen.ir.graph import Graph
from netgen.weights import Weights
from netgen.weights.entry import held

TOLERANCE = 1e-5
"""Of the largest number of a result: sums are made in another order."""
HEAVY = ("alexnet", "inception_v3", "vgg16")
"""Examples of many weights, and of no layer that others do not have."""
GOLDEN = Path(__file__).parent / "tiny.txt"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_examples_are_valid_and_of_the_inferred_shapes(example: Example) -> None:
    net = example.compile()
    model = emit(net.graph)
    onnx.checker.check_model(model.proto, full_check=True)
    shapes, said = inferred(model.proto), declared(model.proto)
    behind = _behind_dynamic(net.graph)
    for node in net.graph.nodes:
        for value in node.outputs:
            name = model.names[node.name, value.index]
            dynamic = range(len(value.shape)) if node.name in behind else node.op.dynamic
            expected = [None if axis in dynamic else size for axis, size in enumerate(value.shape)]
            assert said.get(name, shapes[name]) == expected
            if not behind:
                assert shapes[name] == expected


def _behind_dynamic(graph: Graph) -> set[str]:
    """The layers behind one whose sizes the values tell."""
    found: set[str] = set()
    for node in graph.nodes:
        if any(value.node.op.dynamic or value.node.name in found for value in node.inputs):
            found.add(node.name)
    return found


@pytest.fixture
def on_one_core() -> Iterator[None]:
    """For a small net several cores only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("on_one_core")
@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.id not in HEAVY], ids=lambda example: example.id)
def test_numbers_are_pytorchs(example: Example) -> None:
    net = example.small()
    net.weights = Weights({key: held(".".join(key), array) for key, array in weights_of(net.graph).items()})
    inputs = inputs_of(net.graph)
    made = run(net.to_onnx(), inputs)
    with torch.no_grad():
        result = net.to_torch().eval()(*map(torch.from_numpy, inputs.values()))
    wanted = result if isinstance(result, tuple) else (result,)
    for name, value in zip(net.outputs, wanted, strict=True):
        assert_close(made[name], value.numpy(), TOLERANCE)


def test_a_model_reads_like_its_net(update: bool) -> None:
    """The whole model as text: names, order, shapes, and no node that is not needed."""
    model = netgen.compile(FOLDER / "tiny.net").to_onnx(opset=21)
    model.producer_version = ""
    text = onnx.printer.to_text(model) + "\n"
    if update:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_peleenet_has_one_node_for_each_layer() -> None:
    net = netgen.compile(FOLDER / "peleenet.net")
    nodes = net.to_onnx().graph.node
    flat = {node.name for node in nodes if node.op_type == "Flatten"}
    left_out = {layer.name for layer in net.layers if layer.operator in ("input", "dropout")}
    assert {node.name for node in nodes} - flat == {layer.name for layer in net.layers} - left_out
    assert len(flat) == 1
