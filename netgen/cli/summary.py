"""``netgen summary``: what a network consists of, and what that costs."""

from __future__ import annotations

from argparse import Namespace

from netgen.api import build
from netgen.cli.build import as_warning, settings_of
from netgen.cli.console import Console
from netgen.cli.files import write_all
from netgen.cli.programs import read, reading_of, tell_phase
from netgen.diag import NetgenError
from netgen.passes.resize import with_batch
from netgen.summary import Summary
from netgen.summary.table import csv, markdown, text


def run(args: Namespace, console: Console) -> int:
    """Print the summary, or write it."""
    source = read(args.file)
    settings = settings_of(args)
    with console.working(lambda: f"reading {source.path}"):
        net = build(source, net=args.net, settings=settings, max_layers=args.max_layers, reading=reading_of(args))
    if net.problems and not net.graph.nodes:
        raise NetgenError(net.problems)
    console.problems([*net.warnings, *map(as_warning, net.problems)])
    tell_phase(net, console)
    graph = with_batch(net.graph, args.batch) if args.batch is not None else net.graph
    summary = Summary(graph, args.depth)
    said = _as_json(summary) if args.format == "json" else _WRITERS[args.format](summary)
    if args.output is None or args.output == "-":
        console.output(said + "\n")
        return 0
    write_all({args.output: said + "\n"})
    console.remark(f"wrote {args.output}")
    return 0


def _as_json(summary: Summary) -> str:
    from json import dumps

    return dumps(summary.to_dict(), indent=2, ensure_ascii=False)


_WRITERS = {"text": text, "markdown": markdown, "csv": csv}
