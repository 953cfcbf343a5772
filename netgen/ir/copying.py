"""Graphs made anew from others, node by node: what every pass that changes a graph is made with."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.formats.message import get_all
from netgen.ir.graph import UNKNOWN, Attrs, Graph, Instance, Node, Origin, Shape, Value
from netgen.ir.operator import Operator


class Copier:
    """Makes a new graph in the order of an old one, of which nothing is touched.

    For each node of the old graph, ``put`` says which values of the new one stand for its results: those of a ``copy``,
    those of other nodes, or those that go in. Blocks, names and places go along. ``finish`` gives the graph.
    """

    def __init__(self, graph: Graph) -> None:
        self._old = graph
        self.graph = Graph(graph.name, graph.doc, graph.title)
        self.graph.kept = graph.kept
        _say_again(graph.root, self.graph.root)
        self._instances: dict[Instance, Instance] = {graph.root: self.graph.root}
        self._values: dict[Value, Value] = {}
        self._first: dict[Value, Value] = {}
        """What was put for each value first: whatever stands behind an input, it is not the net's input."""
        self._changed: set[Instance] = set()

    def value(self, old: Value) -> Value:
        """What stands for a value of the old graph."""
        return self._values[old]

    def inputs(self, node: Node) -> list[Value]:
        """What stands for the values that a node of the old graph reads."""
        return [self._values[value] for value in node.inputs]

    def instance(self, old: Instance) -> Instance:
        """The instance that stands for one of the old graph."""
        if old not in self._instances:
            parent = self.instance(old.parent) if old.parent is not None else self.graph.root
            new = Instance(old.block, old.name, parent, old.span, doc=old.doc, variable=old.variable, loops=old.loops)
            new.local = old.local
            _say_again(old, new)
            parent.items.append(new)
            self._instances[old] = new
        return self._instances[old]

    def node(
        self,
        like: Node,
        *,
        op: type[Operator] | None = None,
        a: Attrs | None = None,
        inputs: Sequence[Value] | None = None,
        name: str | None = None,
        origin: Origin | None = None,
    ) -> Node:
        """A node that stands where ``like`` stands, the same but for what is given; not yet in the graph.

        It has the ``origin`` that is given, or none: a layer that was read is written again only if nothing changed.
        """
        made = Node(
            op or like.op,
            Attrs(like.a) if a is None else a,
            self.inputs(like) if inputs is None else inputs,
            like.name if name is None else name,
            instance=self.instance(like.instance),
            spans=like.spans,
            variable=like.variable,
            loops=like.loops,
            origin=origin,
        )
        made.local = like.local
        made.blobs = like.blobs
        return made

    def copy(self, node: Node, shapes: Sequence[Shape] | None = None) -> list[Value]:
        """Take a node over as it is, and its results: of these shapes, else as inferred, or as unknown as before."""
        if shapes is None and not (node.is_known and node.outputs):
            shapes = [UNKNOWN] * len(node.outputs)
        made = self.graph.add(self.node(node, origin=node.origin), shapes)
        self.put(node, made)
        return made

    def put(self, node: Node, made: Sequence[Value]) -> None:
        """Let values of the new graph stand for a node's results."""
        for old, new in zip(node.outputs, made, strict=True):
            self._first[old] = new
            self.pass_on(old, new)
        _call(node, made)

    def leave_out(self, node: Node, others: Sequence[Value | None]) -> None:
        """Let ``others`` stand for the results of a node that goes, None for one that nobody reads any more."""
        self.undocument(node.instance)
        for old, new in zip(node.outputs, others, strict=True):
            if new is not None:
                self.pass_on(old, new)

    def undocument(self, old: Instance) -> None:
        """Drop what is said of a block whose layers are no longer those that it was said of."""
        self._changed.add(old)

    def pass_on(self, old: Value, new: Value) -> None:
        """Let a value stand for one of the old graph from here on, and take its name where it has none."""
        self._values[old] = new
        new.variable = new.variable or old.variable

    def finish(self, outputs: Sequence[Value] | None = None) -> Graph:
        """The new graph, with the inputs of the old one as far as they were put, and its outputs or other values."""
        self.graph.inputs = [self._first[value] for value in self._old.inputs if value in self._first]
        self.graph.outputs = [self._values[value] for value in (self._old.outputs if outputs is None else outputs)]
        for old, new in self._instances.items():
            new.doc = "" if old in self._changed and old.parent is not None else old.doc
            new.inputs = [self._values[value] for value in old.inputs if value in self._values]
            if len(old.parameters) == len(old.inputs):
                named = zip(old.parameters, old.inputs, strict=True)
                new.parameters = [name for name, value in named if value in self._values]
            new.outputs = [self._values[value] for value in old.outputs if value in self._values]
            if len(new.outputs) == len(old.outputs):
                new.results = list(old.results)
        return self.graph


def _call(node: Node, made: Sequence[Value]) -> None:
    """Let results keep the names of their blobs. What worked in place has its own name only as long as it does so."""
    if node.origin is None or not made or len({value.node for value in made}) > 1:
        return
    maker = made[0].node
    tops: list[str] = get_all(node.origin.layer, "top")
    bottoms: list[str] = get_all(node.origin.layer, "bottom")
    if maker.origin is None and len(tops) == len(maker.outputs) == len(made) and not set(tops) & set(bottoms):
        maker.blobs = tuple(tops)


def _say_again(old: Instance, new: Instance) -> None:
    """Let an instance have been called as another was."""
    new.args = old.args
    new.defaults = old.defaults
    new.parameters = old.parameters
