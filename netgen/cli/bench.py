"""``netgen bench``: how fast a net is, and which layers the time goes to."""

from __future__ import annotations

from argparse import Namespace

from netgen.api import build
from netgen.api.measuring import prepared
from netgen.bench import Report, Settings
from netgen.cli.build import settings_of
from netgen.cli.console import Console
from netgen.cli.files import write_all
from netgen.cli.programs import read, reading_of

INTERRUPTED = 130


def run(args: Namespace, console: Console) -> int:
    """Measure, and print what was measured, also when it is interrupted."""
    wanted = _settings(args)
    source = read(args.file)
    settings = settings_of(args)
    doing = [f"compiling {source.path}"]
    with console.working(lambda: doing[-1]):
        net = build(source, net=args.net, settings=settings, max_layers=args.max_layers, reading=reading_of(args))
        loaded = net.load_weights(args.weights, mapping=args.mapping) if args.weights is not None else None
        console.problems([*net.warnings, *(loaded.warnings() if loaded is not None else [])])
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
    text = _as_json(report) if args.format == "json" else report.text(markdown=args.format == "markdown")
    if args.output is None or args.output == "-":
        console.output(text + "\n")
        return
    write_all({args.output: text + "\n"})
    console.remark(f"wrote {args.output}")


def _as_json(report: Report) -> str:
    from json import dumps

    return dumps(report.data(), indent=2, ensure_ascii=False)
