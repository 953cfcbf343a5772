"""Dialects: what is written computes the same, in PyTorch, whatever it was rewritten to; what is not taken is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netgen
from netgen.cli import main
from netgen.diag import NetgenError
from netgen.emit import DIALECTS
from netgen.emit.caffe import dialects
from netgen.emit.caffe.dialects.rewrites import REWRITES
from netgen.formats.message import get, get_all
from netgen.ops import OPERATORS

torch = pytest.importorskip("torch")

PROGRAMS = {
    "relu6": "relu6(x)",
    "clip": "clip(x, -0.5, 0.7)",
    "clip above 0": "clip(x, 0.2, 0.7)",
    "hard_sigmoid": "hard_sigmoid(x)",
    "hard_swish": "hard_swish(x)",
    "swish": "swish(x)",
    "steep swish": "swish(x, beta = 1.7)",
    "mish": "mish(x)",
    "log": "log(abs(x), base = 2, scale = 3, shift = 0.5)",
    "natural log": "log(abs(x), shift = 0.5)",
    "exp": "exp(x, base = 3, scale = 0.5, shift = 0.25)",
    "lrn": "lrn(x, 3, alpha = 0.7, k = 2)",
    "lrn within": 'lrn(x, 3, alpha = 0.7, k = 2, region = "within")',
    "mean of images": 'reduce(x, "mean", axis = 2, coeff = 1.5)',
    "sum of squares": 'reduce(x, "sumsq", axis = 1)',
    "sum of sizes": 'reduce(x, "asum", axis = 3)',
    "tile": "tile(x, 3, axis = 2)",
    "tile once": "tile(x, 1)",
    "concat of one": "concat(x)",
    "permute in part": "permute(x, [0, 2])",
    "permute ones": "permute(global_avg_pool(x), [0, 2, 3, 1])",
    "shuffle": "shuffle_channels(x, 2)",
    "shuffle all": "shuffle_channels(x, 4)",
    "linear on places": "linear(x, 5, axis = 2)",
    "linear on rows": "linear(x, 5, axis = -1, bias = false)",
    "scale by a tensor": "scale(x, flatten(global_avg_pool(x)), axis = 0)",
    "bias by a tensor": "bias(x, flatten(global_avg_pool(x)), axis = 0)",
    "bias": "bias(x)",
    "axpy": "axpy(global_avg_pool(x), x, relu(x))",
    "interp by half": "interp(x, shrink = 2)",
    "interp by two": "interp(x, zoom = 2)",
    "linear function": "power(x, scale = 0.5, shift = -1)",
    "upsample": "upsample(x, [2, 3], gain = 0.5)",
    "floor": 'max_pool(x, 3, stride = 2, rounding = "floor")',
    "floor with pad": 'max_pool(x, [3, 2], stride = 2, pad = 1, rounding = "floor")',
    "floor of averages": 'avg_pool(x, 3, stride = 2, pad = 1, rounding = "floor")',
    "floor both ways": 'avg_pool(x, [2, 3], stride = [2, 4], rounding = "floor")',
    "unit_length": "unit_length(x)",
    "identity": "identity(x)",
    "a window larger than the image": "avg_pool(x, 15, stride = 7, pad = 1)",
    "scale and bias by a tensor": "scale(x, flatten(global_avg_pool(x)), axis = 0, bias = true)",
    "normalize": "normalize(x, across_spatial = true)",
    "flatten nothing": "flatten(x, axis = 2, end_axis = 1)",
    "reshape from the end": "reshape(x, [-1], axis = -2)",
    "slice": "slice(x, parts = 2)",
    "prior_box": "prior_box(x, x, [20.5], [30.5])",
    "deconv before a norm": "deconv(x, 4, 2, stride = 2, groups = 2) -> batch_norm",
    "detections": "detection_output(flatten(x), flatten(x), prior_box(x, x, [20]), 4)",
}
"""Nets of one operator that some dialect lacks, or reads in its own way."""
SHAPES = [(1, 4, 7, 9), (2, 4, 8, 8)]


def trained(net: netgen.Net) -> Any:
    """The net's module with random weights, which the net then has too."""
    torch.manual_seed(7)
    module = net.to_torch().eval()
    with torch.no_grad():
        for array in module.parameters():
            array.normal_(std=0.3)
    if module.state_dict():
        net.load_weights(module.state_dict())
    return module


def told(net: netgen.Net, dialect: str) -> str | None:
    """The net's text in a dialect, or None where there is none."""
    try:
        return net.to_prototxt(dialect=dialect)
    except NetgenError:
        return None


def same_numbers(net: netgen.Net, module: Any, text: str, dialect: str, tmp_path: Path) -> None:
    """Read what was written for a dialect, weights and all, and run it beside the net's own module."""
    again = netgen.load(text)
    assert not again.problems
    if net.weights is not None:
        net.save_caffemodel(tmp_path / "net.caffemodel", dialect=dialect)
        again.load_weights(tmp_path / "net.caffemodel")
    inputs = [torch.randn(shape) for shape in net.inputs.values()]
    with torch.no_grad():
        wanted, got = module(*inputs), again.to_torch().eval()(*inputs)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_rewrite_is_exact(name: str, tmp_path: Path) -> None:
    rewritten = 0
    for shape in SHAPES:
        dims = ", ".join(map(str, shape))
        net = netgen.load(f"net T() {{\n    x = input({dims})\n    return {PROGRAMS[name]}\n}}\n")
        module = trained(net)
        own = net.to_prototxt()
        texts = {text: dialect for dialect in DIALECTS if (text := told(net, dialect)) not in (None, own)}
        for text, dialect in texts.items():
            assert text is not None
            same_numbers(net, module, text, dialect, tmp_path)
        rewritten += len(texts)
    assert rewritten or name in ("mish", "upsample", "unit_length")


def test_clips_are_exact_to_the_bit() -> None:
    x = torch.tensor([1e30, 6.0, 5.9999995, 1e-30, 1e-8, 0.0, -1e-30, -1e30]).reshape(1, 8)
    net = netgen.load("net T() {\n    x = input(1, 8)\n    return relu6(x)\n}\n")
    got = netgen.load(net.to_prototxt(dialect="nnie")).to_torch()(x)
    assert torch.equal(got, x.clamp(0, 6))


def test_every_rewrite_is_tried() -> None:
    assert all(any(name in program for program in PROGRAMS.values()) for name in REWRITES)


# --- networks that were read ----------------------------------------------------------------------

READ = """
name: "read"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 14 dim: 14 } } }
layer { name: "conv one" type: "ConvolutionDepthwise" bottom: "data" top: "c"
        convolution_param { num_output: 4 kernel_size: 3 kernel_size: 1 pad: 1 pad: 0 }
        param { lr_mult: 2 } param { lr_mult: 0.5 } include { phase: TEST } }
layer { name: "r1" type: "ReLU6" bottom: "c" top: "c" }
layer { name: "r2" type: "ReLU" bottom: "c" top: "c" }
layer { name: "split" type: "Split" bottom: "c" top: "left" top: "right" }
layer { name: "r3" type: "ReLU" bottom: "left" top: "left" relu_param { negative_slope: 0.5 } }
layer { name: "p" type: "Pooling" bottom: "right" top: "p"
        pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR } }
layer { name: "r4" type: "ReLU" bottom: "p" top: "p" }
layer { name: "u" type: "Upsample" bottom: "p" top: "up" upsample_param { scale: 2 } }
layer { name: "crop" type: "Crop" bottom: "left" bottom: "up" top: "cut" crop_param { axis: 2 offset: 1 } }
layer { name: "cat" type: "Concat" bottom: "cut" bottom: "up" top: "both" concat_param { concat_dim: 1 } }
layer { name: "act" type: "Swish" bottom: "both" top: "out" }
"""


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name not in ("mnn", "rknn")])
def test_what_was_read_is_rewritten_where_it_must(dialect: str, tmp_path: Path) -> None:
    net = netgen.load(READ)
    text = net.to_prototxt(dialect=dialect)
    same_numbers(net, trained(net), text, dialect, tmp_path)
    assert 'top: "out"' in text, "results keep the names of their blobs"


def test_what_is_kept_stays_as_it_was() -> None:
    text = netgen.load(READ).to_prototxt(dialect="nnie")
    [conv] = [node.origin for node in netgen.load(text).graph.nodes if node.op.name == "conv"]
    assert conv is not None
    assert get(conv.layer, "name") == "conv_one"
    assert [get(param, "lr_mult") for param in get_all(conv.layer, "param")] == [2, 0.5]
    assert get(conv.layer, "include") == [("phase", "TEST")]
    assert get(conv.layer, "convolution_param")[:1] == [("num_output", 4)]


def test_old_words_are_said_anew() -> None:
    layers = {node.name: node.origin for node in netgen.load(netgen.load(READ).to_prototxt(dialect="nnie")).graph.nodes}
    for name, param, fields in (("cat", "concat_param", ["axis"]), ("conv_one", "convolution_param", ["kernel_h"])):
        origin = layers[name]
        assert origin is not None
        said = [field for field, _ in get(origin.layer, param)]
        assert set(fields) <= set(said)
        assert not {"concat_dim", "kernel_size"} & set(said)


def test_no_blob_is_made_twice() -> None:
    for dialect in DIALECTS:
        text = told(netgen.load(READ), dialect)
        assert text is None or not netgen.load(text).warnings, dialect


def test_without_a_dialect_all_is_as_it_was() -> None:
    net = netgen.load(READ)
    before = net.to_prototxt()
    net.to_prototxt(dialect="sophgo")
    assert net.to_prototxt() == before


# --- reports --------------------------------------------------------------------------------------

LAYER = """
layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }}
layer {{ name: "y" type: "{kind}" bottom: "x" {more} }}
"""
OBJECTIONS = [
    ("bvlc-1.0", "Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", "the layer type `Permute`"),
    ("ssd", "Interp", "interp_param { height: 9 width: 9 }", "the layer type `Interp`"),
    ("opencv4", "Threshold", "", "OpenCV 4 has no such type"),
    ("opencv4", "MVN", "mvn_param { eps: 0.1 }", "`mvn_param.eps` is 0.1; OpenCV 4 adds it inside the root"),
    (
        "opencv4",
        "InnerProduct",
        "inner_product_param { num_output: 2 transpose: true }",
        "`inner_product_param.transpose`",
    ),
    (
        "opencv4",
        "Pooling",
        "pooling_param { kernel_size: 2 stride: 4 }",
        "the last window begins at 8, outside the 8 places",
    ),
    ("ncnn", "Interp", "interp_param { height: 9 width: 9 }", "caffe2ncnn does not align them"),
    ("ncnn", "Softmax", "softmax_param { axis: 0 }", "has no axis for the batch"),
    ("mnn", "Pooling", "pooling_param { kernel_size: 3 stride: 4 pad: 2 }", "Caffe leaves out the last"),
    ("mnn", "MVN", "", "divides the input, not its distance from the mean"),
    ("ascend", "Reorg", "reorg_param { stride: 2 }", "the layer type `Reorg`"),
    ("nnie", "Custom", "", "`custom_param` does not say the shape of each top; NNIE's mapper needs it"),
    ("nnie", "ArgMax", "", "the layer type `ArgMax`"),
    ("sophgo", "LRN", "lrn_param { norm_region: WITHIN_CHANNEL }", "normalises across channels"),
    ("sophgo", "Pooling", "pooling_param { kernel_size: 8 pad: 1 }", "pools the whole image"),
    ("rknn", "Threshold", "", "the layer type `Threshold`"),
]


@pytest.mark.parametrize(("dialect", "kind", "fields", "label"), OBJECTIONS)
def test_what_cannot_be_said_is_told(dialect: str, kind: str, fields: str, label: str) -> None:
    dims = "dim: 1 dim: 4 dim: 8 dim: 8"
    net = netgen.load(LAYER.format(dims=dims, kind=kind, more=f'top: "y" {fields}'))
    [problem] = net.check_dialect(dialect)
    assert label in problem.label
    assert problem.code == "NG405"
    assert problem.span is not None
    assert problem.span.text.startswith((f'"{kind}"', f'type: "{kind}"', "{", *fields.split()))
    with pytest.raises(NetgenError):
        net.to_prototxt(dialect=dialect)


def test_one_report_for_all_that_is_alike() -> None:
    loop = "for i in 1..5 {\n        x = threshold(x)\n    }"
    net = netgen.load(f"net T() {{\n    x = input(1, 8)\n    {loop}\n    return threshold(bnll(x))\n}}\n")
    labels = [problem.label for problem in net.check_dialect("rknn")]
    assert [label.split(";")[0].split(": ")[1] for label in labels] == [
        "the layer type `Threshold`",
        "the layer type `BNLL`",
    ]
    assert "the same for 5 more layers" in net.check_dialect("rknn")[0].notes[0].text


def test_too_many_axes() -> None:
    net = netgen.load("net T() {\n    x = input(1, 2, 3, 4, 5)\n    return relu(x)\n}\n")
    assert "a blob of 5 axes; Ascend's ATC takes at most 4" in net.check_dialect("ascend")[0].label
    assert not net.check_dialect("opencv4")


def test_the_training_part_is_told_apart() -> None:
    net = netgen.load(
        LAYER.format(dims="dim: 2 dim: 3", kind="SoftmaxWithLoss", more='bottom: "label" top: "loss"').replace(
            "layer", 'layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 2 } } }\nlayer', 1
        )
    )
    [problem] = net.check_dialect("nnie")
    assert "--phase TEST" in problem.hint


# --- the tables -----------------------------------------------------------------------------------


def test_every_dialect_has_a_table() -> None:
    assert list(dialects.DIALECTS) == list(DIALECTS)


@pytest.mark.parametrize("dialect", list(dialects.DIALECTS.values()), ids=list(dialects.DIALECTS))
def test_tables_are_of_a_piece(dialect: dialects.Dialect) -> None:
    spelled = {kind for op in OPERATORS.values() for fork in op.caffe_forks for kind in (fork.type, *fork.also)}
    assert {"Convolution", "Pooling", "ReLU", "Input"} <= dialect.types
    assert not set(dialect.called) & dialect.types
    assert set(dialect.called.values()) <= dialect.types
    assert set(dialect.rules) <= dialect.types | spelled, "no rule is about a type that is not taken"


FLOORS = {"bvlc": "round_mode: FLOOR", "ascend": "round_mode: FLOOR", "opencv4": "ceil_mode: false"}
"""How sizes that round down are said to those who know it."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rounding_down_is_said_in_the_words_of_each(dialect: str) -> None:
    """Others get poolings that round up, from which the windows are cut off that were not wanted; or nothing."""
    body = 'max_pool(x, 3, stride = 2, rounding = "floor")'
    text = told(netgen.load(f"net T() {{\n    x = input(1, 4, 8, 8)\n    return {body}\n}}\n"), dialect)
    assert (text is None) == (dialect in ("mnn", "rknn"))
    said = [each for each in (text or "").split("\n") if "_mode" in each or "torch_pooling" in each]
    assert [each.strip() for each in said] == [words for name, words in FLOORS.items() if name == dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_dialects_take_the_plain_networks(dialect: str) -> None:
    examples = Path(__file__).parents[3] / "examples"
    for name in ("lenet", "alexnet", "mobilenet_v2", "mobilenet_v3", "shufflenet_v2", "se_resnet50", "unet"):
        assert not netgen.load(examples / f"{name}.net").check_dialect(dialect)


# --- the command line -----------------------------------------------------------------------------


def test_unknown_dialects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "net.net", "--target", "prototxt", "--dialect", "opencv"]) == 2
    assert "did you mean `opencv4`" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no dialect `opencv`"):
        dialects.find("opencv")


def test_dialects_are_of_caffe_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "net.net", "--target", "torch", "--dialect", "nnie"]) == 2
    assert "--target prototxt or caffemodel" in capsys.readouterr().err


def test_help_names_the_dialects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed and about in printed for name, about in DIALECTS.items())
