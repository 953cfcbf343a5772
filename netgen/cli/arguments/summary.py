"""`netgen summary` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import depth, examples, limit, output, positive, prototxt, settings, source


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Show what a network consists of: layers in their blocks, with shapes, parameters, multiply-accumulates (of "
        "convolutions and fully connected layers, as publications count them), memory of the values in float32, and "
        "receptive fields in pixels."
    )
    parser.epilog = examples(
        ("netgen summary peleenet.net", "blocks as deep as fits on a page, and the totals"),
        ("netgen summary peleenet.net --depth all", "every layer"),
        ("netgen summary deploy.prototxt --depth 1 --batch 8", "the stages of a network of Caffe, for 8 images"),
        ("netgen summary resnet.net --set blocks=[3,4,23,3] --format csv -o resnet101.csv", "for a spreadsheet"),
        ("netgen summary net.net --depth 0", "the totals alone"),
    )
    source(parser)
    depth(parser, "how deep blocks are unfolded; 0: not at all, all: to the layers. Default: as deep as fits")
    parser.add_argument("--batch", metavar="N", type=positive, help="for so many images at once")
    parser.add_argument(
        "--format", choices=("text", "json", "csv", "markdown"), default="text", help="what to print (default: text)"
    )
    output(parser)
    parser.add_argument("--quiet", action="store_true", help="no warnings")
    settings(parser)
    prototxt(parser)
    limit(parser)
