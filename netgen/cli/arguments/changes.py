"""Options that change a net, and its weights with it, before it is written."""

from __future__ import annotations

from argparse import ArgumentParser

from netgen.cli.arguments.common import numbers

PADDINGS = ("refuse", "layer", "approximate")


def changes(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("to change the net and its weights, in this order")
    group.add_argument(
        "--reparam",
        action="store_true",
        help="merge parallel convolutions whose results are added, as RepVGG and ACNet do",
    )
    group.add_argument(
        "--fold-bn", action="store_true", help="put batch normalisations and scales into the convolutions beside them"
    )
    group.add_argument(
        "--input-mean", metavar="N,N,N", type=numbers,
        help="let the net take images without preparation: (x - mean) * scale / std goes into its first layer",
    )  # fmt: skip
    group.add_argument(
        "--input-scale", metavar="N", type=numbers, help="the scale: one number, or one for each channel"
    )
    group.add_argument("--input-std", metavar="N,N,N", type=numbers, help="the standard deviation, likewise")
    group.add_argument(
        "--swap-channels", action="store_true",
        help="let the net take BGR where it took RGB, or RGB for BGR. Mean, scale and std are in the order before",
    )  # fmt: skip
    group.add_argument(
        "--input-padding", choices=PADDINGS,
        help="a mean does not go exactly into a convolution that pads: give up (default), put a layer in front, or "
        "accept other numbers along the border",
    )  # fmt: skip
    group.add_argument(
        "--input-image", metavar="NAME", action="append", default=[],
        help="the input that is an image (default: all with three axes or more). May be repeated",
    )  # fmt: skip
    group.add_argument(
        "--unfold-bn", action="store_true",
        help="put a batch normalisation that does nothing yet behind each convolution that has none, to train on",
    )  # fmt: skip
