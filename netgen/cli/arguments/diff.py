"""`netgen diff` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import examples, integer, limit, prototxt, setting, settings


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Compare two networks, layer by layer: what is the same, what was renamed, changed, added and removed. Layers "
        "are paired by their names, and by what they compute and stand beside. Exit code 1 if the networks differ."
    )
    parser.epilog = examples(
        ("netgen diff resnet50.net deploy.prototxt", "is the program the authors' network?"),
        ("netgen diff --ignore-names mine.prototxt theirs.prototxt", "whatever the layers are called"),
        ("netgen diff peleenet.net peleenet.net --set-b growth=48", "what a setting changes"),
        ("netgen diff --ignore-training --ignore eps a.prototxt b.prototxt", "fillers and rates aside, and eps"),
    )
    parser.add_argument("file", metavar="A", help="a program, or a prototxt; - reads it from standard input")
    parser.add_argument("other", metavar="B", help="another")
    parser.add_argument("--ignore-names", action="store_true", help="names of layers do not matter")
    parser.add_argument("--ignore-training", action="store_true", help="fillers and learning rates do not matter")
    parser.add_argument(
        "--ignore", metavar="ARGUMENT", action="append", default=[], help="nor does an argument, such as eps"
    )
    parser.add_argument("--all", action="store_true", help="list what is the same too")
    parser.add_argument(
        "-U", "--context", metavar="N", type=_context, default=1, help="so many unchanged layers around (default: 1)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    parser.add_argument("-o", "--output", metavar="PATH", help="a file. Default: standard output")
    parser.add_argument("--quiet", action="store_true", help="print errors only: the exit code tells")
    settings(parser)
    parser.add_argument("--net-b", metavar="NAME", help="which net of B, where it is another")
    parser.add_argument(
        "--set-b", metavar="NAME=VALUE", dest="settings_b", action="append", type=setting, default=[],
        help="a setting of B alone",
    )  # fmt: skip
    prototxt(parser)
    limit(parser)


def _context(text: str) -> int:
    return integer(text, "is no number of layers", digits=6)
