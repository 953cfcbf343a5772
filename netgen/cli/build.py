"""``netgen build``: one net of a program, to one target or more."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netgen.api import Net
from netgen.cli.changes import asks_for_changes, changed, check_changes
from netgen.cli.console import Console
from netgen.cli.files import cannot_write, make_folder, write_all
from netgen.cli.programs import as_warning, compiled, read
from netgen.diag import Diagnostic, NetgenError, Source
from netgen.emit import ARRAYS, MODELS, SUFFIXES, TARGETS

if TYPE_CHECKING:
    from netgen.emit.onnx import OnnxModel


def run(args: Namespace, console: Console) -> int:
    """Compile, then print or write what all targets make of the net, or nothing."""
    targets = list(dict.fromkeys(args.target))
    to_folder = args.output is not None and (args.output.endswith(("/", os.sep)) or os.path.isdir(args.output))
    _check_usage(args, targets, to_folder)
    source = read(args.file)
    stages = [f"compiling {source.path}"]
    with console.working(lambda: stages[-1]):
        net = compiled(source, args)
        report = None
        if args.weights is not None:
            stages.append(f"reading {args.weights}")
            report = net.load_weights(args.weights, mapping=args.mapping, partial=args.partial)
        net, remarks = changed(net, args)
        stages.append(f"writing {len(net.graph.nodes):,} layers")
        texts, models = _emit(net, targets, args)
        console.problems([*net.warnings, *map(as_warning, net.problems), *(report.warnings() if report else [])])
        for remark in remarks:
            console.remark(remark)
        if args.output is None or args.output == "-":
            console.output(texts[targets[0]])
            return 0
        stem = _stem(source, net)
        paths = {
            target: os.path.join(args.output, stem + SUFFIXES[target]) if to_folder else args.output
            for target in targets
        }
        _spare(_inputs(source, args), paths.values())
        stages.append("writing weights")
        written = list(paths.values())
        for target, model in models.items():
            make_folder(paths[target])
            written += _save(model, net, paths[target], external=args.external_data)[1:]
        for target in targets:
            if target in ARRAYS:
                make_folder(paths[target])
                net.save(target, paths[target], dialect=args.dialect if target in _SPOKEN else None)
        write_all({paths[target]: text for target, text in texts.items()})
    if report is not None:
        console.remark(f"weights: {report.summary()}")
    for model in models.values():
        _tell_what_lacks(model, console)
    for path in written:
        console.remark(f"wrote {path}")
    return 0


_SPOKEN = ("prototxt", "caffemodel")
"""The targets that have dialects."""


def _check_usage(args: Namespace, targets: list[str], to_folder: bool) -> None:
    """What is wrong on the command line whatever the files hold."""
    if len(targets) > 1 and not to_folder:
        wanted = f"-o {args.output}/" if args.output else "-o DIR/"
        args.usage_error(f"{len(targets)} targets need a folder to write to: {wanted}")
    check_changes(args)
    if args.dialect is not None and not any(target in _SPOKEN for target in targets):
        args.usage_error("--dialect is for Caffe's files: --target prototxt or caffemodel")
    if "onnx" not in targets:
        given = [("--opset", args.opset), ("--dynamic", args.dynamic), ("--external-data", args.external_data)]
        if option := next((name for name, value in given if value), None):
            args.usage_error(f"{option} is for --target onnx")
    binary = next((target for target in targets if target not in TARGETS), None)
    if binary is None:
        if args.weights is not None and not asks_for_changes(args):
            args.usage_error(f"--weights is for a target that holds them: --target {' or '.join([*MODELS, *ARRAYS])}")
        return
    arrays = next((target for target in targets if target in ARRAYS), None)
    if arrays is not None and args.weights is None:
        args.usage_error(f"--target {arrays} needs the weights: --weights FILE")
    if args.output is None or args.output == "-":
        args.usage_error(f"--target {binary} needs a file to write to: -o FILE{SUFFIXES[binary]}")


def _emit(net: Net, targets: list[str], args: Namespace) -> tuple[dict[str, str], dict[str, OnnxModel]]:
    """The texts and models of a net; raises one ``NetgenError`` with all that any of the targets cannot say."""
    texts = {}
    models = {}
    problems: list[Diagnostic] = []
    for target in targets:
        try:
            if target in TARGETS:
                texts[target] = net.emit(target, dialect=args.dialect if target in _SPOKEN else None)
            elif target in MODELS:
                models[target] = _model(net, args)
        except NetgenError as error:
            problems += error.diagnostics
    if problems:
        raise NetgenError(problems)
    return texts, models


# --- ONNX -----------------------------------------------------------------------------------------


def _model(net: Net, args: Namespace) -> OnnxModel:
    from netgen.emit.onnx import opset_fault, require_onnx

    require_onnx()
    if args.opset is not None and (fault := opset_fault(args.opset)):
        args.usage_error(f"argument --opset: {fault}")
    return net.onnx_model(opset=args.opset, dynamic=args.dynamic)


def _save(model: OnnxModel, net: Net, path: str, *, external: bool) -> list[str]:
    from netgen.api.onnx import save_model

    return save_model(model, net.weights, path, external=external)


def _tell_what_lacks(model: OnnxModel, console: Console) -> None:
    if model.lacking and not model.weights:
        put = "--weights FILE or --weights random puts numbers in"
        console.remark(f"no weights: the parameters are inputs of the model; {put}")
    elif model.lacking:
        first, *more = model.lacking
        others = f" and {len(more):,} more" if more else ""
        console.remark(f"no weights for {first}{others}: inputs of the model")


# --- files ----------------------------------------------------------------------------------------


def _stem(source: Source, net: Net) -> str:
    """What files in a folder are called: as the program's file; as the net, where there is none."""
    name = os.path.basename(source.path)
    return net.name if name.startswith("<") else os.path.splitext(name)[0]


def _inputs(source: Source, args: Namespace) -> list[str]:
    """The files that a net is made of."""
    if args.weights is None:
        return [source.path]
    from netgen.weights.chance import seed_of  # with numpy, which only weights need

    weights = [args.weights] if seed_of(args.weights) is None else []
    return [source.path, *weights, *([args.mapping] if args.mapping is not None else [])]


def _spare(inputs: Iterable[str], paths: Iterable[str]) -> None:
    """Keep an output from taking the place of what it is made of."""
    for path in paths:
        for each in inputs:
            if os.path.exists(path) and os.path.exists(each) and os.path.samefile(path, each):
                raise cannot_write(path, "it is one of the inputs")
