"""What detectors are trained with, against its definition written as loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import parse
from detection_nodes import boxes
from detection_reference import Array, multibox_loss
from hypothesis import given, settings
from hypothesis import strategies as st
from spelled import layer, node, run

from netgen.ir.fault import Fault
from netgen.ir.graph import Node
from netgen.ops import bind, read_caffe

f32 = np.float32

# --- the loss of SSD ------------------------------------------------------------------------------

_OPTIONS = {
    "loc_loss": st.sampled_from(["smooth_l1", "l2"]),
    "loc_weight": st.sampled_from([0.5, 2.0]),
    "match": st.sampled_from(["per_prediction", "bipartite"]),
    "overlap_threshold": st.sampled_from([0.0, 0.2, 0.7]),
    "use_difficult": st.booleans(),
    "neg_pos_ratio": st.sampled_from([0.0, 0.5, 1.5, 10.0]),
    "neg_overlap": st.sampled_from([0.1, 0.9]),
    "code": st.sampled_from(["corner", "center_size", "corner_size"]),
    "variance_in_target": st.booleans(),
    "inside_only": st.booleans(),
    "bp_inside": st.booleans(),
    "normalization": st.sampled_from(["valid", "full", "batch_size", "none"]),
}
_CLASSES = st.sampled_from(
    [
        {"classes": 3},
        {"classes": 3, "mining": "none"},
        {"classes": 4, "conf_loss": "logistic"},
        {"classes": 2, "agnostic": True},
        {"classes": 4, "background": 3},
    ]
)


@st.composite
def trainings(draw: Any) -> tuple[Node, list[Array]]:
    args = {**draw(st.fixed_dictionaries({}, optional=_OPTIONS)), **draw(_CLASSES)}
    batch, count, true = draw(st.integers(1, 3)), draw(st.integers(1, 8)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    first = 0 if "background" in args else 1
    truth = np.zeros((true, 8), f32)
    truth[:, 0] = random.integers(-1, batch, true)
    truth[:, 1] = random.integers(first, args["classes"] - (1 - first), true)
    truth[:, 3:7] = boxes(random, true)
    truth[:, 7] = random.integers(0, 2, true)
    priors = np.stack([boxes(random, count), random.uniform(0.1, 0.3, (count, 4))])
    loc = random.normal(0, 0.5, (batch, count * 4))
    conf = random.normal(0, 2, (batch, count * args["classes"]))
    inputs = [np.asarray(x, f32) for x in (loc, conf, priors.reshape(1, 2, -1), truth[None, None])]
    return node("multibox_loss", *[x.shape for x in inputs], **args), inputs


@given(trainings())
@settings(max_examples=80)
def test_multibox_loss(training: tuple[Node, list[Array]]) -> None:
    n, inputs = training
    loc, conf, priors, truth = inputs
    wanted = multibox_loss(n.a, loc, conf, priors, truth.reshape(-1, 8))
    [made] = run(n, [torch.from_numpy(x) for x in inputs])
    assert made.shape == ()
    np.testing.assert_allclose(made.item(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("code", ["corner", "center_size", "corner_size"])
@pytest.mark.parametrize("loc_loss", ["l2", "smooth_l1"])
def test_gradients_are_finite_without_any_true_box(code: str, loc_loss: str) -> None:
    """A row of image -1 has no size, and its logarithm must not be met again in the gradient."""
    n = node("multibox_loss", (1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8), classes=3, code=code, loc_loss=loc_loss)
    random = np.random.default_rng(0)
    priors = np.stack([boxes(random, 2), np.full((2, 4), 0.1)]).reshape(1, 2, 8)
    xs = [
        torch.from_numpy(np.asarray(x, f32))
        for x in (np.ones((1, 8)), np.ones((1, 6)), priors, np.full((1, 1, 1, 8), -1))
    ]
    loss = layer(n)(*[x.requires_grad_() for x in xs])
    loss.backward()
    assert loss.item() == 0
    assert all(x.grad is not None and bool(x.grad.isfinite().all()) for x in xs[:2])


def test_what_caffe_gets_wrong_is_refused() -> None:
    for args in ({"mining": "none"}, {"background": 1}):
        n = node("multibox_loss", (1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8), classes=3, conf_loss="logistic", **args)
        assert n.op.refuses("torch", n) is not None


def test_losses_that_are_mined_otherwise_are_not_read() -> None:
    head = 'type: "MultiBoxLoss" bottom: "l" bottom: "c" bottom: "p" bottom: "t" top: "y"'
    for text in (
        "share_location: false",
        "nms_param { top_k: 3 }",
        "mining_type: HARD_EXAMPLE",
        "objectness_score: 0.01",
    ):
        assert isinstance(read_caffe(parse(f"{head} multibox_loss_param {{ num_classes: 3 {text} }}")), str)
    assert isinstance(read_caffe(parse(f"{head} multibox_loss_param {{ num_classes: 3 }} propagate_down: false")), str)


# --- smooth absolute differences ------------------------------------------------------------------


@given(st.integers(2, 4), st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([(3, 4), (2, 3, 2, 5)]), st.booleans())
@settings(max_examples=40)
def test_smooth_l1_loss(count: int, sigma: float, shape: tuple[int, ...], each: bool) -> None:
    n = node("smooth_l1_loss", *[shape] * count, sigma=sigma, each=each, by_place=each)
    random = np.random.default_rng(count)
    x, target, *weights = [random.normal(0, 1.5, shape).astype(f32) for _ in range(count)]
    inside, outside = [*weights, *[np.ones(shape, f32)] * 2][:2]
    d = inside * (x - target)
    losses = outside * np.where(np.abs(d) < sigma**-2, (sigma * d) ** 2 / 2, np.abs(d) - sigma**-2 / 2)
    made = [y.numpy() for y in run(n, [torch.from_numpy(a) for a in (x, target, *weights)])]
    assert [y.shape for y in made] == n.y
    np.testing.assert_allclose(made[0], losses.sum() / (losses[:, 0].size if each else shape[0]), rtol=1e-4)
    if each:
        np.testing.assert_allclose(made[1].ravel(), losses.sum(1).ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("SmoothL1Loss", "", (None, False, False)),
        ("SmoothL1Loss", "loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 256 }", (256, False, False)),
        ("SmoothL1Loss", "loss_param { normalization: FULL }", (None, True, False)),
        ("SmoothL1Loss", 'top: "each"', (None, True, True)),
        ("SmoothL1LossOHEM", "", (None, True, False)),
        ("SmoothL1LossOHEM", "loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 128 }", (128, False, False)),
    ],
)
def test_what_a_sum_of_losses_is_divided_by(kind: str, text: str, wanted: tuple[object, ...]) -> None:
    found = read_caffe(parse(f'type: "{kind}" bottom: "a" bottom: "b" bottom: "w" top: "y" {text}'))
    assert not isinstance(found, str)
    a = bind(*found)
    assert (a.divisor, a.by_place, a.each) == wanted


FAULTS: list[tuple[str, list[tuple[int, ...]], dict[str, Any], str]] = [
    ("multibox_loss", [(1, 8), (1, 6), (1, 2, 8), (3, 7)], {"classes": 3}, "x3: true boxes are rows of 8 numbers"),
    ("multibox_loss", [(1, 9), (1, 6), (1, 2, 8), (1, 1, 3, 8)], {"classes": 3}, "x0: 2 prior boxes need 1x8"),
    ("multibox_loss", [(1, 8), (1, 6), (1, 2, 8), (1, 8)], {"classes": 3, "background": 3}, "background: there are 3"),
    ("smooth_l1_loss", [(1, 8), (1, 6)], {}, "x1: this is 1x6, the first is 1x8"),
    ("smooth_l1_loss", [(8,), (8,)], {}, "x0: `smooth_l1_loss` needs 2 to 4 axes; this is 8"),
    ("detection_evaluate", [(1, 1, 3, 6), (1, 1, 2, 8)], {"classes": 3}, "x0: boxes are rows of 7 numbers"),
]


@pytest.mark.parametrize(("op", "shapes", "args", "wanted"), FAULTS, ids=[each[3][:30] for each in FAULTS])
def test_objections(op: str, shapes: list[tuple[int, ...]], args: dict[str, Any], wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, **args)
    assert f"{caught.value.arg}: {caught.value.label}".startswith(wanted)


def test_hits_are_counted_elsewhere() -> None:
    n = node("detection_evaluate", (1, 1, 5, 7), (1, 1, 2, 8), classes=3)
    assert n.y == [(1, 1, 7, 5)]
    assert n.op.refuses("torch", n) is not None
