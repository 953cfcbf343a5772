"""`netgen draw` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import depth, examples, limit, positive, prototxt, settings, source
from netgen.draw import FORMATS


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Draw a network: its layers and blocks as boxes, with the shapes of what goes between them. A page (.html) "
        "opens and closes blocks, finds layers, and tells what each costs and which line of the source makes it; it is "
        "one file that needs nothing else. Pictures are .svg, .png and .pdf; .dot is for Graphviz."
    )
    parser.epilog = examples(
        ("netgen draw peleenet.net -o peleenet.html", "a page to look into"),
        ("netgen draw deploy.prototxt -o net.svg --depth 1", "the stages of a network of Caffe, with what is in them"),
        ("netgen draw resnet.net --set blocks=[3,4,23,3] -o resnet101.png --direction right", "for a slide"),
        ("netgen draw net.net --format dot -o - | dot -Tsvg -o net.svg", "with Graphviz's own options"),
    )
    source(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        required=True,
        help="the file; its ending says the format. - is standard output",
    )
    parser.add_argument("--format", choices=FORMATS, help="where the ending does not say it")
    depth(parser, "how deep blocks are open; 0: not at all, all: every layer. Default: as deep as fits")
    parser.add_argument("--direction", choices=("down", "right"), default="down", help="of a picture (default: down)")
    parser.add_argument("--batch", metavar="N", type=positive, help="for so many images at once")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    settings(parser)
    prototxt(parser)
    limit(parser)
