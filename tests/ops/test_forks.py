"""Layers of Caffe's forks: which operator they mean, in which order their blobs are, and what they compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import parse
from spelled import node, run

from netgen.formats.message import Message, Raw
from netgen.ir.graph import Attrs, Node
from netgen.ir.operator import Operator
from netgen.ops import OPERATORS, bind, read_caffe

Array = np.ndarray[Any, np.dtype[Any]]


def layer(text: str, bottoms: int = 1, tops: int = 1) -> Message:
    """A layer of which the text gives the type and the parameters."""
    kind, _, rest = text.partition(" ")
    return [("type", kind), *[("bottom", "x")] * bottoms, *[("top", "y")] * tops, *parse(rest)]


def meaning(text: str, bottoms: int = 1, tops: int = 1) -> tuple[type[Operator], Attrs]:
    found = read_caffe(layer(text, bottoms, tops))
    assert not isinstance(found, str), found
    return found[0], bind(*found)


def compute(text: str, inputs: list[Array], blobs: list[Array]) -> Array:
    """What a layer with some blobs, in its fork's order, makes of some inputs."""
    said = layer(text, len(inputs))
    op, a = meaning(text, len(inputs))
    n = node(op.name, *(x.shape for x in inputs), **a)
    shapes = {param.name: param.shape for param in n.params}
    names = [name for name in op.caffe_of(said).blobs if name in shapes]
    arrays = dict(zip(names, [np.asarray(blob, np.float32) for blob in blobs], strict=True))
    assert shapes == {name: array.shape for name, array in arrays.items()}
    [y] = run(n, [torch.from_numpy(np.array(x, np.float32)) for x in inputs], arrays)
    assert [tuple(y.shape)] == n.y
    return np.asarray(y.numpy())


RANDOM = np.random.default_rng(7)
X = RANDOM.standard_normal((2, 4, 5, 6)).astype(np.float32)
SCALE, SHIFT, MEAN = RANDOM.standard_normal((3, 4)).astype(np.float32)
VARIANCE = RANDOM.uniform(0.5, 2, 4).astype(np.float32)


# --- what they compute, by their definitions ------------------------------------------------------


def spread(values: Array) -> Array:
    """One number for each channel, to be broadcast over an image."""
    return values[:, None, None]


def normalised(eps: float) -> Array:
    return (X - spread(MEAN)) / np.sqrt(spread(VARIANCE) + eps) * spread(SCALE) + spread(SHIFT)


def by_the_batch(eps: float) -> Array:
    mean, variance = X.mean((0, 2, 3)), X.var((0, 2, 3))
    return (X - spread(mean)) / np.sqrt(spread(variance) + eps)


def corner_on_corner(x: Array, height: int, width: int) -> Array:
    """Bilinear interpolation in which the corners of both images are the same points."""
    out = np.empty((*x.shape[:2], height, width))
    for i in range(height):
        for j in range(width):
            at_h = i * (x.shape[2] - 1) / (height - 1) if height > 1 else 0
            at_w = j * (x.shape[3] - 1) / (width - 1) if width > 1 else 0
            top, left = int(at_h), int(at_w)
            down, right = min(top + 1, x.shape[2] - 1), min(left + 1, x.shape[3] - 1)
            h, w = at_h - top, at_w - left
            out[:, :, i, j] = (1 - h) * ((1 - w) * x[:, :, top, left] + w * x[:, :, top, right])
            out[:, :, i, j] += h * ((1 - w) * x[:, :, down, left] + w * x[:, :, down, right])
    return out


def unpooled(x: Array, mask: Array, height: int, width: int) -> Array:
    out = np.zeros((*x.shape[:2], height * width))
    for image, channel, *place in np.ndindex(x.shape):
        at = (image, channel, *place)
        out[image, channel, int(mask[at])] = x[at]
    return out.reshape(*x.shape[:2], height, width)


def convolved(x: Array, weight: Array, stride: int, pad: int, depthwise: bool) -> Array:
    """Convolution along any axes, tap by tap."""
    axes = range(2, x.ndim)
    padded = np.pad(x, [(0, 0), (0, 0), *[(pad, pad)] * (x.ndim - 2)])
    sizes = [(padded.shape[axis] - weight.shape[axis]) // stride + 1 for axis in axes]
    out = np.zeros((len(x), len(weight), *sizes))
    for tap in np.ndindex(weight.shape[2:]):
        window = tuple(slice(at, at + stride * (size - 1) + 1, stride) for at, size in zip(tap, sizes, strict=True))
        part = padded[(slice(None), slice(None), *window)]
        taps = weight[(slice(None), slice(None), *tap)]
        if depthwise:
            out += part * taps[:, 0].reshape(-1, *[1] * (x.ndim - 2))
        else:
            out += np.einsum("nc...,oc->no...", part, taps)
    return out


def locally(x: Array, weight: Array, bias: Array, kernel: int) -> Array:
    """A product with other weights at each place."""
    height, width = x.shape[2] - kernel + 1, x.shape[3] - kernel + 1
    out = np.empty((len(x), len(weight), height, width))
    for place, (i, j) in enumerate(np.ndindex(height, width)):
        window = x[:, :, i : i + kernel, j : j + kernel].reshape(len(x), -1)
        out[:, :, i, j] = window @ weight[:, 0, :, place].T + bias[0, 0, :, place]
    return out


MASK = np.array([0, 7, 8, 15], np.float32).reshape(1, 1, 2, 2).repeat(3, axis=1)
SMALL = RANDOM.standard_normal((1, 3, 2, 2)).astype(np.float32)
FACTOR = RANDOM.standard_normal((2, 4, 1, 1)).astype(np.float32)
VIDEO = RANDOM.standard_normal((1, 2, 4, 5, 6)).astype(np.float32)
TAPS = RANDOM.standard_normal((3, 2, 3, 3, 3)).astype(np.float32)
FILTERS = RANDOM.standard_normal((4, 1, 3, 3)).astype(np.float32)
LOCAL, LOCAL_BIAS = RANDOM.standard_normal((3, 1, 36, 12)), RANDOM.standard_normal((1, 1, 3, 12))
SOFTPLUS = np.log1p(np.exp(X))

COMPUTED: list[tuple[str, list[Array], list[Array], Array]] = [
    ("BN", [X], [SCALE, SHIFT, MEAN, VARIANCE], normalised(1e-5)),
    ("BN bn_param { frozen: true eps: 0.1 momentum: 0.95 }", [X], [SCALE, SHIFT, MEAN, VARIANCE], normalised(0.1)),
    (
        "BN bn_param { scale_filler { value: 1 } shift_filler { value: 0.001 } }",
        [X],
        [SCALE, SHIFT],
        by_the_batch(1e-9) * spread(SCALE) + spread(SHIFT),
    ),
    ("BN bn_param { bn_mode: INFERENCE }", [X], [SCALE, SHIFT], X * spread(SCALE) + spread(SHIFT)),
    ("BatchNorm batch_norm_param { scale_bias: true }", [X], [MEAN, VARIANCE, SCALE, SHIFT], normalised(1e-5)),
    (
        "BatchNorm batch_norm_param { eps: 1e-7 bias_filler { value: 0 } }",  # NVIDIA's eps has a lower bound
        [X],
        [MEAN, VARIANCE, SCALE, SHIFT],
        normalised(1e-5),
    ),
    (
        "BatchNorm param { lr_mult: 1 } batch_norm_param { scale_filler { value: 1 } }",  # Xilinx's
        [X],
        [SCALE, SHIFT, MEAN, VARIANCE],
        normalised(1e-5),
    ),
    ("BatchNorm batch_norm_param { use_global_stats: false }", [X], [MEAN, VARIANCE], by_the_batch(1e-5)),
    ("Axpy", [FACTOR, X, X[::-1]], [], FACTOR * X + X[::-1]),
    ("Axpy", [FACTOR[:, :, 0, 0], X, X[::-1]], [], FACTOR * X + X[::-1]),
    ("L1Loss", [X, X[::-1]], [], np.abs(X - X[::-1]).sum() / 2),
    ("ReLU6", [4 * X], [], np.clip(4 * X, 0, 6)),
    ("Mish", [X], [], X * np.tanh(SOFTPLUS)),
    ("Softplus", [X], [], SOFTPLUS),
    ("HSwish", [4 * X], [], 4 * X * np.clip(4 * X + 3, 0, 6) / 6),
    ("Dropout dropout_param { dropout_ratio: 0.25 scale_train: false }", [X], [], 0.75 * X),
    ("SpatialDropout", [X], [], X),
    ("Reverse reverse_param { axis: 1 }", [X], [], X[:, ::-1]),
    ("Reverse", [X], [], X[::-1]),
    ("Flip", [X], [], X[:, :, :, ::-1]),
    ("Flip flip_param { flip_height: true }", [X], [], X[:, :, ::-1, ::-1]),
    ("Transpose transpose_param { dim: 3 dim: 2 dim: 0 dim: 1 }", [X], [], X.transpose(3, 2, 0, 1)),
    ("GRN grn_param { bias: 0.5 }", [X], [], X / np.sqrt((X**2).sum(1, keepdims=True) + 0.5)),
    ("Normalize", [X[:, :, 0, 0]], [], X[:, :, 0, 0] / np.sqrt((X[:, :, 0, 0] ** 2).sum(1, keepdims=True) + 1e-6)),
    ("NormL2", [X], [], X / np.sqrt((X**2).sum((1, 2, 3), keepdims=True) + 1e-7)),
    ("Upsample upsample_param { scale: 2 }", [X], [], X.repeat(2, 2).repeat(2, 3)),
    ("Upsample upsample_param { scale: 0.5 stride_h: 3 stride_w: 1 }", [X], [], X.repeat(3, 2) * 0.5),
    ("Upsample upsample_param { scale: 2 }", [SMALL, MASK], [], unpooled(SMALL, MASK, 4, 4)),
    ("Upsample upsample_param { upsample_h: 5 upsample_w: 4 }", [SMALL, MASK], [], unpooled(SMALL, MASK, 5, 4)),
    ("Upsample upsample_param { scale: 2 pad_out_w: true }", [SMALL, MASK / 2], [], unpooled(SMALL, MASK / 2, 4, 3)),
    (
        "Unpooling unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 4 }",
        [SMALL, MASK],
        [],
        unpooled(SMALL, MASK, 4, 4),
    ),
    ("Interp interp_param { height: 7 width: 11 }", [X], [], corner_on_corner(X, 7, 11)),
    ("Interp interp_param { height: 1 width: 1 }", [X], [], X[:, :, :1, :1]),
    ("Interp interp_param { zoom_factor: 2 }", [X], [], corner_on_corner(X, 9, 11)),
    ("Interp interp_param { shrink_factor: 2 }", [X], [], corner_on_corner(X, 3, 3)),
    ("Interp interp_param { shrink_factor: 2 zoom_factor: 3 }", [X], [], corner_on_corner(X, 7, 7)),
    (
        "Interp interp_param { height: 5 width: 5 pad_beg: -1 pad_end: -2 }",
        [X],
        [],
        corner_on_corner(X[:, :, 1:-2, 1:-2], 5, 5),
    ),
    (
        "ConvolutionDepthwise convolution_param { num_output: 4 kernel_size: 3 pad: 1 stride: 2 bias_term: false }",
        [X],
        [FILTERS],
        convolved(X, FILTERS, 2, 1, depthwise=True),
    ),
    (
        "NdConvolution convolution_param { num_output: 3 bias_term: false kernel_shape { dim: 3 dim: 3 dim: 3 } "
        "pad_shape { dim: 1 dim: 1 dim: 1 } }",
        [VIDEO],
        [TAPS],
        convolved(VIDEO, TAPS, 1, 1, depthwise=False),
    ),
    (
        "Convolution convolution_param { num_output: 3 bias_term: false kernel_size: 3 stride: 2 }",
        [VIDEO],
        [TAPS],
        convolved(VIDEO, TAPS, 2, 0, depthwise=False),
    ),
    (
        "NdPooling pooling_param { kernel_shape { dim: 1 dim: 2 dim: 2 } stride_shape { dim: 1 dim: 2 dim: 2 } }",
        [VIDEO[:, :, :, :4]],
        [],
        VIDEO[:, :, :, :4].reshape(1, 2, 4, 2, 2, 3, 2).max((4, 6)),
    ),
    (
        "Local local_param { num_output: 3 kernel_size: 3 }",
        [X],
        [LOCAL, LOCAL_BIAS],
        locally(X, LOCAL, LOCAL_BIAS, 3),
    ),
]


@pytest.mark.parametrize(("text", "inputs", "blobs", "wanted"), COMPUTED, ids=[text for text, *_ in COMPUTED])
def test_numbers(text: str, inputs: list[Array], blobs: list[Array], wanted: Array) -> None:
    made = compute(text, inputs, blobs)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


# --- what they mean -------------------------------------------------------------------------------

MEANT: list[tuple[str, str, dict[str, object]]] = [
    ("Pooling pooling_param { kernel_size: 3 stride: 2 ceil_mode: false }", "max_pool", {"rounding": "floor"}),
    ("Pooling pooling_param { kernel_size: 3 ceil_mode: true }", "max_pool", {"rounding": "ceil", "stride": (1, 1)}),
    ("Pooling pooling_param { pool: AVE kernel_size: 3 torch_pooling: true }", "avg_pool", {"rounding": "floor"}),
    ("Pooling pooling_param { pool: AVE global_pooling: true stride: 1 ceil_mode: false }", "global_avg_pool", {}),
    ("DepthwiseConvolution convolution_param { num_output: 8 kernel_size: 3 group: 8 }", "conv", {"groups": 8}),
    ("DepthwiseConvolution DepthwiseConvolution_param { num_output: 8 kernel_size: 3 }", "conv", {"groups": 8}),
    ('Convolution convolution_param { num_output: 8 kernel_size: 1 conv_algorithm: "winograd" }', "conv", {"out": 8}),
    ("Convolution convolution_param { num_output: 8 kernel_size: 1 force_nd_im2col: true }", "conv", {"out": 8}),
    (
        "Convolution convolution_param { num_output: 8 "
        "kernel_size: 1 kernel_size: 3 kernel_size: 5 pad: 0 pad: 1 pad: 2 }",
        "conv",
        {"kernel": (1, 3, 5), "pad": (0, 1, 2), "stride": (1, 1)},
    ),
    ("BatchNorm batch_norm_param { filler { value: 1 } bias_filler { value: 0 } }", "batch_norm", {"affine": False}),
    ("BatchNorm batch_norm_param { use_global_stats: true }", "batch_norm", {"frozen": True, "statistics": "running"}),
    ("BN bn_param { momentum: 0.95 frozen: true }", "batch_norm", {"frozen": True, "moving_average": 0.95}),
    ("InnerProduct inner_product_param { num_output: 4 transpose: true }", "linear", {"transpose": True}),
    ("Normalize norm_param { across_spatial: false }", "normalize", {"channel_shared": True}),
    ("Softmax loss_param { ignore_label: 255 }", "softmax", {}),
]


@pytest.mark.parametrize(("text", "op", "some"), MEANT)
def test_meanings(text: str, op: str, some: dict[str, object]) -> None:
    found, a = meaning(text)
    assert found.name == op
    assert {name: a[name] for name in some} == some


NOT_UNDERSTOOD = [
    ("BatchNorm batch_norm_param { relu: true }", "`relu` is True"),
    ("BatchNorm batch_norm_param { use_weight_bias: true }", "`use_weight_bias` is True"),
    (
        "Convolution quantization_param { bw_params: 8 } convolution_param { num_output: 8 kernel_size: 1 }",
        "quantization",
    ),
    ("InnerProduct inner_product_param { num_output: 8 normalize: true }", "`normalize` is True"),
    ("ReLU6 relu_param { negative_slope: 0.1 }", "`negative_slope` is 0.1"),
    ("Upsample upsample_param { scale: 1.5 }", "`scale` is 1.5"),
    ("Upsample upsample_param { scale: 2 mode: 1 }", "`mode` is not known here"),
    ("Interp interp_param { height: 4 }", "`height` is 4"),
    ("Interp interp_param { zoom_factor: 2 pad_beg: 1 }", "`pad_beg` is 1"),
    ("GRN", "do not fit together"),
    ('Normalize normalize_param { normalize_type: "L1" }', "`normalize_type` is L1"),
    ("Pooling pooling_param { kernel_size: 2 avg_include_pad: false }", "`avg_include_pad` is False"),
    ("Unpooling unpooling_param { unpool: TILE unpool_size: 4 }", "`unpool` is TILE"),
    ("Flip flip_param { flip_width: false }", "`flip_width` is False"),
    ("NdPooling pooling_param { pool: MAX }", "do not fit together"),
]


@pytest.mark.parametrize(("text", "why"), NOT_UNDERSTOOD)
def test_what_changes_numbers_is_not_ignored(text: str, why: str) -> None:
    found = read_caffe(layer(text, 2 if text.startswith("Unpooling") else 1))
    assert isinstance(found, str)
    assert why in found


def test_a_field_without_a_type_is_what_it_looks_like() -> None:
    """What no schema knows comes as it stood in the text."""
    said: Message = [("dim", Raw("0")), ("dim", Raw("0x1"))]
    found = read_caffe([("type", "Transpose"), ("bottom", "x"), ("top", "y"), ("transpose_param", said)])
    assert found == (OPERATORS["permute"], {"order": (0, 1)})
    factor: Message = [("scale", Raw("2.0f"))]
    found = read_caffe([("type", "Upsample"), ("bottom", "x"), ("top", "y"), ("upsample_param", factor)])
    assert found == (OPERATORS["upsample"], {"scale": 2})


# --- the other way --------------------------------------------------------------------------------


def same_by_bvlc(n: Node, inputs: list[Array]) -> None:
    """What an operator composes of BVLC's layers computes what the operator does."""
    values: dict[object, Array] = dict(enumerate(inputs))
    spelled = n.op.caffe.layers(n)  # type: ignore[union-attr]
    for each in spelled:
        operands = range(len(inputs)) if each.inputs is None else each.inputs
        said: Message = [("type", each.type), *[("bottom", "x")] * len(operands), ("top", "y")]
        found = read_caffe([*said, (each.param, each.message)] if each.param else said)
        assert not isinstance(found, str), found
        xs = [values[operand] for operand in operands]
        part = node(found[0].name, *(x.shape for x in xs), **bind(*found))
        arrays = {
            name: np.full(each.constants[name].shape, each.constants[name].value, np.float32) for name in each.blobs
        }
        [y] = run(part, [torch.from_numpy(x) for x in xs], arrays or None)
        values[each.suffix] = y.numpy()
    [wanted] = run(n, [torch.from_numpy(x) for x in inputs])
    np.testing.assert_allclose(values[spelled[-1].suffix], wanted.numpy(), rtol=0, atol=1e-5)


COMPOSED: list[tuple[str, list[Array], dict[str, object]]] = [
    ("axpy", [FACTOR, X, X], {}),
    ("axpy", [FACTOR[:, :, 0, 0], X, X], {}),
    ("mish", [X], {}),
    ("dropout", [X], {"scale_train": False, "ratio": 0.25}),
    ("upsample", [X], {"scale": 2, "gain": 0.5}),
    ("unit_length", [X], {"eps": 0.5}),
    ("unit_length", [X], {"across_spatial": True}),
]


@pytest.mark.parametrize(("op", "inputs", "given"), COMPOSED)
def test_what_bvlc_lacks_is_composed(op: str, inputs: list[Array], given: dict[str, object]) -> None:
    same_by_bvlc(node(op, *(x.shape for x in inputs), **given), inputs)


def test_only_forks_pool_videos() -> None:
    n = node("max_pool", (1, 2, 4, 6, 6), kernel=[1, 2, 2])
    refused = n.op.refuses("caffe", n)
    assert refused is not None
    assert "height and width" in refused.reason
    loose = node("max_pool", (1, 2, 4, 6, 6), kernel=1, stride=4)
    assert loose.op.refuses("torch", loose) is not None


def test_spelling_of_a_layer_has_its_blobs_in_order() -> None:
    orders = {
        "BN": "weight bias mean variance",
        "BN bn_param { bn_mode: LEARN }": "weight bias",
        "BatchNorm": "mean variance factor",
        "BatchNorm batch_norm_param { scale_bias: true }": "mean variance factor weight bias",
    }
    norm = OPERATORS["batch_norm"]
    assert {text: " ".join(norm.caffe_of(layer(text)).blobs) for text in orders} == orders
