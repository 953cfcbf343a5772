"""`netgen explain` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import examples


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = "The story of an error code: what it means, and how to write it right."
    parser.epilog = examples(
        ("netgen explain NG302", "what `error[NG302]` is about"),
        ("netgen explain", "all codes"),
    )
    parser.add_argument("code", metavar="CODE", nargs="?", help="a code such as NG302, or 302")
