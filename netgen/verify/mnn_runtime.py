"""MNN, on what its converter makes of the prototxt and the caffemodel that netgen writes for it.

Its Python tools are not used: ``MNN.tools`` installs packages and reports what is converted to a server. The converter
itself is a function of the extension ``_tools``, and runs in a process of its own, because it ends the process that it
runs in where it gives up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from netgen.diag.noise import captured
from netgen.verify.runtime import Runtime, ValueKey, Watcher

if TYPE_CHECKING:
    from netgen.verify.caffe_files import CaffeFiles, Place
    from netgen.verify.runtime import Array
    from netgen.verify.subject import Subject

_CONVERT = "import sys, MNN, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"
_PATIENCE = 300
"""Seconds that converting may take."""
_JOINED = frozenset(("ReLU", "ReLU6", "BatchNorm", "Scale", "Dropout", "Split"))
"""Layers that the converter puts into the layer before them, whose name the result then has."""
_PLAIN_SUMS = (3, 0)
"""The hint WINOGRAD_MEMORY_LEVEL at its least: convolutions go by transforms, and large ones are less exact."""


class Mnn(Runtime):
    name = "mnn"
    family = "mnn"
    about = "MNN on the prototxt and the caffemodel, converted: values of the operators that it has"
    extra = "verify"

    def missing(self) -> str | None:
        return None if find_spec("MNN") is not None else "the package `MNN` is not installed"

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        files = subject.caffe("mnn")
        model = _converted(files, os.path.join(subject.folder, "net.mnn"))
        shapes = {(node.name, at): shape for node in subject.graph.nodes for at, shape in enumerate(node.y)}
        keys: dict[Place, list[ValueKey]] = {}
        for key, place in files.places.items():
            keys.setdefault(place, []).append(key)
        with captured():
            for place, value in _values(files, model, inputs):
                for key in keys.get(place, ()):
                    if watcher.wants(key):
                        watcher.see(key, _shaped(value, shapes[key]))


def _converted(files: CaffeFiles, path: str) -> str:
    """The model for MNN; raises where the converter gives up, with what it says."""
    said = ["-f", "CAFFE", "--modelFile", files.caffemodel, "--prototxt", files.prototxt]
    command = [sys.executable, "-c", _CONVERT, *said, "--MNNModel", path, "--bizCode", "netgen"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False, errors="replace")
    if not os.path.exists(path):
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise RuntimeError(f"its converter gives up: {lines[-1].strip() if lines else f'exit code {done.returncode}'}")
    return path


def _values(files: CaffeFiles, model: str, inputs: Sequence[Array]) -> Iterator[tuple[Place, Array]]:
    """What comes out of each operator, under the place of the last layer that is in it."""
    import MNN

    net = MNN.Interpreter(model)
    if hasattr(net, "setSessionHint"):
        net.setSessionHint(*_PLAIN_SUMS)
    session = net.createSession({"numThread": os.cpu_count() or 1, "precision": "high", "backend": "CPU"})
    for name, value in zip(files.inputs, inputs, strict=True):
        source = MNN.Tensor(value.shape, MNN.Halide_Type_Float, value, MNN.Tensor_DimensionType_Caffe)
        net.getSessionInput(session, name).copyFrom(source)
    seen: dict[str, list[Array]] = {}

    def after(tensors: Sequence[Any], operator: Any) -> bool:
        seen[operator.getName()] = [_copied(MNN, each) for each in tensors]
        return True

    net.runSessionWithCallBackInfo(session, lambda tensors, operator: True, after)
    for operator, layer in _last_layers(files, seen).items():
        for at, value in enumerate(seen[operator]):
            yield (layer, at), value


def _copied(mnn: Any, tensor: Any) -> Array:
    import numpy as np

    shape = tensor.getShape()
    host = mnn.Tensor(shape, tensor.getDataType(), np.zeros(shape, np.float32), mnn.Tensor_DimensionType_Caffe)
    tensor.copyToHostTensor(host)
    return np.array(host.getNumpyData(), np.float32)


def _last_layers(files: CaffeFiles, operators: dict[str, list[Array]]) -> dict[str, str]:
    """For each operator the last of the layers that are joined in it: those that are no operators themselves."""
    last = {name: name for name in operators}
    maker: dict[str, str] = {}
    for layer in files.layers:
        if layer.name in operators:
            source: str | None = layer.name
        else:
            source = maker.get(layer.bottoms[0]) if layer.type in _JOINED and len(layer.bottoms) == 1 else None
            if source is not None:
                last[source] = layer.name
        for top in layer.tops:
            maker.pop(top, None)
            if source is not None and len(layer.tops) == 1:
                maker[top] = source
    return last


def _shaped(value: Array, shape: tuple[int, ...]) -> Array:
    """A value in the network's shape, if it only has other axes of size 1: there are always four.

    Detections come without the number of the image, which is the first of seven in a row: it computes one at a time.
    """
    import numpy as np

    if shape[-1:] == (7,) and value.shape[-1:] == (6,):
        value = np.pad(value, [*[(0, 0)] * (value.ndim - 1), (1, 0)])
    if [each for each in value.shape if each != 1] == [each for each in shape if each != 1]:
        return value.reshape(shape)
    return value


RUNTIMES = (Mnn(),)
