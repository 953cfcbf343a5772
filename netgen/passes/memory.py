"""How much memory the values of a network take, and when."""

from __future__ import annotations

from math import prod

from netgen.ir.graph import Graph, Value

FLOAT = 4
"""Bytes of a float32."""


def size_of(value: Value) -> int:
    """Bytes of a value in float32; 0 where its shape is not known."""
    return prod(value.shape) * FLOAT if value.is_known else 0


def peak_memory(graph: Graph) -> int:
    """Bytes that all values together take at most, in a forward pass that forgets each after its last reader.

    Layers run in the program's order, and write beside what they read. Parameters and a layer's own scratch memory
    do not count.
    """
    last: dict[Value, int] = {value: len(graph.nodes) for value in graph.outputs}
    for at, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            last[value] = max(last.get(value, at), at)
    ends: dict[int, list[Value]] = {}
    for value, at in last.items():
        ends.setdefault(at, []).append(value)
    held = peak = 0
    for at, node in enumerate(graph.nodes):
        held += sum(map(size_of, node.outputs))
        peak = max(peak, held)
        held -= sum(map(size_of, ends.get(at, ())))
    return peak
