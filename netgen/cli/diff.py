"""``netgen diff``: what it takes to make one network of another."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from netgen.api import Net, build
from netgen.api.comparing import compare
from netgen.cli.build import as_warning, evaluated
from netgen.cli.console import Console
from netgen.cli.programs import STDIN, read, reading_of, tell_phase
from netgen.diag import NetgenError
from netgen.diff.report import Line, head, lines, to_dict

_COLORS = {"-": "31", "+": "32", "~": "33", "@": "2"}


def run(args: Namespace, console: Console) -> int:
    """Print the comparison; 1 where the networks differ."""
    if args.file == args.other == STDIN:
        args.usage_error("only one of the two can come from standard input")
    with console.working(lambda: f"comparing {args.file} with {args.other}"):
        first = _net(args.file, args.net, args.settings, args)
        second = _net(args.other, args.net_b or args.net, [*args.settings, *args.settings_b], args)
        found = compare(
            first,
            second,
            ignore_names=args.ignore_names,
            ignore_training=args.ignore_training,
            ignore=tuple(args.ignore),
        )
    console.problems([*map(as_warning, first.problems), *map(as_warning, second.problems)])
    if first.other_phase or second.other_phase:
        tell_phase(first if first.other_phase else second, console)
    if args.format == "json":
        from json import dumps

        console.output(dumps(to_dict(found), indent=2, ensure_ascii=False) + "\n")
        return int(bool(found))
    heads: list[Line] = [("-", f"-- {args.file}: {head(first.graph)}"), ("+", f"++ {args.other}: {head(second.graph)}")]
    said = lines(found, context=args.context, everything=args.all)
    console.output(_text([*heads, *said] if found else said, colored=console.colored(sys.stdout)) + "\n")
    return int(bool(found))


def _net(path: str, net: str | None, settings: Sequence[tuple[str, str]], args: Namespace) -> Net:
    made = build(
        read(path), net=net, settings=evaluated(settings), max_layers=args.max_layers, reading=reading_of(args)
    )
    if made.problems and not made.graph.nodes:
        raise NetgenError(made.problems)
    return made


def _text(said: Sequence[Line], *, colored: bool) -> str:
    return "\n".join(_line(sign, text, colored=colored) for sign, text in said)


def _line(sign: str, text: str, *, colored: bool) -> str:
    plain = f"@@ {text}" if sign == "@" else f"{sign} {text}" if sign and not text.startswith(sign) else f"{sign}{text}"
    return f"\x1b[{_COLORS[sign]}m{plain}\x1b[0m" if colored and sign in _COLORS else plain.rstrip()
