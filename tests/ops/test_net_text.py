"""Every operator is said in the language: a net of one layer becomes a program, which means the same layer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_nodes import nodes

import netgen
from netgen.emit import net
from netgen.ir.graph import Graph, Node
from netgen.ops import OPERATORS, bind

INPUT = OPERATORS["input"]


def graph_of(node: Node) -> Graph:
    """A net of a node and what it reads; one that reads nothing has an input beside it."""
    graph = Graph("Test")
    beside: list[Node] = []
    if not node.inputs and node.op is not INPUT:
        beside = [Node(INPUT, bind(INPUT, {"n": 1}), [], "beside", instance=graph.root, spans={})]
        graph.add(beside[0])
    graph.nodes = [*beside, *dict.fromkeys(value.node for value in node.inputs), node]
    graph.inputs = [value for each in graph.nodes if each.op is INPUT for value in each.outputs]
    graph.outputs = [value for each in graph.nodes for value in each.outputs if not value.readers]
    return graph


def facts(graph: Graph) -> list[Any]:
    return [
        (node.name, node.op.name, dict(node.a), [value.node.name for value in node.inputs], node.y)
        for node in graph.nodes
    ]


@pytest.mark.parametrize("op", OPERATORS)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_layer_is_said(op: str, data: st.DataObject) -> None:
    node = data.draw(nodes(op, training=True))
    learned = sum(param.learned for param in node.params)
    assume(all(len(node.a.get(name) or ()) <= max(1, learned) for name in ("lr_mult", "decay_mult")))
    graph = graph_of(node)
    text = net.emit(graph)
    again = netgen.compile(text)
    assert facts(again.graph) == facts(graph)
    assert netgen.format(text) == text
    assert not again.warnings
