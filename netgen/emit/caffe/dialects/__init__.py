"""What others take of Caffe's text: a table for each consumer, exact rewrites, and a report of what cannot be said."""

from __future__ import annotations

from netgen.diag import Diagnostic, NetgenError, Note, Source, Span, did_you_mean
from netgen.emit.caffe.dialects.rebuild import rebuild
from netgen.emit.caffe.dialects.rules import Dialect, Objection
from netgen.emit.caffe.dialects.solve import Same, Solution, Solver
from netgen.emit.caffe.dialects.tables import DIALECTS
from netgen.emit.refusals import calls
from netgen.formats.message import Message, Placed, get, place_of
from netgen.ir.graph import Graph, Node, Value

__all__ = ["DIALECTS", "Dialect", "find", "for_dialect", "objections", "said_in"]


def find(name: str) -> Dialect:
    """The table of a dialect; raises ``ValueError`` where there is none."""
    if name not in DIALECTS:
        hint = did_you_mean(name, DIALECTS) or f"there are {', '.join(DIALECTS)}"
        raise ValueError(f"no dialect `{name}`; {hint}")
    return DIALECTS[name]


def for_dialect(graph: Graph, name: str) -> Graph:
    """The same network in a consumer's dialect; raises ``NetgenError`` with all that cannot be said in it.

    It is a new graph. Nodes with arrays keep their names, so that weights find them.
    """
    return said_in(graph, name)[0]


def said_in(graph: Graph, name: str, *, wrongly: bool = False) -> tuple[Graph, dict[Value, Value]]:
    """The same, and what each value of the network is in the new graph.

    With ``wrongly``, what the consumer takes and computes otherwise is said too, as Caffe would want it: for those who
    want to see what it makes of that.
    """
    solutions, problems = _solve(graph, find(name), wrongly=wrongly)
    if problems:
        raise NetgenError(problems)
    return rebuild(graph, solutions, plain_names=find(name).plain_names)


def objections(graph: Graph, name: str) -> list[Diagnostic]:
    """All that cannot be said of a network in a dialect."""
    return _solve(graph, find(name))[1]


def faults(node: Node, name: str) -> list[Objection]:
    """What a consumer takes of a node and computes otherwise, in whatever words; nothing if it refuses the node."""
    solved = Solver(node.instance.items, find(name)).solve(node)
    return solved if isinstance(solved, list) and all(each.computes for each in solved) else []


def _solve(graph: Graph, dialect: Dialect, *, wrongly: bool = False) -> tuple[dict[Node, Solution], list[Diagnostic]]:
    solver = Solver(graph.nodes, dialect)
    solutions: dict[Node, Solution] = {}
    found: dict[tuple[str, str], list[tuple[Node, Objection]]] = {}
    for node in graph.nodes:
        solved = solver.solve(node)
        if not isinstance(solved, list):
            solutions[node] = solved
            continue
        if wrongly and all(each.computes for each in solved):
            solutions[node] = Same(node.op, node.origin)
            continue
        for each in solved:
            found.setdefault((each.what, each.does), []).append((node, each))
    return solutions, [_diagnostic(dialect, cases) for cases in found.values()]


def _diagnostic(dialect: Dialect, cases: list[tuple[Node, Objection]]) -> Diagnostic:
    """One report for all layers that meet one objection."""
    node, objection = cases[0]
    label = f"layer `{node.name}`: {objection.what}; {objection.does}"
    others = [f"`{each.name}`" for each, _ in cases[1:]]
    notes = []
    if others:
        named = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        notes = [Note(f"the same for {len(others)} more layer{'s' if len(others) > 1 else ''}: {named}")]
    title = f"{dialect.consumer} does not take this"
    span = _place(node, objection.path)
    return Diagnostic("NG405", title, span, label, notes=notes, trace=calls(node.instance), hint=objection.hint)


def _place(node: Node, path: str) -> Span | None:
    """Where a field stands in the text that a node was read from; else where the node does."""
    if node.span is None or node.origin is None or not path:
        return node.span
    message: Message = node.origin.layer
    *outer, name = path.split(".")
    for each in outer:
        message = get(message, each, [])
    start = place_of(message, name)
    if start < 0:
        return node.span
    return _field(node.span.source, message, start)


def _field(source: Source, message: Message, start: int) -> Span:
    """A field of a message from where it begins to the next one, or to the end of the line."""
    text = source.text
    starts = message.starts if isinstance(message, Placed) else []
    end = min(each for each in (*starts, text.find("\n", start), len(text)) if each > start)
    said = text[start:end].partition("#")[0].rstrip(" \t\r}")
    return Span(source, start, start + max(len(said), 1))
