"""``netgen verify``: one net in every runtime, and where they part."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from netgen.api import Net
from netgen.cli.console import Console, as_json
from netgen.cli.programs import compiled, load_weights, read
from netgen.formats.files import is_prototxt

if TYPE_CHECKING:
    from netgen.verify.results import Verification


def run(args: Namespace, console: Console) -> int:
    """Verify, and print the table; 1 where the runtimes differ."""
    from netgen.api.verifying import verified  # what it takes is loaded when it is known that it is needed
    from netgen.verify.inputs import Picture, is_picture, read_inputs

    source = read(args.file)
    doing = [f"compiling {source.path}"]
    shapes = {name: what for name, what in args.given if not isinstance(what, str)}
    files = [(name, what) for name, what in args.given if isinstance(what, str)]
    if (args.mean or args.scale is not None or args.rgb) and not any(is_picture(path) for _, path in files):
        args.usage_error("--mean, --scale and --rgb are for pictures: --input cat.jpg")
    with console.working(lambda: doing[-1]):
        by_reading = is_prototxt(source.path, source.text)
        net = compiled(source, args, inputs=shapes if by_reading else {})
        load_weights(net, args, console)
        changed = _changed(net, args)
        found = verified(
            changed,
            read_inputs(changed.graph, files, Picture(args.mean, args.scale, args.rgb)),
            against=args.against,
            reference=args.reference,
            device=args.device,
            batch=args.batch,
            shapes=None if by_reading else shapes,
            seed=args.seed,
            allow_known=args.allow_known,
            before=net if changed is not net else None,
            weights_from=args.weights or f"random (seed {args.seed})",
            progress=doing.append,
        )
    console.output(_text(found, args, console) + "\n")
    return int(not found)


def _changed(net: Net, args: Namespace) -> Net:
    """The net after all passes that are asked for; with weights, which change along."""
    wanted = (("reparam", args.reparam), ("fold_bn", args.fold_bn), ("unfold_bn", args.unfold_bn))
    if not any(is_wanted for _, is_wanted in wanted):
        return net
    if net.weights is None:
        net.random_weights(args.seed)
    for name, is_wanted in wanted:
        if is_wanted:
            net = getattr(net, name)()[0]
    return net


def _text(found: Verification, args: Namespace, console: Console) -> str:
    from netgen.verify.report import text, verdict

    if args.format == "json":
        return as_json(found.to_dict())
    if args.quiet:
        return verdict(found)
    return text(found, layers=args.layers, color=console.colored(sys.stdout))
