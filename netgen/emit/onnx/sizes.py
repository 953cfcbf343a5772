"""The sizes of values, and which of them a model leaves open because it serves for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from netgen.diag import NetgenError
from netgen.emit.refusals import diagnostics_of
from netgen.ir.graph import Graph, Node, Value
from netgen.ir.operator import Refused
from netgen.ir.spell_onnx import Body, Const, OnnxNode, OnnxSpelling
from netgen.ir.text import shape_text, value_name

Dims = Sequence[int | str | None]
"""The size of each axis: a number, the name of what is open, or None for what only the values tell."""
Said = Mapping[Node, Sequence[OnnxNode]]
_PLACES = {3: ("length",), 4: ("height", "width"), 5: ("depth", "height", "width")}


class Sizes:
    """The sizes of a graph's values, in a model that serves for ``others`` too: the same graph for other inputs.

    ``said`` is what the nodes are in ONNX. Raises ``NetgenError`` with all that is not the same in the other graphs.
    """

    def __init__(self, graph: Graph, said: Said, others: Sequence[Graph] = ()) -> None:
        self._twins = {node: [other.nodes[at] for other in others] for at, node in enumerate(graph.nodes)}
        found = [(node, reason) for node in said if (reason := self._difference(graph, node, said[node], others))]
        if found:
            hint = "leave that size fixed; or use what takes any, such as global pooling, or 0 and -1 in a `reshape`"
            cases = [(node, Refused(reason, hint)) for node, reason in found]
            raise NetgenError(diagnostics_of(cases, "NG406", "the model cannot leave this size open"))
        self._names = self._named(graph)
        self._vague = _vague(graph)

    def dims(self, value: Value) -> Dims:
        """The size of each axis of a value. Behind what only the values tell, nothing is promised."""
        if value.node in self._vague:
            return [None] * len(value.shape)
        dynamic = value.node.op.dynamic
        return [None if axis in dynamic else self._dim(value, axis) for axis in range(len(value.shape))]

    def _dim(self, value: Value, axis: int) -> int | str | None:
        sizes = self._all(value, axis)
        return sizes[0] if len(set(sizes)) == 1 else self._names.get(sizes)

    def _all(self, value: Value, axis: int) -> tuple[int, ...]:
        """The size of an axis in each of the graphs."""
        twins = (node.outputs[value.index] for node in self._twins[value.node])
        return tuple(each.shape[axis] for each in (value, *twins))

    def _named(self, graph: Graph) -> dict[tuple[int, ...], str]:
        """What is open in the inputs, by its size in each of the graphs: what is as large is called the same."""
        names: dict[tuple[int, ...], str] = {}
        for value in graph.inputs:
            for axis in range(len(value.shape)):
                sizes = self._all(value, axis)
                if len(set(sizes)) > 1 and sizes not in names:
                    plain = _axis_name(axis, len(value.shape))
                    names[sizes] = plain if plain not in names.values() else f"{value_name(value)}_{plain}"
        return names

    def _difference(self, graph: Graph, node: Node, said: Sequence[OnnxNode], others: Sequence[Graph]) -> str:
        """Why a node's part of the model is not the same in all graphs; nothing where it is."""
        for other, twin in zip(others, self._twins[node], strict=True):
            if reason := _differs(node, said, twin):
                return f"{reason} for {_changed_inputs(graph, other)}"
        return ""


def _differs(node: Node, said: Sequence[OnnxNode], twin: Node) -> str:
    for param, wanted in zip(node.params, twin.params, strict=True):
        if param.shape != wanted.shape:
            return f"its `{param.name}` is {shape_text(param.shape)}, and would be {shape_text(wanted.shape)}"
    refused = twin.op.refuses("onnx", twin)
    if refused is not None:
        return f"{refused.reason}: so"
    spelling = _spelling(twin)
    if spelling.flexible is not None and not _differing(said, spelling.flexible(twin)):
        return ""
    differing = _differing(said, spelling.nodes(twin))
    if not differing:
        return ""
    what = "it" if differing == "Identity" else f"its {differing}"
    return f"{what} has numbers that belong to this size, and others"


def said_for_all(node: Node, twins: Sequence[Node]) -> list[OnnxNode]:
    """What a node is in ONNX: if its twins for other sizes are something else, in a way that depends on none."""
    spelling = _spelling(node)
    said = spelling.nodes(node)
    others = (twin for twin in twins if twin.op.refuses("onnx", twin) is None)
    if spelling.flexible is not None and any(_differing(said, spelling.nodes(twin)) for twin in others):
        return spelling.flexible(node)
    return said


def _spelling(node: Node) -> OnnxSpelling:
    assert isinstance(node.op.onnx, OnnxSpelling), node.op.name
    return node.op.onnx


def _differing(said: Sequence[OnnxNode], others: Sequence[OnnxNode]) -> str:
    """The type of the first node that is not the same in both; nothing where all are."""
    for one, other in zip_longest(said, others):
        if one is None or other is None or meaning(one) != meaning(other):
            return str((one or said[-1]).type)
    return ""


def _changed_inputs(graph: Graph, other: Graph) -> str:
    changed = [
        f"{value_name(one)}={shape_text(two.shape)}"
        for one, two in zip(graph.inputs, other.inputs, strict=True)
        if one.shape != two.shape
    ]
    return ", ".join(changed)


def meaning(node: OnnxNode) -> object:
    """All that a node says, to be compared."""
    attributes = {name: _meaning_of(value) for name, value in node.attributes.items()}
    return node.type, tuple(map(_meaning_of, node.inputs)), node.outputs, attributes


def _meaning_of(value: object) -> object:
    if isinstance(value, Const):
        return value.type, value.values
    if isinstance(value, Body):
        return dict(value.inputs), [meaning(each) for each in value.nodes], tuple(value.outputs)
    return tuple(value) if isinstance(value, (list, range)) else value


def _axis_name(axis: int, axes: int) -> str:
    if axis == 0:
        return "batch"
    places = _PLACES.get(axes, ())
    return places[axis - axes] if axis >= axes - len(places) else f"axis{axis}"


def _vague(graph: Graph) -> set[Node]:
    """The nodes behind one whose sizes depend on the values that go in."""
    found: set[Node] = set()
    for node in graph.nodes:
        if any(value.node in found or value.node.op.dynamic for value in node.inputs):
            found.add(node)
    return found
