"""What the text of a network that was read says, and a program cannot: it is put into comments.

A field is lost if no argument of the operator means it: rules of phases, sources of data, engines, fields of forks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from netgen.formats.message import Message, get, get_all
from netgen.formats.net_layout import INDENT, WIDTH
from netgen.ir.graph import Graph, Node, Origin
from netgen.ir.spell_caffe import CaffeSpelling

_OWN = frozenset(("name", "type", "bottom", "top"))
_LEARNING = frozenset(("name", "lr_mult", "decay_mult"))
_LISTED = 6
"""So many layers are listed by name."""
_RARE = 3
"""A field that so few layers have is spoken of at these layers too."""


class Lost:
    """What is lost of a graph: ``head`` are lines for the beginning, ``note`` says it for one layer."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._fields: dict[Node, list[str]] = {}
        self._layers: dict[str, list[Node]] = {}
        seen: set[Origin] = set()
        for node in graph.nodes:
            if node.origin is None or node.origin in seen or node.op.name == "custom":
                continue
            seen.add(node.origin)
            self._fields[node] = fields = list(dict.fromkeys(_lost(node, node.origin.layer)))
            for field in fields:
                self._layers.setdefault(field, []).append(node)

    def head(self, name: str) -> list[str]:
        """Lines that say all that is lost; ``name`` is what the program calls the net."""
        told = [*self._of_the_net(name), *self._of_layers()]
        heading = "What Caffe's text says beside the network, and a program cannot:"
        if len(told) < 2:
            return [f"{heading} {text}" for text in told]
        return [heading, *(line for text in told for line in _wrapped(text))]

    def note(self, node: Node) -> str:
        """What is lost of one layer and of few others."""
        fields = [field for field in self._fields.get(node, ()) if len(self._layers[field]) <= _RARE]
        return f"{node.name}: {', '.join(fields)}" if fields else ""

    def _of_the_net(self, name: str) -> Iterator[str]:
        graph = self.graph
        if self._fields and graph.name and graph.name != name:
            yield f'its name "{graph.name}"'
        kept = list(
            dict.fromkeys(field for field, _ in graph.kept if field not in ("input", "input_dim", "input_shape"))
        )
        if kept:
            yield f"of the net: {', '.join(kept)}"
        for value in graph.outputs:
            tops = get_all(value.node.origin.layer, "top") if value.node.origin is not None else []
            if len(tops) == 1 and tops[0] != value.node.name:
                yield f"the blob that {value.node.name} makes, {tops[0]}"

    def _of_layers(self) -> Iterator[str]:
        for field, nodes in self._layers.items():
            listed = ", ".join(node.name for node in nodes[:_LISTED])
            more = len(nodes) - _LISTED
            yield f"{field}: {listed} and {more} more" if more > 0 else f"{field}: {listed}"


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH - INDENT - 2, initial_indent="  ", subsequent_indent="    ")


def _lost(node: Node, layer: Message) -> Iterator[str]:
    """The fields of a layer that its operator's arguments do not say."""
    spelling = node.op.caffe
    said = set(_OWN)
    inner: set[str] = set()
    kind = get(layer, "type", "")
    if node.op.name == "input" and kind != "Input":
        yield f"{kind} layer"
    if isinstance(spelling, CaffeSpelling):
        names = {name for field in spelling.fields for name in field.names}
        if spelling.param:
            said.update((spelling.param, *spelling.also_param))
            inner = names
        else:
            said.update(names)
        if spelling.param and spelling.compose is None:
            yield from (name for name, _ in spelling.parameters(layer) if name not in inner)
    for name, value in layer:
        if name == "param":
            yield from _of_param(node, value)
        elif name not in said:
            yield name


def _of_param(node: Node, param: object) -> Iterable[str]:
    """What a ``param`` message says beside multipliers and names, or at all where nothing is learned."""
    if not isinstance(param, list):
        return
    learns = "lr_mult" in node.a and any(each.learned for each in node.params)
    for name, value in param:
        if name not in _LEARNING or (not learns and value):
            yield f"param's {name}"
