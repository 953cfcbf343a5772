"""Each example computes what it computed when its golden numbers were written; `--update` writes them anew.

The emitted PyTorch runs with seeded weights and inputs, at the sizes of ``example_nets``. A hash of weights that
changes where nothing was changed means that a measurement lay in the middle between two powers of two, and fell to the
other side on this machine: then another seed is better.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from example_nets import EXAMPLES, Example
from golden import SEED, Golden, Seen, differences, golden, run, text

import netgen
from netgen.ir.copying import Copier
from netgen.ir.graph import Attrs, Graph, Node
from netgen.verify.compare import fits
from netgen.verify.torch_runtime import Torch
from netgen.weights import Weights

pytestmark = pytest.mark.usefixtures("one_thread")

FOLDER = Path(__file__).parents[1] / "golden"
SMALLEST, LARGEST = 1 / 16, 16.0
"""Between which the root mean square of every value is."""
UPDATE = "pytest tests/verify/test_golden.py --update"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_the_numbers_are_those_of_the_file(example: Example, update: bool) -> None:
    net = example.small()
    weights = net.random_weights(SEED)
    seen = run(net.graph, weights, Torch())
    _check_values(net.graph, seen)
    made = golden(net.graph, net.settings, weights, seen)
    file = FOLDER / f"{example.id}.json"
    if update:
        file.write_text(text(made))
        return
    assert file.exists(), f"no golden numbers for {example.id}: {UPDATE}"
    assert not differences(json.loads(file.read_text()), made)


def _check_values(graph: Graph, seen: Seen) -> None:
    """Every value can be seen, has the shape that was inferred, and is neither too small nor too large."""
    probable: set[Node] = set()
    for node in graph.nodes:
        if node.op.name == "softmax" or probable.intersection(value.node for value in node.inputs):
            probable.add(node)  # and as small as probabilities of a thousand classes are
        for value in node.outputs if node.op.name != "input" else ():
            key = (node.name, value.index)
            assert fits(seen.shapes[key], value)
            is_place = node.op.name == "max_pool" and value.index == 1
            assert seen.sizes[key] <= LARGEST or is_place
            assert seen.sizes[key] >= SMALLEST or node in probable


def test_every_file_is_of_an_example(update: bool) -> None:
    wanted = {example.id for example in EXAMPLES}
    orphans = [path for path in FOLDER.glob("*.json") if path.stem not in wanted]
    if update:
        for path in orphans:
            path.unlink()
        return
    assert not orphans, f"nothing makes these any more; remove them with {UPDATE}"


# --- that a change is seen ------------------------------------------------------------------------


PROGRAM = """
net Small() {
    x = input(1, 3, 18, 18) as "data"
    x = x -> conv(8, 3, pad = 1) -> batch_norm -> relu6 -> max_pool(3, stride = 2, pad = 1)
    x = x -> conv(8, 3, groups = 2, dilation = 2) -> lrn(alpha = 0.1, k = 2) -> mvn -> avg_pool(3, stride = 2)
    y = x -> conv(8, 1) -> prelu
    x = add(x, y) -> global_avg_pool -> linear(6)
}
"""
CHANGES: list[tuple[str, dict[str, object]]] = [
    ("batch_norm", {"eps": 1e-3}),
    ("max_pool", {"rounding": "floor"}),
    ("max_pool", {"pad": (0, 0)}),
    ("avg_pool", {"rounding": "floor"}),
    ("conv", {"dilation": (1, 1)}),
    ("lrn", {"k": 1.0}),
    ("lrn", {"alpha": 0.11}),
    ("mvn", {"eps": 1e-3}),
    ("add", {"coeff": (1.0, 0.999)}),
]


class OutputsOnly(Torch):
    """Without a look at what lies between."""

    only_outputs = True


@cache
def _kept(id: str) -> tuple[netgen.Net, Golden]:
    """A network and its golden numbers."""
    net = next((example.small() for example in EXAMPLES if example.id == id), None) or netgen.compile(PROGRAM)
    return net, _golden(net.graph, net.random_weights(SEED))


def _golden(graph: Graph, weights: Weights | None) -> Golden:
    assert weights is not None
    return golden(graph, {}, weights, run(graph, weights, OutputsOnly()))


def _changed(graph: Graph, op: str, a: dict[str, object]) -> Graph:
    """The graph with other arguments of an operator, and all that follows typed anew."""
    copier = Copier(graph)
    for node in graph.nodes:
        if node.op.name == op:
            copier.put(node, copier.graph.add(copier.node(node, a=Attrs({**node.a, **a}))))
        else:
            copier.copy(node)
    return copier.finish()


@pytest.mark.parametrize(
    ("id", "op", "a"),
    [("", op, a) for op, a in CHANGES] + [("resnet", op, a) for op, a in CHANGES[:2]],
    ids=str,
)
def test_a_change_of_numerics_is_seen(id: str, op: str, a: dict[str, object]) -> None:
    net, kept = _kept(id)
    assert not differences(kept, _golden(_changed(net.graph, op, {}), net.weights))
    assert differences(kept, _golden(_changed(net.graph, op, a), net.weights))


def test_a_change_of_weights_is_seen() -> None:
    net, kept = _kept("")
    made = _golden(net.graph, netgen.compile(PROGRAM).random_weights(SEED + 2))
    assert {each.split(":")[0] for each in differences(kept, made)} == {"weights", "output x_3/fc"}
