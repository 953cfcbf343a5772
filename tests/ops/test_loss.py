"""Losses and accuracy against Caffe's definitions, written out in loops."""

from __future__ import annotations

from itertools import product
from math import exp, log
from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import parse, read_layer
from onnx_models import run_onnx
from spelled import layer, node, outputs, run
from suitable import suitable

from netgen.ir.graph import Node
from netgen.ops import bind

Array = np.ndarray[Any, Any]

FLT_MIN = 1.1754943508222875e-38
LOG_THRESHOLD = 1e-20
MODES = ("valid", "full", "batch_size", "none")


def computed(n: Node, *inputs: Array) -> list[Array]:
    """What PyTorch computes, and ONNX Runtime too."""
    given = [np.asarray(x, np.float32) for x in inputs]
    results = [y.numpy() for y in run(n, [torch.from_numpy(x) for x in given])]
    for made, wanted in zip(run_onnx(n, given), results, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)
    return results


def softmax(x: Array, axis: int) -> Array:
    raised = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis, keepdims=True))


def places(x: Array, labels: Array, axis: int, ignore: int | None) -> list[tuple[tuple[Any, ...], int]]:
    """Where the classes of each place are, and the right one, of those that count."""
    shape = [size for at, size in enumerate(x.shape) if at != axis]
    found = []
    for at, label in zip(product(*map(range, shape)), labels.ravel().astype(int), strict=True):
        if label != ignore:
            found.append(((*at[:axis], slice(None), *at[axis:]), int(label)))
    return found


def divided(total: float, mode: str, counted: int, everything: int, batch: int) -> float:
    return total / max(1, {"valid": counted, "full": everything, "batch_size": batch, "none": 1}[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ignore", [None, 1, -1])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_softmax_losses(mode: str, ignore: int | None, axis: int) -> None:
    given = {"axis": axis, "ignore_label": ignore, "normalization": mode, "probabilities": True}
    shape = (3, 4, 5, 2)
    at = axis % 4
    labelled = (*shape[:at], *shape[at + 1 :])
    for op in ("softmax_loss", "infogain_loss"):
        more = [(shape[at], shape[at])] if op == "infogain_loss" else []
        n = node(op, shape, labelled, *more, **given)
        x, labels, *matrix = suitable(n)
        p = softmax(x, at)
        counted = places(x, labels, at, ignore)
        weights = matrix[0] if matrix else np.eye(shape[at])
        least = LOG_THRESHOLD if matrix else FLT_MIN
        total = -sum((weights[label] * np.log(np.maximum(p[where], least))).sum() for where, label in counted)
        loss, probabilities = computed(n, x, labels, *matrix)
        wanted = divided(total, mode, len(counted), labels.size, int(np.prod(shape[:at])))
        np.testing.assert_allclose(loss, wanted, rtol=1e-5)
        np.testing.assert_allclose(probabilities, p, rtol=1e-5)


def test_nothing_counts_where_all_is_ignored() -> None:
    x, labels = np.ones((2, 3)), np.full(2, 7)
    assert computed(node("softmax_loss", (2, 3), (2,), ignore_label=7), x, labels)[0] == 0
    shares = computed(node("accuracy", (2, 3), (2,), ignore_label=7, per_class=True), x, labels)
    assert [share.tolist() for share in shares] == [0, [0, 0, 0]]


@pytest.mark.parametrize(("op", "least"), [("softmax_loss", FLT_MIN), ("infogain_loss", LOG_THRESHOLD)])
def test_a_probability_has_a_floor_but_its_gradient_has_none(op: str, least: float) -> None:
    """Caffe's gradient is the softmax less the right class, however small its probability."""
    n = node(op, (1, 2), (1,), *([(2, 2)] if op == "infogain_loss" else []))
    x = torch.tensor([[0.0, 500.0]], requires_grad=True)
    [loss] = outputs(layer(n), [x, torch.zeros(1), torch.eye(2)][: len(n.inputs)])
    assert loss.item() == pytest.approx(-log(least))
    loss.backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.tolist() == [[-1, 1]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ignore", [None, 0, 1])
def test_sigmoid_cross_entropy_loss(mode: str, ignore: int | None) -> None:
    n = node("sigmoid_cross_entropy_loss", (3, 4, 2), (3, 8), ignore_label=ignore, normalization=mode)
    x, targets = suitable(n)
    x[0, 0, 0], x[1, 0, 0] = 80, -80
    both: list[tuple[float, float]] = list(zip(x.ravel().tolist(), targets.ravel().tolist(), strict=True))
    pairs = [(v, t) for v, t in both if ignore is None or int(t) != ignore]
    total = sum(max(v, 0) - v * t + log(1 + exp(-abs(v))) for v, t in pairs)
    wanted = divided(total, mode, len(pairs), x.size, 3)
    np.testing.assert_allclose(computed(n, x, targets)[0], wanted, rtol=1e-5)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_hinge_loss(norm: str) -> None:
    n = node("hinge_loss", (4, 5), (4, 1), norm=norm)
    x, labels = suitable(n)
    margins = [
        max(0, 1 - value if at == label else 1 + value)
        for row, label in zip(x, labels.ravel(), strict=True)
        for at, value in enumerate(row)
    ]
    wanted = sum(each if norm == "l1" else each * each for each in margins) / 4
    np.testing.assert_allclose(computed(n, x, labels)[0], wanted, rtol=1e-5)


@pytest.mark.parametrize("legacy", [False, True])
def test_contrastive_loss(legacy: bool) -> None:
    n = node("contrastive_loss", (6, 3), (6, 3, 1, 1), (6,), margin=2.5, legacy=legacy)
    x, y, similar = suitable(n)
    wanted = 0.0
    for a, b, alike in zip(x, y.reshape(6, 3), similar, strict=True):
        square = float(((a - b) ** 2).sum())
        apart = max(2.5 - square, 0) if legacy else max(2.5 - square**0.5, 0) ** 2
        wanted += square if alike else apart
    np.testing.assert_allclose(computed(n, x, y, similar)[0], wanted / 12, rtol=1e-5)


def test_pairs_at_one_place_have_a_gradient() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    [loss] = outputs(layer(node("contrastive_loss", (2, 3), (2, 3), (2,))), [x, torch.ones(2, 3), torch.zeros(2)])
    loss.backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_euclidean_and_multinomial_loss() -> None:
    n = node("euclidean_loss", (3, 4), (3, 2, 2))
    x, y = suitable(n)
    np.testing.assert_allclose(computed(n, x, y)[0], ((x - y.reshape(3, 4)) ** 2).sum() / 6, rtol=1e-5)
    p = np.array([[0.5, 0.5], [1.0, 0.0]])
    [loss] = computed(node("multinomial_logistic_loss", (2, 2), (2,)), p, np.array([0, 1]))
    np.testing.assert_allclose(loss, -(log(0.5) + log(LOG_THRESHOLD)) / 2, rtol=1e-5)


@pytest.mark.parametrize("top_k", [1, 2, 3])
@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("ignore", [None, 1])
def test_accuracy_with_ties(top_k: int, axis: int, ignore: int | None) -> None:
    """A class is among the best k if fewer than k others are as good or better: what is equal counts against it."""
    n = node("accuracy", (3, 4, 5, 3), (3, 5, 3) if axis == 1 else (3, 4, 5), top_k=top_k, axis=axis, per_class=True)
    n.a["ignore_label"] = ignore
    x, labels = suitable(n)
    x = np.round(x)  # so that many are equal
    rights, totals = np.zeros(x.shape[axis]), np.zeros(x.shape[axis])
    for where, label in places(x, labels, axis % 4, ignore):
        better = sum(value >= x[where][label] for value in x[where]) - 1
        totals[label] += 1
        rights[label] += better < top_k
    share, shares = computed(n, x, labels)
    np.testing.assert_allclose(share, rights.sum() / totals.sum(), rtol=1e-6)
    np.testing.assert_allclose(shares, rights / np.maximum(totals, 1), rtol=1e-6)


# --- what prototxts say ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("SoftmaxWithLoss", "", "valid"),
        ("SoftmaxWithLoss", "loss_param { normalize: false }", "batch_size"),
        ("SoftmaxWithLoss", "loss_param { normalize: true }", "valid"),
        ("SoftmaxWithLoss", "loss_param { normalize: false normalization: FULL }", "full"),
        ("SigmoidCrossEntropyLoss", "", "batch_size"),
        ("SigmoidCrossEntropyLoss", "loss_param { normalize: true }", "valid"),
        ("SigmoidCrossEntropyLoss", "loss_param { normalization: NONE }", "none"),
        ("InfogainLoss", "loss_param { normalization: BATCH_SIZE }", "batch_size"),
    ],
)
def test_how_sums_are_divided(kind: str, text: str, wanted: str) -> None:
    op, given = read_layer(kind, parse(text), any_of=(2,))
    assert bind(op, given).normalization == wanted


@pytest.mark.parametrize("kind", ["SoftmaxWithLoss", "EuclideanLoss", "HingeLoss"])
def test_a_loss_needs_no_top(kind: str) -> None:
    """Caffe makes one that has no name."""
    assert "loss" in read_layer(kind, [], tops=0, any_of=(2,))[0].name


def test_what_a_loss_counts() -> None:
    _, given = read_layer("SoftmaxWithLoss", parse("loss_weight: 0.5"), any_of=(2,))
    assert given["loss_weight"] == (0.5,)
    assert node("infogain_loss", (2, 3), (2,), (3, 3), probabilities=True).a.loss_weight == (1.0, 0.0)
    assert node("infogain_loss", (2, 3), (2,), (3, 3), probabilities=True, loss_weight=2).a.loss_weight == (2.0, 0.0)


def test_a_fork_that_computes_something_else_is_not_read() -> None:
    with pytest.raises(KeyError):
        read_layer("SoftmaxWithLoss", parse("loss_param { adaptive_weighting: true }"), any_of=(2,))
