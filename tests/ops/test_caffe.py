"""What operators say in Caffe: it reads back, it is in Caffe's schema, and it is what a person would write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from caffe_files import parse, read_layer
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nodes import nodes
from spelled import node

from netgen.formats.message import Enum, Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, FillerField, Sub
from netgen.ops import OPERATORS, bind

SPELLED = [op for op in OPERATORS if isinstance(OPERATORS[op].caffe, CaffeSpelling)]
ONE_LAYER = [op for op in SPELLED if OPERATORS[op].caffe.type]  # type: ignore[union-attr]

MANY = settings(max_examples=25)


def caffe(n: Node) -> CaffeSpelling:
    assert isinstance(n.op.caffe, CaffeSpelling)
    return n.op.caffe


# --- both ways ------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ONE_LAYER)
@given(data=st.data())
@MANY
def test_what_is_written_reads_back(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op, training=True))
    layers = caffe(n).layers(n)
    if len(layers) > 1 or n.op.refuses("caffe", n):
        return
    found, given = read_layer(layers[0].type, layers[0].message, len(n.outputs), [len(n.inputs)])
    assert found is n.op
    assert _computes(bind(found, given)) == _computes(n.a)


def _computes(a: Attrs) -> dict[str, object]:
    """Arguments without those that a layer says elsewhere, and with the bias filler that is implied written out."""
    kept = {name: value for name, value in a.items() if name not in ("lr_mult", "decay_mult", "share")}
    is_filled = kept.get("bias", True) and kept.get("weight_filler") and "out" in kept
    if is_filled and kept.get("bias_filler", is_filled) is None:
        kept["bias_filler"] = Filler("constant")
    if kept.get("statistics") == "none":
        kept["statistics"] = "batch"  # that the batch's own are used is all that Caffe can say
    return kept


def test_older_fields_are_read() -> None:
    concat, a = read_layer("Concat", parse("concat_dim: 3"))
    assert (concat.name, a) == ("concat", {"axis": 3})
    cut, a = read_layer("Slice", parse("slice_dim: 2 slice_point: 4"), tops=2)
    assert (cut.name, a) == ("slice", {"cuts": (4,), "axis": 2})


def test_pairs_are_read_in_every_form() -> None:
    same = {"kernel": (3, 5), "stride": (2, 1), "pad": (1, 2), "dilation": (1, 2)}
    for text in (
        "kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 2 dilation: 1 dilation: 2",
        "kernel_size: 3 kernel_size: 5 stride: 2 stride: 1 pad: 1 pad: 2 dilation: 1 dilation: 2",
    ):
        _, a = read_layer("Convolution", parse(f"num_output: 8 {text}"))
        assert {name: a[name] for name in same} == same


def test_the_number_of_tops_tells_the_parts() -> None:
    op, a = read_layer("Slice", parse("axis: 1"), tops=3)
    assert (op.name, a) == ("slice", {"axis": 1, "parts": 3})
    with pytest.raises(KeyError):
        read_layer("Slice", parse("slice_point: 1"), tops=3)


def test_what_no_operator_means_is_not_read() -> None:
    for kind, text in (
        ("Pooling", "pool: MIN kernel_size: 2"),
        ("InnerProduct", "num_output: 3 normalize: true"),
        ("Convolution", "num_output: 3 kernel_size: 1 axis: 2"),
        ("Eltwise", "operation: MIN"),
        ("LRN", "norm_region: SOMEWHERE"),
    ):
        with pytest.raises(KeyError):
            read_layer(kind, parse(text))


def test_a_second_top_is_not_ignored() -> None:
    with pytest.raises(KeyError):
        read_layer("Pooling", parse("pool: AVE kernel_size: 2"), tops=2)


def test_fillers_are_read_whatever_their_numbers_look_like() -> None:
    _, a = read_layer("InnerProduct", parse('num_output: 1 weight_filler { type: "gaussian" std: 1 mean: 0 }'))
    assert a["weight_filler"] == Filler("gaussian")
    _, a = read_layer("InnerProduct", parse('num_output: 1 weight_filler { type: "msra" variance_norm: AVERAGE }'))
    assert a["weight_filler"] == Filler("msra", {"variance_norm": "average"})
    _, a = read_layer("InnerProduct", parse("num_output: 1 bias_filler { value: 3 }"))
    assert repr(a["bias_filler"]) == "constant(value = 3)"


def test_a_filler_that_caffe_lacks_is_an_objection() -> None:
    with pytest.raises(Fault) as fault:
        read_layer("InnerProduct", parse('num_output: 1 weight_filler { type: "xavir" }'))
    assert (fault.value.arg, fault.value.hint) == ("weight_filler", "did you mean `xavier`?")


# --- the schema -----------------------------------------------------------------------------------

_FORKS = {"ssd": "ssd", "": "bvlc"}


@pytest.fixture(scope="module")
def schemas(shared: Path) -> dict[str, dict[str, Any]]:
    return {fork: json.loads((shared / "facts" / f"{name}_schema.json").read_text()) for fork, name in _FORKS.items()}


def fields_of(spelling: CaffeSpelling) -> Iterator[tuple[str, object]]:
    """The fields that a spelling reads or writes, with the defaults it takes them to have."""
    for field in spelling.fields:
        if isinstance(field, Sub):
            yield field.name, None
        elif not isinstance(field, FillerField):
            yield field.name, field.default
        yield from ((name, None) for name in field.names[1:])


@pytest.mark.parametrize("op", ONE_LAYER)
def test_fields_are_in_caffes_schema(op: str, schemas: dict[str, dict[str, Any]]) -> None:
    spelling = OPERATORS[op].caffe
    assert isinstance(spelling, CaffeSpelling)
    if spelling.fork not in schemas:
        return
    messages = schemas[spelling.fork]["messages"]
    layer = {field["name"]: field["type"] for field in messages["LayerParameter"]}
    message = {field["name"]: field for field in messages[layer.get(spelling.param, "LayerParameter")]}
    for name, default in fields_of(spelling):
        assert name in message
        if default is not None and message[name]["label"] == "optional":
            assert _as_said(default) == message[name].get("default", "false"), name


def _as_said(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("op", SPELLED)
@given(data=st.data())
@MANY
def test_messages_are_valid_and_in_order(op: str, data: st.DataObject, schemas: dict[str, dict[str, Any]]) -> None:
    n = data.draw(nodes(op, training=True))
    if n.op.refuses("caffe", n):
        return
    for layer in caffe(n).layers(n):
        if layer.fork not in schemas:
            continue
        schema = schemas[layer.fork]
        types = {field["name"]: field["type"] for field in schema["messages"]["LayerParameter"]}
        if layer.message:
            check_message(layer.message, types.get(layer.param, "LayerParameter"), schema)


def check_message(message: Message, kind: str, schema: dict[str, Any]) -> None:
    """Names, labels and types of the fields; and their order, which is that of their numbers."""
    fields = {field["name"]: field for field in schema["messages"][kind]}
    said = [name for name, _ in message]
    numbers = [_rank(fields[name], fields) for name in said]
    assert numbers == sorted(numbers)
    for name, value in message:
        field = fields[name]
        assert field["label"] == "repeated" or said.count(name) == 1
        if field["type"] in schema["messages"]:
            assert isinstance(value, list)
            check_message(value, field["type"], schema)
        elif field["type"] in schema["enums"]:
            assert isinstance(value, Enum)
            assert value in schema["enums"][field["type"]]
        else:
            assert type(value) is _PYTHON[field["type"]], f"{kind}.{name} is {value!r}"


_PYTHON = {
    "bool": bool,
    "float": float,
    "int32": int,
    "int64": int,
    "uint32": int,
    "string": str,
}


def _rank(field: dict[str, Any], fields: dict[str, Any]) -> int:
    """A field's number; the two of a pair stand where the one for both would."""
    stem = field["name"].removesuffix("_h").removesuffix("_w")
    for both in (stem, f"{stem}_size"):
        if stem != field["name"] and both in fields:
            return int(fields[both]["number"])
    return int(field["number"])


# --- what people write ----------------------------------------------------------------------------


def said(n: Node) -> list[str]:
    """The layers of a node, each as a line."""
    return [_line(layer) for layer in caffe(n).layers(n)]


def _line(layer: CaffeLayer) -> str:
    return " ".join([layer.type, *_words(layer.message)])


def _words(message: Message) -> Iterator[str]:
    for name, value in message:
        if isinstance(value, list):
            yield f"{name} {{ {' '.join(_words(value))} }}"
        else:
            yield f"{name}: {json.dumps(value) if not isinstance(value, Enum) else value}"


IMAGE = (1, 8, 14, 14)
XAVIER = Filler("xavier")

WRITTEN = [
    (
        node("conv", IMAGE, out=32, kernel=3, stride=2, pad=1, bias=False, weight_filler=XAVIER),
        'Convolution num_output: 32 bias_term: false pad: 1 kernel_size: 3 stride: 2 weight_filler { type: "xavier" }',
    ),
    (
        node("conv", IMAGE, out=8, kernel=[1, 3], pad="same", groups=8, dilation=2),
        "Convolution num_output: 8 bias_term: true pad_h: 0 pad_w: 2 kernel_h: 1 kernel_w: 3 group: 8 stride: 1 "
        "dilation: 2",
    ),
    (
        node("linear", IMAGE, out=10, weight_filler=XAVIER),
        'InnerProduct num_output: 10 bias_term: true weight_filler { type: "xavier" } bias_filler { type: "constant" }',
    ),
    (node("max_pool", IMAGE, kernel=2), "Pooling pool: MAX kernel_size: 2 stride: 2"),
    (
        node("avg_pool", IMAGE, kernel=3, stride=1, pad=1, rounding="floor"),
        "Pooling pool: AVE kernel_size: 3 stride: 1 pad: 1 round_mode: FLOOR",
    ),
    (node("global_avg_pool", IMAGE), "Pooling pool: AVE global_pooling: true"),
    (node("relu", IMAGE), "ReLU"),
    (node("relu", IMAGE, slope=0.1), "ReLU negative_slope: 0.1"),
    (node("relu6", IMAGE), "Clip min: 0.0 max: 6.0"),
    (node("softmax", IMAGE), "Softmax"),
    (node("dropout", IMAGE), "Dropout dropout_ratio: 0.5"),
    (node("concat", IMAGE, IMAGE), "Concat axis: 1"),
    (node("add", IMAGE, IMAGE), "Eltwise operation: SUM"),
    (node("add", IMAGE, IMAGE, coeff=[1, -1]), "Eltwise operation: SUM coeff: 1.0 coeff: -1.0"),
    (node("slice", IMAGE, cuts=[3, 5]), "Slice slice_point: 3 slice_point: 5 axis: 1"),
    (node("scale", IMAGE, bias=True), "Scale bias_term: true"),
    (node("scale", IMAGE, (1, 8), axis=0), "Scale axis: 0"),
    (node("reshape", IMAGE, shape=[0, -1]), "Reshape shape { dim: 0 dim: -1 }"),
    (node("reduce", IMAGE, operation="mean"), "Reduction operation: MEAN axis: 1"),
    (node("exp", IMAGE), "Exp"),
    (node("exp", IMAGE, base=10), "Exp base: 10.0"),
    (node("identity", IMAGE), "Split"),
    (node("input", n=1, c=3, h=8, w=9), "Input shape { dim: 1 dim: 3 dim: 8 dim: 9 }"),
    (
        node("normalize", IMAGE, weight_filler=Filler("constant", {"value": 20.0})),
        'Normalize across_spatial: false scale_filler { type: "constant" value: 20.0 } channel_shared: false',
    ),
    (node("shuffle_channels", IMAGE, groups=4), "ShuffleChannel group: 4"),
]


@pytest.mark.parametrize(("n", "line"), WRITTEN, ids=[line.split()[0] for _, line in WRITTEN])
def test_text_is_what_a_person_would_write(n: Node, line: str) -> None:
    assert said(n) == [line]


def test_batch_norm_is_two_layers() -> None:
    n = node("batch_norm", IMAGE, eps=0.001)
    assert said(n) == [
        "BatchNorm moving_average_fraction: 0.999 eps: 0.001",
        "Scale filler { value: 1.0 } bias_term: true bias_filler { value: 0.0 }",
    ]
    normalise, scale = caffe(n).layers(n)
    assert (normalise.blobs, normalise.fixed) == (("mean", "variance", "factor"), 3)
    assert normalise.constants["factor"].value == 1
    assert (scale.suffix, scale.inputs, scale.blobs) == ("scale", [""], ("weight", "bias"))


def test_nearest_upsampling_is_a_depthwise_deconvolution_of_ones() -> None:
    n = node("upsample", IMAGE, scale=[2, 3])
    [layer] = caffe(n).layers(n)
    assert said(n) == [
        "Deconvolution num_output: 8 bias_term: false kernel_h: 2 kernel_w: 3 group: 8 stride_h: 2 stride_w: 3 "
        'weight_filler { type: "constant" value: 1.0 }'
    ]
    assert (layer.blobs, layer.fixed) == (("weight",), 1)
    assert (layer.constants["weight"].shape, layer.constants["weight"].value) == ((8, 1, 2, 3), 1)


def test_bilinear_upsampling_needs_aligned_corners() -> None:
    aligned = node("upsample", IMAGE, scale=2, mode="bilinear", align_corners=True)
    assert said(aligned) == ["Interp height: 28 width: 28"]
    assert caffe(aligned).layers(aligned)[0].fork == "pspnet"
    other = node("upsample", IMAGE, scale=2, mode="bilinear")
    refused = other.op.refuses("caffe", other)
    assert refused is not None
    assert refused.hint == "say align_corners = true, or use a `deconv` with weight_filler = bilinear"


def test_nearest_upsampling_repeats_whole_pixels() -> None:
    refused = OPERATORS["upsample"].refuses("caffe", node("upsample", IMAGE, size=[20, 28]))
    assert refused is not None
    assert "14x14" in refused.hint


def test_hard_activations_are_composed() -> None:
    assert said(node("hard_sigmoid", IMAGE)) == [f"Power scale: {1 / 6} shift: 0.5", "Clip min: 0.0 max: 1.0"]
    n = node("hard_swish", IMAGE)
    assert said(n)[-1] == "Eltwise operation: PROD"
    assert caffe(n).layers(n)[-1].inputs == [0, "gate"]


def test_peleenet_says_what_the_reference_says(shared: Path) -> None:
    """Each layer of the published text, read and written again, says the same fields in the same order."""
    for layer in get_all(parse((shared / "reference/PeleeNet.prototxt").read_text()), "layer"):
        kind = get(layer, "type")
        if kind in ("BatchNorm", "Scale"):
            continue  # one operator says both; its text is compared above
        message: Message = next((value for name, value in layer if name.endswith("_param")), [])
        tops = len(get_all(layer, "top"))
        op, given = read_layer(kind, message, tops)
        assert isinstance(op.caffe, CaffeSpelling)
        assert op.caffe.message(bind(op, given)) == message
