"""``netgen build``: one net of a program, to one target or more."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterable

from netgen.api import Net, build
from netgen.cli.console import Console
from netgen.cli.files import cannot_write, write_all
from netgen.cli.programs import read, reading_of
from netgen.diag import Diagnostic, NetgenError, Source
from netgen.emit import TARGETS
from netgen.lang import evaluate_setting


def run(args: Namespace, console: Console) -> int:
    """Compile, then print or write what all targets make of the net, or nothing."""
    targets = list(dict.fromkeys(args.target))
    to_folder = args.output is not None and (args.output.endswith(("/", os.sep)) or os.path.isdir(args.output))
    if len(targets) > 1 and not to_folder:
        wanted = f"-o {args.output}/" if args.output else "-o DIR/"
        args.usage_error(f"{len(targets)} targets need a folder to write to: {wanted}")
    source = read(args.file)
    settings = settings_of(args)
    stages = [f"compiling {source.path}"]
    with console.working(lambda: stages[-1]):
        net = build(source, net=args.net, settings=settings, max_layers=args.max_layers, reading=reading_of(args))
        stages.append(f"writing {len(net.graph.nodes):,} layers")
        texts = _emit(net, targets)
    console.problems([*net.warnings, *(_as_warning(each) for each in net.problems)])
    if args.output is None or args.output == "-":
        console.output(texts[targets[0]])
        return 0
    stem = _stem(source, net)
    paths = {
        os.path.join(args.output, stem + TARGETS[target].suffix) if to_folder else args.output: text
        for target, text in texts.items()
    }
    _spare(source, paths)
    write_all(paths)
    for path in paths:
        console.remark(f"wrote {path}")
    return 0


def _as_warning(problem: Diagnostic) -> Diagnostic:
    """A problem that did not keep a net from being written."""
    return Diagnostic(problem.code, problem.title, problem.span, problem.label, hint=problem.hint, severity="warning")


def settings_of(args: Namespace) -> dict[str, object]:
    """The values of ``--set``; of a name given twice the last, as on other command lines."""
    values = {}
    problems: list[Diagnostic] = []
    for name, text in args.settings:
        try:
            values[name] = evaluate_setting(text, f"--set {name}")
        except NetgenError as error:
            problems += error.diagnostics
    if problems:
        raise NetgenError(problems)
    return values


def _emit(net: Net, targets: list[str]) -> dict[str, str]:
    """What each target makes of a net; raises one ``NetgenError`` with all that any of them cannot say."""
    texts = {}
    problems: list[Diagnostic] = []
    for target in targets:
        try:
            texts[target] = net.emit(target)
        except NetgenError as error:
            problems += error.diagnostics
    if problems:
        raise NetgenError(problems)
    return texts


def _stem(source: Source, net: Net) -> str:
    """What files in a folder are called: as the program's file; as the net, where there is none."""
    name = os.path.basename(source.path)
    return net.name if name.startswith("<") else os.path.splitext(name)[0]


def _spare(source: Source, paths: Iterable[str]) -> None:
    for path in paths:
        if os.path.exists(path) and os.path.exists(source.path) and os.path.samefile(path, source.path):
            raise cannot_write(path, "it is the program itself")
