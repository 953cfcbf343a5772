"""Where Caffe's pooling and PyTorch's usual one make sizes that differ, and the input sizes at which they do not."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.diag import NetgenError
from netgen.ir.copying import Copier
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Graph, Node, Shape
from netgen.ir.text import shape_text
from netgen.lint.finding import Finding, worded
from netgen.ops.rules import each_way
from netgen.passes.resize import with_inputs
from netgen.passes.upto import up_to

FURTHEST = 32
"""How far from the net's own size others are looked for."""
MOST = 20_000
"""How many layers are looked at for that, in each direction: nearer sizes alone are tried of large nets."""
NEEDED = "the net's shapes need it: a module written by hand wants `ceil_mode=True`, as netgen's has it"
"""What to do where no other size nearby agrees, and nothing can round down."""
_POOLS = frozenset(["max_pool", "avg_pool"])


def sizes_that_round(graph: Graph) -> Iterator[Finding]:
    """Poolings whose size would be smaller if it were rounded down, as PyTorch does unless it is told otherwise."""
    parting = [node for node in graph.nodes if any(_parts(node))]
    if not parting:
        return
    hint = _hint(graph, parting)
    for node in parting:
        here, there = (shape_text(each) for each in (node.y[0][2:], _rounded_down(node)))
        label = f"layer `{node.name}`: {shape_text(node.x[0][2:])} rounds up to {here} here"
        yield Finding(node, f"{label}, and down to {there} in PyTorch's usual pooling", hint)


def _parts(node: Node) -> tuple[bool, ...]:
    """For each axis of a pooling that rounds up, whether rounding down makes another extent; else nothing."""
    if node.op.name not in _POOLS or not node.is_known or node.a.rounding != "ceil":
        return ()
    return tuple(up != down for up, down in zip(node.y[0][2:], _rounded_down(node), strict=True))


def _rounded_down(node: Node) -> Shape:
    """The places that PyTorch's pooling has without ``ceil_mode``."""
    ways = zip(node.x[0][2:], *(each_way(node, arg) for arg in ("kernel", "stride", "pad")), strict=True)
    return tuple((extent + 2 * pad - kernel) // stride + 1 for extent, kernel, stride, pad in ways)


def _hint(graph: Graph, parting: list[Node]) -> str:
    """The ways out that there are: inputs of other sizes, or other poolings."""
    ways = []
    images = [value for value in graph.inputs if len(value.shape) == 4]
    if len(images) == 1:
        search = _Search(graph, images[0].node.name, images[0].shape, parting)
        sizes = [shape_text(size) for size in (search.nearest(-1), search.nearest(1)) if size is not None]
        if sizes:
            ways.append(f"both agree for inputs of {' or '.join(sizes)}")
    if _can_round_down(graph, parting):
        floor = worded(parting[0], net='rounding = "floor"', caffe="round_mode: FLOOR")
        ways.append(f"{floor} pools as PyTorch does")
    return "; ".join(ways) or NEEDED


def _can_round_down(graph: Graph, parting: list[Node]) -> bool:
    """Whether the network is one still when these poolings round down."""
    new = Copier(graph)
    chosen = set(parting)
    try:
        for node in graph.nodes:
            if node in chosen:
                new.put(node, new.graph.add(new.node(node, a=Attrs({**node.a, "rounding": "floor"}))))
            else:
                new.copy(node)
    except Fault:
        return False
    return True


class _Search:
    """Looks for the inputs of other sizes for which nothing rounds."""

    def __init__(self, graph: Graph, name: str, shape: Shape, parting: list[Node]) -> None:
        self._graph = graph
        self._begin = up_to(graph, parting[:1])
        """What tells of most sizes, and soon, that they do not suit."""
        self._name = name
        self._shape = shape

    def nearest(self, step: int) -> Shape | None:
        """The nearest in one direction: height and width each by itself, as poolings see them."""
        tries = min(FURTHEST, MOST // len(self._graph.nodes))
        found: list[int] = [0, 0]
        for by in range(0, step * (tries + 1), step):
            size = (self._shape[2] + by, self._shape[3] + by)
            if min(size) < 1:
                return None
            open_axes = [axis for axis in (0, 1) if not found[axis]]
            rounds = self._rounds(self._begin, size)
            if not all(rounds[axis] for axis in open_axes):
                rounds = self._rounds(self._graph, size)
            for axis in open_axes:
                if not rounds[axis]:
                    found[axis] = size[axis]
            if all(found):
                nearest = (found[0], found[1])
                return None if any(self._rounds(self._graph, nearest)) else nearest
        return None

    def _rounds(self, graph: Graph, size: tuple[int, int]) -> tuple[bool, bool]:
        """For each axis, whether anything rounds up at a size, or the network does not take it."""
        try:
            other = with_inputs(graph, {self._name: (*self._shape[:2], *size)})
        except NetgenError:
            return True, True
        parts = [part for node in other.nodes if (part := _parts(node))]
        return any(part[0] for part in parts), any(part[-1] for part in parts)
