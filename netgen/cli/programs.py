"""Programs from files and from standard input, and the net that the options of the command line make of one."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence

from netgen.api import Net, Reading, build, decode_program, open_program
from netgen.cli.console import Console
from netgen.diag import Diagnostic, NetgenError, Source
from netgen.lang import evaluate_setting

STDIN = "-"


def read(path: str) -> Source:
    """The text of a program or a prototxt; raises ``NetgenError`` where it is none."""
    if path != STDIN:
        return open_program(path)
    buffer = getattr(sys.stdin, "buffer", None)
    return decode_program("<stdin>", buffer.read() if buffer is not None else sys.stdin.read().encode())


def compiled(source: Source, args: Namespace, *, inputs: Mapping[str, Sequence[int]] | None = None) -> Net:
    """The net that the options of the command line make of a source; ``inputs`` stand for ``--input``."""
    reading = reading_of(args, inputs)
    settings = _evaluated(args.settings)
    return build(source, net=args.net, settings=settings, max_layers=args.max_layers, reading=reading)


def readable(source: Source, args: Namespace) -> Net:
    """As ``compiled``, for who can show a net in which something is wrong; raises where there is nothing else."""
    net = compiled(source, args)
    if net.problems and not net.graph.nodes:
        raise NetgenError(net.problems)
    return net


def load_weights(net: Net, args: Namespace, console: Console) -> None:
    """Give a net the weights of ``--weights``, if there are any, and tell what is odd about both."""
    loaded = net.load_weights(args.weights, mapping=args.mapping) if args.weights is not None else None
    console.problems([*net.warnings, *(loaded.warnings() if loaded is not None else [])])


def reading_of(args: Namespace, inputs: Mapping[str, Sequence[int]] | None = None) -> Reading:
    """What a prototxt is read for, as the command line says."""
    return Reading(args.phase, args.stage, args.level, dict(args.inputs) if inputs is None else inputs, args.ends)


def tell(console: Console, *nets: Net) -> None:
    """Tell what is odd or wrong about nets that are shown all the same, and what of them is not shown."""
    console.problems([each for net in nets for each in (*net.warnings, *map(as_warning, net.problems))])
    for phase, other in dict.fromkeys((net.phase, net.other_phase) for net in nets):
        if other:  # a prototxt has layers of both phases, and neither was asked for
            console.remark(f"the layers for {phase} alone: --phase {other} takes those for {other}")


def as_warning(problem: Diagnostic) -> Diagnostic:
    """A problem that did not keep a net from being written."""
    return Diagnostic(
        problem.code,
        problem.title,
        problem.span,
        problem.label,
        notes=problem.notes,
        trace=problem.trace,
        hint=problem.hint,
        severity="warning",
    )


def _evaluated(settings: Iterable[tuple[str, str]]) -> dict[str, object]:
    """The values of ``--set``, of a name given twice the last; raises one ``NetgenError`` with all that are none."""
    values = {}
    problems: list[Diagnostic] = []
    for name, text in settings:
        try:
            values[name] = evaluate_setting(text, f"--set {name}")
        except NetgenError as error:
            problems += error.diagnostics
    if problems:
        raise NetgenError(problems)
    return values
