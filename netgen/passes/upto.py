"""The part of a network that some of its layers are computed from."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.ir.copying import Copier
from netgen.ir.graph import Graph, Node


def up_to(graph: Graph, nodes: Sequence[Node]) -> Graph:
    """The network that ends with the results of some layers, in their order, without anything that these do not need.

    Its inputs are those that are left.
    """
    needed = set(nodes)
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(value.node for value in node.inputs)
    new = Copier(graph)
    for node in graph.nodes:
        if node in needed:
            new.copy(node)
    return new.finish([value for node in nodes for value in node.outputs])
