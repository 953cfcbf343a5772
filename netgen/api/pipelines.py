"""From a source to a net, and to all that is wrong with it: straight down the page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from netgen.api.collector import without_collector
from netgen.api.net import Net
from netgen.api.sources import Program, Reading, open_any
from netgen.diag import Diagnostic, NetgenError, Source
from netgen.formats.files import is_prototxt
from netgen.lang import MAX_LAYERS, check_source, compile_source, nets


def compile(  # noqa: A001 - as `re` has one too
    source: Program, /, *, net: str | None = None, max_layers: int = MAX_LAYERS, **settings: object
) -> Net:
    """Compile one net of a program.

    ``net`` says which, where the program has several. The other keyword arguments are the net's own settings:
    ``compile("examples/peleenet.net", growth=48)``. Raises ``NetgenError`` with all that is wrong.
    """
    return build(open_any(source), net=net, settings=settings, max_layers=max_layers)


def load(
    path: Program,
    /,
    *,
    phase: Literal["TRAIN", "TEST"] | None = None,
    stages: Sequence[str] | None = None,
    level: int | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    ends: Sequence[str] = (),
    weights: str | os.PathLike[str] | None = None,
    mapping: str | os.PathLike[str] | None = None,
    partial: bool = False,
    **settings: object,
) -> Net:
    """Read a network from a prototxt or a ``.net`` file, or from the text of one.

    The first arguments are for a prototxt (see ``Reading``), as in ``inputs={"data": (1, 3, 224, 224)}``; ``settings``
    are those of a program; ``weights`` are loaded as ``Net.load_weights`` does it. Raises ``NetgenError`` where a file
    cannot be read. What is wrong with a net that could be read is in its ``problems``, and is raised when it is asked
    for anything but its own text.
    """
    source = open_any(path)
    net = build(source, settings=settings, reading=Reading(phase, stages, level, inputs, ends))
    if weights is not None:
        net.load_weights(weights, mapping=mapping, partial=partial)
    return net


def build(
    source: Source,
    *,
    net: str | None = None,
    settings: Mapping[str, object] | None = None,
    max_layers: int = MAX_LAYERS,
    reading: Reading | None = None,
) -> Net:
    """The net of a program, or of a prototxt, that has been read; what Python and the command line share."""
    with without_collector():
        if is_prototxt(source.path, source.text):
            _refuse_settings(net, settings or {})
            return _read(source, reading or Reading())
        _refuse_reading(source, reading)
        graph, warnings = compile_source(source, net=net, settings=settings, max_layers=max_layers)
        return Net(graph, warnings)


def _refuse_settings(net: str | None, settings: Mapping[str, object]) -> None:
    """A prototxt is one net, and says every number itself."""
    if settings:
        title = f"a prototxt has no settings: {', '.join(f'`{name}`' for name in settings)}"
        hint = "`netgen import` makes a program of it; the size of an input is set by --input data=1x3x224x224"
        raise NetgenError([Diagnostic("NG231", title, hint=hint)])
    if net is not None:
        title = f"a prototxt is one net, there is no other to choose: `{net}`"
        raise NetgenError([Diagnostic("NG231", title, hint="leave out --net")])


def _refuse_reading(source: Source, reading: Reading | None) -> None:
    """A program has no phases, makes its inputs itself and ends with what it returns."""
    if reading is None or reading.is_whole:
        return
    title = f"{', '.join(f'`{name}`' for name in reading.asked)}: for a prototxt only, and {source.path} is a program"
    hint = "leave it out; the sizes of a program are settings of its net: --set NAME=VALUE"
    if reading.ends:
        hint = "leave it out; a program ends with what its net returns"
    raise NetgenError([Diagnostic("NG231", title, hint=hint)])


def _read(source: Source, reading: Reading) -> Net:
    """The net of a prototxt."""
    from netgen.formats.prototxt import read_prototxt
    from netgen.passes.group import group
    from netgen.read import caffe

    text = read_prototxt(source)
    state = caffe.state_of(text.message, reading.phase, reading.stages, reading.level)
    graph, problems = caffe.read_graph(text, state, reading.inputs, reading.ends)
    group(graph)
    whole = text if text.kind != "net" or (reading.is_whole and caffe.depends_on_phase(text.message)) else None
    return Net(graph, text.warnings, problems, whole, phase=state.phase)


def check(source: Program, /, *, max_layers: int = MAX_LAYERS) -> list[Diagnostic]:
    """All problems of a program, warnings included; an empty list where there are none."""
    try:
        return check_opened(open_any(source), max_layers=max_layers)
    except NetgenError as error:
        return error.diagnostics


def check_opened(source: Source, *, max_layers: int = MAX_LAYERS, reading: Reading | None = None) -> list[Diagnostic]:
    """All problems of a program or a prototxt that has been read: of each phase, unless one is asked for."""
    if not is_prototxt(source.path, source.text):
        _refuse_reading(source, reading)
        return check_source(source, max_layers=max_layers)
    if reading is not None and not reading.is_whole:
        net = _read(source, reading)
        return [*net.warnings, *net.problems]
    from netgen.formats.prototxt import read_prototxt
    from netgen.read import caffe

    text = read_prototxt(source)
    problems = list(text.warnings)
    if text.kind != "net":
        return problems
    known: set[tuple[str, str]] = set()
    for phase in caffe.PHASES if caffe.depends_on_phase(text.message) else [None]:
        _, found = caffe.read_graph(text, caffe.state_of(text.message, phase, None, None))
        problems += [each for each in found if (str(each.span), each.label) not in known]
        known.update((str(each.span), each.label) for each in found)
    return problems


def default_nets(source: Source, *, max_layers: int = MAX_LAYERS, reading: Reading | None = None) -> Iterator[Net]:
    """The nets of a program that has been read, those whose settings all have defaults; or the net of a prototxt."""
    if is_prototxt(source.path, source.text):
        yield build(source, reading=reading)
        return
    for name in nets(source):
        try:
            yield build(source, net=name, max_layers=max_layers)
        except NetgenError as error:
            if any(problem.code != "NG203" for problem in error.diagnostics):
                raise


def format(source: Program, /) -> str:  # noqa: A001
    """A program in the one canonical layout. Nothing is written; raises ``NetgenError`` where it cannot be read."""
    from netgen.lang.format import format_text

    return format_text(open_any(source))
