"""Caffe's networks: a NetParameter becomes a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from netgen.diag import Diagnostic, Source, Span, did_you_mean
from netgen.formats.message import Message, get, get_all
from netgen.ir.graph import Graph, Node, Shape, Value
from netgen.read.caffe.build import GraphBuilder
from netgen.read.caffe.phases import PHASES, State, depends_on_phase, state_of

__all__ = ["PHASES", "State", "depends_on_phase", "read_graph", "state_of"]


class Text(Protocol):
    """A prototxt that was read: ``message`` is a NetParameter after Caffe's upgrades if its ``kind`` is net."""

    @property
    def source(self) -> Source: ...

    @property
    def message(self) -> Message: ...

    @property
    def kind(self) -> str: ...


def read_graph(
    text: Text, state: State, shapes: Mapping[str, Sequence[int]] | None = None, ends: Sequence[str] = ()
) -> tuple[Graph, list[Diagnostic]]:
    """The graph of a net in one state, and what is wrong or odd about it.

    ``shapes`` are those of blobs that the text does not say, such as images from a database: the layer that makes
    such a blob becomes an input. ``ends`` are blobs that the net ends with.
    """
    if text.kind != "net":
        return Graph(""), [_no_net(text)]
    given: dict[str, Shape] = {name: tuple(shape) for name, shape in (shapes or {}).items()}
    builder = GraphBuilder(text.message, text.source, state, given)
    graph = builder.build()
    problems = builder.problems
    tops = [top for layer in get_all(text.message, "layer") for top in get_all(layer, "top")]
    problems += [_no_blob(name, tops, state) for name in (*given, *ends) if name not in builder.blobs]
    wanted = [builder.blobs[name] for name in ends if name in builder.blobs]
    if wanted:
        _end_with(graph, wanted)
    if not graph.nodes:
        problems.append(_nothing(text, state))
    return graph, problems


def _end_with(graph: Graph, wanted: list[Value]) -> None:
    """Leave out what no wanted value needs."""
    needed: set[Node] = {value.node for value in wanted}
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(value.node for value in node.inputs)
    graph.nodes = [node for node in graph.nodes if node in needed]
    graph.root.items = [item for item in graph.root.items if item in needed]
    for node in graph.nodes:
        for value in node.outputs:
            value.readers = [reader for reader in value.readers if reader in needed]
    graph.inputs = [value for value in graph.inputs if value.node in needed]
    graph.outputs = wanted


def _no_blob(name: str, tops: Sequence[str], state: State) -> Diagnostic:
    title, hint = f"no layer makes a blob `{name}`", did_you_mean(name, tops)
    if name in tops:
        title, hint = f"no layer makes the blob `{name}` in phase {state.phase}", "choose another phase"
    return Diagnostic("NG533", title, hint=hint)


def _no_net(text: Text) -> Diagnostic:
    net = get(text.message, "net", "") or get(text.message, "train_net", "")
    hint = f"the net that it trains is {net}" if net else ""
    return Diagnostic("NG534", "not a net", Span(text.source, 0, 0), f"this file is a {text.kind}", hint=hint)


def _nothing(text: Text, state: State) -> Diagnostic:
    layers = get_all(text.message, "layer")
    if not layers:
        return Diagnostic("NG534", "not a net", Span(text.source, 0, 0), "this file has no layers")
    other = next(phase for phase in PHASES if phase != state.phase)
    label = f"none of the {len(layers)} layers is there in phase {state.phase}"
    return Diagnostic("NG535", "no layers", Span(text.source, 0, 0), label, hint=f"try phase {other}")
