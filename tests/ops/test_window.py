"""Masks of poolings, pooling by chance, pyramids and windows as channels, against Caffe's definitions."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from caffe_files import parse, read_layer
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import run_onnx
from spelled import layer, node, run
from test_pool import caffe_pool, caffe_size

from netgen.ir.fault import Fault
from netgen.ir.graph import Node

Array = np.ndarray[Any, np.dtype[np.float32]]


def windows(n: Node) -> list[tuple[tuple[int, int], slice, slice]]:
    """The place of each window in the result, and its rows and columns within the image."""
    found = []
    pads = n.a.pad
    for place in product(*(range(caffe_size(n.x[0][axis + 2], n, axis)) for axis in (0, 1))):
        starts = [at * stride - pad for at, stride, pad in zip(place, n.a.stride, pads, strict=True)]
        ends = [start + kernel for start, kernel in zip(starts, n.a.kernel, strict=True)]
        rows, columns = (slice(max(start, 0), max(end, 0)) for start, end in zip(starts, ends, strict=True))
        found.append(((place[0], place[1]), rows, columns))
    return found


def caffe_mask(x: Array, n: Node) -> Array:
    """The first of the largest values of each window, counted row by row; -1 outside."""
    mask = np.full(n.y[0], -1, np.float32)
    for image, channel in product(*map(range, x.shape[:2])):
        for place, rows, columns in windows(n):
            inside = x[image, channel, rows, columns]
            if inside.size:
                row, column = np.unravel_index(inside.argmax(), inside.shape)
                mask[image, channel, *place] = (rows.start + row) * x.shape[3] + columns.start + column
    return mask


@st.composite
def masked(draw: Any) -> Node:
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    pad = [draw(st.integers(0, size - 1)) for size in kernel] if draw(st.booleans()) else [0, 0]
    stride = [draw(st.integers(1, 5)) for _ in range(2)]
    image = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(4, 9)), draw(st.integers(4, 9)))
    rounding = draw(st.sampled_from(["ceil", "floor"]))
    return node("max_pool", image, kernel=kernel, stride=stride, pad=pad, rounding=rounding, mask=True)


@given(masked())
@settings(max_examples=60)
def test_masks(n: Node) -> None:
    x = np.random.default_rng(0).integers(0, 4, n.x[0]).astype(np.float32)  # many are equal
    wanted = [caffe_pool(x, n), caffe_mask(x, n)]
    for made in ([each.numpy() for each in run(n, [torch.from_numpy(x)])], run_onnx(n, [x])):
        for one, other in zip(made, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


def test_mask_of_the_whole_image() -> None:
    x = np.array([3, 7, 1, 7, 0, 7], np.float32).reshape(1, 1, 2, 3)
    n = node("global_max_pool", x.shape, mask=True)
    for made in (run(n, [torch.from_numpy(x)]), run_onnx(n, [x])):
        assert [each.item() for each in made] == [7, 1]


@pytest.mark.parametrize("rounding", ["ceil", "floor"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), ([2, 3], [2, 1]), (2, 3)])
def test_pooling_by_chance(kernel: int | list[int], stride: int | list[int], rounding: str) -> None:
    """Tested, each window gives the mean of its values, weighed by themselves; in training one of them."""
    n = node("stochastic_pool", (2, 3, 8, 9), kernel=kernel, stride=stride, rounding=rounding)
    x = np.maximum(np.random.default_rng(0).standard_normal(n.x[0]), 0).astype(np.float32)
    x[0] = 0
    tested = run(n, [torch.from_numpy(x)])[0].numpy()
    trained = layer(n).train()(torch.from_numpy(x)).numpy()
    for (row, column), rows, columns in windows(n):
        inside = x[:, :, rows, columns].reshape(2, 3, -1)
        sums = inside.sum(2)
        wanted = np.where(sums > 0, (inside**2).sum(2) / np.where(sums > 0, sums, 1), 0)
        np.testing.assert_allclose(tested[:, :, row, column], wanted, rtol=1e-5, atol=1e-6)
        chosen = trained[:, :, row, column, None]
        assert ((inside == chosen).any(2) | (inside.size == 0)).all()


def test_chance_prefers_what_is_large() -> None:
    torch.manual_seed(0)
    x = torch.tensor([1.0, 0.0, 3.0, 4.0]).reshape(1, 1, 2, 2).expand(4000, 1, 2, 2)
    chosen = layer(node("stochastic_pool", (1, 1, 2, 2), kernel=2)).train()(x)
    shares = [(chosen == value).float().mean().item() for value in (0, 1, 3, 4)]
    assert shares == pytest.approx([0, 1 / 8, 3 / 8, 4 / 8], abs=0.03)


def test_chance_has_a_gradient_where_it_chose() -> None:
    x = torch.rand(2, 3, 4, 4, requires_grad=True)
    y = layer(node("stochastic_pool", (2, 3, 4, 4), kernel=2)).train()(x)
    y.sum().backward()
    assert x.grad is not None
    assert F.avg_pool2d(x.grad, 2, divisor_override=1).eq(1).all()


@pytest.mark.parametrize("pool", ["max", "avg"])
@pytest.mark.parametrize("image", [(9, 9), (8, 13), (7, 4), (16, 7)])
def test_a_pyramid_is_several_poolings(image: tuple[int, int], pool: str) -> None:
    """Each of 2**level bins, padded by half of what the windows exceed the image, rounded up."""
    x = np.random.default_rng(0).standard_normal((2, 3, *image)).astype(np.float32)
    n = node("spp", x.shape, levels=3, pool=pool)
    parts = []
    for bins in (1, 2, 4):
        kernel = [-(-extent // bins) for extent in image]
        pad = [(size * bins - extent + 1) // 2 for size, extent in zip(kernel, image, strict=True)]
        parts.append(caffe_pool(x, node(f"{pool}_pool", x.shape, kernel=kernel, pad=pad)).reshape(2, -1))
    wanted = np.concatenate(parts, 1)
    assert n.y == [wanted.shape]
    np.testing.assert_allclose(run(n, [torch.from_numpy(x)])[0].numpy(), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run_onnx(n, [x])[0], wanted, rtol=1e-5, atol=1e-6)


def test_an_image_is_too_small_for_so_many_levels() -> None:
    with pytest.raises(Fault) as caught:
        node("spp", (1, 1, 5, 5), levels=3)
    assert (caught.value.code, caught.value.label) == ("NG305", "1x1x5x5 cannot be cut into 4x4 parts")


@pytest.mark.parametrize("image", [(9, 8), (7,), (4, 5, 6)])
def test_windows_as_channels(image: tuple[int, ...]) -> None:
    """A convolution is a product with them."""
    options = {"kernel": 2, "stride": 2, "pad": 1, "dilation": 2}
    n = node("im2col", (2, 3, *image), **options)
    x, weight = torch.randn(n.x[0]), torch.randn(4, 3, *[2] * len(image))
    convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(image)]
    wanted = convolve(x, weight, stride=2, padding=1, dilation=2)
    columns = run(n, [x])[0]
    torch.testing.assert_close(torch.einsum("oi,ni...->no...", weight.flatten(1), columns), wanted)


def test_chance_takes_no_pad() -> None:
    op, _ = read_layer("Pooling", parse("pool: STOCHASTIC kernel_size: 2 pad: 0"))
    assert op.name == "stochastic_pool"
    with pytest.raises(KeyError):
        read_layer("Pooling", parse("pool: STOCHASTIC kernel_size: 2 pad: 1"))
