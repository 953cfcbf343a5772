"""A graph made anew, with each node as it was found to be sayable."""

from __future__ import annotations

import re

from netgen.emit.caffe.dialects.solve import Nothing, Others, Solution, Weaver
from netgen.formats.message import Message
from netgen.ir.copying import Copier
from netgen.ir.graph import Graph, Node, Origin, Value

_SPACE = re.compile(r"\s+")


def rebuild(
    graph: Graph, solutions: dict[Node, Solution], *, plain_names: bool = False
) -> tuple[Graph, dict[Value, Value]]:
    """The graph of the solutions, and what the old one's values are in it. Nothing of the old one is touched."""
    new = Copier(graph)
    origins: dict[Origin, Origin] = {}
    for node in graph.nodes:
        solution = solutions[node]
        if isinstance(solution, Nothing):
            new.put(node, new.inputs(node))
        elif isinstance(solution, Others):
            new.put(node, Weaver(new.graph, node, new.instance(node.instance)).weave(solution, new.inputs(node)))
        else:
            origin = solution.origin
            if plain_names and origin is not None:
                origin = origins.setdefault(origin, _without_spaces(origin))
            new.put(node, new.graph.add(new.node(node, op=solution.op, origin=origin), node.y))
    return new.finish(), {value: new.value(value) for node in graph.nodes for value in node.outputs}


def _without_spaces(origin: Origin) -> Origin:
    layer: Message = [
        (name, _SPACE.sub("_", str(value)) if name in ("name", "bottom", "top") else value)
        for name, value in origin.layer
    ]
    return Origin(layer, origin.reason) if layer != origin.layer else origin
