"""MNN, on what its converter makes of the prototxt and the caffemodel that netgen writes for it.

Its Python tools are not used: ``MNN.tools`` installs packages and reports what is converted to a server. The converter
itself is a function of the extension ``_tools``. Both run in a process of their own: where the converter gives up, it
ends the process that it runs in.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from netgen.verify.apart import Crash, Failure, Job, compute
from netgen.verify.runtime import Runtime, ValueKey, Watcher

if TYPE_CHECKING:
    from netgen.verify.caffe_files import CaffeFiles, Place
    from netgen.verify.runtime import Array
    from netgen.verify.subject import Subject

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
        model = os.path.join(subject.folder, "net.mnn")
        _convert(files, model)
        shapes = {(node.name, at): shape for node in subject.graph.nodes for at, shape in enumerate(node.y)}
        keys: dict[Place, list[ValueKey]] = {}
        for key, place in files.places.items():
            keys.setdefault(place, []).append(key)
        job = {"model": model, "inputs": list(files.inputs)}
        made = {(name, at): value for (name, at), value in compute(f"{__name__}:values", job, inputs)}
        layers = _last_layers(files, {name for name, _ in made})
        for (name, at), value in made.items():
            for key in keys.get((layers[name], at), ()):
                if watcher.wants(key):
                    watcher.see(key, _shaped(value, shapes[key]))


RUNTIMES = (Mnn(),)


def _convert(files: CaffeFiles, model: str) -> None:
    """Write the model for MNN; raises where the converter gives up, with what it says."""
    said = ["-f", "CAFFE", "--modelFile", files.caffemodel, "--prototxt", files.prototxt]
    try:
        list(compute(f"{__name__}:convert", {"model": model, "arguments": [*said, "--bizCode", "netgen"]}))
    except Crash as crash:
        raise Failure(f"its converter gives up: {crash.last_words}") from None


def _last_layers(files: CaffeFiles, operators: Collection[str]) -> dict[str, str]:
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


# --- in a process of its own ----------------------------------------------------------------------


def convert(job: Job, arrays: Sequence[Array]) -> Iterator[tuple[str, Array]]:
    """Have a model converted. Nothing comes of it but a file; without one this ends the process, as MNN itself does."""
    import MNN  # noqa: F401 - the other finds its libraries through it

    import_module("_tools").mnnconvert(["mnnconvert", *job["arguments"], "--MNNModel", job["model"]])
    if not os.path.exists(job["model"]):
        raise SystemExit(1)
    return iter(())


def values(job: Job, inputs: Sequence[Array]) -> Iterator[tuple[tuple[str, int], Array]]:
    """What comes out of each operator of a model, under its name and the number of the output."""
    import MNN

    net = MNN.Interpreter(job["model"])
    if hasattr(net, "setSessionHint"):
        net.setSessionHint(*_PLAIN_SUMS)
    session = net.createSession({"numThread": os.cpu_count() or 1, "precision": "high", "backend": "CPU"})
    for name, value in zip(job["inputs"], inputs, strict=True):
        source = MNN.Tensor(value.shape, MNN.Halide_Type_Float, value, MNN.Tensor_DimensionType_Caffe)
        net.getSessionInput(session, name).copyFrom(source)
    seen: dict[str, list[Array]] = {}

    def after(tensors: Sequence[Any], operator: Any) -> bool:
        seen[operator.getName()] = [_copied(MNN, each) for each in tensors]
        return True

    net.runSessionWithCallBackInfo(session, lambda tensors, operator: True, after)
    for name, made in seen.items():
        for at, value in enumerate(made):
            yield (name, at), value


def _copied(mnn: Any, tensor: Any) -> Array:
    import numpy as np

    shape = tensor.getShape()
    host = mnn.Tensor(shape, tensor.getDataType(), np.zeros(shape, np.float32), mnn.Tensor_DimensionType_Caffe)
    tensor.copyToHostTensor(host)
    return np.array(host.getNumpyData(), np.float32)
