"""How each node is said to a consumer: as it stands, in other words, by other operators, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from netgen.emit.caffe.dialects.forms import forms, renamed
from netgen.emit.caffe.dialects.rewrites import REWRITES, Step
from netgen.emit.caffe.dialects.rules import Dialect, Objection
from netgen.formats.message import Message, get
from netgen.ir.fault import Fault
from netgen.ir.graph import Graph, Instance, Node, Origin, Value
from netgen.ir.operator import Operator, Refused
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling
from netgen.ops import OPERATORS, bind

DEEPEST = 5
"""How many rewrites may follow from one."""


class Same:
    """The node, spelled as ``op`` spells it; or, if it was read, with the text of ``origin``."""

    __slots__ = ("op", "origin")

    def __init__(self, op: type[Operator], origin: Origin | None) -> None:
        self.op = op
        self.origin = origin


class Others:
    """Steps in place of the node, each with its own solution, and with which of them makes the results."""

    __slots__ = ("solutions", "steps")

    def __init__(self, steps: list[Step], solutions: list[Solution]) -> None:
        self.steps = steps
        self.solutions = solutions


class Nothing:
    """The node is its input."""

    __slots__ = ()


Solution = Same | Others | Nothing


class Solver:
    """Finds solutions for one consumer. Nodes whose facts are equal have equal ones."""

    def __init__(self, nodes: Iterable[Node | Instance], dialect: Dialect) -> None:
        self.dialect = dialect
        self._uses = Counter(node.origin for node in nodes if isinstance(node, Node))

    def solve(self, node: Node, depth: int = 0) -> Solution | list[Objection]:
        """A solution, or all that the consumer objects to in the best way to say the node."""
        objections: list[Objection] = []
        if node.origin is not None:
            if node.origin.layer:
                objections = self.dialect.objections(node, [_as_read(node.origin)])
            if not objections:
                return Same(node.op, node.origin)
        if not node.is_known or node.op.name == "custom":
            return objections or self._objections(node, _layers(node)) or Same(node.op, None)
        again = self._said_again(node)
        if again is not None:
            return again
        own = _layers(node)
        if not isinstance(own, Refused) or not objections:
            objections = self._objections(node, own)
        if not objections:
            return Same(node.op, None)
        return self._otherwise(node, depth) or objections

    def _objections(self, node: Node, layers: list[CaffeLayer] | Refused) -> list[Objection]:
        if isinstance(layers, Refused):
            return [Objection(layers.reason, "Caffe cannot say it", layers.hint)]
        return self.dialect.objections(node, layers)

    def _said_again(self, node: Node) -> Same | None:
        """A layer that was read, in the words that netgen writes, and under the name that the consumer has for it."""
        if node.origin is None or self._uses[node.origin] > 1:
            return None
        origin = said_again(node, node.origin, self.dialect.called)
        if origin is None or self.dialect.objections(node, [_as_read(origin)]):
            return None
        return Same(node.op, origin)

    def _otherwise(self, node: Node, depth: int) -> Solution | None:
        """The node in another form, or by other operators."""
        for op, layers in [*renamed(node, self.dialect.called), *forms(node)]:
            if not self.dialect.objections(node, layers):
                return Same(op, None)
        if node.op.name == "identity" and len(node.outputs) == 1:
            return Nothing()
        if depth == DEEPEST:
            return None
        for rewrite in REWRITES.get(node.op.name, ()):
            steps = rewrite(node)
            found = self._tried(node, steps, depth) if steps else None
            if found is not None:
                return found
        return None

    def _tried(self, node: Node, steps: list[Step], depth: int) -> Others | None:
        """The steps with their solutions; None if there is one without."""
        trial = Weaver(Graph("trial"), node)
        stand_ins = [Value(value.node, value.index, value.shape) for value in node.inputs]
        made: dict[str, list[Value]] = {}
        solutions: list[Solution] = []
        for step in steps:
            try:
                each = trial.node(step, [_input(at, stand_ins, made) for at in step.inputs])
                made[step.suffix] = trial.graph.add(each)
            except Fault:
                return None
            found = self.solve(each, depth + 1)
            if isinstance(found, list):
                return None
            solutions.append(found)
        return Others(steps, solutions)


class Weaver:
    """Makes the nodes that stand for one node, in a graph."""

    def __init__(self, graph: Graph, node: Node, instance: Instance | None = None, name: str = "") -> None:
        self.graph = graph
        self.whole = node
        self.instance = instance or graph.root
        self.name = name or node.name

    def node(self, step: Step, inputs: list[Value]) -> Node:
        op = OPERATORS[step.op]
        name = f"{self.name}/{step.suffix}" if step.suffix else self.name
        args = bind(op, step.args)
        return Node(op, args, inputs, name, instance=self.instance, spans=self.whole.spans, loops=self.whole.loops)

    def weave(self, others: Others, inputs: list[Value]) -> list[Value]:
        """Add the steps to the graph; gives the results of the last."""
        made: dict[str, list[Value]] = {}
        values: list[Value] = []
        for step, solution in zip(others.steps, others.solutions, strict=True):
            given = [_input(at, inputs, made) for at in step.inputs]
            node = self.node(step, given)
            if isinstance(solution, Nothing):
                values = given
            elif isinstance(solution, Others):
                node.outputs = []
                values = Weaver(self.graph, self.whole, self.instance, node.name).weave(solution, given)
            else:
                node.op = solution.op
                values = self.graph.add(node)
            made[step.suffix] = values
        return values


def _input(at: int | str | tuple[str, int], inputs: list[Value], made: dict[str, list[Value]]) -> Value:
    if isinstance(at, int):
        return inputs[at]
    return made[at][0] if isinstance(at, str) else made[at[0]][at[1]]


def _as_read(origin: Origin) -> CaffeLayer:
    """A layer that was read, as tables look at layers."""
    return CaffeLayer(get(origin.layer, "type", ""), "", origin.layer)


def _layers(node: Node) -> list[CaffeLayer] | Refused:
    """The layers that netgen writes for a node, wherever it came from."""
    spelling = node.op.caffe
    if isinstance(spelling, Refused):
        return spelling
    refused = spelling.refuses(node) if spelling.refuses is not None else None
    return refused or spelling.layers(node)


def said_again(node: Node, origin: Origin, called: dict[str, str]) -> Origin | None:
    """What a layer says, with its parameters as netgen writes them; None where they are not in one message.

    All else that it says stays: phases, multipliers, loss weights.
    """
    spelling = node.op.caffe
    if not isinstance(spelling, CaffeSpelling) or not spelling.param or not origin.layer or node.op.name == "input":
        return None
    layers = _layers(node)
    if isinstance(layers, Refused) or len(layers) != 1 or layers[0].constants:
        return None
    old = node.op.caffe_of(origin.layer)
    gone = {old.param, *old.also_param, spelling.param}
    if not old.param or (node.params and old.blobs != spelling.blobs):
        return None
    kind = called.get(layers[0].type, layers[0].type)
    layer: Message = [
        ("type", kind) if name == "type" else (name, value) for name, value in origin.layer if name not in gone
    ]
    if layers[0].message:
        layer.append((spelling.param, layers[0].message))
    return Origin(layer, origin.reason)
