"""OpenCV as a witness: what its dialect writes it computes rightly, and what its table objects to it does get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

import netgen
from netgen.emit.caffe.dialects.opencv import OPENCV
from netgen.emit.caffe.dialects.rules import Objection
from netgen.formats.message import get, get_all
from netgen.ir.graph import Node
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling
from netgen.verify.apart import Failure, compute
from netgen.verify.opencv_runtime import Asked

torch = pytest.importorskip("torch")
numpy = pytest.importorskip("numpy")
pytest.importorskip("cv2")

EXAMPLES = Path(__file__).parents[3] / "examples"
SHAPE = (1, 4, 8, 8)


@pytest.fixture(autouse=True)
def other_numbers(request: pytest.FixtureRequest) -> None:
    """Other numbers for each test: memory that OpenCV reads unwritten may still hold what the last one computed."""
    torch.manual_seed(crc32(request.node.name.encode()))


def trained(net: netgen.Net) -> Any:
    """The net's module with random weights and statistics, which the net then has too."""
    module = net.to_torch().eval()
    with torch.no_grad():
        for name, array in module.named_buffers():
            if array.dtype.is_floating_point:
                array.copy_(torch.rand(array.shape) + 0.5 if "var" in name else torch.randn(array.shape) * 0.1)
    net.load_weights(module.state_dict())
    return module


def opencv(net: netgen.Net, text: str, dialect: str | None, x: Any, folder: Path) -> Any:
    """What OpenCV makes of a text and the net's weights, those among them that never change.

    Raises ``Failure`` where it refuses them or, now and then in place of that, crashes.
    """
    net.save_caffemodel(folder / "net.caffemodel", dialect=dialect)
    (folder / "net.prototxt").write_text(text)
    last = netgen.load(text).graph.nodes[-1].origin
    assert last is not None
    job = {
        "prototxt": str(folder / "net.prototxt"),
        "caffemodel": str(folder / "net.caffemodel"),
        "inputs": list(net.inputs),
        "asked": [Asked(get(last.layer, "name"), 0, get_all(last.layer, "top")[0], 0)],
        "as it comes": True,
    }
    [(_, made)] = compute("netgen.verify.opencv_runtime:values", job, [x.numpy()])
    return torch.from_numpy(made)


def one(body: str) -> netgen.Net:
    return netgen.load(f"net T() {{\n    x = input({', '.join(map(str, SHAPE))})\n    return {body}\n}}\n")


TAKEN = [
    *(
        "relu6(x)",
        "clip(x, -0.5, 0.7)",
        "hard_sigmoid(x)",
        "hard_swish(x)",
        "swish(x)",
        "swish(x, beta = 2)",
        "mish(x)",
    ),
    *("log(abs(x), base = 2, scale = 3, shift = 1)", "exp(x, base = 2, scale = 0.5)", "elu(x, alpha = 0.3)"),
    *("lrn(x, 3, alpha = 0.7, k = 2)", "lrn(x, 3, alpha = 0.7)", 'lrn(x, 3, region = "within")', "mvn(x)"),
    *('reduce(x, "mean", axis = 2)', 'reduce(x, "asum", axis = 3)', "tile(x, 3)", "tile(x, 1)", "concat(x)"),
    *("permute(x, [0, 2])", "permute(x, [0, 2, 3, 1])", "shuffle_channels(x, 2)", "interp(x, shrink = 2)"),
    *("bias(x)", "bias(x, flatten(global_avg_pool(x)), axis = 0)", "scale(x, flatten(global_avg_pool(x)), axis = 0)"),
    *("axpy(global_avg_pool(x), x, relu(x))", "upsample(x, [2, 3], gain = 0.5)", "linear(x, 5, axis = 2)"),
    *('max_pool(x, 3, stride = 2, rounding = "floor")', 'avg_pool(x, 3, stride = 2, pad = 1, rounding = "floor")'),
    *("unit_length(x)", "normalize(x)", "prelu(x, shared = true)", "prelu(x)", "crop(x, max_pool(x, 2), offset = 1)"),
    *("conv(x, 6, [3, 1], pad = [1, 0], dilation = [1, 2])", "deconv(x, 4, [4, 2], stride = 2, groups = 2)"),
    "batch_norm(conv(x, 4, 3, pad = 1, groups = 4, bias = false))",
    "batch_norm(deconv(x, 4, 2, stride = 2, groups = 2))",
    "scale(dropout(upsample(x, 2)), bias = true)",
]


@pytest.mark.parametrize("body", TAKEN)
def test_opencv_computes_what_its_dialect_says(body: str, tmp_path: Path) -> None:
    net = one(body)
    module = trained(net)
    x = torch.randn(SHAPE)
    with torch.no_grad():
        wanted = module(x)
    got = opencv(net, net.to_prototxt(dialect="opencv4"), "opencv4", x, tmp_path)
    torch.testing.assert_close(got.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-5)


_DETECTED = "detection_output(flatten(x), flatten(x), prior_box(x, x, [2]), 4, {})"

WRONG = [
    *("max_pool(x, 2, stride = 4)", "max_pool(x, [3, 2], stride = [2, 4], pad = [1, 0])", "concat(x)"),
    *('max_pool(x, [3, 2], stride = [2, 3], rounding = "floor")', "deconv(x, 4, 3, dilation = 2)"),
    *("batch_norm(upsample(x, 2))", "scale(x, flatten(global_avg_pool(x)), axis = 0, bias = true)"),
    *('batch_norm(x, eps = 0.1, statistics = "batch")', "prior_box(x, x, [2.5])", "prior_box(x, x, [2], image = 16)"),
    *("prior_box(x, x, [2], image = [16, 20])", _DETECTED.format("top_k = 0, keep_top_k = 9, nms_threshold = 0.3")),
    *("lrn(x, 3, alpha = 0.7, k = 2)", "mvn(x, eps = 0.1)", "linear(x, 5, transpose = true)", "swish(x, beta = 2)"),
    *("log(abs(x), base = 2)", "log(abs(x), scale = 2)", "log(abs(x), shift = 2)", "reorg(x, stride = 1)"),
    *(
        "interp(x, size = 9, crop = [1, 0])",
        "interp(x, size = 9, crop = [0, 1])",
        "reorg(x, stride = 2, reverse = true)",
    ),
]
WRONG_LAYERS = [
    'type: "Concat" bottom: "x" bottom: "x" top: "y" concat_param { concat_dim: 2 }',
    'type: "Slice" bottom: "x" top: "a" top: "b" } layer { name: "z" type: "ReLU" bottom: "a" top: "y"',
    'type: "LRN" bottom: "x" top: "y"',
    'type: "PriorBox" bottom: "x" bottom: "x" top: "y" prior_box_param { min_size: 4 variance: 0.1 }',
]
REFUSED = [
    *('max_pool(x, 3, stride = 2, rounding = "floor")', "stochastic_pool(x, 2)", "max_pool(x, 9)", "mvn(flatten(x))"),
    *("flatten(x, axis = 2, end_axis = 1)", "reshape(x, [-1], axis = -2)", "reshape(x, [1], axis = 1, num_axes = 0)"),
    *("permute(x, [0, 2])", "normalize(x, across_spatial = true)", "interp(x, shrink = 2)"),
    *("conv(reshape(x, [1, 4, 2, 4, 8]), 2, 2)", "threshold(x)", "argmax(x, axis = 1)", "spp(x, 2)"),
    *("im2col(x, 3)", "clip(x, -0.5, 0.7)", "bias(x)", "tile(x, 3)", 'reduce(x, "mean", axis = 2)'),
    *(_DETECTED.format(f"{each}, keep_top_k = 9") for each in ("nms_threshold = 0", "background = -1")),
    *(
        _DETECTED.format(f"{each}, keep_top_k = 9")
        for each in ('code = "corner_size"', "variance_encoded_in_target = true")
    ),
    'batch_norm(reshape(x, [2, 2, 8, 8]), statistics = "batch")',
]
REFUSED_LAYERS = [
    'type: "Pooling" bottom: "x" top: "a" top: "b" pooling_param { kernel_size: 2 stride: 2 } } '
    'layer { name: "z" type: "ReLU" bottom: "b" top: "y"',
    'type: "PriorBox" bottom: "x" bottom: "x" top: "y" prior_box_param { min_size: 4 clip: true }',
]
ELSEWHERE = {"refines", "keeps_all", "drops_small_regions", "keeps_no_overlap", "unread_input"}
"""What takes other networks to see, or is not to be tried: ``tests/verify`` meets it by chance."""


def layer(text: str) -> netgen.Net:
    dims = " ".join(f"dim: {dim}" for dim in SHAPE)
    head = f'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }}'
    return netgen.load(f'name: "T" {head} layer {{ name: "l" {text} }}')


def made_of(net: netgen.Net, folder: Path) -> tuple[Any, Any]:
    """What PyTorch and what OpenCV make of a net as Caffe says it."""
    module, x = trained(net), torch.randn(SHAPE)
    with torch.no_grad():
        wanted = module(x)
    wanted = wanted[-1] if isinstance(wanted, tuple) else wanted
    return wanted, opencv(net, net.to_prototxt(), None, x, folder)


@pytest.mark.parametrize("said", [*WRONG, *WRONG_LAYERS])
def test_opencv_gets_wrong_what_its_table_says(said: str, tmp_path: Path) -> None:
    """A fault that is gone makes this fail, and has to go from the table."""
    net = one(said) if said in WRONG else layer(said)
    wanted, got = made_of(net, tmp_path)
    assert got.shape != wanted.shape or not torch.allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert any(each.computes for _, each in objections(net))


@pytest.mark.parametrize("said", [*REFUSED, *REFUSED_LAYERS])
def test_opencv_refuses_what_its_table_says(said: str, tmp_path: Path) -> None:
    net = one(said) if said in REFUSED else layer(said)
    assert any(not each.computes for _, each in objections(net))
    with pytest.raises(Failure):
        made_of(net, tmp_path)


def objections(net: netgen.Net) -> list[tuple[Node, Objection]]:
    """All that the table says of a net's layers as Caffe has them."""
    found = []
    for node in net.graph.nodes:
        layers = [CaffeLayer(get(node.origin.layer, "type"), "", node.origin.layer)] if node.origin else []
        spelling = node.op.caffe
        if not layers and isinstance(spelling, CaffeSpelling):
            layers = spelling.layers(node)
        found += [(node, each) for each in OPENCV.objections(node, layers)]
    return found


def test_all_rules_of_the_table_are_shown() -> None:
    nets = [*map(one, [*WRONG, *REFUSED]), *map(layer, [*WRONG_LAYERS, *REFUSED_LAYERS])]
    shown = {(each.does, each.path, each.hint) for net in nets for _, each in objections(net)}
    rules = {rule for rules in OPENCV.rules.values() for rule in rules if rule.test.__name__ not in ELSEWHERE}
    missing = [rule for rule in rules if (f"OpenCV 4 {rule.does}", rule.path, rule.hint) not in shown]
    assert not [f"{sorted(rule.types)} {rule.path} {rule.does}" for rule in missing]


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3", "shufflenet_v2"])
def test_opencv_runs_the_examples(name: str, tmp_path: Path) -> None:
    net = netgen.load(EXAMPLES / f"{name}.net")
    module = trained(net)
    [shape] = net.inputs.values()
    x = torch.randn(shape)
    with torch.no_grad():
        wanted = module(x)
    got = opencv(net, net.to_prototxt(dialect="opencv4"), "opencv4", x, tmp_path)
    torch.testing.assert_close(got.reshape(wanted.shape), wanted, rtol=1e-3, atol=float(wanted.abs().max()) * 1e-5)
