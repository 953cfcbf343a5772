"""A graph becomes a program, the program a graph again: what must be equal is compared here."""

from __future__ import annotations

from typing import Any

import netgen
from netgen.api import Net
from netgen.ir.graph import Graph


def facts(graph: Graph) -> dict[str, Any]:
    """All of a graph that a program says: names, operators, arguments, wiring, shapes, comments."""
    called = {value: (node.name, number) for node in graph.nodes for number, value in enumerate(node.outputs)}
    return {
        "comments": (graph.title, graph.doc),
        "layers": [
            (node.name, node.op.name, dict(node.a), [called[value] for value in node.inputs], node.y)
            for node in graph.nodes
        ],
        "inputs": [called[value] for value in graph.inputs],
        "outputs": [called[value] for value in graph.outputs],
    }


def there_and_back(graph: Graph) -> tuple[str, Net]:
    """The program of a graph, and what it compiles to; the program is laid out well and nobody warns of it."""
    text = Net(graph, []).emit("net")
    again = netgen.compile(text)
    assert netgen.format(text) == text
    assert again.warnings == [], text
    wanted, found = facts(graph), facts(again.graph)
    for one, other in zip(wanted.pop("layers"), found.pop("layers"), strict=True):
        assert one == other, text
    assert wanted == found, text
    return text, again
