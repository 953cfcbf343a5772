"""Batch normalisations that do nothing yet, behind convolutions that have none: to go on training with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netgen.diag import Span
from netgen.ir.copying import Copier
from netgen.ir.graph import Attrs, Graph, Node
from netgen.ir.slots import Key
from netgen.ops import OPERATORS, bind
from netgen.passes import filters
from netgen.passes.changes import Changes, counted
from netgen.passes.rewrite import Held, Rewritten, free_name

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]

_NORMALISATIONS = ("batch_norm", "mvn")


def unfold_bn(graph: Graph, arrays: Mapping[Key, Array] | None = None, *, linear: bool = False) -> Rewritten:
    """The graph with a batch normalisation behind each convolution and deconvolution that has none.

    Behind fully connected layers too if ``linear``. The convolution's bias becomes the offset of the normalisation,
    which is the identity otherwise: its mean is 0 and its factor 1, and its variance is the float32 that is nearest to
    1 - eps. In float32 that plus eps is rounded to 1, whose root and quotient are exact; those who keep eps in double
    precision are off by less than half of the last bit, which rounding takes away.
    """
    wanted = [node for node in graph.nodes if _wants(node, linear)]
    held = Held(graph, arrays) if arrays is not None else None
    names = {node.name for node in graph.nodes}
    made: dict[Key, Array] = {}
    new = Copier(graph)
    for node in graph.nodes:
        if node not in wanted:
            new.copy(node, node.y)
            continue
        name = free_name(f"{node.name}/bn", names)
        norm = _insert(new, node, name)
        if held is not None and held.has(node):
            made |= {(name, param): array for param, array in _arrays(norm, held.of(node)).items()}
    return Rewritten(new.finish(), made, Changes(_headline(graph, wanted), [node.name for node in wanted]))


def _wants(node: Node, linear: bool) -> bool:
    if not filters.is_filter(node) or (node.op.name == "linear" and not linear) or len(node.y[0]) < 2:
        return False
    is_normal = any(reader.op.name in _NORMALISATIONS for reader in node.outputs[0].readers)
    return not is_normal and filters.output_axis(node) == 1


def _insert(new: Copier, node: Node, name: str) -> Node:
    """Put a convolution into the new graph, without its bias, and a normalisation behind it."""
    values = new.graph.add(new.node(node, a=Attrs({**node.a, "bias": False, "bias_filler": None})), node.y)
    new.put(node, values)
    new.undocument(node.instance)
    values[0].variable = ""  # which the normalisation takes, as what stands last in a chain
    op = OPERATORS["batch_norm"]
    norm = new.node(node, op=op, a=bind(op, {}), inputs=values, name=name)
    norm.variable = ""
    norm.local = f"{node.local}_bn" if node.local else ""
    norm.blobs = ()
    norm.spans = _behind(node)
    new.pass_on(node.outputs[0], new.graph.add(norm)[0])
    return norm


def _behind(node: Node) -> dict[str, Span]:
    """A place of its own for what stands behind a layer: the end of that."""
    span = node.span
    return {} if span is None else {"": Span(span.source, max(span.end - 1, span.start), span.end)}


def _arrays(norm: Node, conv: Mapping[str, Array]) -> dict[str, Array]:
    import numpy as np

    channels = norm.x[0][1]
    eps = np.float32(norm.a.eps)
    return {
        "mean": np.zeros(channels, np.float32),
        "variance": np.full(channels, np.float32(1) - eps, np.float32),
        "weight": np.ones(channels, np.float32),
        "bias": conv["bias"] if "bias" in conv else np.zeros(channels, np.float32),
    }


def _headline(graph: Graph, wanted: list[Node]) -> str:
    if not wanted:
        has = any(node.op.name in ("conv", "deconv") for node in graph.nodes)
        return f"nothing to unfold: {'all convolutions have a normalisation' if has else 'the net has no convolution'}"
    counts = [counted(count, word) for op, word in filters.WORDS.items() if (count := _count(wanted, op))]
    return f"put {counted(len(wanted), 'identity normalisation')} behind {' and '.join(counts)}"


def _count(nodes: list[Node], op: str) -> int:
    return sum(node.op.name == op for node in nodes)
