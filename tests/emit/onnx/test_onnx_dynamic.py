"""Models for any batch, or images of any size: found out from the net, equal to the models for one size."""

from __future__ import annotations

import onnx
import pytest
from example_nets import FOLDER
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx_models import alone, run_model, run_onnx
from onnx_nets import assert_close, graph_of, inputs_of, operators, run, weights_of
from random_nodes import nodes
from suitable import suitable

import netgen
from netgen.api.onnx import _larger, onnx_model
from netgen.diag import NetgenError
from netgen.emit.onnx import OnnxModel, emit
from netgen.ir.graph import Graph, Shape
from netgen.ir.spell_onnx import OnnxSpelling
from netgen.ir.text import value_name
from netgen.ops import OPERATORS
from netgen.passes.resize import with_inputs
from netgen.weights import Weights
from netgen.weights.entry import held


def made(graph: Graph, *dynamic: str) -> OnnxModel:
    """The model with weights, checked."""
    arrays = weights_of(graph)
    entries = {key: held(".".join(key), array) for key, array in arrays.items()}
    model = onnx_model(graph, Weights(entries), dynamic=dynamic)
    onnx.checker.check_model(model.proto, full_check=True)
    return model


def assert_serves(model: OnnxModel, graph: Graph, shape: Shape) -> None:
    """For an input of some shape it computes what the model for that shape computes."""
    other = with_inputs(graph, {value_name(value): shape for value in graph.inputs})
    inputs = inputs_of(other)
    wanted = run(emit(other, weights_of(graph)).proto, inputs)
    for name, value in run(model.proto, inputs).items():
        assert_close(value, wanted[name])


def dims(info: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


@pytest.mark.parametrize("example", ["mobilenet_v3", "peleenet", "shufflenet_v2", "squeezenet", "unet"])
def test_examples_take_images_of_any_number_and_size(example: str) -> None:
    """U-Net takes only what can be halved four times."""
    more = {"width": 8} if example == "unet" else {}
    net = netgen.compile(FOLDER / f"{example}.net", size=64, **more)  # type: ignore[arg-type]
    model = made(net.graph, "batch", "spatial")
    channels = net.inputs["data"][1]
    assert dims(model.proto.graph.input[0]) == ["batch", channels, "height", "width"]
    for batch, height, width in ((2, 96, 64), (3, 64, 128)) if example == "unet" else ((2, 65, 94), (3, 83, 64)):
        assert_serves(model, net.graph, (batch, channels, height, width))


@pytest.mark.parametrize("example", ["mobilenet_ssd", "lenet"])
def test_examples_take_any_batch(example: str) -> None:
    net = netgen.compile(FOLDER / f"{example}.net", **({"size": 128} if example == "mobilenet_ssd" else {}))  # type: ignore[arg-type]
    model = made(net.graph, "batch")
    (shape,) = net.inputs.values()
    assert dims(model.proto.graph.input[0]) == ["batch", *shape[1:]]
    if example == "lenet":
        assert_serves(model, net.graph, (3, *shape[1:]))


def test_a_crop_to_the_size_of_another_tensor() -> None:
    """In a model for one size it is one node with numbers; in one for all it asks how large the other tensor is."""
    graph = graph_of("""
    x = input(1, 3, 9, 9)
    y = x -> conv(2, 3, pad = 2)
    return crop(y, x, axis = 2, offset = [1, 2])
""")
    assert operators(emit(graph).proto) == operators(made(graph, "batch").proto) == ["Conv", "Slice"]
    model = made(graph, "spatial")
    assert operators(model.proto) == ["Conv", "Shape", "Add", "Slice"]
    assert_serves(model, graph, (1, 3, 14, 21))


FLEXIBLE = [name for name, op in OPERATORS.items() if isinstance(op.onnx, OnnxSpelling) and op.onnx.flexible]


@pytest.mark.parametrize("op", FLEXIBLE)
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_has_numbers_of_a_size_computes_them(op: str, data: st.DataObject) -> None:
    """What an operator is for all sizes gives at another size what it is for that one."""
    n = data.draw(nodes(op))
    graph = alone(n)
    grown = data.draw(st.sampled_from([(1, 2), (4, 4), (6, 1)]))
    shapes = {value_name(value): _larger(grown, value.shape) for value in graph.inputs}
    try:
        twin = with_inputs(graph, shapes).nodes[-1]
        model = onnx_model(graph, None, dynamic="spatial").proto
    except NetgenError:
        assume(False)
        raise
    onnx.checker.check_model(model, full_check=True)
    inputs = dict(zip(shapes, suitable(twin), strict=True))
    for one, other in zip(run_model(model, inputs), run_onnx(twin, list(inputs.values())), strict=True):
        assert_close(one, other)


def test_a_row_of_numbers_is_no_image() -> None:
    """Regions of one place each do not grow with the map that they lie in."""
    graph = graph_of("""
    x = input(1, 12, 16, 16)
    regions = input(5, 5, 1, 1)
    return psroi_pool(x, regions, 3, size = 2)
""")
    proto = made(graph, "spatial").proto
    assert [dims(each) for each in proto.graph.input] == [[1, 12, "height", "width"], [5, 5, 1, 1]]


def test_a_detector_finds_its_boxes_in_images_of_any_size() -> None:
    net = netgen.compile(FOLDER / "mobilenet_ssd.net", size=128)
    assert_serves(made(net.graph, "batch", "spatial"), net.graph, (2, 3, 160, 97))


def test_a_net_of_one_size_says_which_it_does_not_take() -> None:
    graph = graph_of("x = input(1, 3, 8, 8)\nreturn add(x -> max_pool(2), x -> conv(3, 5))")
    with pytest.raises(NetgenError, match=r"(?s)cannot leave this size open.*nor any other size that was tried"):
        made(graph, "spatial")


def test_sizes_on_the_way_are_open_too() -> None:
    graph = graph_of("""
    x = input(1, 3, 17, 17)
    y = x -> max_pool(3, stride = 2, pad = 1) as "pool"
    z = y -> conv(4, 3, pad = 1) as "conv"
    return z -> softmax as "result"
""")
    proto = made(graph, "batch", "spatial").proto
    assert dims(proto.graph.output[0]) == ["batch", 4, 0, 0]
    assert {each.name: dims(each) for each in proto.graph.value_info} == {
        "pool": ["batch", 3, 0, 0],
        "conv": ["batch", 4, 0, 0],
    }
    assert dims(made(graph, "batch").proto.graph.output[0]) == ["batch", 4, 9, 9]


def test_inputs_of_several_sizes_have_names_of_their_own() -> None:
    graph = graph_of("""
    a = input(1, 3, 8, 8)
    b = input(1, 3, 16, 16)
    info = input(5, 3)
    return conv(a, 4, 3), conv(b, 4, 3), relu(info)
""")
    proto = made(graph, "batch", "spatial").proto
    assert [dims(each) for each in proto.graph.input] == [
        ["batch", 3, "height", "width"],
        ["batch", 3, "b_height", "b_width"],
        [5, 3],
    ]


@pytest.mark.parametrize(
    ("body", "dynamic", "told"),
    [
        ("x -> linear(4)", "spatial", ["its `weight` is 4x768, and would be 4x918 for x=1x3x17x18"]),
        ("x -> conv(1, 16) -> argmax", "spatial", ["its Slice has numbers that belong to this size"]),
        ("x -> reshape([1, -1])", "batch", []),
        ("x -> max_pool(2, stride = 3) -> linear(2)", "spatial",
         ["its MaxPool has numbers that belong to this size, and others for x=1x3x17x18", "its `weight` is"]),
        ("x -> reshape([0, 3, 256])", "spatial", ["layer `A`: 1x3x17x18 has 918 elements, which do not make 1x3x256"]),
        ("x -> reshape([-1])", "spatial", []),
    ],
)  # fmt: skip
def test_what_belongs_to_one_size_is_told_all_at_once(body: str, dynamic: str, told: list[str]) -> None:
    graph = graph_of(f"x = input(1, 3, 16, 16)\nreturn {body}")
    if not told:
        assert made(graph, dynamic)
        return
    with pytest.raises(NetgenError) as caught:
        made(graph, dynamic)
    labels = [problem.label for problem in caught.value.diagnostics]
    assert len(labels) == len(told)
    for label, part in zip(labels, told, strict=True):
        assert part in label
