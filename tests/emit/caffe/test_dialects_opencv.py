"""OpenCV as a witness: what its dialect writes it computes rightly, and what its table objects to it does get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netgen

torch = pytest.importorskip("torch")
numpy = pytest.importorskip("numpy")
cv2 = pytest.importorskip("cv2")

EXAMPLES = Path(__file__).parents[3] / "examples"
SHAPE = (1, 4, 8, 8)


def trained(net: netgen.Net) -> Any:
    """The net's module with random weights and statistics, which the net then has too."""
    torch.manual_seed(3)
    module = net.to_torch().eval()
    with torch.no_grad():
        for name, array in module.named_buffers():
            if array.dtype.is_floating_point:
                array.copy_(torch.rand(array.shape) + 0.5 if "var" in name else torch.randn(array.shape) * 0.1)
    net.load_weights(module.state_dict())
    return module


def opencv(net: netgen.Net, text: str, dialect: str | None, x: Any, folder: Path) -> Any:
    """What OpenCV makes of a text and the net's weights, those among them that never change."""
    net.save_caffemodel(folder / "net.caffemodel", dialect=dialect)
    weights = numpy.fromfile(folder / "net.caffemodel", numpy.uint8)
    found = cv2.dnn.readNetFromCaffe(numpy.frombuffer(text.encode(), numpy.uint8), weights)
    found.setInput(x.numpy())
    return torch.from_numpy(found.forward())


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


OBJECTED = [
    *("threshold(x)", "argmax(x, axis = 1)", "spp(x, 2)", "im2col(x, 3)", "max_pool(x, 2, stride = 4)"),
    *("mvn(x, eps = 0.1)", "linear(x, 5, transpose = true)", "clip(x, -0.5, 0.7)", "bias(x)", "tile(x, 3)"),
    *("swish(x, beta = 2)", "lrn(x, 3, alpha = 0.7, k = 2)", "log(abs(x), base = 2)", "permute(x, [0, 2])"),
    *('reduce(x, "mean", axis = 2)', "interp(x, shrink = 2)", 'max_pool(x, 3, stride = 2, rounding = "floor")'),
    "concat(x)",
]


@pytest.mark.parametrize("body", OBJECTED)
def test_opencv_gets_wrong_what_its_table_objects_to(body: str, tmp_path: Path) -> None:
    net = one(body)
    module = trained(net)
    own = net.to_prototxt()
    assert net.check_dialect("opencv4") or net.to_prototxt(dialect="opencv4") != own, "the table objects to it"
    x = torch.randn(SHAPE)
    with torch.no_grad():
        wanted = module(x)
    try:
        got = opencv(net, own, None, x, tmp_path)
    except cv2.error:
        return
    assert got.shape != wanted.shape or not torch.allclose(got, wanted, rtol=1e-4, atol=1e-5)


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
