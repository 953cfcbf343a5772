"""`netgen check` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import dialect, examples, limit, message_format, prototxt


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = "Report all problems of all files. Nothing is written."
    parser.epilog = examples(
        ("netgen check examples/*.net", "exit code 1 if there is any error"),
        ("netgen check --strict --format json net.net", "for editors; warnings fail too"),
        ("netgen check --dialect nnie net.net", "will it run there? Ask before anyone trains"),
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a program or a prototxt; - reads it from standard input"
    )
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    dialect(parser, "report too what this reader of prototxts does not take")
    prototxt(parser)
    limit(parser)
    message_format(parser)
