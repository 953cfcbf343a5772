"""The network under test, and what runtimes take of it: each is made once, when the first runtime asks for it."""

from __future__ import annotations

import os
from functools import cached_property
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self

from netgen.diag import NetgenError
from netgen.emit.caffe.slots import slots
from netgen.ir.graph import Graph
from netgen.ir.slots import Key, LayerSlots, node_slots
from netgen.verify.caffe_files import CaffeFiles, write_caffe_files
from netgen.weights import Weights, state_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from netgen.emit.onnx import OnnxModel
    from netgen.emit.torch import TorchModule
    from netgen.verify.runtime import Array


class Subject:
    """A network and its weights. Used in a ``with`` statement: its files are removed at the end."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.graph = graph
        self.weights = weights
        self._folder: TemporaryDirectory[str] | None = None
        self._caffe: dict[str, CaffeFiles] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def folder(self) -> str:
        """A folder of its own for the files that runtimes read."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="netgen-")
        return self._folder.name

    @cached_property
    def layers(self) -> list[LayerSlots]:
        """Where its arrays lie in a caffemodel; layer by layer as the net has them, where Caffe cannot say it."""
        try:
            return slots(self.graph)
        except NetgenError:
            return node_slots(self.graph)

    @cached_property
    def arrays(self) -> dict[Key, Array]:
        """The array of each parameter; layers that share one have it each."""
        owners = {slot.key: slot.owner for layer in self.layers for slot in layer.slots if slot.constant is None}
        return {key: self.weights[owner] for key, owner in owners.items() if owner in self.weights}

    @cached_property
    def module(self) -> TorchModule:
        """The emitted source; raises ``NetgenError`` where PyTorch cannot say the network."""
        from netgen.emit.torch import emit

        return emit(self.graph)

    def torch(self) -> nn.Module:
        """A new live module with the weights, in test mode, on the CPU."""
        from netgen.emit.torch import live
        from netgen.weights.live import fill

        module = live.load(self.module).eval()
        fill(module.state_dict(), state_of(self.weights, self.layers, self.module.state))
        return module

    @cached_property
    def state(self) -> dict[str, Tensor]:
        """The ``state_dict`` of the emitted module, with the weights."""
        return self.torch().state_dict()

    def caffe(self, dialect: str) -> CaffeFiles:
        """The prototxt and the caffemodel in a dialect, on the disk; ``NetgenError`` if that cannot say the net."""
        if dialect not in self._caffe:
            stem = os.path.join(self.folder, dialect)
            self._caffe[dialect] = write_caffe_files(self.graph, self.weights, stem, dialect)
        return self._caffe[dialect]

    @cached_property
    def onnx(self) -> OnnxModel:
        """The ONNX model with the weights; raises ``NetgenError`` where ONNX cannot say the network."""
        from netgen.emit.onnx import emit

        return emit(self.graph, self.weights)
