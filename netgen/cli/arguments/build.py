"""`netgen build` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.changes import changes
from netgen.cli.arguments.common import (
    dialect,
    dialect_lines,
    examples,
    integer,
    limit,
    message_format,
    prototxt,
    settings,
    source,
    target,
    weights_from,
)
from netgen.emit import ABOUT


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = "Compile one net of a program."
    parser.epilog = f"{dialect_lines()}\n\n" + examples(
        ("netgen build peleenet.net --target prototxt", "print Caffe's text"),
        ("netgen build peleenet.net --target torch -o peleenet.py", "write a PyTorch module"),
        ("netgen build peleenet.net --target prototxt --target torch -o out/", "write both into a folder"),
        ("netgen build peleenet.net --target torch --set growth=48 --set size=320", "with other settings"),
        ("netgen build deploy.prototxt --target torch -o net.py", "a network of Caffe as a PyTorch module"),
        ("netgen build train_val.prototxt --phase TRAIN --input data=32x3x224x224 --target torch", "its training part"),
        (
            "netgen build net.net --target prototxt --target caffemodel --weights net.pth -o out/",
            "both files for Caffe",
        ),
        ("netgen build deploy.prototxt --target state_dict --weights net.caffemodel -o net.pth", "and back"),
        ("netgen build net.net --target caffemodel --weights random -o net.caffemodel", "with weights to try tools"),
        ("netgen build resnet.net --target onnx --weights resnet.safetensors -o resnet.onnx", "an ONNX model"),
        ("netgen build net.net --target onnx --dynamic batch --opset 17 -o net.onnx", "for any batch, and older tools"),
        (
            "netgen build net.net --target prototxt --target caffemodel --weights w.pth --fold-bn -o out/",
            "without batch normalisations",
        ),
        ("netgen build net.net --target prototxt --dialect opencv4", "as OpenCV takes it"),
        ("netgen build resnet.net --net ResNet --set blocks=[3,4,23,3] --target torch", "one net of several"),
    )
    source(parser)
    what = "; ".join(f"{name}: {each}" for name, each in ABOUT.items())
    parser.add_argument(
        "--target", metavar="TARGET", action="append", type=target, required=True, help=f"{what}. May be repeated"
    )
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="a file; or a folder (`DIR/`), which is made. Default: standard output"
    )
    dialect(parser, "who will read the prototxt")
    settings(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    weights = parser.add_argument_group("of the weights")
    weights_from(weights)
    weights.add_argument("--partial", action="store_true", help="take what is there, although some is missing")
    changes(parser)
    _onnx(parser)
    prototxt(parser)
    limit(parser)
    message_format(parser)


def _onnx(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("of an ONNX model")
    group.add_argument(
        "--opset", metavar="N", type=_opset, help="the version of its operators, 13 or later (default: a recent one)"
    )
    group.add_argument(
        "--dynamic", choices=("batch", "spatial"), action="append", default=[],
        help="leave open how many images it takes, or how large they are. May be repeated",
    )  # fmt: skip
    group.add_argument(
        "--external-data", action="store_true",
        help="put the weights into a file beside it, FILE.data; those that one file cannot hold go there anyway",
    )  # fmt: skip


def _opset(text: str) -> int:
    return integer(text, "is not the number of an opset, such as 17", digits=4)
