"""What tells one network from another: small programs, and random ones that were changed on purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest
from random_programs import Programs

import netgen
from netgen.diff import Differences, differences
from netgen.ir.graph import Attrs, Graph, Node

BODY = """
    a = conv(data, 8, 3, pad = 1)
    b = a -> batch_norm -> relu
    c = conv(b, 8, 3, pad = 1)
    d = add(a, c)
    e = linear(d, 10)
"""


def _net(body: str = BODY, size: int = 8) -> Graph:
    return netgen.compile(f"net N() {{\n data = input(1, 4, {size}, {size})\n{body}}}\n").graph


def _said(found: Differences) -> list[str]:
    """All that was found, a line each."""
    lines = [f"- {node.name}" for node in found.removed] + [f"+ {node.name}" for node in found.added]
    lines += [f"= {field.name}: {field.before} -> {field.after}" for field in found.fields]
    for pair in found.pairs:
        lines += [f"{pair.before.name}.{field.name}: {field.before} -> {field.after}" for field in pair.fields]
    return lines


@pytest.mark.parametrize(
    "old, new, lines",
    [
        ("conv", "conv", []),
        ("conv(b, 8, 3, pad = 1)", "conv(b, 8, 5, pad = 2)", ["c.kernel: (3, 3) -> (5, 5)", "c.pad: (1, 1) -> (2, 2)"]),
        ("e = linear(d, 10)", "e = linear(d, 9)", ["e.out: 10 -> 9", "e.shape: (1, 10) -> (1, 9)"]),
        ("add(a, c)", "add(c, a)", []),
        ("add(a, c)", "add(a, c, coeff = [1, -1])", ["d.coeff: None -> (1.0, -1.0)"]),
        ("add(a, c)", "mul(a, c)", ["d.operator: add -> mul"]),
        ("pad = 1)\n    d", "pad = 1) as 'cc'\n    d", ["c.name: c -> cc"]),
        (" -> relu", "", ["- b/relu", "c.inputs: ('b/relu',) -> ('b',)"]),
        ("d = add(a, c)", "d = add(a, relu(c))", ["+ d/relu", "d.inputs: ('a', 'c') -> ('a', 'd/relu')"]),
        (" e = linear(d, 10)", "", ["- e", "= outputs: ('e',) -> ('d',)"]),
        (" e =", " e = linear(d, 10)\n f =", ["+ f", "= outputs: ('e',) -> ('e', 'f')"]),
        ("linear(d, 10)", "linear(d, 10, weight_filler = xavier)", ["e.weight_filler: None -> xavier"]),
        (" -> relu", " -> relu6", ["b/relu.operator: relu -> relu6"]),
        (" -> relu", " -> abs", ["b/relu.name: b/relu -> b/abs", "b/relu.operator: relu -> abs"]),
    ],
)
def test_what_is_said_of_a_change(old: str, new: str, lines: list[str]) -> None:
    assert _said(differences(_net(), _net(BODY.replace(old, new, 1)))) == lines


def test_where_nothing_else_tells_names_do() -> None:
    """Two layers in a row that became others: neither has a neighbour from which it could be found."""
    before, after = (f"a = {one}(data)\nb = {two}(a)\n" for one, two in (("sigmoid", "tanh"), ("abs", "elu")))
    said = ["a.operator: sigmoid -> abs", "b.operator: tanh -> elu"]
    assert _said(differences(_net(before), _net(after))) == said


def test_another_size_reshapes_and_changes_no_layer() -> None:
    found = differences(_net(), _net(size=10))
    assert [pair.before.name for pair in found.changed] == ["data"], "an input is nothing but its shape"
    assert [pair.before.name for pair in found.reshaped] == ["a", "b", "b/relu", "c", "d"]
    assert [pair.before.name for pair in found.same] == ["e"]
    assert not found.is_same_network


def test_training_can_be_left_out() -> None:
    trained = BODY.replace("pad = 1)", "pad = 1, weight_filler = msra, lr_mult = 2, decay_mult = [1, 0])")
    assert differences(_net(), _net(trained))
    assert not differences(_net(), _net(trained), ignore_training=True)
    shared = BODY.replace("pad = 1)", 'pad = 1, share = "w")', 1)
    assert _said(differences(_net(), _net(shared), ignore_training=True)) == ["a.share: None -> ('w',)"]
    assert not differences(_net(), _net(shared), ignore=["share"])


def test_names_are_no_difference_where_they_are_ignored() -> None:
    other = re.sub(r"\b([a-e])\b", r"v\1", BODY)
    found = differences(_net(), _net(other))
    assert found.is_same_network
    assert found
    assert len(found.renamed) == 6
    assert not differences(_net(), _net(other), ignore_names=True)


def test_a_name_counts_for_more_than_likeness() -> None:
    """Two equal layers that change places are two changes of what they read, and not two new names."""
    one = "a = relu(data)\n b = sigmoid(data)\n x = conv(a, 4)\n y = conv(b, 4)\n"
    two = one.replace("x = conv(a", "x = conv(b").replace("y = conv(b", "y = conv(a")
    one, two = (text.replace("4)", "4, 1)") for text in (one, two))
    assert _said(differences(_net(one), _net(two))) == ["x.inputs: ('a',) -> ('b',)", "y.inputs: ('b',) -> ('a',)"]
    assert not differences(_net(one), _net(two), ignore_names=True).changed


def test_branches_that_are_alike_are_told_apart_by_what_they_lead_to() -> None:
    one = "a = relu(data)\n b = relu(data)\n x = concat(a, b)\n"
    two = "p = relu(data)\n q = relu(data)\n x = concat(q, p)\n"
    found = differences(_net(one), _net(two), ignore_names=True)
    assert not found
    assert {pair.before.name: pair.after.name for pair in found.pairs}["a"] == "q"


def test_several_changes_do_not_hide_what_lies_between() -> None:
    chain = "".join(f" c{i} = conv({f'c{i - 1}' if i else 'data'}, 4, 3, pad = 1)\n" for i in range(9))
    other = chain.replace("c2 = conv(c1, 4, 3, pad = 1", "c2 = conv(c1, 4, 1").replace("c7 = conv(c6", "c7 = elu(c6")
    other = other.replace("elu(c6, 4, 3, pad = 1)", "elu(c6)").replace("c5, 4, 3, pad = 1", "c5, 4, 5, pad = 2")
    found = differences(_net(chain), _net(other), ignore_names=True)
    assert {pair.before.name for pair in found.changed} == {"c2", "c6", "c7"}
    assert all(pair.before.name == pair.after.name for pair in found.pairs)
    assert not found.removed
    assert not found.added


# --- random programs, changed on purpose ----------------------------------------------------------


def _random(seed: int) -> Graph:
    return netgen.compile(Programs(Random(seed)).program()).graph


def _renamed(seed: int) -> Graph:
    graph = _random(seed)
    for at, node in enumerate(graph.nodes):
        node.name = f"layer {at}"
    return graph


@pytest.mark.parametrize("seed", range(20))
def test_a_network_under_other_names_is_the_same(seed: int) -> None:
    found = differences(_random(seed), _renamed(seed))
    assert found.is_same_network
    assert len(found.renamed) == len(found.before.nodes)
    assert not differences(_random(seed), _renamed(seed), ignore_names=True)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_one_changed_argument_is_found(seed: int, named: bool) -> None:
    """Whether names help or not; what is told of the other layers is true, whatever they are paired with."""
    after = _random(seed) if named else _renamed(seed)
    able = [node for node in after.nodes if node.op.name in ("conv", "relu")]
    if not able:
        pytest.skip("nothing to change in this one")
    changed = Random(seed).choice(able)
    changed.a = Attrs({**changed.a, **({"slope": 0.25} if changed.op.name == "relu" else {"share": ("w",)})})
    found = differences(_random(seed), after, ignore_names=not named)
    assert [pair.after for pair in found.changed] == [changed]
    assert not found.removed + found.added


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_one_to_one_and_what_is_left_is_told(seed: int) -> None:
    """Of two programs that have nothing to do with each other."""
    before, after = _random(seed), _random(seed + 1000)
    for ignore_names in (True, False):
        found = differences(before, after, ignore_names=ignore_names)
        assert sorted(map(id, [*(pair.before for pair in found.pairs), *found.removed])) == _ids(before.nodes)
        assert sorted(map(id, [*(pair.after for pair in found.pairs), *found.added])) == _ids(after.nodes)


def _ids(nodes: list[Node]) -> list[int]:
    return sorted(map(id, nodes))


@pytest.mark.parametrize("change", [lambda text: text, lambda text: text.replace("x0 = relu", "x0 = elu", 1)])
def test_many_layers_in_a_row_and_beside_each_other(change: Callable[[str], str]) -> None:
    """Layers in a row, and as many beside each other, without the help of names."""
    row = "x0 = relu(data)\n for i in 1..1000 {\n x0 = relu(x0)\n }\n"
    beside = "ys = []\n for i in 1..1000 {\n ys = ys + [relu(x0)]\n }\n z = concat(ys)\n"
    found = differences(_net(row + beside), _net(change(row + beside)), ignore_names=True)
    assert len(found.changed) == (0 if change("x0 = relu") == "x0 = relu" else 1)


def test_two_ways_to_say_the_same() -> None:
    """No filler is Caffe's default one, and one number is that of all axes."""
    text = "net A() {{ x = input(1, 3, 8, 8, 8) return conv(x, 4, {kernel}{filler}) }}"
    one, other = (
        netgen.compile(text.format(kernel=kernel, filler=filler))
        for kernel, filler in ((3, ""), ("[3, 3, 3]", ", bias_filler = constant"))
    )
    assert not one.diff(other)
    assert one.diff(netgen.compile(text.format(kernel="[3, 3, 3]", filler=", bias_filler = constant(1)")))


def test_an_extent_said_for_each_axis_is_the_one_number() -> None:
    def video(stride: str) -> netgen.Net:
        body = f"    return max_pool(input(1, 2, 8, 8, 8), 2, stride = {stride})"
        return netgen.compile(f"net N() {{\n{body}\n}}\n")

    assert not video("2").diff(video("[2, 2, 2]"))
    assert video("2").diff(video("[1, 2, 2]")).changed


@pytest.mark.parametrize(
    ("operator", "is_same"),
    [("add({}, {})", True), ("mul({}, {})", True), ("max({}, {})", True), ("concat({}, {})", False),
     ("add({}, {}, coeff = [2, 2])", True), ("add({}, {}, coeff = [1, -1])", False)],
)  # fmt: skip
def test_the_terms_of_a_sum_have_no_order(operator: str, is_same: bool) -> None:
    one, other = (_net(BODY.replace("add(a, c)", operator.format(*terms))) for terms in ("ac", "ca"))
    assert bool(differences(one, other)) != is_same
    anonymous = _net(re.sub(r"\b([a-e])\b", r"v\1", BODY.replace("add(a, c)", operator.format("c", "a"))))
    assert bool(differences(one, anonymous, ignore_names=True)) != is_same


def test_a_rate_of_one_is_none() -> None:
    one = _net(BODY.replace("conv(b, 8, 3, pad = 1)", "conv(b, 8, 3, pad = 1, lr_mult = [2, 1], decay_mult = 1)"))
    other = _net(BODY.replace("conv(b, 8, 3, pad = 1)", "conv(b, 8, 3, pad = 1, lr_mult = 2)"))
    assert not differences(one, other)
    assert _said(differences(_net(), other)) == ["c.lr_mult: None -> (2.0,)"]


def test_a_shape_that_is_not_known_is_no_other_shape() -> None:
    known = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 } } }'
    unknown = 'layer { name: "x" type: "Unheard" top: "x" }'
    relu = 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    one, other = (netgen.load(f"{first} {relu}").graph for first in (unknown, known))
    assert [field.name for pair in differences(one, other).pairs for field in pair.fields] == ["operator"]
