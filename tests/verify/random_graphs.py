"""Random small networks: branches, chains that work in place, joins, several inputs and outputs.

What goes wrong between layers (fusion, wiring, memory that two layers share) does not show in networks of one layer.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from hypothesis import strategies as st

from netgen.ir.fault import Fault
from netgen.ir.graph import Graph, Node, Shape, Value
from netgen.ops import OPERATORS, bind

Draw = Callable[[st.SearchStrategy[Any]], Any]
Args = dict[str, Any]

IN_PLACE: list[tuple[str, Args]] = [
    ("relu", {}),
    ("relu", {"slope": 0.1}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("elu", {}),
    ("prelu", {}),
    ("power", {"scale": 0.5, "shift": 0.25}),
    ("scale", {"bias": True}),
    ("batch_norm", {}),
    ("dropout", {}),
    ("relu6", {}),
    ("swish", {}),
    ("hard_swish", {}),
    ("bias", {}),
]
"""Layers that leave the shape as it is."""
MOVING: list[tuple[str, Args]] = [
    ("conv", {"out": 4, "kernel": 3, "pad": 1}),
    ("conv", {"out": 4, "kernel": 1, "bias": False}),
    ("conv", {"out": 4, "kernel": 3, "stride": 2, "pad": 1, "groups": 2}),
    ("conv", {"out": 4, "kernel": 3, "pad": 2, "dilation": 2, "groups": 4}),
    ("deconv", {"out": 4, "kernel": 2, "stride": 2}),
    ("max_pool", {"kernel": 3, "stride": 2}),
    ("max_pool", {"kernel": 2, "stride": 2, "rounding": "floor"}),
    ("avg_pool", {"kernel": 3, "stride": 1, "pad": 1}),
    ("global_avg_pool", {}),
    ("upsample", {"scale": 2}),
    ("lrn", {"size": 3}),
    ("permute", {"order": [0, 1, 3, 2]}),
    ("reshape", {"shape": [0, 0, -1, 1]}),
    ("slice", {"parts": 2}),
    ("slice", {"cuts": [1, 3]}),
    ("concat", {"axis": 2}),
    ("shuffle_channels", {"groups": 2}),
    ("softmax", {}),
    ("identity", {"copies": 2}),
]
"""Layers with one input that suit an image of 4 channels, or are left out."""
JOINING = ("add", "mul", "max", "concat")
LARGEST = 4096
"""How many numbers a value may have."""


@st.composite
def graphs(draw: Draw) -> Graph:
    """A network of one to three inputs of 4 channels and a few layers; what nobody reads comes out."""
    graph = Graph("random")
    shapes: list[Shape] = draw(
        st.lists(st.tuples(st.integers(1, 2), st.just(4), st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=3)
    )
    for shape in shapes:
        graph.inputs += _add(graph, "input", [], dict(zip("nchw", shape, strict=True)))
    values = list(graph.inputs)
    for _ in range(draw(st.integers(2, 10))):
        values = list(dict.fromkeys([*values, *_layers(draw, graph, values)]))
    graph.outputs = [value for value in values if not value.readers and value not in graph.inputs]
    unread = {value.node for value in graph.inputs if not value.readers}
    graph.inputs = [value for value in graph.inputs if value.readers]
    graph.nodes = [node for node in graph.nodes if node not in unread]
    graph.root.items = list(graph.nodes)
    return graph


def _layers(draw: Draw, graph: Graph, values: list[Value]) -> list[Value]:
    """One layer more, and mostly some behind it that work in place."""
    some = st.sampled_from(values[-6:])
    x: Value = draw(some)
    if draw(st.integers(0, 2)) == 0:
        alike = [each for each in values if each.shape == x.shape]
        made = _add(graph, draw(st.sampled_from(JOINING)), [x, draw(st.sampled_from(alike))], {})
    else:
        op, args = draw(st.sampled_from(MOVING if len(x.shape) == 4 and x.shape[1] == 4 else IN_PLACE))
        made = _add(graph, op, [x], args)
    for op, args in draw(st.lists(st.sampled_from(IN_PLACE), max_size=2)):
        if len(made) == 1 and len(made[0].shape) == 4:
            made = _add(graph, op, made, args)
    return made


def _add(graph: Graph, op: str, inputs: list[Value], args: Args) -> list[Value]:
    """What a new layer makes; its inputs, if it does not suit them or makes too much."""
    kind = OPERATORS[op]
    node = Node(kind, bind(kind, args), inputs, f"{op}{len(graph.nodes)}", instance=graph.root, spans={})
    try:
        shapes = kind.infer(node)
    except Fault:
        return inputs
    return graph.add(node, shapes) if all(0 < prod(shape) <= LARGEST for shape in shapes) else inputs
