"""Lint: what a network may well be, and should rather not. Each rule has a code of the 8xx, and a way out."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.diag import Diagnostic, Note, Span
from netgen.diag.codes import CODES
from netgen.emit.refusals import calls
from netgen.ir.graph import Graph, Node
from netgen.lint.finding import Finding
from netgen.lint.rules import RULES

__all__ = ["CODES_OF_LINT", "lint"]

MOST = 3
"""How many places are told of for one reason."""

CODES_OF_LINT = tuple(rule.code for rule in RULES)


def lint(graph: Graph) -> list[Diagnostic]:
    """Warnings about a network, rule by rule; what one place in the source causes many times is told once.

    A comment that names a code, with the reason at best, allows it: ``# NG805: as its authors round``. It stands on the
    line that makes the layer, or on that of a block call which leads there.
    """
    found: list[Diagnostic] = []
    for rule in RULES:
        places: dict[tuple[Span | None, str], list[Finding]] = {}
        for finding in rule.find(graph):
            if _is_allowed(rule.code, finding.node):
                continue
            span = finding.node.span
            places.setdefault((span, finding.hint if span is not None else finding.label), []).append(finding)
        found += [_warning(rule.code, findings) for findings in _few(list(places.values()))]
    return found


def _is_allowed(code: str, node: Node) -> bool:
    spans = [node.span, *(frame.span for frame in calls(node.instance))]
    return any(code in comment for span in spans if span is not None for comment in _comments(span))


def _comments(span: Span) -> Iterator[str]:
    """What stands behind a ``#`` on the lines of a place."""
    text = span.source.text
    start, end = text.rfind("\n", 0, span.start) + 1, text.find("\n", span.end)
    for line in text[start : end if end >= 0 else None].split("\n"):
        yield line.partition("#")[2]


def _few(places: list[list[Finding]]) -> list[list[Finding]]:
    """The places of one rule; of many that call for the same the first ones, with all the others in the last of them.

    A flat network says everything as often as it has layers.
    """
    alike: dict[str, list[list[Finding]]] = {}
    for findings in places:
        alike.setdefault(findings[0].hint, []).append(findings)
    return [
        findings if at < MOST - 1 else [each for rest in group[at:] for each in rest]
        for group in alike.values()
        for at, findings in enumerate(group[:MOST])
    ]


def _warning(code: str, findings: list[Finding]) -> Diagnostic:
    first, more = findings[0], len(findings) - 1
    notes = [Note(f"the same for {more} more layer{'s' if more > 1 else ''} like this one")] if more else []
    node = first.node
    return Diagnostic(
        code,
        CODES[code].title,
        node.span,
        first.label,
        notes=notes,
        trace=calls(node.instance),
        hint=first.hint,
        severity="warning",
    )
