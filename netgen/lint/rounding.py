"""Where Caffe's pooling and PyTorch's usual one make sizes that differ, and the input sizes at which they do not."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.diag import NetgenError
from netgen.ir.graph import Graph, Node, Shape
from netgen.ir.text import shape_text
from netgen.lint.finding import Finding
from netgen.ops.rules import each_way
from netgen.passes.resize import with_inputs

FURTHEST = 32
"""How far from the net's own size others are looked for."""
MOST = 20_000
"""How many layers are looked at for that, in each direction: nearer sizes alone are tried of large nets."""
_POOLS = frozenset(["max_pool", "avg_pool"])


def sizes_that_round(graph: Graph) -> Iterator[Finding]:
    """Poolings whose size would be smaller if it were rounded down, as PyTorch does unless it is told otherwise."""
    parting = [node for node in graph.nodes if _parts(node)]
    if not parting:
        return
    hint = _hint(graph)
    for node in parting:
        here, there = (shape_text(each) for each in (node.y[0][2:], _rounded_down(node)))
        label = f"layer `{node.name}`: {shape_text(node.x[0][2:])} rounds up to {here} here"
        yield Finding(node, f"{label}, and down to {there} in PyTorch's usual pooling", hint)


def _parts(node: Node) -> bool:
    if node.op.name not in _POOLS or not node.is_known or node.a.rounding != "ceil":
        return False
    return _rounded_down(node) != node.y[0][2:]


def _rounded_down(node: Node) -> Shape:
    """The places that PyTorch's pooling has without ``ceil_mode``."""
    ways = zip(node.x[0][2:], *(each_way(node, arg) for arg in ("kernel", "stride", "pad")), strict=True)
    return tuple((extent + 2 * pad - kernel) // stride + 1 for extent, kernel, stride, pad in ways)


def _hint(graph: Graph) -> str:
    by_hand = 'rounding = "floor" pools as PyTorch does'
    images = [value for value in graph.inputs if len(value.shape) == 4]
    if len(images) != 1:
        return by_hand
    name, shape = images[0].node.name, images[0].shape
    below, above = (_agreeing(graph, name, shape, step) for step in (-1, 1))
    sizes = [shape_text(size) for size in (below, above) if size is not None]
    return f"both agree for inputs of {' or '.join(sizes)}; {by_hand}" if sizes else by_hand


def _agreeing(graph: Graph, name: str, shape: Shape, step: int) -> Shape | None:
    """The nearest input in one direction for which nothing rounds, height and width changed alike."""
    tries = min(FURTHEST, MOST // len(graph.nodes))
    for by in range(step, step * (tries + 1), step):
        size = (shape[2] + by, shape[3] + by)
        if min(size) < 1:
            return None
        try:
            other = with_inputs(graph, {name: (*shape[:2], *size)})
        except NetgenError:
            continue
        if not any(map(_parts, other.nodes)):
            return size
    return None
