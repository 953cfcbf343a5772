"""Recurrent layers against Caffe's definitions, with every pattern of sequences that go on or begin anew."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from spelled import layer, node, outputs, run

from netgen.ir.fault import Fault
from netgen.ir.graph import Node

Array = np.ndarray[Any, Any]

STEPS, STREAMS, FEATURES, OUT = 3, 2, 5, 4


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def made(op: str, static: bool, exposed: bool) -> tuple[Node, list[Array], dict[str, Array]]:
    """A node with random inputs, ``cont`` still of zeros, and random weights."""
    states = (2 if op == "lstm" else 1) if exposed else 0
    shapes: list[tuple[int, ...]] = [(STEPS, STREAMS, FEATURES), (STEPS, STREAMS)]
    shapes += [(STREAMS, 3, 2)] if static else []
    shapes += [(1, STREAMS, OUT)] * states
    n = node(op, *shapes, out=OUT, expose_hidden=exposed)
    random = np.random.default_rng(len(shapes))
    inputs = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    weights = {param.name: random.standard_normal(param.shape).astype(np.float32) for param in n.params}
    return n, inputs, weights


def lstm(inputs: list[Array], w: dict[str, Array], static: bool, exposed: bool) -> list[Array]:
    x, cont = inputs[:2]
    hidden, cell = (inputs[-2][0], inputs[-1][0]) if exposed else [np.zeros((STREAMS, OUT))] * 2
    steps = []
    for t in range(STEPS):
        on = cont[t][:, None]
        gates = x[t] @ w["weight"].T + w["bias"] + (on * hidden) @ w["weight_hidden"].T
        if static:
            gates = gates + inputs[2].reshape(STREAMS, -1) @ w["weight_static"].T
        i, f, o, g = np.split(gates, 4, axis=1)
        cell = on * sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        steps.append(hidden)
    return [np.stack(steps), *([hidden[None], cell[None]] if exposed else [])]


def rnn(inputs: list[Array], w: dict[str, Array], static: bool, exposed: bool) -> list[Array]:
    x, cont = inputs[:2]
    hidden = inputs[-1][0] if exposed else np.zeros((STREAMS, OUT))
    steps = []
    for t in range(STEPS):
        total = x[t] @ w["weight"].T + w["bias"] + (cont[t][:, None] * hidden) @ w["weight_hidden"].T
        if static:
            total = total + inputs[2].reshape(STREAMS, -1) @ w["weight_static"].T
        hidden = np.tanh(total)
        steps.append(np.tanh(hidden @ w["weight_out"].T + w["bias_out"]))
    return [np.stack(steps), *([hidden[None]] if exposed else [])]


@pytest.mark.parametrize("exposed", [False, True])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("op", ["lstm", "rnn"])
def test_sequences(op: str, static: bool, exposed: bool) -> None:
    n, inputs, weights = made(op, static, exposed)
    reference = {"lstm": lstm, "rnn": rnn}[op]
    for flags in product([0, 1], repeat=STEPS * STREAMS):
        inputs[1] = np.array(flags, np.float32).reshape(STEPS, STREAMS)
        wanted = reference(inputs, weights, static, exposed)
        got = run(n, [torch.from_numpy(each) for each in inputs], weights)
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one.numpy(), other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["lstm", "rnn"])
def test_a_state_carries_a_sequence_on(op: str) -> None:
    """Two halves, the second given the state that the first left, are the whole."""
    n, (x, _, *state), weights = made(op, False, True)
    module = layer(n, weights)
    cont = torch.ones(STEPS, STREAMS)
    given = [torch.zeros_like(torch.from_numpy(each)) for each in state]
    with torch.no_grad():
        whole, *last = outputs(module, [torch.from_numpy(x), cont, *given])
        first, *between = outputs(module, [torch.from_numpy(x[:1]), cont[:1], *given])
        second, *end = outputs(module, [torch.from_numpy(x[1:]), cont[1:], *between])
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(end, last)


@pytest.mark.parametrize("op", ["lstm", "rnn"])
def test_no_gradient_goes_from_batch_to_batch(op: str) -> None:
    n, inputs, weights = made(op, False, True)
    xs = [torch.from_numpy(each).requires_grad_() for each in inputs]
    result, *last = outputs(layer(n, weights), xs)
    assert not any(each.requires_grad for each in last)
    result.sum().backward()  # type: ignore[no-untyped-call]
    assert xs[0].grad is not None
    assert all(x.grad is None for x in xs[2:])


def test_a_unit_is_a_step() -> None:
    n = node("lstm_unit", (1, 3, 2), (1, 3, 8), (1, 3))
    random = np.random.default_rng(0)
    cell, gates = random.standard_normal((1, 3, 2)), random.standard_normal((1, 3, 8))
    cont = np.array([[0.0, 1.0, 0.5]])
    i, f, o, g = np.split(gates, 4, axis=2)
    following = cont[..., None] * sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    got = run(n, [torch.from_numpy(each.astype(np.float32)) for each in (cell, gates, cont)])
    for one, other in zip(got, [following, sigmoid(o) * np.tanh(following)], strict=True):
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-5)


X, CONT, STATE = (7, 2, 3), (7, 2), (1, 2, 4)

OBJECTIONS: list[tuple[str, list[tuple[int, ...]], bool, str]] = [
    ("lstm", [(7, 2), (7, 2)], False, "NG301 x0: `lstm` needs (time, stream, features); this is 7x2"),
    ("lstm", [X, (2, 7)], False, "NG303 x1: this is 2x7; `lstm` needs 7x2, a flag for each step of each stream"),
    ("lstm", [X, CONT, (3, 9)], False, "NG303 x2: this is 3x9; `lstm` needs (2, ...), one for each stream"),
    ("lstm", [X, CONT, STATE, (1, 3, 4)], True, "NG303 x3: this is 1x3x4; `lstm` needs a state of 1x2x4"),
    (
        "lstm",
        [X, CONT, STATE, STATE],
        False,
        "NG209 : without expose_hidden `lstm` takes 2 tensors, and one more that is the same at every step; got 4",
    ),
    (
        "rnn",
        [X, CONT],
        True,
        "NG209 : with expose_hidden `rnn` takes 3 tensors, and one more that is the same at every step; got 2",
    ),
]


@pytest.mark.parametrize(("op", "shapes", "exposed", "wanted"), OBJECTIONS)
def test_what_does_not_fit(op: str, shapes: list[tuple[int, ...]], exposed: bool, wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, out=4, expose_hidden=exposed)
    assert f"{caught.value.code} {caught.value.arg}: {caught.value.label}" == wanted
