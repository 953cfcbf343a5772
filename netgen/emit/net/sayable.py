"""What the language cannot say of a graph, found before a word is written."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from netgen.diag import Diagnostic, NetgenError, Note, Span
from netgen.ir.filler import Filler
from netgen.ir.graph import Graph, Node

_CODE, _TITLE = "NG404", "the language cannot say this"


def raise_unsayable(graph: Graph) -> None:
    """Raise one error that lists all that no program means."""
    problems = [*_unknown(graph), *_texts(graph), *_numbers(graph)]
    if not graph.nodes:
        problems.append(Diagnostic(_CODE, f"{_TITLE}: a net without layers"))
    if problems:
        raise NetgenError(problems)


def _problem(span: Span | None, label: str, hint: str = "", notes: list[Note] | None = None) -> Diagnostic:
    return Diagnostic(_CODE, _TITLE, span, label, notes=notes or [], hint=hint)


def _unknown(graph: Graph) -> Iterator[Diagnostic]:
    """Layers that make what nobody knows the size of; those that only follow from others are counted."""
    unknown = [node for node in graph.nodes if not all(value.is_known for value in node.outputs)]
    first = [node for node in unknown if all(value.is_known for value in node.inputs)]
    more = len(unknown) - len(first)
    for node in first:
        reason = node.origin.reason if node.origin is not None else ""
        label = f"layer `{node.name}`: {reason or 'how large what it makes is, nobody knows'}"
        many = f"{more} layers read" if more > 1 else "1 layer reads"
        notes = [Note(f"{many} what comes of this, and cannot be said either")] if more and node is first[-1] else []
        blob = node.name if not node.inputs else "BLOB"
        hint = f"--input {blob}=1x3x224x224 gives a shape; --end BLOB lets the net end before"
        yield _problem(node.span, label, hint, notes)


def _texts(graph: Graph) -> Iterator[Diagnostic]:
    """Names and other texts with characters that no string holds."""
    for node in graph.nodes:
        texts = (
            node.name,
            *(value for value in node.a.values() if isinstance(value, str)),
            *(node.a.get("share") or ()),
        )
        for text in texts:
            strange = next((letter for letter in text if letter in "\r\0" or "\ud800" <= letter <= "\udfff"), None)
            if strange is not None:
                label = f"layer `{node.name}`: a string cannot hold the character U+{ord(strange):04X}"
                yield _problem(node.span, label, "name the layer otherwise")
                break


def _numbers(graph: Graph) -> Iterator[Diagnostic]:
    for node in graph.nodes:
        for name in _infinite(node):
            yield _problem(node.span, f"layer `{node.name}`: `{name}` holds a number that is not finite")
        for name in ("lr_mult", "decay_mult"):
            if any(each < 0 for each in node.a.get(name) or ()):
                yield _problem(node.span, f"layer `{node.name}`: `{name}` is negative, which only Caffe takes")


def _infinite(node: Node) -> Iterator[str]:
    for name, value in node.a.items():
        flat = value.values.values() if isinstance(value, Filler) else value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, float) and not isfinite(each) for each in flat):
            yield name
