"""Opsets: each operator of the catalogue in old and new ones, and what an opset cannot say."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from example_nets import FOLDER
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx_models import model, run_onnx
from onnx_nets import Array, declared, graph_of, inferred, inputs_of, operators, run, weights_of
from random_nodes import nodes
from suitable import MAKES_NO_TENSOR, suitable

import netgen
from netgen.diag import NetgenError
from netgen.emit.onnx import OLDEST, emit, newest
from netgen.emit.onnx.opsets import Unsayable, opset_for, said_in
from netgen.ir.graph import Node
from netgen.ir.operator import Refused
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ops import OPERATORS

SAYABLE = [op for op in OPERATORS if op not in MAKES_NO_TENSOR and not isinstance(OPERATORS[op].onnx, Refused)]
FEW = settings(max_examples=4)


def arrays_of(n: Node) -> dict[str, Array]:
    random = np.random.default_rng(0)
    return {param.name: random.uniform(0.5, 1.5, param.shape).astype(np.float32) for param in n.params}


@pytest.mark.parametrize("op", SAYABLE)
@given(data=st.data())
@FEW
def test_the_oldest_opset_computes_the_same(op: str, data: st.DataObject) -> None:
    """Every operator can be said in all opsets, with the same numbers."""
    n = data.draw(nodes(op))
    assume(n.op.refuses("onnx", n) is None)
    arrays, inputs = arrays_of(n), suitable(n)
    made = run_onnx(n, inputs, arrays, opset=data.draw(st.integers(OLDEST, 17)))
    for one, other in zip(made, run_onnx(n, inputs, arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", SAYABLE)
@given(data=st.data())
@FEW
def test_onnx_infers_the_same_shapes(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op))
    assume(n.op.refuses("onnx", n) is None)
    made = model(n, arrays_of(n), opset=data.draw(st.sampled_from([None, OLDEST])))
    said, found = declared(made), inferred(made)
    for name in (output.name for output in made.graph.output):
        if n.op.dynamic or "Scan" in operators(made):  # of what a loop makes ONNX knows less, or nothing
            pairs = zip(said[name], found[name] or said[name], strict=True)
            assert all(one == other or one is None or other is None for one, other in pairs)
        else:
            assert found[name] == said[name]


def test_onnx_runtime_loads_the_newest_opset_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    """The opset that is written by default is one that ONNX Runtime says nothing about."""
    body = "return input(1, 3, 16, 16) -> conv(4, 3) -> batch_norm -> relu -> max_pool(2) -> dropout -> linear(5)"
    graph = graph_of(body)
    data = emit(graph, weights_of(graph)).proto.SerializeToString()
    onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert capfd.readouterr() == ("", "")


def test_the_newest_opset_is_chosen_that_onnx_runtime_has_all_operators_of() -> None:
    relu, align = OnnxNode("Relu"), OnnxNode("RoiAlign", (0, 1, 2))
    assert opset_for([relu, align]) == 21
    assert 21 < opset_for([relu]) <= newest()
    graph = graph_of("""
    x = input(1, 4, 8, 8)
    rois = input(2, 5)
    return roi_align(x, rois, 2)
""")
    assert emit(graph).proto.opset_import[0].version == 21


@pytest.mark.parametrize("opset", [OLDEST, 18, None])
def test_the_version_of_the_file_follows_the_opset(opset: int | None) -> None:
    proto = emit(graph_of("return input(1, 3) -> relu"), opset=opset).proto
    assert proto.opset_import[0].version == (opset or opset_for([OnnxNode("Relu")]))
    assert proto.ir_version == onnx.helper.find_min_ir_version_for(list(proto.opset_import))


@pytest.mark.parametrize("opset", [-1, 0, OLDEST - 1, 1000])
def test_an_opset_out_of_range_is_told(opset: int) -> None:
    with pytest.raises(ValueError, match=rf"opset {opset} cannot be written: there are {OLDEST} to {newest()}"):
        emit(graph_of("return input(1, 3) -> relu"), opset=opset)


def test_all_that_an_opset_cannot_say_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gelu = OnnxSpelling(lambda n: [OnnxNode("Gelu")])
    upsampled = OnnxSpelling(lambda n: [OnnxNode("Resize", (0, "", Const([1.0], "float")), antialias=1)])
    monkeypatch.setattr(OPERATORS["sigmoid"], "onnx", gelu)
    monkeypatch.setattr(OPERATORS["tanh"], "onnx", upsampled)
    body = """
    x = input(1, 3)
    for i in 1..3 {
        x = sigmoid(x) as "x_{i}"
    }
    return tanh(x)
"""
    with pytest.raises(NetgenError) as caught:
        emit(graph_of(body), opset=17)
    first, second = caught.value.diagnostics
    assert first.title == second.title == "opset 17 cannot say this"
    assert first.label == "layer `x_1`: ONNX has Gelu from opset 20 on"
    assert [note.text for note in first.notes] == ["the same for 2 more layers made here"]
    assert second.label == "layer `A`: Resize has `antialias` from opset 18 on"
    assert "choose a newer opset" in first.hint
    assert emit(graph_of(body), opset=20)


@pytest.mark.parametrize(
    ("node", "opset", "types"),
    [
        (OnnxNode("HardSwish"), 13, ["HardSigmoid", "Mul"]),
        (OnnxNode("HardSwish"), 14, ["HardSwish"]),
        (OnnxNode("Mish"), 17, ["Softplus", "Tanh", "Mul"]),
        (OnnxNode("ReduceMean", (0, Const([1])), keepdims=1), 17, ["ReduceMean"]),
        (OnnxNode("Shape", (0,), start=1, end=3), 14, ["Shape", "Slice"]),
        (OnnxNode("Resize", (0, "", "", Const([4, 4])), axes=(2, 3)), 17, ["Shape", "Slice", "Concat", "Resize"]),
        (OnnxNode("Resize", (0, "", Const([2.0, 2.0], "float")), axes=(2, 3)), 17, ["Resize"]),
        (OnnxNode("Resize", (0, "", Const([2.0, 2.0], "float")), axes=(2, 3)), 18, ["Resize"]),
        (OnnxNode("RoiAlign", (0, 1, 2), coordinate_transformation_mode="output_half_pixel"), 15, ["RoiAlign"]),
    ],
)
def test_how_a_node_is_said_in_older_opsets(node: OnnxNode, opset: int, types: list[str]) -> None:
    assert [each.type for each in said_in(opset, node)] == types


@pytest.mark.parametrize(
    ("node", "opset", "reason"),
    [
        (OnnxNode("LayerNormalization", (0, "weight")), 16, "ONNX has LayerNormalization from opset 17 on"),
        (OnnxNode("Gone"), 20, f"ONNX has Gone in no opset up to {newest()}"),
        (OnnxNode("Pad", (0, Const([1]), "", Const([2]))), 17, "Pad has 4 inputs from opset 18 on"),
        (OnnxNode("Split", (0,), ("a", "b"), num_outputs=2), 17, "Split has `num_outputs` from opset 18 on"),
        (OnnxNode("ReduceMean", (0, "axes")), 17, "ReduceMean has computed axes from opset 18 on"),
        (OnnxNode("RoiAlign", (0, 1, 2), coordinate_transformation_mode="half_pixel"), 15,
         "RoiAlign has `coordinate_transformation_mode` from opset 16 on"),
    ],
)  # fmt: skip
def test_why_a_node_cannot_be_said(node: OnnxNode, opset: int, reason: str) -> None:
    with pytest.raises(Unsayable) as caught:
        said_in(opset, node)
    assert str(caught.value) == reason


def test_words_and_axes_of_older_opsets() -> None:
    (sampled,) = said_in(19, OnnxNode("GridSample", (0, 1), mode="linear", align_corners=1))
    assert sampled.attributes == {"mode": "bilinear", "align_corners": 1}
    (mean,) = said_in(17, OnnxNode("ReduceMean", (0, Const([2, 3])), keepdims=0))
    assert (mean.inputs, mean.attributes) == ((0,), {"axes": [2, 3], "keepdims": 0})
    (larger,) = said_in(17, OnnxNode("Resize", (0, "", Const([2.0, 3.0], "float")), axes=(2, 3), mode="nearest"))
    scales = larger.inputs[2]
    assert isinstance(scales, Const)
    assert (scales.values, larger.attributes) == ([1.0, 1.0, 2.0, 3.0], {"mode": "nearest"})


def test_two_of_a_kind_in_an_old_opset_do_not_meet() -> None:
    graph = graph_of("return input(1, 3, 4, 4) -> mish -> mish -> hard_swish -> hard_swish")
    made = emit(graph, opset=13).proto
    assert operators(made) == ["Softplus", "Tanh", "Mul"] * 2 + ["HardSigmoid", "Mul"] * 2
    inputs = inputs_of(graph)
    for one, other in zip(run(made, inputs).values(), run(emit(graph).proto, inputs).values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("example", ["fpn", "mobilenet_v3", "ssd300"])
def test_examples_in_the_oldest_opset(example: str) -> None:
    graph = netgen.compile(FOLDER / f"{example}.net").graph
    onnx.checker.check_model(emit(graph, opset=OLDEST).proto, full_check=True)
