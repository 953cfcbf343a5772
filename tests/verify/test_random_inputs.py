"""Inputs by chance: unit numbers, and what suits where an operator reads classes, flags, regions or sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from golden import Array

import netgen
from netgen.verify.random_inputs import random_inputs

RULES: dict[str, tuple[str, str, Callable[[Array], bool]]] = {
    "an image": ("input(1, 3, 32, 32)", "relu(x)", lambda x: abs(x.std() - 1) < 0.02 and abs(x.mean()) < 0.05),
    "words": ("input(9, 9)", "embed(x, 3, entries = 5)", lambda x: set(x.flat) == {0, 1, 2, 3, 4}),
    "words, in another shape": (
        "input(7, 4)",
        "embed(flatten(x, axis = 0), 3, entries = 5)",
        lambda x: set(x.flat) <= set(range(5)),
    ),
    "rows": ("input(40)", "batch_reindex(other, x)", lambda x: set(x.flat) == {0, 1, 2}),
    "classes": ("input(99)", "softmax_loss(reshape(other, [99, -1]), x)", lambda x: set(x.flat) == {0, 1, 2, 3}),
    "flags": ("input(3, 22)", "lstm(reshape(other, [3, 22, -1]), x, 4)", lambda x: set(x.flat) == {0, 1}),
    "regions": (
        "input(50, 5)",
        "roi_pool(other, x, 2, scale = 0.5)",
        lambda x: set(x[:, 0]) == {0, 1, 2} and bool((x[:, 1:3] < x[:, 3:]).all() and (x[:, 3:] < [22, 12]).all()),
    ),
    "places": (
        "input(3, 2, 3, 6)",
        "max_unpool(max_pool(other, 2, stride = 2), x, scale = 2)",
        lambda x: sorted(x[0, 0].flat) == list(range(18)),
    ),
}


@pytest.mark.parametrize("what", RULES)
def test_inputs_suit_what_reads_them(what: str) -> None:
    declared, read, suits = RULES[what]
    net = netgen.compile(f"net N() {{ other = input(3, 2, 6, 11)  x = {declared}  y = {read}  return y, other }}")
    array = random_inputs(net.graph, 3)["x"]
    assert array.dtype == np.float32
    assert array.shape == net.inputs["x"]
    assert suits(array)
