"""A compiled network, and all that it becomes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from netgen.api.collector import without_collector
from netgen.api.layers import Layer, Shapes, arrays, macs
from netgen.diag import Diagnostic, NetgenError, did_you_mean
from netgen.emit import MODELS, TARGETS
from netgen.ir.graph import Graph, Shape
from netgen.ir.kinds import show
from netgen.ir.text import table, value_name

if TYPE_CHECKING:
    from typing import Unpack

    import numpy as np
    from onnx import ModelProto
    from torch import nn

    from netgen.api.verifying import VerifyOptions
    from netgen.bench import Options as BenchOptions
    from netgen.bench import Report as BenchReport
    from netgen.diff import Differences
    from netgen.emit.onnx import OnnxModel
    from netgen.emit.torch import TorchModule
    from netgen.formats.prototxt import Prototxt
    from netgen.ir.slots import Key, LayerSlots
    from netgen.passes.changes import Changes
    from netgen.passes.fold_input import Padding
    from netgen.summary import Summary
    from netgen.verify.results import Verification
    from netgen.verify.runtime import Array
    from netgen.weights import MappingFile, Report, Weights
    from netgen.weights.reading import Source as WeightsSource


class Net:
    """A compiled network. ``print(net)`` shows all of it."""

    def __init__(
        self,
        graph: Graph,
        warnings: list[Diagnostic],
        problems: Sequence[Diagnostic] = (),
        whole: Prototxt | None = None,
        *,
        phase: str = "TEST",
    ) -> None:
        self.graph = graph
        self.warnings = [*warnings, *(each for each in problems if each.severity == "warning")]
        self.problems = [each for each in problems if each.severity == "error"]
        """What is wrong with a prototxt that could be read nevertheless: its text can be written again, no more."""
        self.phase = phase
        """What the net is for: TEST, or TRAIN where the layers for training were asked for."""
        self._whole = whole
        self.weights: Weights | None = None
        """The net's weights, once some were loaded; ``to_torch`` and the ``save_…`` use them."""

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def other_phase(self) -> str:
        """The phase whose layers were left out, where a prototxt has layers for both and neither was asked for."""
        if self._whole is None or self._whole.kind != "net":
            return ""
        return "TEST" if self.phase == "TRAIN" else "TRAIN"

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
        return sum(param.count for param in arrays(self.graph) if param.learned)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, for the whole batch, of the layers whose shapes are known."""
        return sum(macs(node) for node in self.graph.nodes)

    def emit(self, target: str, *, dialect: str | None = None) -> str:
        """The net as the text of a target, ``"prototxt"`` or ``"torch"``.

        ``dialect`` is who will read a prototxt, such as ``"opencv4"`` or ``"nnie"``. Raises ``NetgenError`` with all
        that the target, or the dialect, cannot say.
        """
        if target in MODELS:
            raise ValueError(f"`{target}` is no text: to_{target}() gives a model, save_{target}(path) writes one")
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
        with without_collector():
            return TARGETS[target].emit(self._said_in(dialect))

    def to_prototxt(self, *, dialect: str | None = None) -> str:
        """The net as Caffe's text, or as one of Caffe's dialects: ``to_prototxt(dialect="nnie")``."""
        return self.emit("prototxt", dialect=dialect)

    def check_dialect(self, dialect: str) -> list[Diagnostic]:
        """All that cannot be said of the net in a dialect; an empty list if it will run there."""
        from netgen.emit.caffe import dialects

        return dialects.objections(self.graph, dialect)

    def draw(
        self, path: str | os.PathLike[str], /, *, depth: int | None = None, direction: Literal["down", "right"] = "down"
    ) -> None:
        """Draw the net into a file, as its name ends: ``.html``, ``.svg``, ``.png``, ``.pdf`` or ``.dot``.

        ``depth`` is how deep blocks are opened: 0 not at all, None as deep as fits on a page.
        """
        from netgen.draw import Drawing, format_of
        from netgen.weights.output import replacing

        drawing = Drawing(self.graph, depth, direction)
        with replacing(os.fspath(path)) as stream:
            stream.write(drawing.write(format_of(os.fspath(path))))

    def features(
        self, *layers: str, inputs: Mapping[str, np.ndarray[Any, np.dtype[Any]]] | None = None
    ) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """What layers make of some inputs, as arrays, by the layers' names; of random inputs where none are given.

        ``netgen.features`` makes pictures of such arrays.
        """
        from netgen.api.looking import maps_of

        return maps_of(self, layers, inputs)

    def diff(self, other: Net, *, ignore_names: bool = False, ignore_training: bool = False) -> Differences:
        """What it takes to make another net of this one, layer by layer: false where they are the same."""
        from netgen.api.comparing import compare

        return compare(self, other, ignore_names=ignore_names, ignore_training=ignore_training)

    def lint(self) -> list[Diagnostic]:
        """Warnings: what the net may well be and should rather not, each with a code and a way out."""
        from netgen.lint import lint

        return lint(self.graph)

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

    def to_onnx(self, *, opset: int | None = None, dynamic: str | Sequence[str] = ()) -> ModelProto:
        """The net as an ONNX model, with the weights that were loaded; parameters without any are inputs.

        ``opset`` goes back to 13; by default it is the newest that ONNX Runtime runs. ``dynamic`` is what the model
        leaves open, ``"batch"`` or ``"spatial"`` or both. Raises ``NetgenError`` with all that keeps the net from it.
        """
        return self.onnx_model(opset=opset, dynamic=dynamic).proto

    def save_onnx(
        self,
        path: str | os.PathLike[str],
        /,
        *,
        opset: int | None = None,
        dynamic: str | Sequence[str] = (),
        external_data: bool = False,
    ) -> None:
        """Write what ``to_onnx`` gives, without ever holding all weights.

        They go into a second file, ``PATH.data``, if they are to be external or are more than protobuf can hold.
        """
        from netgen.api.onnx import save_model

        save_model(self.onnx_model(opset=opset, dynamic=dynamic), self.weights, path, external=external_data)

    def onnx_model(self, *, opset: int | None = None, dynamic: str | Sequence[str] = ()) -> OnnxModel:
        """What ``to_onnx`` gives, with the names of all layers' values in it, and the weights still in their files."""
        if self.problems:
            raise NetgenError(self.problems)
        from netgen.api.onnx import onnx_model

        return onnx_model(self.graph, self.weights, opset=opset, dynamic=dynamic)

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
        says what else is what. ``"random"`` and ``"random:SEED"`` are no files: they stand for ``random_weights``.
        Raises ``NetgenError`` where not all of the net's arrays are found, unless ``partial``.
        """
        weights, report = self.match_weights(source, mapping=mapping)
        if not partial and not report.is_complete:
            raise NetgenError([report.error()])
        self.weights = weights
        return report

    def random_weights(self, seed: int = 0) -> Weights:
        """Take random weights with which activations keep their size; for a seed the same on every machine."""
        self.load_weights(f"random:{seed}")
        return self._loaded()

    def match_weights(
        self, source: WeightsSource, /, *, mapping: str | os.PathLike[str] | MappingFile | None = None
    ) -> tuple[Weights, Report]:
        """What ``load_weights`` would find, and how, whatever is missing."""
        from netgen.weights import by_chance, find_weights, read_weights, seed_of

        seed = seed_of(source)
        if seed is not None:
            from netgen.verify.random_weights import random_weights

            return by_chance(random_weights(self.graph, seed), source, mapping)
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
        """Write the weights that were loaded as a target: ``"caffemodel"``, ``"state_dict"`` or ``"safetensors"``.

        ``"onnx"`` is the whole net, with its weights.
        """
        if target == "onnx":
            self.save_onnx(path)
        elif target == "caffemodel":
            self.save_caffemodel(path, dialect=dialect)
        elif target == "safetensors":
            from netgen.weights import save_safetensors

            save_safetensors(path, self._loaded(), self._slots, self._module.state)
        else:
            self.save_state_dict(path)

    def fold_bn(self) -> tuple[Net, Changes]:
        """The net with its batch normalisations, and scales, put into the convolutions beside them where that is exact.

        With weights these are folded too, and each fold is checked; without, only the structure. The report says what
        was left as it is, and why.
        """
        from netgen.api import rewriting

        return rewriting.fold_bn(self)

    def unfold_bn(self, *, linear: bool = False) -> tuple[Net, Changes]:
        """The net with a batch normalisation that does nothing yet behind each convolution that has none.

        To go on training with; behind fully connected layers too if ``linear``.
        """
        from netgen.api import rewriting

        return rewriting.unfold_bn(self, linear=linear)

    def reparam(self) -> tuple[Net, Changes]:
        """The net with parallel convolutions whose results are added, as in ACNet and RepVGG, merged into one."""
        from netgen.api import rewriting

        return rewriting.reparam(self)

    def fold_input(
        self,
        *,
        mean: float | Sequence[float] = 0.0,
        scale: float | Sequence[float] = 1.0,
        std: float | Sequence[float] = 1.0,
        swap_channels: bool = False,
        inputs: Collection[str] = (),
        padding: Padding = "refuse",
    ) -> tuple[Net, Changes]:
        """The net that takes images as they are: ``(x - mean) * scale / std`` goes into the layers that read them.

        Numbers are for all channels or one for each, in the order that the net was trained with; with
        ``swap_channels`` the new net takes them in reverse order. A mean cannot go exactly into a convolution that
        pads: ``padding="layer"`` puts a layer in front instead, ``"approximate"`` accepts other numbers along the
        border.
        """
        from netgen.api import rewriting

        return rewriting.fold_input(
            self, rewriting.preparation(mean, scale, std, swap=swap_channels), inputs=inputs, padding=padding
        )

    def verify(self, inputs: Mapping[str, Array] | None = None, **options: Unpack[VerifyOptions]) -> Verification:
        """Run the net in all runtimes that are here, and compare every value: true if all of them agree.

        ``inputs`` are arrays by the names of inputs; what is missing is random, and so are weights where none were
        loaded. ``print(net.verify(against=["onnxruntime", "opencv"]))`` shows where they differ, and why. Other
        options: ``reference``, ``device``, ``batch``, ``shapes``, ``seed``, ``allow_known``.
        """
        from netgen.api.verifying import verified

        return verified(self, inputs, **options)

    def bench(self, **options: Unpack[BenchOptions]) -> BenchReport:
        """Latency, throughput, memory, and the layers that take longest: ``print(net.bench(batch=(1, 8)))``.

        Options: ``batch``, ``device``, ``against``, ``seconds``, ``runs``, ``warmup``, ``threads``, ``compile``,
        ``channels_last``, ``half``, ``cuda_graph``, ``top``; ``help(netgen.bench.Settings)`` explains them. What
        cannot be measured is a row of the report with the reason.
        """
        from netgen.api.measuring import prepared
        from netgen.bench import Settings

        return prepared(self, Settings(**options)).run()

    def _loaded(self) -> Weights:
        if self.weights is None:
            raise ValueError("the net has no weights yet: load_weights(...) takes a file or a module's state_dict()")
        return self.weights

    @cached_property
    def _module(self) -> TorchModule:
        from netgen.emit.torch import emit

        with without_collector():
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

    def summary(self, depth: int | None = None) -> Summary:
        """What the net consists of and what that costs; it prints as a table. ``depth`` is how deep blocks unfold."""
        from netgen.summary import Summary

        return Summary(self.graph, depth)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __str__(self) -> str:
        settings = ", ".join(f"{name} = {show(value)}" for name, value in self.settings.items())
        counts = f"{len(self.graph.nodes):,} layers, {self.parameters_count:,} parameters, {self.macs:,} MACs"
        return f"{self.name}({settings}): {counts}\n\n{table(self.graph)}"

    def __repr__(self) -> str:
        return f"<Net {self.name}: {len(self.graph.nodes)} layers>"
