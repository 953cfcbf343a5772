"""The rules, in the order of their codes. Each looks at a graph, and at nothing that a target makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from netgen.emit.caffe.dialects import DIALECTS
from netgen.ir.graph import Graph, Node, Value
from netgen.ir.reach import places
from netgen.ir.text import shape_text
from netgen.lint.finding import Finding, Rule, reader, worded
from netgen.lint.rounding import sizes_that_round

ACTIVATIONS = frozenset(
    ["relu", "relu6", "prelu", "elu", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "swish", "mish", "bnll"]
)


# --- a bias before a batch normalisation ------------------------------------------------------------


def _bias_before_normalisation(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes:
        follower = reader(node)
        if node.op.name not in ("conv", "deconv", "linear") or not node.a.bias or follower is None:
            continue
        if follower.op.name == "batch_norm" and node.outputs[0] not in graph.outputs:
            label = f"layer `{node.name}` adds a bias, whose mean `{follower.name}` takes away again"
            without = worded(node, net="bias = false", caffe="bias_term: false")
            yield Finding(node, label, f"{without} saves it; weights that are trained already can be folded instead")


# --- activations without effect -----------------------------------------------------------------------

_NEVER_BELOW_0 = frozenset(["relu6", "sigmoid", "hard_sigmoid", "softmax", "abs", "threshold", "bnll"])
"""Whatever goes in, nothing below 0 comes out."""
_MOVES = frozenset(["concat", "slice", "crop", "flatten", "reshape", "permute", "shuffle_channels", "identity", "tile"])
_KEEPS_IT_SO = _MOVES | {"max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "upsample", "interp"}
_KEEPS_IT_SO |= {"dropout", "max", "mul", "lrn"}
"""What comes out is not below 0 if nothing that goes in is."""


def _never_below_0(node: Node, known: set[Value]) -> bool:
    name = node.op.name
    if name == "relu":
        return not node.a.slope or node.inputs[0] in known
    if name == "clip":
        return bool(node.a["min"] >= 0)
    if name == "add":
        return all(each >= 0 for each in node.a.coeff or ()) and all(value in known for value in node.inputs)
    return name in _NEVER_BELOW_0 or (name in _KEEPS_IT_SO and all(value in known for value in node.inputs))


def _dead_activations(graph: Graph) -> Iterator[Finding]:
    known: set[Value] = set()
    for node in graph.nodes:
        if node.op.name in ("relu", "prelu", "elu", "abs") and node.inputs[0] in known:
            maker = node.inputs[0].node
            label = f"layer `{node.name}` changes nothing: what comes from `{maker.name}` is never below 0"
            yield Finding(node, label, "leave it out, or put it where something can be below 0")
        if node.inputs and _never_below_0(node, known):
            known.update(node.outputs)


_ALREADY_IN = {"softmax_loss": "softmax", "sigmoid_cross_entropy_loss": "sigmoid"}
"""Losses that compute an activation themselves."""
_TWICE = frozenset(["softmax", "sigmoid", "tanh", "hard_sigmoid", "relu6"])


def _doubled_activations(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes:
        if not node.inputs:
            continue
        before = node.inputs[0].node
        if node.op.name in _TWICE and before.op.name == node.op.name:
            label = f"layer `{node.name}` applies {node.op.name} to what `{before.name}` applied it to"
            yield Finding(node, label, "leave one of the two out")
        if _ALREADY_IN.get(node.op.name) == before.op.name:
            label = f"layer `{node.name}` computes the {before.op.name} itself, of what is one already"
            yield Finding(node, label, f"give it what `{before.name}` reads")


# --- layers that nobody reads ---------------------------------------------------------------------------


def _unread(graph: Graph) -> Iterator[Finding]:
    """What makes nothing that could be read is run for what else it does: a loss, a file, a picture on a screen."""
    needed = {value.node for value in graph.outputs}
    for node in reversed(graph.nodes):
        if node in needed or not node.outputs:
            needed.add(node)
            needed.update(value.node for value in node.inputs)
    for node in graph.nodes:
        if node not in needed:
            what = "input" if node.op.name == "input" else "layer"
            label = f"no result of the net depends on {what} `{node.name}`"
            yield Finding(node, label, "return it, or leave it out: Caffe computes it all the same")


# --- speed and training ---------------------------------------------------------------------------------

_LANES = 8
"""Numbers that tensor cores, and the vector units of most NPUs, take at once."""


def _slow_groups(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes:
        if node.op.name not in ("conv", "deconv") or node.a.groups == 1 or not node.is_known:
            continue
        into, out = node.x[0][1] // node.a.groups, node.a.out // node.a.groups
        if into == 1 or (into % _LANES == 0 and out % _LANES == 0):
            continue  # depthwise convolutions have code of their own
        label = f"layer `{node.name}`: {node.a.groups} groups of {into} channels in and {out} out"
        yield Finding(node, label, _faster_groups(node))


def _faster_groups(node: Node) -> str:
    channels = (node.x[0][1], node.a.out)
    able = [n for n in range(2, node.a.groups) if all(each % n == 0 and each // n % _LANES == 0 for each in channels)]
    if able:
        groups = worded(node, net=f"groups = {able[-1]}", caffe=f"group: {able[-1]}")
        sizes = " and ".join(str(size) for size in dict.fromkeys(each // able[-1] for each in channels))
        return f"{groups} has {sizes} channels in each, which fill the units of GPUs and NPUs"
    return f"groups of a multiple of {_LANES} channels fill the units of GPUs and NPUs; or one group for each channel"


def _behind(node: Node, ops: frozenset[str]) -> Node:
    """The first node upwards that is none of some operators."""
    while node.op.name in ops and len(node.inputs) == 1:
        node = node.inputs[0].node
    return node


_BETWEEN = ACTIVATIONS | {"scale", "bias", "identity"}


def _dropout_beside_normalisation(graph: Graph) -> Iterator[Finding]:
    """Li, Chen, Hu and Yang, "Understanding the Disharmony between Dropout and Batch Normalization", CVPR 2019;
    Tompson et al., "Efficient Object Localization Using Convolutional Networks", CVPR 2015.
    """
    before: set[Value] = set()
    for node in reversed(graph.nodes):
        if node.op.name == "batch_norm" or any(value in before for value in node.outputs):
            before.update(node.inputs)
    for node in graph.nodes:
        if node.op.name not in ("dropout", "spatial_dropout"):
            continue
        source = _behind(node.inputs[0].node, _BETWEEN)
        follows = f" follows the normalisation `{source.name}`" if source.op.name == "batch_norm" else ""
        if node.outputs[0] in before:
            leads = " and stands before another one" if follows else " stands before a batch normalisation"
            hint = "it changes the variance in training alone: put it behind the last normalisation, or do without"
            yield Finding(node, f"layer `{node.name}`{follows}{leads}", hint)
        elif follows and node.op.name == "dropout" and node.is_known and prod(places(node.y[0])) > 1:
            extents = shape_text(places(node.y[0]))
            hint = (
                "it hides little of a map, as neighbours say the same: pool first, use spatial_dropout, or do without"
            )
            yield Finding(node, f"layer `{node.name}`{follows}, and drops single places of {extents}", hint)


# --- names ----------------------------------------------------------------------------------------------

_STRANGE = re.compile(r"[^A-Za-z0-9_/\-.:@]")


def _names(graph: Graph) -> Iterator[Finding]:
    cannot = [dialect.consumer for dialect in DIALECTS.values() if dialect.plain_names]
    for node in graph.nodes:
        found = _STRANGE.search(node.name)
        if found is not None:
            sign = "a space" if found[0] == " " else f"the character {found[0]!r}"
            label = f"the name `{node.name}` has {sign} in it, which {_listed(cannot)} cannot take"
            yield Finding(node, label, "use letters, digits and _ / - . : @ only")


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


RULES = (
    Rule("NG801", _bias_before_normalisation),
    Rule("NG802", _dead_activations),
    Rule("NG803", _doubled_activations),
    Rule("NG804", _unread),
    Rule("NG805", sizes_that_round),
    Rule("NG806", _slow_groups),
    Rule("NG807", _dropout_beside_normalisation),
    Rule("NG808", _names),
)
