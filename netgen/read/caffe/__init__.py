"""Caffe's networks: a NetParameter becomes a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netgen.diag import Diagnostic, Source, did_you_mean
from netgen.formats.message import Message, get_all
from netgen.ir.graph import Graph, Shape
from netgen.read.caffe.build import GraphBuilder
from netgen.read.caffe.phases import PHASES, State, depends_on_phase, state_of

__all__ = ["PHASES", "State", "depends_on_phase", "read_graph", "state_of"]


def read_graph(
    net: Message, source: Source, state: State, shapes: Mapping[str, Sequence[int]] | None = None
) -> tuple[Graph, list[Diagnostic]]:
    """The graph of a net in one state, and what is wrong or odd about it.

    ``net`` is a NetParameter after Caffe's upgrades, ``source`` its text. ``shapes`` are those of blobs that
    the text does not say, such as images from a database: the layer that makes such a blob becomes an input.
    """
    given: dict[str, Shape] = {name: tuple(shape) for name, shape in (shapes or {}).items()}
    builder = GraphBuilder(net, source, state, given)
    graph = builder.build()
    tops = [top for layer in get_all(net, "layer") for top in get_all(layer, "top")]
    for name in given:
        if name not in builder.blobs:
            builder.problems.append(_no_blob(name, tops, state))
    return graph, builder.problems


def _no_blob(name: str, tops: Sequence[str], state: State) -> Diagnostic:
    label = f"no layer makes a blob `{name}`"
    hint = did_you_mean(name, tops)
    if name in tops:
        label, hint = f"no layer makes `{name}` in phase {state.phase}", "choose another phase"
    return Diagnostic("NG533", f"shape of an unknown blob: {label}", hint=hint)
