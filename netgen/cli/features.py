"""``netgen features``: what the layers of a net make of an image, or the kernels that make it, as pictures."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from netgen.api import Net
from netgen.cli.console import Console
from netgen.cli.files import write_all
from netgen.cli.programs import compiled, load_weights, read
from netgen.diag import Diagnostic, NetgenError
from netgen.features import FORMATS, TooLarge, encoded, feature_tiles, kernel_tiles

if TYPE_CHECKING:
    from netgen.features.tiles import Array

_STRANGE = re.compile(r"[^\w.\-]+")


def run(args: Namespace, console: Console) -> int:
    """Run the net, and write a picture for each layer that is asked for."""
    paths = _paths(args)
    _need_opencv()
    source = read(args.file)
    stages = [f"reading {source.path}"]
    with console.working(lambda: stages[-1]):
        net = compiled(source, args)
        load_weights(net, args, console)
        stages.append("running the net" if not args.kernels else "reading the kernels")
        values = _values(net, args)
        stages.append("drawing")
        files = {paths[name]: _file(name, value, args, _ending(paths[name])) for name, value in values.items()}
    write_all(files)
    if args.weights is None:
        console.remark("random weights: --weights FILE takes trained ones")
    for name, value in values.items():
        console.remark(f"{name}: {_about(value, args.kernels)}")
        console.remark(f"wrote {paths[name]}")
    return 0


def _need_opencv() -> None:
    """Raise ``NetgenError`` where pictures cannot be written, before anything is run."""
    if find_spec("cv2") is None:
        label = "pictures are written by OpenCV, the package `cv2`, which is not installed"
        hint = "pip install 'netgen[verify]'; Net.features gives the arrays without it"
        raise NetgenError([Diagnostic("NG608", "a package is missing", label=label, hint=hint)])


def _values(net: Net, args: Namespace) -> Mapping[str, Array]:
    from netgen.api.looking import declared_picture, kernels_of, layer_of, maps_of
    from netgen.verify.inputs import read_inputs

    for name in args.layers:
        layer_of(net, name)  # before anything is read or run
    if args.kernels:
        return kernels_of(net, args.layers)
    files = [(name, path) for name, path in args.images]
    given = read_inputs(net.graph, files, declared_picture(net.graph, args.mean, args.scale, args.rgb)) if files else {}
    maps = maps_of(net, args.layers, given)
    return {name: _one(name, value, args.image_number) for name, value in maps.items()}


def _one(name: str, value: Array, number: int) -> Array:
    """One image of a batch."""
    if value.ndim < 2:
        return value
    if number >= len(value):
        label = f"layer `{name}` has {len(value)} in a batch, counted from 0"
        raise NetgenError([Diagnostic("NG707", f"no image {number}", label=label)])
    one: Array = value[number]
    return one


def _file(name: str, value: Array, args: Namespace, ending: str) -> bytes:
    """A layer's picture, as the bytes of a file."""
    looks = {"colors": args.colors, "columns": args.columns, "side": args.side}
    try:
        if args.kernels:
            picture = kernel_tiles(value, within=args.within or "all", rgb=args.rgb, **looks)
        else:
            picture = feature_tiles(value, within=args.within or "each", **looks)
        return encoded(picture, ending)
    except TooLarge as error:
        hint = "smaller tiles, or others in a row: --side and --columns" if args.side or args.columns else ""
        raise NetgenError(
            [Diagnostic("NG707", f"layer `{name}` is too large to draw", label=str(error), hint=hint)]
        ) from None


def _about(value: Array, kernels: bool) -> str:
    what = "kernels" if kernels else "channels"
    return f"{len(value):,} {what}, numbers from {value.min():.4g} to {value.max():.4g}, mean {value.mean():.4g}"


def _paths(args: Namespace) -> dict[str, str]:
    """Where each layer's picture goes."""
    args.layers = list(dict.fromkeys(args.layers))
    if len(args.layers) == 1 and not args.output.endswith(("/", os.sep)) and not os.path.isdir(args.output):
        if _ending(args.output) not in FORMATS:
            args.usage_error(f"`{args.output}` does not end as a picture does: {', '.join(FORMATS)}")
        return {args.layers[0]: args.output}
    if os.path.splitext(args.output)[1].lower() in FORMATS and not os.path.isdir(args.output):
        args.usage_error(f"{len(args.layers)} layers need a folder to write to: -o DIR/")
    files = _files(args.layers)
    return {name: os.path.join(args.output, f"{file}.png") for name, file in files.items()}


def _files(layers: list[str]) -> dict[str, str]:
    """A name for each layer's file, without signs that folders and shells take for theirs, and each once."""
    files: dict[str, str] = {}
    for name in layers:
        plain = file = _STRANGE.sub("_", name)
        number = 2
        while file in files.values():
            file, number = f"{plain}_{number}", number + 1
        files[name] = file
    return files


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()
