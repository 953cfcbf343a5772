"""A graph made anew, with each node as it was found to be sayable."""

from __future__ import annotations

import re

from netgen.emit.caffe.dialects.solve import Nothing, Others, Same, Solution, Weaver
from netgen.formats.message import Message, get_all
from netgen.ir.graph import Graph, Instance, Node, Origin, Value

_SPACE = re.compile(r"\s+")


def rebuild(graph: Graph, solutions: dict[Node, Solution], *, plain_names: bool = False) -> Graph:
    """The graph of the solutions. Nothing of the old one is touched."""
    new = Graph(graph.name, graph.doc, graph.title)
    new.kept = graph.kept
    new.root.args = graph.root.args
    instances: dict[Instance, Instance] = {graph.root: new.root}
    origins: dict[Origin, Origin] = {}
    values: dict[Value, Value] = {}
    for node in graph.nodes:
        inputs = [values[value] for value in node.inputs]
        instance = _instance(node.instance, instances)
        solution = solutions[node]
        if isinstance(solution, Nothing):
            made = inputs
        elif isinstance(solution, Others):
            made = Weaver(new, node, instance).weave(solution, inputs)
        else:
            copy = _copied(node, solution, inputs, instance)
            if plain_names and copy.origin is not None:
                copy.origin = origins.setdefault(copy.origin, _without_spaces(copy.origin))
            made = new.add(copy, node.y)
        for old, value in zip(node.outputs, made, strict=True):
            values[old] = value
            value.variable = value.variable or old.variable
        _call(node, made)
    new.inputs = [values[value] for value in graph.inputs]
    new.outputs = [values[value] for value in graph.outputs]
    return new


def _copied(node: Node, solution: Same, inputs: list[Value], instance: Instance) -> Node:
    copy = Node(
        solution.op,
        node.a,
        inputs,
        node.name,
        instance=instance,
        spans=node.spans,
        variable=node.variable,
        loops=node.loops,
        origin=solution.origin,
    )
    copy.local = node.local
    return copy


def _call(node: Node, made: list[Value]) -> None:
    """Let results keep the names of their blobs. What worked in place has its own name only as long as it does so."""
    if node.origin is None or not made or len({value.node for value in made}) > 1:
        return
    maker = made[0].node
    tops: list[str] = get_all(node.origin.layer, "top")
    bottoms: list[str] = get_all(node.origin.layer, "bottom")
    if maker.origin is None and len(tops) == len(maker.outputs) == len(made) and not set(tops) & set(bottoms):
        maker.blobs = tuple(tops)


def _instance(old: Instance, known: dict[Instance, Instance]) -> Instance:
    """The instance of the new graph that stands for one of the old."""
    if old not in known:
        parent = _instance(old.parent, known) if old.parent is not None else None
        known[old] = Instance(
            old.block, old.name, parent, old.span, doc=old.doc, variable=old.variable, loops=old.loops
        )
    return known[old]


def _without_spaces(origin: Origin) -> Origin:
    layer: Message = [
        (name, _SPACE.sub("_", str(value)) if name in ("name", "bottom", "top") else value)
        for name, value in origin.layer
    ]
    return Origin(layer, origin.reason) if layer != origin.layer else origin
