"""What a target cannot say, found before a word is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netgen.diag import Diagnostic, Frame, NetgenError, Note, Span
from netgen.ir.graph import Graph, Instance, Node
from netgen.ir.operator import Refused


def raise_refusals(graph: Graph, target: str, code: str, title: str, nodes: Sequence[Node] | None = None) -> None:
    """Raise one error that lists all that ``target`` (caffe, torch or onnx) cannot say of a graph, or of some nodes.

    What one place in the source says many times, in a loop or in a block used often, is reported once. Layers whose
    shapes are not known follow one that is refused.
    """
    found = []
    for node in graph.nodes if nodes is None else nodes:
        refused = node.op.refuses(target, node) if node.is_known or not node.inputs else _unknown(node, target)
        if refused is not None:
            found.append((node, refused))
    if found:
        raise NetgenError(diagnostics_of(found, code, title))


def diagnostics_of(cases: Iterable[tuple[Node, Refused]], code: str, title: str) -> list[Diagnostic]:
    """Nodes that are refused, each place and reason once."""
    found: dict[tuple[Span | None, str], list[tuple[Node, Refused]]] = {}
    for node, refused in cases:
        found.setdefault((node.span, refused.reason), []).append((node, refused))
    return [_diagnostic(code, title, each) for each in found.values()]


def _unknown(node: Node, target: str) -> Refused | None:
    """Why a layer of which not all shapes are known is refused: for itself, if it is one that is only carried."""
    return node.op.refuses(target, node) if target != "caffe" and node.op.name == "custom" else None


def _diagnostic(code: str, title: str, cases: list[tuple[Node, Refused]]) -> Diagnostic:
    node, refused = cases[0]
    more = len(cases) - 1
    notes = [Note(f"the same for {more} more layer{'s' if more > 1 else ''} made here")] if more else []
    label = f"layer `{node.name}`: {refused.reason}"
    return Diagnostic(code, title, node.span, label, notes=notes, trace=calls(node.instance), hint=refused.hint)


def calls(instance: Instance) -> list[Frame]:
    """The block calls that lead to an instance, innermost first."""
    frames = []
    at: Instance | None = instance
    while at is not None and at.parent is not None:
        if at.span is not None:
            frames.append(Frame(at.block, at.span))
        at = at.parent
    return frames
