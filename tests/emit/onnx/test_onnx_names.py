"""What values are called, which nodes there are, and what becomes of arrays."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_nets import assert_close, graph_of, inputs_of, operators, run, weights_of

import netgen
from netgen.diag import NetgenError
from netgen.emit.onnx import emit
from netgen.emit.onnx.names import Names
from netgen.ir.operator import Refused
from netgen.ops import OPERATORS


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    onnx.checker.check_model(model, full_check=True)
    return model


def names_of_values(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    return [each.name for each in (*graph.input, *graph.initializer)] + [
        name for node in graph.node for name in node.output if name
    ]


def test_values_are_called_as_their_layers_and_arrays_as_in_a_state_dict() -> None:
    graph = graph_of("""
    image = input(1, 3, 8, 8)
    c = conv(image, 4, 3)
    a, b = slice(c, 2)
    fc = linear(a, 5)
    return fc, b
""")
    model = emit(graph, weights_of(graph))
    proto = checked(model.proto).graph
    assert [each.name for each in proto.input] == ["image"]
    assert [each.name for each in proto.output] == ["fc", "slice:1"]
    assert list(model.weights) == ["c.weight", "c.bias", "fc.weight", "fc.bias"]
    assert [node.name for node in proto.node] == ["c", "slice:0", "fc/flat", "fc"]


HOSTILE = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 2 dim: 4 dim: 4 }} }} }}
layer {{ name: {0} type: "InnerProduct" bottom: "data" top: "x" inner_product_param {{ num_output: 3 }} }}
layer {{ name: {1} type: "InnerProduct" bottom: "x" top: "y" inner_product_param {{ num_output: 3 }} }}
"""


@pytest.mark.parametrize(
    "pair",
    [
        ('"fc"', '"fc/flat"'),
        ('"fc"', '"fc.weight"'),
        ('"fc"', '"fc.bias"'),
        (r'"\000"', r'"a\nb"'),
        (r'"\377\376"', '"„öüß — 网络"'),
        ('" "', r'"\"; DROP"'),
        ('"A"', '"B"'),
    ],
)
def test_any_names_will_do(pair: tuple[str, str]) -> None:
    graph = netgen.load(HOSTILE.format(*pair)).graph
    model = emit(graph, weights_of(graph))
    checked(model.proto)
    found = names_of_values(model.proto)
    assert len(set(found)) == len(found)
    assert all(name.isprintable() and name for name in found)
    result = run(model.proto, inputs_of(graph))
    assert [value.shape for value in result.values()] == [(1, 3)]


def test_a_name_is_given_once() -> None:
    names = Names()
    assert [names.claim(each) for each in ("a", "a", "a_2", "a", "", "\0")] == [
        "a", "a_2", "a_2_2", "a_3", "value", "\\x00",
    ]  # fmt: skip


def test_what_only_hands_on_a_value_is_no_node() -> None:
    graph = graph_of("""
    x = input(1, 3, 4, 4)
    a = identity(x)
    b = dropout(a)
    c = relu(b)
    d = identity(c)
    return d, c
""")
    model = emit(graph)
    assert operators(checked(model.proto)) == ["Relu", "Identity"]
    assert [model.names[name, 0] for name in "xabcd"] == ["x", "x", "x", "c", "d"]
    result = run(model.proto, {"x": -np.ones((1, 3, 4, 4), np.float32)})
    assert result.keys() == {"c", "d"}


def test_an_input_may_be_a_result_and_a_result_a_constant() -> None:
    graph = graph_of("""
    x = input(1, 3, 4, 4)
    boxes = prior_box(x, x, 2)
    w = parameter([2, 3])
    return x, boxes, w
""")
    model = emit(graph, weights_of(graph))
    result = run(checked(model.proto), inputs_of(graph))
    assert {name: value.shape for name, value in result.items()} == {
        "x": (1, 3, 4, 4),
        "boxes": (1, 2, 64),
        "w": (2, 3),
    }


def test_layers_that_no_result_needs_are_left_out() -> None:
    """What is asked for nothing but its shape is not needed either."""
    graph = graph_of("""
    x = input(1, 3, 8, 8)
    y = input(1, 3, 8, 8)
    shape = conv(x, 4, 3)
    unused = conv(x, 5, 3)
    gone = sigmoid(unused)
    z = crop(y, shape, axis = 2, offset = [1])
    return z
""")
    model = emit(graph)
    assert operators(checked(model.proto)) == ["Slice"]
    assert [each.name for each in model.proto.graph.input] == ["x", "y"]
    assert ("unused", 0) not in model.names


def test_what_cannot_be_said_may_stand_where_nothing_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["tanh"], "onnx", Refused("there is none"))
    graph = graph_of("""
    x = input(2, 3)
    unused = tanh(x)
    return softmax(x)
""")
    assert operators(emit(graph).proto) == ["Softmax"]


def test_shared_arrays_are_one() -> None:
    graph = graph_of("""
    x = input(1, 4, 8, 8)
    a = conv(x, 4, 3, pad = 1, share = "w")
    b = conv(a, 4, 3, pad = 1, share = "w")
    c = scale(b, share = "s")
    d = scale(c, share = "s")
    return d
""")
    model = emit(graph, weights_of(graph))
    assert list(model.weights) == ["a.weight", "a.bias", "c.weight"]
    run(checked(model.proto), inputs_of(graph))


def test_an_array_has_the_axes_that_its_node_wants() -> None:
    graph = graph_of("""
    x = input(1, 4, 8, 8)
    y = x -> scale -> prelu
    return y
""")
    model = emit(graph, weights_of(graph))
    assert operators(checked(model.proto)) == ["Mul", "PRelu"]
    assert {tuple(each.dims) for each in model.proto.graph.initializer} == {(4, 1, 1)}


def test_parameters_without_numbers_are_inputs() -> None:
    graph = graph_of("""
    x = input(1, 3, 8, 8)
    y = x -> conv(4, 3) as "first" -> conv(5, 1) as "second"
    return y
""")
    arrays = weights_of(graph)
    bare = emit(graph)
    assert [each.name for each in checked(bare.proto).graph.input] == [
        "x", "first.weight", "first.bias", "second.weight", "second.bias",
    ]  # fmt: skip
    assert not bare.proto.graph.initializer
    half = emit(graph, {key: array for key, array in arrays.items() if key[0] == "first"})
    assert list(half.lacking.values()) == [("second", "weight"), ("second", "bias")]
    whole = run(emit(graph, arrays).proto, inputs_of(graph))
    given = {name: arrays[key] for name, key in half.lacking.items()}
    assert_close(run(half.proto, {**inputs_of(graph), **given})["second"], whole["second"])


def test_an_array_of_another_shape_is_told() -> None:
    graph = graph_of('return input(1, 3, 8, 8) -> conv(4, 3) as "c"')
    with pytest.raises(ValueError, match=r"`c.weight` is 4x3x3x3; the array given for it has the shape \(2, 2\)"):
        emit(graph, {**weights_of(graph), ("c", "weight"): np.zeros((2, 2), np.float32)}).proto  # noqa: B018


def test_the_model_says_where_it_comes_from() -> None:
    head = '# A file.\n\n# A net.\nnet Small(size: int = 4, id: string = "ü")'
    text = f'{head} {{\n    return input(1, 3, size, size) -> relu as "{{id}}"\n}}\n'
    proto = netgen.compile(text).to_onnx()
    assert (proto.producer_name, proto.producer_version) == ("netgen", netgen.__version__)
    assert (proto.doc_string, proto.graph.doc_string, proto.graph.name) == ("A file.", "A net.", "Small")
    assert {each.key: each.value for each in proto.metadata_props} == {"size": "4", "id": '"ü"'}


def test_a_net_without_a_result_is_refused() -> None:
    silent = 'input: "x" input_shape { dim: 1 dim: 3 } layer { name: "s" type: "Silence" bottom: "x" }'
    with pytest.raises(NetgenError, match="a net without a result computes nothing"):
        emit(netgen.load(silent).graph)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(NetgenError, match=r"(?s)`onnx` is not installed.*pip install 'netgen\[onnx\]'"):
        netgen.compile("net A() { return input(1, 3) -> relu }").to_onnx()


def test_a_model_is_no_text(tmp_path: Path) -> None:
    net = netgen.compile("net A() { return input(1, 3) -> relu }")
    with pytest.raises(ValueError, match=r"`onnx` is no text: to_onnx\(\) gives a model, save_onnx\(path\) writes one"):
        net.emit("onnx")
    net.save("onnx", tmp_path / "a.onnx")
    assert onnx.load(tmp_path / "a.onnx") == net.to_onnx()
