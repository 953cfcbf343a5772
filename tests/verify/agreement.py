"""One network in several runtimes: what they show is the same, unless it is said why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import prod, sqrt
from typing import Any

import numpy as np

from netgen.diag import NetgenError
from netgen.ir.graph import Graph, Instance, Node, Value
from netgen.ir.slots import Key
from netgen.verify.apart import Failure
from netgen.verify.compare import fits, measure, measure_rows
from netgen.verify.known import known_fault
from netgen.verify.onnx_runtime import OnnxRuntime, OnnxRuntimeOptimised
from netgen.verify.opencv_runtime import OpenCv, OpenCvAsItComes
from netgen.verify.runtime import Runtime, ValueKey
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import Torch
from netgen.weights import Weights
from netgen.weights.entry import held

Array = np.ndarray[Any, np.dtype[Any]]

OTHERS: Sequence[Runtime] = (OnnxRuntime(), OnnxRuntimeOptimised(), OpenCv(), OpenCvAsItComes())
"""Who is compared with PyTorch."""


class Seen(dict[ValueKey, Array]):
    """Looks at all values and keeps them."""

    def wants(self, key: ValueKey) -> bool:
        return True

    def see(self, key: ValueKey, value: Array) -> None:
        self[key] = np.array(value)


def alone(n: Node) -> Graph:
    """The network of one node and its inputs."""
    graph = Graph("alone")
    graph.root = n.instance
    graph.nodes = [item for item in n.instance.items if isinstance(item, Node)]
    graph.inputs, graph.outputs = list(dict.fromkeys(n.inputs)), list(n.outputs)
    return graph


def random_arrays(graph: Graph, seed: int = 0) -> dict[Key, Array]:
    """Random parameters; a variance is positive, and a sum of many products is as large as one of them."""
    random = np.random.default_rng(seed)
    made: dict[Key, Array] = {}
    for node in graph.nodes:
        for param in node.params:
            array = random.standard_normal(param.shape) / sqrt(prod(param.shape[1:]))
            array = np.abs(array) + 0.5 if param.name == "variance" else array
            made[node.name, param.name] = np.asarray(array, np.float32)
    return made


def subject_of(graph: Graph, arrays: Mapping[Key, Array]) -> Subject:
    return Subject(graph, Weights({key: held(f"{key[0]}.{key[1]}", array) for key, array in arrays.items()}))


def shown(runtime: Runtime, subject: Subject, inputs: Sequence[Array]) -> Seen | None:
    """What a runtime shows; None where its format cannot say the network, or the runtime says that it cannot."""
    seen = Seen()
    with suppress(NetgenError):
        runtime.run(subject, inputs, seen)
        return seen
    return None


def assert_agree(
    graph: Graph, arrays: Mapping[Key, Array], inputs: Sequence[Array], bound: float | None = None
) -> None:
    """All values that runtimes show are those of PyTorch, to a bound, but behind a known fault."""
    with subject_of(graph, arrays) as subject:
        wanted = Seen()
        Torch().run(subject, inputs, wanted)
        for runtime in OTHERS:
            spoilt = behind_faults(graph, runtime)
            try:
                seen = shown(runtime, subject, inputs)
            except Failure as error:
                if spoilt:
                    continue
                raise AssertionError(f"{runtime.name} refuses it, and no table says so: {_told(graph.root)}") from error
            assert seen is not None or may_refuse(graph, runtime), f"{runtime.name}: {_told(graph.root)}"
            if seen is not None:
                _compare(graph, runtime, seen, wanted, spoilt, bound=bound)


def may_refuse(graph: Graph, runtime: Runtime) -> bool:
    """Whether a format may lack words for the network: Caffe's dialects may, ONNX where operators say so."""
    return runtime.family != "onnxruntime" or any(node.op.refuses("onnx", node) for node in graph.nodes)


def behind_faults(graph: Graph, runtime: Runtime) -> set[Node]:
    """The nodes of which a runtime is known to compute something else, and all that reads what they make."""
    spoilt: set[Node] = set()
    for node in graph.nodes:
        if any(value.node in spoilt for value in node.inputs) or known_fault(runtime.name, node) is not None:
            spoilt.add(node)
    return spoilt


def _compare(
    graph: Graph, runtime: Runtime, seen: Seen, wanted: Seen, spoilt: set[Node], *, bound: float | None
) -> None:
    made = [value for value in graph.outputs if value.node not in spoilt and value.node.op.name != "identity"]
    outputs = {(value.node.name, value.index) for value in made}  # copies that nobody reads are not made
    assert outputs <= seen.keys() | _inputs(graph), f"{runtime.name} shows all outputs: {_told(graph.root)}"
    for node in graph.nodes:
        for value in node.outputs:
            key = node.name, value.index
            if node not in spoilt and key in seen and key in wanted:
                compare(value, seen[key], wanted[key], runtime, bound)


def _told(instance: Instance) -> str:
    nodes = [item for item in instance.items if isinstance(item, Node) and item.op.name != "input"]
    return "; ".join(f"{node.op.name} {dict(node.a)} of {node.x}" for node in nodes)


def _inputs(graph: Graph) -> set[ValueKey]:
    return {(value.node.name, value.index) for value in graph.inputs}


def compare(value: Value, got: Array, wanted: Array, runtime: Runtime, bound: float | None = None) -> None:
    """One value is what it should be, to the runtime's own bound if no other is given."""
    what = f"{runtime.name}: {value.node.name}: {_told(value.node.instance)}"
    most = runtime.bound if bound is None else bound
    if value.node.op.dynamic:
        assert measure_rows(wanted, got).error <= most, what
        return
    assert fits(wanted.shape, value), what
    assert got.shape == wanted.shape or _as_matrix(got, wanted), f"{what}: {got.shape} for {wanted.shape}"
    error = measure(wanted, got.reshape(wanted.shape)).error
    assert error <= most, f"{what}: {error:.2g}"


def _as_matrix(got: Array, wanted: Array) -> bool:
    """OpenCV's arrays have at least two axes."""
    return got.ndim == 2 > wanted.ndim and got.size == wanted.size
