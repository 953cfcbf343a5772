"""``netgen check``: all problems of all files."""

from __future__ import annotations

import sys
from argparse import Namespace

from netgen.api import Reading, build, check_opened, default_nets
from netgen.cli.console import Console
from netgen.cli.programs import read, reading_of
from netgen.diag import Diagnostic, NetgenError


def run(args: Namespace, console: Console) -> int:
    """Print every problem once, however many of the files lead to it; fail if there is an error."""
    found: dict[tuple[object, ...], Diagnostic] = {}
    troubled = 0
    verdicts: list[str] = []
    for path in args.files:
        problems = _problems(path, args, verdicts)
        troubled += bool(problems)
        for problem in problems:
            found.setdefault(_identity(problem), problem)
    diagnostics = list(found.values())
    errors = sum(problem.severity == "error" for problem in diagnostics)
    warnings = len(diagnostics) - errors
    if args.format == "json":
        console.output(console.rendered(diagnostics, sys.stdout) + "\n")
    else:
        if diagnostics:
            console.output(console.rendered(diagnostics, sys.stdout) + "\n\n")
        console.output("".join(f"{verdict}\n" for verdict in verdicts))
        console.output(_summary(len(args.files), troubled, errors, warnings) + "\n")
    return 1 if errors or (warnings and args.strict) else 0


def _problems(path: str, args: Namespace, verdicts: list[str]) -> list[Diagnostic]:
    """All problems of a file; with a dialect, those that its nets have there too, and a verdict on each."""
    try:
        source, reading = read(path), reading_of(args)
        problems = check_opened(source, max_layers=args.max_layers, reading=reading)
        if any(problem.severity == "error" for problem in problems):
            return problems
        for net in default_nets(source, max_layers=args.max_layers, reading=reading):
            problems += net.lint()
            if net.other_phase:
                problems += build(source, reading=Reading(net.other_phase), max_layers=args.max_layers).lint()
            if args.dialect is not None:
                found = net.check_dialect(args.dialect)
                problems += found
                verdicts.append(_verdict(net.name or path, args.dialect, len(found)))
        return [each for each in problems if each.severity == "error" or each.code not in args.ignore]
    except NetgenError as error:
        return error.diagnostics


def _verdict(net: str, dialect: str, objections: int) -> str:
    if not objections:
        return f"{net} will run on {dialect}"
    return f"{net} will not run on {dialect}: {_count(objections, 'thing')} cannot be said there"


def _identity(problem: Diagnostic) -> tuple[object, ...]:
    """What two reports of one problem have in common."""
    place = str(problem.span) if problem.span is not None else ""
    return problem.code, problem.title, place, problem.label


def _summary(files: int, troubled: int, errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return f"{_count(files, 'file')} checked, no problems"
    parts = [_count(n, what) for n, what in ((errors, "error"), (warnings, "warning")) if n]
    where = _count(files, "file") if troubled == files else f"{troubled} of {_count(files, 'file')}"
    return f"{' and '.join(parts)} in {where}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
