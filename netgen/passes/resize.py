"""The same network for inputs of other shapes."""

from __future__ import annotations

from collections.abc import Mapping

from netgen.diag import Diagnostic, NetgenError, did_you_mean
from netgen.ir.copying import Copier
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Graph, Node, Shape
from netgen.ir.operator import Param
from netgen.ir.text import shape_text, value_name
from netgen.ops import bind


def with_inputs(graph: Graph, shapes: Mapping[str, Shape]) -> Graph:
    """The network with inputs of other shapes, by their names; an input that is not named keeps its own.

    Every shape behind them is inferred anew, and nothing else changes: what was written as a number stays that number.
    Raises ``NetgenError`` where an input is not known, or where an operator does not take what reaches it.
    """
    known = {value_name(value): value.node for value in graph.inputs}
    for name in shapes:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {', '.join(known)}" if known else "the net has no inputs"
            raise NetgenError([Diagnostic("NG701", f"the net has no input `{name}`", hint=hint)])
    wanted = {known[name]: tuple(shape) for name, shape in shapes.items()}
    new = Copier(graph)
    for node in graph.nodes:
        try:
            if node in wanted and wanted[node] != node.y[0]:
                new.put(node, new.graph.add(new.node(node, a=_extents(node, wanted[node]))))
            else:
                new.copy(node)
        except Fault as fault:
            raise NetgenError([_objection(node, fault, shapes)]) from None
    return new.finish()


def with_batch(graph: Graph, batch: int) -> Graph:
    """The network for so many images at once: the first axis of its inputs, where that is the same in all of them.

    Raises ``NetgenError`` too where a layer would learn other arrays, as one does that counts the batch among its
    features: that is another network.
    """
    other = with_inputs(graph, {value_name(value): (batch, *value.shape[1:]) for value in graph.inputs})
    for old, new in zip(graph.nodes, other.nodes, strict=True):
        for before, after in zip(old.params, new.params, strict=True):
            if before.shape != after.shape:
                raise NetgenError([_other_arrays(old, before, after, batch)])
    return other


def _other_arrays(node: Node, before: Param, after: Param, batch: int) -> Diagnostic:
    title = f"the net does not take a batch of {batch}"
    label = f"the {before.name} of `{node.name}` is {shape_text(before.shape)}, and would be {shape_text(after.shape)}"
    hint = "a reshape before it has the net's own batch in it, or none: let it copy the first axis"
    return Diagnostic("NG702", title, node.span, label, hint=hint)


def _extents(node: Node, shape: Shape) -> Attrs:
    """The arguments of an ``input`` of a shape."""
    names = [arg.name for arg in node.op.args]
    if not 1 <= len(shape) <= len(names):
        raise Fault("NG309", "an input has 1 to 8 axes", f"{shape_text(shape)} has {len(shape)}")
    return bind(node.op, dict(zip(names, shape, strict=False)))


def _objection(node: Node, fault: Fault, shapes: Mapping[str, Shape]) -> Diagnostic:
    """What an operator objects to, told of the layer and of the inputs that cause it."""
    given = ", ".join(f"{name}={shape_text(shape)}" for name, shape in shapes.items())
    label = f"layer `{node.name}`: {fault.label}"
    span = node.spans.get(fault.arg or "", node.span)
    hint = "the net has numbers in it that belong to its own input size" if node.inputs else ""
    return Diagnostic("NG702", f"the net does not take {given}", span, label, hint=hint)
