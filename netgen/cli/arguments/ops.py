"""`netgen ops` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import examples


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "The operators of the language and the blocks of its bundled libraries; with NAME all about one of them."
    )
    parser.epilog = examples(
        ("netgen ops", "a line for each operator and block"),
        ("netgen ops conv", "its arguments, shape rule, and what each target makes of it"),
        ("netgen ops conv_block", "a block: what it takes, how it is used, and its text"),
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="an operator, such as conv, or a block")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
