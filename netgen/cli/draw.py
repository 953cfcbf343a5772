"""``netgen draw``: a network as a page whose blocks open, or as a picture."""

from __future__ import annotations

from argparse import Namespace

from netgen.cli.console import Console
from netgen.cli.programs import read, readable, tell
from netgen.draw import MOST, Drawing, format_of
from netgen.passes.resize import with_batch

_TEXTS = ("svg", "html", "dot")


def run(args: Namespace, console: Console) -> int:
    """Draw, and write what was drawn."""
    form = _format(args)
    source = read(args.file)
    stages = [f"reading {source.path}"]
    with console.working(lambda: stages[-1]):
        net = readable(source, args)
        graph = with_batch(net.graph, args.batch) if args.batch is not None else net.graph
        stages.append(f"drawing {len(graph.nodes):,} layers")
        drawing = Drawing(graph, args.depth, args.direction)
        picture = drawing.write(form)
    tell(console, net)
    if drawing.is_folded:
        console.remark(f"blocks are folded at depth {drawing.depth}: deeper there are more than {MOST:,} boxes")
    if drawing.is_smaller:
        console.remark(f"made smaller: no .{form} is as large; .svg and .html are, and --depth folds blocks")
    console.deliver(picture, args.output)
    return 0


def _format(args: Namespace) -> str:
    """What is asked for, by name or by the ending of the file."""
    if args.output == "-" and args.format not in _TEXTS:
        wanted = "needs --format" if args.format is None else f"cannot hold {args.format}: use"
        args.usage_error(f"standard output {wanted} {', '.join(_TEXTS)}")
    try:
        form: str = args.format or format_of(args.output)
    except ValueError as error:
        args.usage_error(f"{error}; or say --format")
        raise
    return form
