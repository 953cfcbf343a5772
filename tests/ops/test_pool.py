"""Pooling against Caffe's own loops, in the odd corners too."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx_models import run_onnx
from spelled import node, run

from netgen.ir.fault import Fault
from netgen.ir.graph import Node

Array = np.ndarray[Any, np.dtype[np.float32]]

LOWEST = np.finfo(np.float32).min


def caffe_size(extent: int, n: Node, axis: int) -> int:
    """The number of windows along one axis."""
    kernel: int = n.a.kernel[axis]
    stride: int = n.a.stride[axis]
    pad: int = n.a.pad[axis]
    steps = (ceil if n.a.rounding == "ceil" else floor)((extent + 2 * pad - kernel) / stride)
    size = steps + 1
    if n.a.pad != (0, 0):
        while (size - 1) * stride >= extent + pad:
            size -= 1
    return size


def caffe_pool(x: Array, n: Node) -> Array:
    """One window after another."""
    sizes = [caffe_size(x.shape[axis + 2], n, axis) for axis in (0, 1)]
    y = np.zeros((*x.shape[:2], *sizes), np.float32)
    for row in range(sizes[0]):
        for column in range(sizes[1]):
            y[:, :, row, column] = _window(x, n, (row, column))
    return y


def _window(x: Array, n: Node, place: tuple[int, int]) -> Array:
    a = n.a
    stretches, size = [], 1
    for axis in (0, 1):
        extent = x.shape[axis + 2]
        start = place[axis] * a.stride[axis] - a.pad[axis]
        end = min(start + a.kernel[axis], extent + a.pad[axis])
        size *= end - start
        stretches.append(slice(max(start, 0), max(min(end, extent), 0)))
    inside = x[:, :, stretches[0], stretches[1]]
    if n.op.name == "max_pool":
        return np.asarray(inside.max((2, 3), initial=LOWEST))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(inside.sum((2, 3)) / np.float32(size))


@st.composite
def pools(draw: Any) -> Node:
    kernel = [draw(st.integers(1, 5)) for _ in range(2)]
    stride = [draw(st.integers(1, 6)) for _ in range(2)]
    pad = [draw(st.integers(0, size - 1)) for size in kernel]
    if draw(st.booleans()):
        pad = [0, 0]
    image = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(5, 13)), draw(st.integers(5, 13)))
    rounding = draw(st.sampled_from(["ceil", "floor"]))
    op = draw(st.sampled_from(["max_pool", "avg_pool"]))
    return node(op, image, kernel=kernel, stride=stride, pad=pad, rounding=rounding)


LOOSE = node("max_pool", (1, 1, 5, 6), kernel=1, stride=5)
LOOSE_AVERAGE = node("avg_pool", (1, 1, 5, 6), kernel=1, stride=5)
WIDE = node("avg_pool", (1, 2, 9, 7), kernel=[5, 3], stride=[3, 1], pad=[4, 0])


@given(pools())
@example(LOOSE)
@example(LOOSE_AVERAGE)
@example(WIDE)
@settings(max_examples=150)
def test_every_target_computes_what_caffe_computes(n: Node) -> None:
    x = np.random.default_rng(0).standard_normal(n.x[0]).astype(np.float32)
    wanted = caffe_pool(x, n)
    assert n.y == [wanted.shape]
    made = run(n, [torch.from_numpy(x)])[0].numpy()
    np.testing.assert_allclose(made, wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(run_onnx(n, [x])[0], wanted, rtol=1e-6, atol=1e-6)


@given(pools(), st.integers(5, 13), st.integers(5, 13))
@settings(max_examples=80)
def test_what_is_emitted_holds_for_other_sizes(n: Node, height: int, width: int) -> None:
    """The expression is not made for one size of image."""
    other = node(n.op.name, (1, 1, height, width), **n.a)
    x = np.random.default_rng(0).standard_normal(other.x[0]).astype(np.float32)
    made = run(n, [torch.from_numpy(x)])[0].numpy()
    np.testing.assert_allclose(made, caffe_pool(x, other), rtol=1e-6, atol=1e-6)


def test_window_may_exceed_the_image_by_less_than_a_stride() -> None:
    n = node("max_pool", (1, 1, 2, 2), kernel=3, stride=2)
    x = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert n.y == [(1, 1, 1, 1)]
    assert run(n, [x])[0].item() == 3


def test_pad_must_be_smaller_than_the_window() -> None:
    with pytest.raises(Fault) as fault:
        node("max_pool", (1, 1, 8, 8), kernel=2, pad=2)
    assert (fault.value.code, fault.value.arg) == ("NG208", "pad")


def test_window_must_fit() -> None:
    with pytest.raises(Fault) as fault:
        node("avg_pool", (1, 1, 4, 4), kernel=7, stride=1)
    assert fault.value.code == "NG305"
    assert fault.value.label == "a 7x7 window does not fit into 4x4 with pad 0x0"


def test_stride_is_the_kernel_by_default() -> None:
    assert node("max_pool", (1, 1, 9, 9), kernel=[3, 2]).y == [(1, 1, 3, 5)]


def test_same_pad_keeps_the_size() -> None:
    assert node("avg_pool", (1, 1, 9, 7), kernel=[3, 5], stride=1, pad="same").y == [(1, 1, 9, 7)]
