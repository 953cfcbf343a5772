"""``netgen diff``: what it takes to make one network of another."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from netgen.api import Net
from netgen.api.comparing import compare
from netgen.cli.console import Console, as_json
from netgen.cli.files import write_all
from netgen.cli.programs import STDIN, read, readable, tell
from netgen.diag import Source
from netgen.diff import Differences
from netgen.diff.report import Line, head, lines, to_dict
from netgen.formats.files import is_prototxt

_COLORS = {"-": "31", "+": "32", "~": "33", "@": "2"}


def run(args: Namespace, console: Console) -> int:
    """Print the comparison; 1 where the networks differ."""
    if args.file == args.other == STDIN:
        args.usage_error("only one of the two can come from standard input")
    with console.working(lambda: f"comparing {args.file} with {args.other}"):
        sources = read(args.file), read(args.other)
        options = [args, _of_b(args)]
        if len({is_prototxt(source.path, source.text) for source in sources}) > 1:
            options = [_fitting(source, each) for source, each in zip(sources, options, strict=True)]
        first, second = (readable(source, each) for source, each in zip(sources, options, strict=True))
        found = compare(
            first,
            second,
            ignore_names=args.ignore_names,
            ignore_training=args.ignore_training,
            ignore=tuple(args.ignore),
        )
    tell(console, first, second)
    if args.output is not None and args.output != STDIN:
        write_all({args.output: _said(found, args, first, second, colored=False)})
        console.remark(f"wrote {args.output}")
    elif not args.quiet:
        console.output(_said(found, args, first, second, colored=console.colored(sys.stdout)))
    return int(bool(found))


def _said(found: Differences, args: Namespace, first: Net, second: Net, *, colored: bool) -> str:
    if args.format == "json":
        return as_json(to_dict(found)) + "\n"
    heads: list[Line] = [("-", f"-- {args.file}: {head(first.graph)}"), ("+", f"++ {args.other}: {head(second.graph)}")]
    said = lines(found, context=args.context, everything=args.all)
    return _text([*heads, *said] if found else said, colored=colored) + "\n"


def _of_b(args: Namespace) -> Namespace:
    """The options as they are for the second network."""
    own = {"net": args.net_b or args.net, "settings": [*args.settings, *args.settings_b]}
    return Namespace(**{**vars(args), **own})


def _fitting(source: Source, args: Namespace) -> Namespace:
    """The options that are for a program, or for a prototxt: of the two, each takes its own."""
    other = _OF_PROGRAMS if is_prototxt(source.path, source.text) else _OF_PROTOTXTS
    return Namespace(**{**vars(args), **other})


_OF_PROGRAMS: dict[str, object] = {"net": None, "settings": []}
_OF_PROTOTXTS: dict[str, object] = {"phase": None, "stage": None, "level": None, "inputs": [], "ends": []}


def _text(said: Sequence[Line], *, colored: bool) -> str:
    return "\n".join(_line(sign, text, colored=colored) for sign, text in said)


def _line(sign: str, text: str, *, colored: bool) -> str:
    plain = f"@@ {text}" if sign == "@" else f"{sign} {text}" if sign and not text.startswith(sign) else f"{sign}{text}"
    return f"\x1b[{_COLORS[sign]}m{plain}\x1b[0m" if colored and sign in _COLORS else plain.rstrip()
