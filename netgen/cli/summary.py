"""``netgen summary``: what a network consists of, and what that costs."""

from __future__ import annotations

from argparse import Namespace

from netgen.cli.console import Console, as_json
from netgen.cli.programs import read, readable, tell
from netgen.passes.resize import with_batch
from netgen.summary import Summary
from netgen.summary.table import csv, markdown, text


def run(args: Namespace, console: Console) -> int:
    """Print the summary, or write it."""
    source = read(args.file)
    with console.working(lambda: f"reading {source.path}"):
        net = readable(source, args)
    tell(console, net)
    graph = with_batch(net.graph, args.batch) if args.batch is not None else net.graph
    summary = Summary(graph, args.depth)
    said = as_json(summary.to_dict()) if args.format == "json" else _WRITERS[args.format](summary)
    console.deliver(said + "\n", args.output)
    return 0


_WRITERS = {"text": text, "markdown": markdown, "csv": csv}
