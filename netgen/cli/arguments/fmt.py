"""`netgen fmt` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import examples


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = "Bring programs into the one canonical layout. Comments stay."
    parser.epilog = examples(
        ("netgen fmt net.net", "rewrite the file"),
        ("netgen fmt --check --diff *.net", "show what would change; exit code 1 if anything would"),
        ("netgen fmt - < net.net", "from standard input to standard output"),
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a program; - stands for standard input and output")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")
    parser.add_argument("--quiet", action="store_true", help="do not list the files that changed")
