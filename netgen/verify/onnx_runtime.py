"""ONNX Runtime, on the model that netgen writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

from netgen.verify.runtime import Runtime, ValueKey, Watcher
from netgen.weights import save_onnx

if TYPE_CHECKING:
    from netgen.verify.runtime import Array
    from netgen.verify.subject import Subject

MOST = 1 << 26
"""How many numbers a session gives out: it holds all of them at once."""


class OnnxRuntime(Runtime):
    """Layer by layer: every value is an output of the model, so that nothing can be joined with anything."""

    name = "onnxruntime"
    family = "onnxruntime"
    about = "ONNX Runtime on the ONNX model, layer by layer"
    extra = "verify"
    optimises = False

    def missing(self) -> str | None:
        lacking = next((name for name in ("onnxruntime", "onnx") if find_spec(name) is None), None)
        return f"the package `{lacking}` is not installed" if lacking else None

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        model = subject.onnx
        names = [model.names[value.node.name, value.index] for value in subject.graph.inputs]
        outputs = {(value.node.name, value.index) for value in subject.graph.outputs}
        keys = [key for key in model.names if watcher.wants(key) and (key in outputs or not self.only_outputs)]
        for group in _groups(subject, keys):
            wanted = list(dict.fromkeys(model.names[key] for key in group))
            session = _session(subject, wanted, optimises=self.optimises)
            taken = {each.name for each in session.get_inputs()}
            feeds = {name: value for name, value in zip(names, inputs, strict=True) if name in taken}
            made = dict(zip(wanted, session.run(wanted, feeds), strict=True))
            for key in group:
                watcher.see(key, made[model.names[key]])


class OnnxRuntimeOptimised(OnnxRuntime):
    """As programs use it: with all that it knows to make the model fast."""

    name = "onnxruntime-fused"
    about = "ONNX Runtime with all its optimisations: outputs only"
    only_outputs = True
    optimises = True


def _groups(subject: Subject, keys: Sequence[ValueKey]) -> Iterator[list[ValueKey]]:
    """The values in groups of at most so many numbers; the model is computed once for each."""
    shapes = {(node.name, at): shape for node in subject.graph.nodes for at, shape in enumerate(node.y)}
    group: list[ValueKey] = []
    total = 0
    for key in keys:
        total += prod(shapes[key])
        if total > MOST and group:
            yield group
            group, total = [], prod(shapes[key])
        group.append(key)
    if group:
        yield group


def _session(subject: Subject, outputs: Sequence[str], *, optimises: bool) -> Any:
    """A session that gives the values of some names."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimises else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = os.path.join(subject.folder, "net.onnx")
    _save(subject, outputs, path)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _save(subject: Subject, outputs: Sequence[str], path: str) -> None:
    """Write the model with other outputs, its weights beside it: the very files that users get, read by pieces."""
    from onnx import ValueInfoProto

    model = subject.onnx
    graph = model.skeleton.graph
    own = list(graph.output)
    typed = {each.name: each for each in (*graph.value_info, *own, *graph.input)}
    try:
        del graph.output[:]
        graph.output.extend(typed.get(name) or ValueInfoProto(name=name) for name in outputs)
        arrays = {name: subject.weights.entries[key] for name, key in model.weights.items()}
        save_onnx(path, model.skeleton, arrays, external=True)
    finally:
        del graph.output[:]
        graph.output.extend(own)


RUNTIMES = (OnnxRuntime(), OnnxRuntimeOptimised())
