"""Inputs that suit an operator: labels that are classes, flags that are 0 or 1, numbers that have a logarithm."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from detection_nodes import INPUTS

from netgen.ir.graph import Node, Shape

Array = np.ndarray[Any, np.dtype[np.float32]]
Random = np.random.Generator

MAKES_NO_TENSOR = ("input", "custom", "silence")
"""Operators that compute nothing."""


def suitable(n: Node, more: int = 0, seed: int = 1) -> list[Array]:
    """Random inputs for a node, with a batch that is larger by ``more``."""
    random = np.random.default_rng(seed)
    shapes = [(shape[0] + more, *shape[1:]) if more else shape for shape in n.x]
    rule = _RULES.get(n.op.name)
    made = [random.standard_normal(shape) for shape in shapes]
    if rule is not None:
        made = rule(n, shapes, made, random)
    return [np.asarray(each, np.float32) for each in made]


_Rule = Callable[[Node, list[Shape], list[Any], Random], list[Any]]


def _positive(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [np.abs(each) + 0.1 for each in made]


def _labels(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    """Each a class, and some the label to ignore."""
    x = shapes[0]
    classes = x[n.a.axis] if "axis" in n.a else prod(x[1:])
    labels = random.integers(0, classes, shapes[1])
    if n.a.get("ignore_label") is not None:
        labels = np.where(random.random(shapes[1]) < 0.3, n.a.ignore_label, labels)
    first = np.abs(made[0]) if n.op.name == "multinomial_logistic_loss" else made[0]
    return [first, labels, *made[2:]]


def _targets(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [made[0], random.integers(0, 2, shapes[1])]


def _pairs(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [*made[:2], random.integers(0, 2, shapes[2])]


def _continued(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    at = 2 if n.op.name == "lstm_unit" else 1
    return [*made[:at], random.integers(0, 2, shapes[at]), *made[at + 1 :]]


def _entries(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [random.integers(0, n.a.entries, shapes[0])]


def _images(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    return [made[0], random.integers(0, shapes[0][0], shapes[1])]


def _places(n: Node, shapes: list[Shape], made: list[Any], random: Random) -> list[Any]:
    """Places in an image of the output, a different one for each value of a channel."""
    room, count = prod(n.y[0][2:]), prod(shapes[1][2:])
    rows = [random.permutation(max(room, count))[:count] % room for _ in range(prod(shapes[1][:2]))]
    return [made[0], np.array(rows).reshape(shapes[1])]


_RULES: dict[str, _Rule] = {
    **INPUTS,
    **dict.fromkeys(("log", "power", "stochastic_pool"), _positive),
    **dict.fromkeys(("softmax_loss", "infogain_loss", "accuracy", "hinge_loss", "multinomial_logistic_loss"), _labels),
    **dict.fromkeys(("lstm", "rnn", "lstm_unit"), _continued),
    "sigmoid_cross_entropy_loss": _targets,
    "contrastive_loss": _pairs,
    "embed": _entries,
    "batch_reindex": _images,
    "max_unpool": _places,
}
