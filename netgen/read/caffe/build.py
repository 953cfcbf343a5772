"""A NetParameter becomes a graph: the layers of one phase, wired by values instead of by names of blobs.

In place is undone: a layer that writes over its input makes a new value. What the text cannot be understood as is
carried through, and what is odd is reported; nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from netgen.diag import Diagnostic, Source, Span, did_you_mean
from netgen.formats.message import Message, Placed, get, get_all, place_of
from netgen.formats.textproto import shortest
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import UNKNOWN, Attrs, Graph, Node, Origin, Shape, Value
from netgen.ir.operator import Operator
from netgen.ir.sharing import Sharing
from netgen.ir.spell_caffe import CaffeSpelling
from netgen.ops import OPERATORS, bind, read_caffe
from netgen.read.caffe.inputs import data_shapes
from netgen.read.caffe.phases import State
from netgen.read.caffe.training import read_params

_INPUT, _CUSTOM = OPERATORS["input"], OPERATORS["custom"]
_IDENTITY, _BATCH_NORM = OPERATORS["identity"], OPERATORS["batch_norm"]


_READS_LATE = ("Eltwise", "LRN")
"""Types whose code in Caffe overwrites its top before it has done with its bottoms."""


_MOST_HINTS = 50
"""To so many problems it is said what may have been meant: to compare names takes a while."""


class GraphBuilder:
    """Builds one graph. ``problems`` collects what is wrong or odd in the text."""

    def __init__(self, net: Message, source: Source, state: State, shapes: Mapping[str, Shape]) -> None:
        self.net = net
        self.source = source
        self.state = state
        self.shapes = shapes
        """The shapes of blobs that the user gave."""
        self.graph = Graph(get(net, "name", "") or "")
        self.graph.kept = [pair for pair in net if pair[0] not in ("name", "layer") or pair == ("name", "")]
        self.problems: list[Diagnostic] = []
        self.blobs: dict[str, Value] = {}
        """What each name of a blob stands for so far."""
        self.made: dict[str, Message] = {}
        """The layer that made each blob first."""
        self.names: set[str] = set()
        self.sharing = Sharing()

    def build(self) -> Graph:
        for layer in get_all(self.net, "layer"):
            if get(layer, "include") is not None and get(layer, "exclude") is not None:
                self._two_rules(layer)
            if self.state.has(layer):
                self._layer(layer)
        graph = self.graph
        graph.inputs = [value for node in graph.nodes if node.op is _INPUT for value in node.outputs]
        latest = set(self.blobs.values())
        graph.outputs = [
            value for node in graph.nodes for value in node.outputs if not value.readers and value in latest
        ]
        return graph

    # --- one layer ---------------------------------------------------------------------------------

    def _layer(self, layer: Message) -> None:
        inputs = self._bottoms(layer)
        tops = get_all(layer, "top")
        given = data_shapes(layer, len(tops))
        if get(layer, "type") == "Input":
            given = _declared(layer, len(tops))
        if given is not None or (tops and all(top in self.shapes for top in tops)):
            values = self._data(layer, tops, given or [UNKNOWN] * len(tops))
        elif get(layer, "type") == "Split" and len(inputs) == 1:
            values = self._split(layer, inputs, tops)
        else:
            values = self._operator(layer, inputs, len(tops))
        self._name(layer, tops, values)

    def _bottoms(self, layer: Message) -> list[Value]:
        found = []
        for number, bottom in enumerate(get_all(layer, "bottom")):
            value = self.blobs.get(bottom)
            if value is None:
                value = self._unknown_blob(layer, bottom, number)
            found.append(value)
        return found

    def _data(self, layer: Message, tops: Sequence[str], shapes: Sequence[Shape]) -> list[Value]:
        """A layer that is given what it makes: an input of the net for each top.

        One whose shapes the user gives is replaced: its text would say something else.
        """
        is_replaced = any(top in self.shapes for top in tops)
        origin = Origin([] if is_replaced else layer)
        values = []
        for top, said in zip(tops, shapes, strict=True):
            shape = self.shapes.get(top, said)
            own = None if is_replaced else origin
            found = self._input(layer, shape, top, own) if shape is not UNKNOWN else []
            if found:
                values += found
                continue
            origin.reason = f"how large `{top}` is, only the data tells"
            a = bind(_CUSTOM, {"type": get(layer, "type")})
            values += self.graph.add(self._node(layer, _CUSTOM, a, [], origin, name=top), [UNKNOWN])
        return values

    def _input(self, layer: Message, shape: Shape, top: str, origin: Origin | None) -> list[Value]:
        """An input of a shape, or nothing where the shape is none."""
        try:
            a = bind(_INPUT, dict(zip((arg.name for arg in _INPUT.args), shape, strict=False)))
            return self.graph.add(self._node(layer, _INPUT, a, [], origin, name=top))
        except Fault as fault:
            self._fault(layer, _INPUT, fault)
            return []

    def _split(self, layer: Message, inputs: list[Value], tops: Sequence[str]) -> list[Value]:
        """The one value under several names: each has a node of its own."""
        origin = Origin(layer)
        a = bind(_IDENTITY, {})
        names = [get(layer, "name", ""), *tops[1:]]
        unknown = None if inputs[0].is_known else [UNKNOWN]
        nodes = (self._node(layer, _IDENTITY, a, inputs, origin, name=name) for name in names[: len(tops)])
        return [value for node in nodes for value in self.graph.add(node, unknown)]

    def _operator(self, layer: Message, inputs: list[Value], tops: int) -> list[Value]:
        op, a, origin = self._meaning(layer)
        node = self._node(layer, op, a, inputs, origin)
        unknown = op is _CUSTOM or not all(value.is_known for value in inputs)
        try:
            values = self.graph.add(node, [UNKNOWN] * tops if unknown else None)
        except Fault as fault:
            self._fault(layer, op, fault)
            return self.graph.add(node, [UNKNOWN] * tops)
        read_params(node, layer)
        try:
            self.sharing.take_in(node)
        except Fault as fault:
            self._fault(layer, op, fault)
        return values

    def _meaning(self, layer: Message) -> tuple[type[Operator], Attrs, Origin]:
        """The operator that a layer means, with its arguments; one that only carries it, where none does."""
        reason = ""
        try:
            found = read_caffe(layer)
            if not isinstance(found, str):
                op, given = found
                return op, self._bound(op, given), Origin(layer)
            reason = found
        except Fault as fault:
            self._fault(layer, None, fault)
            reason = f"{fault.title}: {fault.label}"
        return _CUSTOM, bind(_CUSTOM, {"type": get(layer, "type") or "?"}), Origin(layer, reason)

    def _bound(self, op: type[Operator], given: dict[str, object]) -> Attrs:
        """The arguments as people write them: floats in their shortest form, and without what only training sees."""
        a = bind(op, {name: _short(value) for name, value in given.items()})
        if op is _BATCH_NORM and self.state.phase == "TEST":
            a["frozen"] = False  # use_global_stats says what holds in this phase anyway
        return a

    def _node(
        self,
        layer: Message,
        op: type[Operator],
        a: Attrs,
        inputs: list[Value],
        origin: Origin | None,
        *,
        name: str = "",
    ) -> Node:
        said: str = name or get(layer, "name", "") or next(iter(get_all(layer, "top")), get(layer, "type", "layer"))
        unique = said
        number = 1
        while unique in self.names:
            number += 1
            unique = f"{said}_{number}"
        self.names.add(unique)
        spans = {"": self.span(layer)}
        return Node(op, a, inputs, unique, instance=self.graph.root, spans=spans, origin=origin)

    def _name(self, layer: Message, tops: Sequence[str], values: Sequence[Value]) -> None:
        """Let the tops' names stand for what the layer made."""
        bottoms = get_all(layer, "bottom")
        for number, (top, value) in enumerate(zip(tops, values, strict=False)):
            before = self.blobs.get(top)
            in_place = number < len(bottoms) and bottoms[number] == top
            if before is not None and not in_place:
                self._made_twice(layer, top, number)
            elif before is not None and len(before.readers) > 1:
                self._overwritten(layer, top, before)
            elif before is not None and get(layer, "type") in _READS_LATE:
                self._in_place(layer, top)
            self.blobs[top] = value
            self.made.setdefault(top, layer)
        for value in values[len(tops) :]:  # Caffe gives a loss a top of its own, which nobody can read
            self.blobs[f"(automatic) {value.node.name}"] = value

    # --- what is wrong -------------------------------------------------------------------------------

    def span(self, message: Message, field: str = "", number: int = -1) -> Span:
        """The place of a layer, or of a value of one of its fields."""
        start = place_of(message, field, number) if field else -1
        if start < 0 and isinstance(message, Placed):
            start = message.start
        if start < 0:
            return Span(self.source, 0, 0)
        text = self.source.text
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else None].partition("#")[0].rstrip()
        return Span(self.source, start, start + max(len(line), 1))

    def _error(self, code: str, title: str, span: Span, label: str, hint: str) -> None:
        self.problems.append(Diagnostic(code, title, span, label, hint=hint))

    def _warn(self, code: str, title: str, span: Span, label: str) -> None:
        self.problems.append(Diagnostic(code, title, span, label, severity="warning"))

    def _unknown_blob(self, layer: Message, bottom: str, number: int) -> Value:
        """Report a blob that nobody makes, once, and go on with one of unknown shape."""
        hint = did_you_mean(bottom, self.blobs) if len(self.problems) < _MOST_HINTS else ""
        if bottom in self._tops:
            hint = f"a layer makes it in another phase, or further down; this is phase {self.state.phase}"
        label = f"layer `{get(layer, 'name', '')}` reads `{bottom}`, which no layer before it makes"
        self._error("NG530", "unknown bottom blob", self.span(layer, "bottom", number), label, hint)
        origin = Origin([], f"no layer makes `{bottom}`")
        node = self._node(layer, _CUSTOM, bind(_CUSTOM, {"type": "Input"}), [], origin, name=bottom)
        [value] = self.graph.add(node, [UNKNOWN])
        self.blobs[bottom] = value
        return value

    @cached_property
    def _tops(self) -> set[str]:
        """What any layer makes, in whatever phase."""
        return {top for layer in get_all(self.net, "layer") for top in get_all(layer, "top")}

    def _made_twice(self, layer: Message, top: str, number: int) -> None:
        first = self.made.get(top)
        label = f"`{top}` is made by layer `{get(first or [], 'name', '')}` already; what follows reads this one"
        self._warn("NG531", "a blob is made twice, which Caffe refuses", self.span(layer, "top", number), label)

    def _overwritten(self, layer: Message, top: str, before: Value) -> None:
        others = [f"`{node.name}`" for node in before.readers[:-1]]
        label = f"{' and '.join(others[:3])} read{'s' if len(others) == 1 else ''} `{top}` too, as it was before"
        title = "a blob with other readers is overwritten, which Caffe refuses"
        self._warn("NG532", title, self.span(layer, "top"), label)

    def _two_rules(self, layer: Message) -> None:
        label = "it has rules to exclude it too; those to include it decide"
        self._warn("NG536", "rules of both kinds, which Caffe refuses", self.span(layer, "include"), label)

    def _in_place(self, layer: Message, top: str) -> None:
        kind = get(layer, "type")
        label = f"Caffe's {kind} writes to `{top}` before it has read all of it; here it is read as it was"
        self._warn("NG537", f"{kind} in place, which Caffe computes wrongly", self.span(layer, "top"), label)

    def _fault(self, layer: Message, op: type[Operator] | None, fault: Fault) -> None:
        """Report an operator's objection at the field, or the blob, that is to blame."""
        name = get(layer, "name", "")
        label = f"layer `{name}`: {fault.label}" if name else fault.label
        self._error(fault.code, fault.title, self._blamed(layer, op, fault.arg), label, fault.hint)

    def _blamed(self, layer: Message, op: type[Operator] | None, arg: str) -> Span:
        if arg.startswith("x") and arg[1:].isdecimal():
            return self.span(layer, "bottom", int(arg[1:]))
        if op is not None and isinstance(op.caffe, CaffeSpelling):
            spelling = op.caffe_of(layer)
            message = spelling.parameters(layer)
            for field in spelling.fields:
                said = [name for name in field.names if place_of(message, name) >= 0]
                if arg and field.arg == arg and said:
                    return self.span(message, said[0])
        return self.span(layer, "name")


def _short(value: object) -> object:
    """A value whose floats are the shortest that are the same float32: 1e-05, not 9.99999974738e-06."""
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_short(each) for each in value)
    if isinstance(value, Filler):
        values = {name: each if isinstance(each, str) else shortest(each) for name, each in value.values.items()}
        return Filler(value.kind, {**values, "sparse": int(values["sparse"])} if "sparse" in values else values)
    return value


def _declared(layer: Message, tops: int) -> list[Shape]:
    """The shapes of an Input layer: one for all tops, or one for each."""
    shapes = [tuple(get_all(shape, "dim")) for shape in get_all(get(layer, "input_param", []), "shape")]
    if len(shapes) == 1:
        return shapes * tops
    return [*shapes, *[UNKNOWN] * tops][:tops]
