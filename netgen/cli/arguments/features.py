"""`netgen features` on the command line."""

from __future__ import annotations

import os
from argparse import ArgumentParser

from netgen.cli.arguments.common import (
    examples,
    limit,
    picture,
    positive,
    prototxt,
    settings,
    source,
    weights_from,
    whole,
)
from netgen.features import COLORS


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Run a net on an image and tile the channels of a layer's result into one picture; or, with --kernels, the "
        "filters of a layer. Each map is as light as its numbers are large."
    )
    parser.epilog = examples(
        ("netgen features net.net --weights net.pth --image cat.jpg --layer conv11 -o maps.png", "one layer"),
        (
            "netgen features deploy.prototxt --weights net.caffemodel --image cat.jpg --mean 104,117,123 "
            "--layer conv1 --layer conv5 -o maps/",
            "several, each into a file of the folder",
        ),
        (
            "netgen features net.net --weights net.pth --kernels --layer conv1 -o kernels.png",
            "what the layer has learned",
        ),
    )
    source(parser)
    parser.add_argument(
        "--layer", metavar="NAME", dest="layers", action="append", required=True, help="a layer. May be repeated"
    )
    parser.add_argument(
        "-o", "--output", metavar="PATH", required=True, help="a picture (.png, .jpg …); or a folder (`DIR/`)"
    )
    parser.add_argument("--kernels", action="store_true", help="the layer's filters, and not what it makes")
    group = parser.add_argument_group("what goes in (default: random numbers)")
    group.add_argument(
        "--image", metavar="[NAME=]FILE", dest="images", action="append", type=_image, default=[],
        help="a picture, or an array (.npy, .npz), for the first input or the one that is named. May be repeated",
    )  # fmt: skip
    picture(group)
    group.add_argument(
        "--image-number", metavar="N", type=whole, default=0, help="which image of a batch is drawn, from 0 (default)"
    )
    looks = parser.add_argument_group("how it looks")
    looks.add_argument(
        "--within", choices=("each", "all"),
        help="dark and light are the least and the largest number of each map, or of all (default: each; kernels: all)",
    )  # fmt: skip
    looks.add_argument("--colors", choices=COLORS, default=COLORS[0], help="from dark to light (default: %(default)s)")
    looks.add_argument(
        "--columns", metavar="N", type=positive, default=0, help="tiles in a row (default: about square)"
    )
    looks.add_argument("--side", metavar="PIXELS", type=positive, default=0, help="of a tile, at least (default: 48)")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    settings(parser)
    weights_from(parser.add_argument_group("of the weights (default: random)"))
    prototxt(parser)
    limit(parser)


def _image(text: str) -> tuple[str, str]:
    """A name, which may be missing, and a file."""
    name, _, path = text.partition("=") if not os.path.exists(text) else ("", "", text)
    return (name, path) if path else ("", text)
