"""What the command line takes, and the help that teaches it: a file for each command."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from netgen import __version__
from netgen.cli.arguments.common import CommandParser, Layout, color, shortest_usage, unknown

_COMMANDS = {
    "build": "compile a net to Caffe, PyTorch or ONNX",
    "import": "bring a network of Caffe into the language",
    "check": "report all problems of some files",
    "fmt": "bring files into the canonical layout",
    "ops": "list the operators and the bundled blocks, or explain one",
    "summary": "show what a network consists of, and what that costs",
    "verify": "run a net in all runtimes, and find where they differ",
    "bench": "measure how fast a net is, and which layers the time goes to",
    "features": "draw what the layers of a net make of an image",
    "draw": "draw a net: a page to look into, or a picture",
    "diff": "compare two networks, layer by layer",
    "weights": "look at files of weights",
    "explain": "tell what an error code means",
}
"""Each has a module here, whose ``add`` gives its parser what it takes, and one in ``netgen.cli``, which runs it."""


def parse(argv: Sequence[str]) -> Namespace:
    """The command and its options; raises ``SystemExit`` where they are wrong, or where help is wanted."""
    parser = CommandParser(
        prog="netgen",
        description="Convolutional networks written once, compiled to Caffe, PyTorch and ONNX.",
        epilog="`netgen COMMAND --help` has examples.\n\n"
        "exit codes: 0 all is well, 1 something is wrong with the input, 2 with the command line",
        formatter_class=Layout,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"netgen {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    for name, line in _COMMANDS.items():
        command = commands.add_parser(name, help=line, formatter_class=Layout, allow_abbrev=False)
        command.set_defaults(usage_error=command.error, module=name)
        if argv and argv[0] == name:  # nobody sees what the others take
            import_module(f"{__name__}.{'import_' if name == 'import' else name}").add(command)
            color(command, "auto")
            command.usage = shortest_usage(command)
    if not argv:
        parser.exit(2, parser.format_help())
    if argv[0] not in (*_COMMANDS, "-h", "--help", "--version"):
        parser.error(unknown("command", argv[0], [*_COMMANDS, "--help", "--version"]))
    return parser.parse_args(argv)
