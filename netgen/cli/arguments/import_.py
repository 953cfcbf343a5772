"""`netgen import` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments import build
from netgen.cli.arguments.common import examples, limit, message_format, output, prototxt


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = "Read a network of Caffe and write it in netgen's own language."
    parser.epilog = examples(
        ("netgen import deploy.prototxt -o net.net", "then change it, and build it for every target"),
        ("netgen import train_val.prototxt --phase TRAIN --input data=32x3x224x224", "the net that is trained"),
    )
    parser.set_defaults(**_as_built("net"), module="build")
    parser.add_argument("file", metavar="FILE", help="a prototxt; - reads it from standard input")
    output(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    prototxt(parser)
    limit(parser)
    message_format(parser)


def _as_built(target: str) -> dict[str, object]:
    """What ``netgen build`` would be told, all else being left to it."""
    parser = ArgumentParser()
    build.add(parser)
    return vars(parser.parse_args(["-", "--target", target]))
