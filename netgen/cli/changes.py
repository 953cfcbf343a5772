"""What ``netgen build`` changes about a net before it writes it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection

from netgen.api import Net

_OF_INPUT = ("input_mean", "input_scale", "input_std", "swap_channels")


def asks_for_changes(args: Namespace) -> bool:
    return args.reparam or args.fold_bn or args.unfold_bn or _asks_for_input(args)


def check_changes(args: Namespace) -> None:
    """What is wrong with the options whatever the files hold."""
    if _asks_for_input(args) and args.weights is None:
        args.usage_error(f"{_option(args, _OF_INPUT)} changes the weights of the first layer: --weights FILE")
    if not _asks_for_input(args) and (option := _option(args, ("input_padding", "input_image"))):
        args.usage_error(f"{option} goes with --input-mean, --input-scale, --input-std or --swap-channels")


def changed(net: Net, args: Namespace) -> tuple[Net, list[str]]:
    """The net with all changes that are asked for, and a remark about each."""
    reports = []
    if args.reparam:
        net, report = net.reparam()
        reports.append(report)
    if args.fold_bn:
        net, report = net.fold_bn()
        reports.append(report)
    if _asks_for_input(args):
        net, report = net.fold_input(
            mean=args.input_mean or 0.0,
            scale=args.input_scale or 1.0,
            std=args.input_std or 1.0,
            swap_channels=args.swap_channels,
            inputs=args.input_image,
            padding=args.input_padding or "refuse",
        )
        reports.append(report)
    if args.unfold_bn:
        net, report = net.unfold_bn()
        reports.append(report)
    remarks = [report.text() for report in reports]
    if net.weights is None and any(report.done for report in reports):
        remarks.append("only the structure is changed: --weights FILE changes the weights that go with it too")
    return net, remarks


def _asks_for_input(args: Namespace) -> bool:
    return _option(args, _OF_INPUT) is not None


def _option(args: Namespace, names: Collection[str]) -> str | None:
    """The first of some options that was given, as it is written."""
    return next((f"--{name.replace('_', '-')}" for name in names if getattr(args, name)), None)
