"""``netgen bench``: how fast a net is, and which layers the time goes to."""

from __future__ import annotations

from argparse import Namespace

from netgen.api.measuring import prepared
from netgen.bench import Report, Settings
from netgen.cli.console import Console, as_json
from netgen.cli.programs import compiled, load_weights, read

INTERRUPTED = 130


def run(args: Namespace, console: Console) -> int:
    """Measure, and print what was measured, also when it is interrupted."""
    wanted = _settings(args)
    source = read(args.file)
    doing = [f"compiling {source.path}"]
    with console.working(lambda: doing[-1]):
        net = compiled(source, args)
        load_weights(net, args, console)
        doing.append("preparing the weights")
        bench = prepared(net, wanted)
        interrupted = False
        try:
            bench.run(lambda what: doing.append(f"measuring {what}"))
        except KeyboardInterrupt:
            interrupted = True
    _print(bench.report, args, console)
    if interrupted:
        console.remark(f"interrupted while {doing[-1]}")
        return INTERRUPTED
    return 0 if bench.report.is_complete else 1


def _settings(args: Namespace) -> Settings:
    names = [name for name in Settings.__dataclass_fields__ if hasattr(args, name)]
    try:
        return Settings(**{name: getattr(args, name) for name in names})
    except ValueError as error:  # what each option cannot know of the others
        args.usage_error(str(error))
        raise


def _print(report: Report, args: Namespace, console: Console) -> None:
    text = as_json(report.data()) if args.format == "json" else report.text(markdown=args.format == "markdown")
    console.deliver(text + "\n", args.output)
