"""What Python programs use. The pipelines stand here, straight down the page."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from netgen.diag import Diagnostic, NetgenError, Source, did_you_mean
from netgen.emit import TARGETS
from netgen.formats.files import LOOK, PROGRAMS, is_prototxt, read_bytes
from netgen.ir.graph import Graph, Instance, Node, Shape
from netgen.ir.kinds import show
from netgen.ir.operator import Param, shared_arrays
from netgen.ir.text import describe, shape_text, table, value_name
from netgen.lang import MAX_LAYERS, check_source, compile_source, nets
from netgen.lang.reading import decode

if TYPE_CHECKING:
    from torch import nn

    from netgen.emit.torch import TorchModule
    from netgen.formats.prototxt import Prototxt
    from netgen.ir.slots import Key, LayerSlots
    from netgen.weights import MappingFile, Report, Weights
    from netgen.weights.reading import Source as WeightsSource

Program = str | os.PathLike[str]
"""A program: the path of a ``.net`` file; or its text, which has a line break or a brace."""


def compile(  # noqa: A001 - as `re` has one too
    source: Program, /, *, net: str | None = None, max_layers: int = MAX_LAYERS, **settings: object
) -> Net:
    """Compile one net of a program.

    ``net`` says which, where the program has several. The other keyword arguments are the net's own settings:
    ``compile("examples/peleenet.net", growth=48)``. Raises ``NetgenError`` with all that is wrong.
    """
    return build(_open(source), net=net, settings=settings, max_layers=max_layers)


class Reading:
    """What a prototxt is read for.

    ``phase`` (``"TRAIN"`` or ``"TEST"``), ``stages`` and ``level`` choose among its layers; what is None is as the file
    itself has it. ``inputs`` gives shapes of blobs that the text does not say, such as images from a database; what
    makes such a blob is left out and the net begins there. ``ends`` are blobs that the net ends with, instead of all
    that nothing reads.
    """

    __slots__ = ("ends", "inputs", "level", "phase", "stages")

    def __init__(
        self,
        phase: str | None = None,
        stages: Sequence[str] | None = None,
        level: int | None = None,
        inputs: Mapping[str, Sequence[int]] | None = None,
        ends: Sequence[str] = (),
    ) -> None:
        self.phase = phase
        self.stages = stages
        self.level = level
        self.inputs = inputs or {}
        self.ends = ends

    @property
    def is_whole(self) -> bool:
        """Whether nothing is asked for, so that the layers of all phases are kept."""
        return all(each is None for each in (self.phase, self.stages, self.level)) and not (self.inputs or self.ends)


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
    source = _open(path)
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
    with _without_collector():
        if is_prototxt(source.path, source.text):
            return _read(source, reading or Reading())
        graph, warnings = compile_source(source, net=net, settings=settings, max_layers=max_layers)
        return Net(graph, warnings)


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
    return Net(graph, text.warnings, problems, whole)


def check(source: Program, /, *, max_layers: int = MAX_LAYERS) -> list[Diagnostic]:
    """All problems of a program, warnings included; an empty list where there are none."""
    try:
        return check_opened(_open(source), max_layers=max_layers)
    except NetgenError as error:
        return error.diagnostics


def check_opened(source: Source, *, max_layers: int = MAX_LAYERS, reading: Reading | None = None) -> list[Diagnostic]:
    """All problems of a program or a prototxt that has been read: of each phase, unless one is asked for."""
    if not is_prototxt(source.path, source.text):
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

    return format_text(_open(source))


def _open(program: Program) -> Source:
    if isinstance(program, str) and ("\n" in program or "{" in program):
        return decode_program("<text>", program.encode("utf-8", "surrogatepass"))
    if not isinstance(program, (str, os.PathLike)):
        raise TypeError(f"a program is a path or a text, not {type(program).__name__}")
    return open_program(os.fspath(program))


def open_program(path: str) -> Source:
    """The text of a program or a prototxt; raises ``NetgenError`` where it cannot be read."""
    return decode_program(path, read_bytes(path, PROGRAMS))


def decode_program(path: str, data: bytes) -> Source:
    """The text that some bytes are, each language in its own way."""
    is_binary = b"\0" in data and bool(data[:LOOK].strip(b"\0"))
    is_program = path.endswith(".net") or not is_binary  # what else a file is, the reader of prototxts tells
    if is_program and not is_prototxt(path, data[:LOOK].decode("utf-8", "replace")):
        return decode(path, data)
    from netgen.formats.textproto_reader import decode_text

    return decode_text(path, data)


class Layer:
    """One layer of a network, to look at."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def name(self) -> str:
        return self._node.name

    @property
    def operator(self) -> str:
        """The name of the operator, such as ``conv``."""
        return self._node.op.name

    @property
    def arguments(self) -> dict[str, object]:
        """The operator's arguments, defaults included."""
        return dict(self._node.a)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the layers that it reads."""
        return tuple(value.node.name for value in self._node.inputs)

    @property
    def shape(self) -> Shape:
        """The shape of what it makes; of the first, where it makes several."""
        return self._node.outputs[0].shape

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(self._node.y)

    @property
    def parameters_count(self) -> int:
        """How many numbers it learns."""
        return sum(param.count for param in self._node.params if param.learned)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, for the whole batch."""
        return _macs(self._node)

    @property
    def place(self) -> str:
        """Where the source makes it, as ``file:line:column``."""
        return str(self._node.span) if self._node.span is not None else ""

    def __repr__(self) -> str:
        return f"<Layer {self.name}: {describe(self._node)} -> {', '.join(map(shape_text, self.shapes))}>"


class Shapes(Mapping[str, Shape]):
    """The shape of each layer's result, by the layer's name; and of each block's, by its instance's.

    Where a layer and an instance have one name, it is the layer's. A layer or instance ``n`` with several results
    has them as ``n:0``, ``n:1`` …
    """

    def __init__(self, graph: Graph) -> None:
        self._shapes: dict[str, Shape] = {}
        self._several: dict[str, int] = {}
        for instance in _instances(graph.root):
            self._add(instance.name, [value.shape for value in instance.outputs])
        for node in graph.nodes:
            self._add(node.name, node.y)

    def _add(self, name: str, shapes: list[Shape]) -> None:
        if len(shapes) == 1:
            self._shapes[name] = shapes[0]
            return
        self._several[name] = len(shapes)
        self._shapes.update((f"{name}:{index}", shape) for index, shape in enumerate(shapes))

    def __getitem__(self, name: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is not None:
            return shape
        if name in self._several:
            raise KeyError(f"`{name}` has {self._several[name]} results: ask for `{name}:0`, `{name}:1` …")
        hint = did_you_mean(name, self._shapes)
        raise KeyError(f"no layer or block `{name}`" + (f"; {hint}" if hint else ""))

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __repr__(self) -> str:
        return f"Shapes({self._shapes!r})"


class Net:
    """A compiled network. ``print(net)`` shows all of it."""

    def __init__(
        self,
        graph: Graph,
        warnings: list[Diagnostic],
        problems: Sequence[Diagnostic] = (),
        whole: Prototxt | None = None,
    ) -> None:
        self.graph = graph
        self.warnings = [*warnings, *(each for each in problems if each.severity == "warning")]
        self.problems = [each for each in problems if each.severity == "error"]
        """What is wrong with a prototxt that could be read nevertheless: its text can be written again, no more."""
        self._whole = whole
        self.weights: Weights | None = None
        """The net's weights, once some were loaded; ``to_torch`` and the ``save_…`` use them."""

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def settings(self) -> dict[str, object]:
        """The net's settings, those at their defaults included."""
        return dict(self.graph.root.args)

    @cached_property
    def shapes(self) -> Shapes:
        """The shape of what each layer and each block makes, by name."""
        return Shapes(self.graph)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the program's order."""
        return [Layer(node) for node in self.graph.nodes]

    @property
    def inputs(self) -> dict[str, Shape]:
        """The shapes of the inputs, by name."""
        return {value_name(value): value.shape for value in self.graph.inputs}

    @property
    def outputs(self) -> dict[str, Shape]:
        """The shapes of what the net gives, by the name of the layer that makes it."""
        return {value_name(value): value.shape for value in self.graph.outputs}

    @property
    def parameters_count(self) -> int:
        """How many numbers the net learns; a set that several layers share counts once."""
        return sum(param.count for param in _arrays(self.graph) if param.learned)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, for the whole batch, of the layers whose shapes are known."""
        return sum(_macs(node) for node in self.graph.nodes)

    def emit(self, target: str, *, dialect: str | None = None) -> str:
        """The net as the text of a target, ``"prototxt"`` or ``"torch"``.

        ``dialect`` is who will read a prototxt, such as ``"opencv4"`` or ``"nnie"``. Raises ``NetgenError`` with all
        that the target, or the dialect, cannot say.
        """
        if target not in TARGETS:
            known = ", ".join(TARGETS)
            raise ValueError(f"no target `{target}`; {did_you_mean(target, TARGETS) or f'there are {known}'}")
        if dialect is not None and target != "prototxt":
            raise ValueError(f"only a prototxt has dialects, and no `{target}`")
        if target == "prototxt" and self._whole is not None and dialect is None:
            from netgen.formats.textproto import write_text

            return write_text(self._whole.message)
        if self.problems and (target != "prototxt" or not self.graph.nodes):
            raise NetgenError(self.problems)
        with _without_collector():
            return TARGETS[target].emit(self._said_in(dialect))

    def to_prototxt(self, *, dialect: str | None = None) -> str:
        """The net as Caffe's text, or as one of Caffe's dialects: ``to_prototxt(dialect="nnie")``."""
        return self.emit("prototxt", dialect=dialect)

    def check_dialect(self, dialect: str) -> list[Diagnostic]:
        """All that cannot be said of the net in a dialect; an empty list if it will run there."""
        from netgen.emit.caffe import dialects

        return dialects.objections(self.graph, dialect)

    def _said_in(self, dialect: str | None) -> Graph:
        """The net's graph; for a dialect one that it can say. Raises ``NetgenError`` with all that it cannot."""
        if dialect is None:
            return self.graph
        if self.problems:
            raise NetgenError(self.problems)
        from netgen.emit.caffe import dialects

        return dialects.for_dialect(self.graph, dialect)

    def torch_source(self) -> str:
        """The net as a Python file that needs only torch."""
        return self.emit("torch")

    def to_torch(self) -> nn.Module:
        """The net as a live PyTorch module: ``torch_source``, executed, with the weights that were loaded."""
        try:
            import torch  # noqa: F401 - to say in time what is missing
        except ImportError as error:
            raise ImportError("to_torch needs PyTorch, pip install 'netgen[torch]'; torch_source does not") from error
        from netgen.emit.torch import live

        module = live.load(self._module)
        if self.weights is not None:
            from netgen.weights import state_of
            from netgen.weights.live import fill

            fill(module.state_dict(), state_of(self.weights, self._slots, self._module.state))
        return module

    def load_weights(
        self,
        source: WeightsSource,
        /,
        *,
        mapping: str | os.PathLike[str] | MappingFile | None = None,
        partial: bool = False,
    ) -> Report:
        """Take weights from a caffemodel, a state_dict, safetensors, or a live module's ``state_dict()``.

        Arrays are found by name, by like names, and by their order and shape where that leaves no choice; ``mapping``
        says what else is what. Raises ``NetgenError`` where not all of the net's arrays are found, unless ``partial``.
        """
        weights, report = self.match_weights(source, mapping=mapping)
        if not partial and not report.is_complete:
            raise NetgenError([report.error()])
        self.weights = weights
        return report

    def match_weights(
        self, source: WeightsSource, /, *, mapping: str | os.PathLike[str] | MappingFile | None = None
    ) -> tuple[Weights, Report]:
        """What ``load_weights`` would find, and how, whatever is missing."""
        from netgen.weights import find_weights, read_weights

        file = read_weights(source)
        return find_weights(file, self._slots, {} if file.layers else self._state_keys, mapping=mapping)

    def save_caffemodel(self, path: str | os.PathLike[str], /, *, dialect: str | None = None) -> None:
        """Write the weights that were loaded for Caffe, beside the text that ``to_prototxt`` gives."""
        from netgen.emit.caffe.slots import slots
        from netgen.weights import save_caffemodel

        save_caffemodel(path, self._loaded(), slots(self._said_in(dialect), whole=True), self.name)

    def save_state_dict(self, path: str | os.PathLike[str], /) -> None:
        """Write the weights that were loaded for ``to_torch``'s module; as safetensors if the name ends so."""
        from netgen.weights import save_safetensors, save_state_dict

        save = save_safetensors if os.fspath(path).endswith(".safetensors") else save_state_dict
        save(path, self._loaded(), self._slots, self._module.state)

    def save(self, target: str, path: str | os.PathLike[str], /, *, dialect: str | None = None) -> None:
        """Write the weights that were loaded as a target: ``"caffemodel"``, ``"state_dict"`` or ``"safetensors"``."""
        if target == "caffemodel":
            self.save_caffemodel(path, dialect=dialect)
        elif target == "safetensors":
            from netgen.weights import save_safetensors

            save_safetensors(path, self._loaded(), self._slots, self._module.state)
        else:
            self.save_state_dict(path)

    def _loaded(self) -> Weights:
        if self.weights is None:
            raise ValueError("the net has no weights yet: load_weights(...) takes a file or a module's state_dict()")
        return self.weights

    @cached_property
    def _module(self) -> TorchModule:
        from netgen.emit.torch import emit

        with _without_collector():
            return emit(self.graph)

    @cached_property
    def _state_keys(self) -> Mapping[Key, str]:
        """The keys of the net's own state_dict; none where PyTorch cannot say the net."""
        try:
            return self._module.state
        except NetgenError:
            return {}

    @cached_property
    def _slots(self) -> list[LayerSlots]:
        """Where the arrays lie in a caffemodel; layer by layer as the net has them, where Caffe cannot say it."""
        from netgen.emit.caffe.slots import slots
        from netgen.ir.slots import node_slots

        try:
            return slots(self.graph)
        except NetgenError:
            return node_slots(self.graph)

    def __str__(self) -> str:
        settings = ", ".join(f"{name} = {show(value)}" for name, value in self.settings.items())
        counts = f"{len(self.graph.nodes):,} layers, {self.parameters_count:,} parameters, {self.macs:,} MACs"
        return f"{self.name}({settings}): {counts}\n\n{table(self.graph)}"

    def __repr__(self) -> str:
        return f"<Net {self.name}: {len(self.graph.nodes)} layers>"


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python's cycle collector from going through a graph that grows: all of it is alive."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _instances(root: Instance) -> Iterator[Instance]:
    """The instances below one, in the program's order."""
    for item in root.items:
        if isinstance(item, Instance):
            yield item
            yield from _instances(item)


def _macs(node: Node) -> int:
    """The multiply-accumulates of a node; none where its shapes are not known."""
    return node.op.macs(node) if node.is_known else 0


def _arrays(graph: Graph) -> Iterator[Param]:
    """The arrays of a net; of those that several layers share, each once."""
    shared: set[str] = set()
    for node in graph.nodes:
        names = shared_arrays(node)
        for param in node.params:
            name = names.get(param.name)
            if name is None or name not in shared:
                yield param
            if name is not None:
                shared.add(name)
