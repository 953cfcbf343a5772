"""`netgen verify` on the command line."""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError

from netgen.cli.arguments.common import (
    examples,
    extents,
    limit,
    message_format,
    picture,
    positive,
    prototxt,
    settings,
    source,
    weights_from,
    whole,
)


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Run one net with the same weights and inputs in PyTorch, ONNX Runtime, OpenCV and other runtimes, and compare "
        "every value on the way. Where a runtime parts from the others, the layer is named, and what it does wrong, if "
        "a known mistake gives its numbers. Exit code 0 if all agree; 1 if they differ, if nothing could be compared, "
        "or if a runtime that --against names cannot run the net; 2 for wrong usage."
    )
    parser.epilog = examples(
        ("netgen verify peleenet.net", "in all runtimes that are installed, with random weights and images"),
        ("netgen verify net.prototxt --weights net.caffemodel --input cat.npy", "your weights and your input"),
        ("netgen verify net.net --weights net.pth --against onnxruntime,opencv --layers", "every value, in these two"),
        ("netgen verify net.net --device cuda", "on a card too: float32, and half precision with its own bounds"),
        ("netgen verify net.net --against torch-compiled", "what torch.compile makes of it, which takes a minute"),
        ("netgen verify net.net --weights net.pth --fold-bn", "does folding keep the numbers? And elsewhere?"),
        ("netgen verify net.net --input data=8x3x320x320 --batch 8", "for inputs of another shape"),
        ("netgen verify net.net --input cat.jpg --mean 104,117,123 --scale 0.017", "a picture, as Caffe takes it"),
        ("netgen verify net.prototxt --format json", "all of it, for programs"),
    )
    source(parser)
    parser.add_argument(
        "--against", metavar="LIST", type=_runtimes, default=(),
        help="runtimes, say onnxruntime,opencv-fused. torch, onnxruntime, opencv and mnn each stand for all of their "
        "kind that are here and not slow (default: all of these)",
    )  # fmt: skip
    parser.add_argument(
        "--reference", metavar="NAME", type=_runtime, help="what others are compared with (default: torch)"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="cpu: not on a card; cuda: there has to be one (default: if there is)"
    )
    parser.add_argument("--layers", action="store_true", help="list every value, and how far each runtime is off")
    parser.add_argument(
        "--allow-known", action="store_true", help="exit with 0 where nothing but known faults of runtimes differs"
    )
    parser.add_argument("--quiet", action="store_true", help="print the verdict only")
    _inputs(parser)
    settings(parser)
    weights_from(parser.add_argument_group("of the weights"))
    changes = parser.add_argument_group("to change the net before; what comes out must stay the same")
    changes.add_argument("--reparam", action="store_true", help="merge parallel convolutions")
    changes.add_argument("--fold-bn", action="store_true", help="fold batch normalisations into convolutions")
    changes.add_argument("--unfold-bn", action="store_true", help="put identity normalisations behind convolutions")
    prototxt(parser, inputs=False)
    limit(parser)
    message_format(parser)


def _inputs(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what goes in (default: random numbers)")
    group.add_argument(
        "--input", metavar="[NAME=]WHAT", dest="given", action="append", type=_given, default=[],
        help="a file for an input (.npy, .npz, .png, .jpg), the first that has none unless it is named; or a shape, "
        "say data=8x3x224x224. May be repeated",
    )  # fmt: skip
    group.add_argument("--batch", metavar="N", type=positive, help="so many images at once")
    group.add_argument("--seed", metavar="N", type=whole, default=0, help="of random weights and inputs (default: 0)")
    picture(group)


def _given(text: str) -> tuple[str, str | tuple[int, ...]]:
    """A name, which may be missing, and a file or a shape."""
    from netgen.verify.inputs import FILES  # what it takes is only loaded where there is something given

    name, _, what = text.rpartition("=") if not os.path.exists(text) else ("", "", text)
    if what.lower().endswith(FILES):
        return name, what
    dims = extents(what)
    if not name or dims is None:
        endings = ", ".join(FILES[:4])
        raise ArgumentTypeError(f"`{text}` is neither a file ({endings} …) nor NAME=SHAPE, such as data=1x3x224x224")
    return name, dims


def _runtimes(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_runtime(each.strip()) for each in text.split(",")))


def _runtime(text: str) -> str:
    from netgen.verify.choice import unknown_name  # the runtimes are only looked at where one is named

    if unknown := unknown_name(text):
        raise ArgumentTypeError(unknown)
    return text
