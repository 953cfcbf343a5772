"""Values of raw messages get the types of Caffe's schema; what Caffe refuses is refused, or read with a warning."""

from __future__ import annotations

from struct import pack, unpack

import pytest
from patience import at_most

from netgen.diag import Diagnostic, NetgenError, Source
from netgen.formats.message import Double, Enum, Message, Raw, get, get_all
from netgen.formats.scalars import by_look
from netgen.formats.textproto_reader import read_text
from netgen.formats.typed import type_values


def typed(text: str, kind: str) -> tuple[Message, list[Diagnostic]]:
    source = Source("test.prototxt", text)
    message = read_text(source)
    warnings: list[Diagnostic] = []
    type_values(message, kind, source, warnings)
    return message, warnings


def single(value: float) -> float:
    (rounded,) = unpack("<f", pack("<f", value))
    return float(rounded)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("ConvolutionParameter", "num_output: 64", 64),
        ("ConvolutionParameter", "num_output: 0x40", 64),
        ("ConvolutionParameter", "num_output: 0100", 64),
        ("ConvolutionParameter", "num_output: 4294967295", 4294967295),
        ("ConvolutionParameter", "axis: -2147483648", -2147483648),
        ("BlobShape", "dim: -9223372036854775808", -(1 << 63)),
        ("BatchNormParameter", "eps: 9.99999974738e-06", single(1e-5)),
        ("BatchNormParameter", "eps: 1", 1.0),
        ("BatchNormParameter", "eps: 1.", 1.0),
        ("BatchNormParameter", "eps: .5", 0.5),
        ("BatchNormParameter", "eps: 1.5f", 1.5),
        ("BatchNormParameter", "eps: -inf", float("-inf")),
        ("BatchNormParameter", "eps: 1e39", float("inf")),
        ("SpatialTransformerParameter", "theta_1_1: 0.1", Double(0.1)),
        ("ConvolutionParameter", "bias_term: true", True),
        ("ConvolutionParameter", "bias_term: False", False),
        ("ConvolutionParameter", "bias_term: t", True),
        ("ConvolutionParameter", "bias_term: 0", False),
        ("PoolingParameter", "pool: AVE", Enum("AVE")),
        ("PoolingParameter", "pool: 1", Enum("AVE")),
        ("PoolingParameter", "pool: 77", 77),
        ("PoolingParameter", "engine: MKLDNN", Enum("MKLDNN")),
        ("LayerParameter", 'name: "a" "b"', "ab"),
        ("LayerParameter", "my_param: 1.50", Raw("1.50")),
        ("LossParameter", "class_weighting: 1", 1.0),
    ],
)
def test_values(kind: str, text: str, value: object) -> None:
    message, warnings = typed(text, kind)
    assert [(type(said), said) for _, said in message] == [(type(value), value)]
    assert not warnings


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("ConvolutionParameter", 'num_output: "64"', 64),
        ("ConvolutionParameter", "num_output: 64.0", 64),
        ("ConvolutionParameter", "num_output: 1e3", 1000),
        ("ConvolutionParameter", "num_output: 08", 8),
        ("BatchNormParameter", 'eps: "1e-3"', single(1e-3)),
        ("ConvolutionParameter", "bias_term: TRUE", True),
        ("ConvolutionParameter", 'bias_term: "false"', False),
        ("PoolingParameter", 'pool: "MAX"', Enum("MAX")),
        ("PoolingParameter", "pool: max", Enum("MAX")),
        ("LayerParameter", "type: Convolution", "Convolution"),
        ("PoolingParameter", "pool: MIN", Enum("MIN")),
        ("ConvolutionParameter", "num_output: CLASSES", Raw("CLASSES")),
        ("LayerParameter", 'botom: "x"', "x"),
    ],
)
def test_what_caffe_refuses_is_read_with_a_warning(kind: str, text: str, value: object) -> None:
    message, warnings = typed(text, kind)
    assert [(type(said), said) for _, said in message] == [(type(value), value)]
    assert [warning.severity for warning in warnings] == ["warning"]


@pytest.mark.parametrize(
    ("kind", "text", "label"),
    [
        ("ConvolutionParameter", 'num_output: "many"', "`num_output` takes a whole number"),
        ("ConvolutionParameter", "num_output: 3.5", "`num_output` takes a whole number"),
        ("ConvolutionParameter", "num_output: -1", "`num_output` takes a whole number from 0 to 4294967295"),
        ("ConvolutionParameter", "num_output: 4294967296", "`num_output` takes a whole number from 0 to 4294967295"),
        ("ConvolutionParameter", f"num_output: {'9' * 5000}", "`num_output` takes a whole number from 0 to 4294967295"),
        ("ConvolutionParameter", "num_output { }", "`num_output` takes a whole number, not a message"),
        ("ConvolutionParameter", "bias_term: 2", "`bias_term` takes true or false"),
        ("ConvolutionParameter", 'weight_filler: "xavier"', "`weight_filler` takes a message in braces"),
        ("PoolingParameter", 'pool: "x y"', "`pool` takes MAX, AVE or STOCHASTIC"),
        ("LayerParameter", "name { }", "`name` takes a string in quotes, not a message"),
        ("LayerParameter", "convolution_param: foo", "`convolution_param` takes a message in braces"),
        ("Datum", "data { }", "`data` takes a string in quotes, not a message"),
        ("ClipParameter", "min: 1", "this ClipParameter has no `max`"),
    ],
)
def test_what_means_nothing_is_an_error(kind: str, text: str, label: str) -> None:
    with pytest.raises(NetgenError) as caught:
        typed(text, kind)
    assert [each.label for each in caught.value.diagnostics] == [label]


def test_all_errors_at_once_but_not_thousands() -> None:
    with pytest.raises(NetgenError) as caught:
        typed("pad: 1.5 " + 'pad: "x" ' * 1000, "ConvolutionParameter")
    assert 2 < len([each for each in caught.value.diagnostics if each.severity == "error"]) < 50


def test_places_of_values() -> None:
    text = "convolution_param {\n  num_output  :  'many' }\n"
    with pytest.raises(NetgenError) as caught:
        typed(text, "LayerParameter")
    (error,) = caught.value.diagnostics
    assert error.span is not None
    assert (str(error.span), error.span.text) == ("test.prototxt:2:18", "'many'")


def test_fields_given_twice() -> None:
    text = """
      name: "a" name: "b" top: "x" top: "y"
      convolution_param { num_output: 1 pad: 1 weight_filler { type: "a" } }
      convolution_param { num_output: 2 pad: 2 weight_filler { std: 1 } }
    """
    message, warnings = typed(text, "LayerParameter")
    assert message == [
        ("name", "b"),
        ("top", "x"),
        ("top", "y"),
        (
            "convolution_param",
            [("num_output", 2), ("pad", 1), ("weight_filler", [("type", "a"), ("std", 1.0)]), ("pad", 2)],
        ),
    ]
    assert [warning.label.partition(" ")[0] for warning in warnings] == [
        "`name`",
        "`convolution_param`",
        "`num_output`",
        "`weight_filler`",
    ]
    assert all(warning.code == "NG522" for warning in warnings)


def test_strange_fields_and_words_are_told_once() -> None:
    text = "layer { convolution_param { kernal_size: 1 engine: GPU axis: TRUE } name: x my_param { num_output: x } } "
    message, warnings = typed(text * 50, "NetParameter")
    assert [warning.code for warning in warnings] == ["NG523", "NG521", "NG521", "NG524"]
    assert all(warning.label.endswith("; 50 times in this file") for warning in warnings)
    assert get(get(get_all(message, "layer")[9], "my_param"), "num_output") == "x"


def test_hostile_texts_take_no_more_than_linear_time() -> None:
    """Names that nobody knows and messages that stand thousands of times are compared and joined once."""
    strange = "".join(f"layr{number} {{ }} name: x{number}\n" for number in range(20_000))
    many = "convolution_param { pad: 1 my_field: 2 } " * 20_000
    with at_most(20):
        message, warnings = typed(f"{strange} {many}", "LayerParameter")
    assert len(get_all(get(message, "convolution_param"), "pad")) == 20_000
    assert len(warnings) < 300


@pytest.mark.parametrize("name", ["cr_param", "hashing_loss_param", "roi_warping_param", "topk_param", "xyz"])
def test_other_forks_fields_are_no_slips(name: str) -> None:
    assert not typed(f"{name} {{ }}", "LayerParameter")[1]


def test_layers_of_the_other_generation() -> None:
    old, warnings = typed('layers { type: "ReLU" param { lr_mult: 1 } reshape_param { axis: 1 } }', "NetParameter")
    layer = get(old, "layers")
    assert layer == [("type", "ReLU"), ("param", [("lr_mult", 1.0)]), ("reshape_param", [("axis", 1)])]
    assert [warning.code for warning in warnings] == ["NG524"]
    new, warnings = typed('layer { blobs_lr: 1 param: "a" }', "NetParameter")
    assert get(new, "layer") == [("blobs_lr", 1.0), ("param", "a")]
    assert not warnings


def test_numbers_that_only_protobuf_reads_stay_few_in_memory() -> None:
    """The memory of values is bounded however many a text has."""
    from netgen.formats.schema import fields_of

    message, _ = typed("".join(f"data: {number}.5\n" for number in range(10_000)), "BlobProto")
    assert get_all(message, "data")[-1] == 9999.5
    assert len(fields_of("BlobProto")["data"].read) <= 4096


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0x10", -16),
        ("1.5", 1.5),
        ("1e-1", single(0.1)),
        ("true", True),
        ("False", False),
        ("MAX", Enum("MAX")),
    ],
)
def test_by_look(text: str, value: object) -> None:
    assert (type(by_look(Raw(text))), by_look(Raw(text))) == (type(value), value)
