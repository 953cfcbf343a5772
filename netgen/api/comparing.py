"""Two nets in words that can be compared."""

from __future__ import annotations

from netgen.api.net import Net
from netgen.api.pipelines import load
from netgen.diag import NetgenError
from netgen.diff import Differences, differences
from netgen.ir.graph import Graph


def compare(
    first: Net, second: Net, *, ignore_names: bool = False, ignore_training: bool = False, ignore: tuple[str, ...] = ()
) -> Differences:
    """What it takes to make the second net of the first.

    A program and a network of Caffe say some things in other words: a batch normalisation with its factor is one
    operator here and two layers there. Where only one of the two comes from Caffe, the other is said as
    Caffe would, if that brings them nearer.
    """

    def compared(one: Graph, other: Graph) -> Differences:
        return differences(one, other, ignore_names=ignore_names, ignore_training=ignore_training, ignore=ignore)

    found = compared(first.graph, second.graph)
    if found.is_same_network or _is_from_caffe(first.graph) == _is_from_caffe(second.graph):
        return found
    in_caffe = compared(*(net.graph if _is_from_caffe(net.graph) else _as_caffe(net) for net in (first, second)))
    return min(in_caffe, found, key=_extent)


def _extent(found: Differences) -> int:
    """How many layers it takes."""
    return len(found.changed) + len(found.added) + len(found.removed)


def _is_from_caffe(graph: Graph) -> bool:
    return any(node.origin is not None for node in graph.nodes)


def _as_caffe(net: Net) -> Graph:
    """A net, written as a prototxt and read again; as it is, where Caffe cannot say it."""
    try:
        return load(net.to_prototxt()).graph
    except NetgenError:
        return net.graph
