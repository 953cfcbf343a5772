"""Mistakes are found in the layers that make them, and named; several at once, each by itself."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from wrong_runtime import Array, Change, against_wrong

import netgen
from netgen.ir.slots import Key
from netgen.verify.results import BEHIND, DIFFERS, Verification

IMAGES = """
net Images() {
    data = input(2, 3, 19, 22)
    first = data -> conv(16, 3, stride = [2, 1], pad = 1, bias = false)
    normed = first -> batch_norm(eps = 0.001)
    leaky = normed -> relu(slope = 0.1)
    pooled = leaky -> max_pool(3, stride = 2)
    middle = pooled -> conv(16, 3, pad = [1, 0], groups = 2)
    sloped = middle -> prelu
    local = sloped -> lrn(5, alpha = 0.5, beta = 0.6, k = 1.5)
    mean = local -> avg_pool(3, stride = 2, pad = 1)
    centred = mean -> mvn(eps = 0.01)
    dropped = centred -> dropout(0.4)
    grown = dropped -> deconv(8, 4, stride = 2, pad = 1)
    larger = grown -> upsample(2, mode = "bilinear", align_corners = true)
    both = concat(larger, larger -> power(2, shift = 1))
    summed = both -> global_avg_pool
    scores = summed -> linear(10)
    return scores -> softmax
}
"""

Expected = dict[str, tuple[str, str]]
"""Of each layer the kind of its mistake, and some of the words."""

ARGUMENTS: list[tuple[dict[str, str], Expected]] = [
    (
        {
            "stride = 2)\n    middle": 'stride = 2, rounding = "floor")\n    middle',
        },
        {"pooled": ("rounding rule", '`rounding = "floor"`, where the net says "ceil"')},
    ),
    (
        {"stride = [2, 1]": "stride = [1, 2]"},
        {"first": ("argument", "`stride = [1, 2]`, height and width exchanged")},
    ),
    (
        {"eps = 0.001": "eps = 0.00001", "slope = 0.1": "slope = 0", "k = 1.5": "k = 1", "(2, shift = 1)": "(2)"},
        {
            "normed": ("eps", "`eps = 1e-05`, the default, where the net says 0.001"),
            "leaky": ("argument", "`slope = 0`, the default, where the net says 0.1"),
            "local": ("argument", "`k = 1`, the default, where the net says 1.5"),
            "both/power": ("argument", "`shift = 0`, the default, where the net says 1"),
        },
    ),
    (
        {"eps = 0.001": "eps = 0.02", "slope = 0.1": "slope = 0.3", "beta = 0.6": "beta = 0.45", "= true": "= false"},
        {
            "normed": ("eps", "`eps = 0.02`, where the net says 0.001"),
            "leaky": ("argument", "`slope = 0.3`, where the net says 0.1"),
            "local": ("argument", "`beta = 0.45`, where the net says 0.6"),
            "larger": ("corners", "`align_corners = false`, the default"),
        },
    ),
    (
        {"alpha = 0.5": "alpha = 2.5", "eps = 0.01)": "eps = 0.1)"},
        {
            "local": ("LRN's window", "does not divide alpha by the size, 5"),
            "centred": ("eps", "`eps = 0.1`, where the net says 0.01"),
        },
    ),
    (
        {"lrn(5,": "lrn(7,"},
        {"local": ("argument", "`size = 7`, where the net says 5")},
    ),
]


@pytest.mark.parametrize("changes, expected", ARGUMENTS, ids="-".join)
def test_wrong_arguments(changes: dict[str, str], expected: Expected) -> None:
    wrong = IMAGES
    for right, other in changes.items():
        assert IMAGES.count(right) == 1
        wrong = wrong.replace(right, other)
    _check(against_wrong(IMAGES, wrong), expected)


OTHERS = """
net Others() {
    data = input(1, 3, 12, 12)
    pooled = data -> max_pool(3, stride = 2, pad = 1)
    large = pooled -> power(scale = 9)
    cut = large -> relu6
    turned = cut -> conv(3, 1)
    both = max(turned, pooled)
    gate = both -> hard_sigmoid
    larger = gate -> interp(zoom = 2)
    mixed = larger -> conv(4, 3)
    smooth = mixed -> swish
    whole = smooth -> global_avg_pool
    last = whole -> tanh
    return last -> power(2)
}
"""


@pytest.mark.parametrize(
    "others",
    [
        {"max_pool": "avg_pool", "relu6": "relu", "max": "add", "swish": "hard_swish"},
        {"max_pool": "avg_pool", "max": "mul", "swish": "relu", "global_avg_pool": "global_max_pool"},
        {"relu6": "elu", "hard_sigmoid": "tanh", "swish": "mish", "tanh": "sigmoid"},
    ],
    ids="-".join,
)
def test_another_operator(others: dict[str, str]) -> None:
    wrong = re.sub(r"\w+", lambda word: others.get(word[0], word[0]), OTHERS)
    wanted = {node.name: node.op.name for node in netgen.compile(OTHERS).graph.nodes if node.op.name in others}
    words = {name: f"computes `{others[own]}`, where the net says `{own}`" for name, own in wanted.items()}
    _check(against_wrong(OTHERS, wrong), {name: ("another operator", said) for name, said in words.items()})


@pytest.mark.parametrize(
    "other, words",
    [
        ('upsample(size = [13, 13], mode = "bilinear")', "interpolates as align_corners = false"),
        ("upsample(size = [13, 13])", "takes the nearest pixel, where Interp interpolates"),
    ],
)
def test_corners_of_interp(other: str, words: str) -> None:
    found = against_wrong(OTHERS, OTHERS.replace("interp(zoom = 2)", other))
    _check(found, {"larger": ("corners", words)})


def _check(found: Verification, expected: Expected) -> None:
    """Just these layers are to blame, in their order; all others that differ do so because of them."""
    row = found.rows[1]
    assert not found
    assert [each.node.name for each in row.differences] == list(expected)
    for each in row.differences:
        kind, words = expected[each.node.name]
        assert each.kind == kind, each.cause
        assert words in each.cause
    assert {each.value.node.name for each in row.values if each.state == DIFFERS} == expected.keys()
    assert row.count(BEHIND) > 0


def _set(layer: str, param: str, value: Any) -> Change:
    def change(arrays: dict[Key, Array]) -> None:
        made = value(arrays[layer, param])
        arrays[layer, param] = np.ascontiguousarray(np.broadcast_to(made, arrays[layer, param].shape), np.float32)

    return change


def _all(layer: str, value: Any) -> list[Change]:
    return [_set(layer, name, value) for name in ("weight", "bias")]


WEIGHTS: list[tuple[list[Change], Expected]] = [
    (
        [
            *(_set("normed", name, lambda array: array * 2) for name in ("mean", "variance")),
            _set("first", "weight", lambda array: array[:, ::-1]),
            _set("sloped", "weight", lambda array: array[0]),
            *_all("scores", lambda array: array.astype(np.float16)),
        ],
        {
            "first": ("channel order", "R, G, B in place of B, G, R"),
            "normed": ("BatchNorm factor", "uses mean and variance 2 times as large: it does not divide them"),
            "sloped": ("PReLU's slopes", "takes the slope of the first channel for all"),
            "scores": ("precision", "holds the weights in float16"),
        },
    ),
    (
        [
            _set("first", "weight", lambda array: array[:, :, ::-1, ::-1]),
            _set("normed", "mean", np.zeros_like),
            _set("middle", "bias", np.zeros_like),
            _set("scores", "weight", lambda array: array.reshape(-1, 10).T),
        ],
        {
            "first": ("layout of weights", "turns the kernel by half a turn"),
            "normed": ("BatchNorm statistics", "does not subtract the mean"),
            "middle": ("bias", "leaves out the bias"),
            "scores": ("layout of weights", "reads the weights transposed"),
        },
    ),
    (
        [
            _set("normed", "variance", lambda array: (array**0.5 + 1e-3) ** 2 - 1e-3),
            _set("middle", "weight", np.zeros_like),
            _set("grown", "weight", lambda array: array.swapaxes(2, 3)),
        ],
        {
            "normed": ("eps", "adds eps outside the root"),
            "middle": ("bias", "has zeros for `weight`: its weights were not loaded"),
            "grown": ("layout of weights", "exchanges height and width of the kernel"),
        },
    ),
]


@pytest.mark.parametrize(
    "changes, expected", WEIGHTS, ids=lambda each: "-".join(each) if isinstance(each, dict) else ""
)
def test_wrong_weights(changes: list[Change], expected: Expected) -> None:
    def change(arrays: dict[Key, Array]) -> None:
        for each in changes:
            each(arrays)

    _check(against_wrong(IMAGES, change=change), expected)


SEQUENCE = """
net Sequence() {
    x = input(3, 2, 5)
    cont = input(3, 2)
    remembered = lstm(x, cont, 4)
    return remembered -> linear(3, axis = 2)
}
"""


def test_gates_in_another_order() -> None:
    def change(arrays: dict[Key, Array]) -> None:
        for name in ("weight", "bias", "weight_hidden"):
            i, f, o, g = np.split(arrays["remembered", name], 4)
            arrays["remembered", name] = np.concatenate([i, f, g, o])

    said = "takes the gates in the order i, f, g, o, where Caffe has i, f, o, g"
    _check(against_wrong(SEQUENCE, change=change), {"remembered": ("gate order", said)})


TWINS = """
net Twins() {
    x = input(1, 2, 6, 6)
    a = conv(x, 2, 3)
    b = conv(a, 2, 3)
    return relu(b)
}
"""


def test_weights_of_another_layer() -> None:
    change = _set("b", "weight", lambda array: array * 0)

    def swap(arrays: dict[Key, Array]) -> None:
        arrays.update({("b", name): arrays["a", name] for name in ("weight", "bias")})

    _check(against_wrong(TWINS, change=swap), {"b": ("weights of another layer", "with the weights of `a`")})
    _check(against_wrong(TWINS, change=change), {"b": ("bias", "has zeros for `weight`")})
