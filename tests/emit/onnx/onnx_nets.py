"""Networks as ONNX models, with weights by chance, and what is to be seen of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx_models import run_model

from netgen.diag import Source
from netgen.ir.graph import Graph
from netgen.ir.slots import Key
from netgen.ir.text import value_name
from netgen.lang import compile_source

Array = np.ndarray[Any, np.dtype[np.float32]]


def graph_of(body: str, before: str = "") -> Graph:
    """The graph of a net of some statements."""
    return compile_source(Source("a.net", f"{before}\nnet A() {{\n{body}\n}}\n"))[0]


def weights_of(graph: Graph, seed: int = 0) -> dict[Key, Array]:
    """Arrays with which numbers keep their size on the way."""
    random = np.random.default_rng(seed)
    made = {}
    for node in graph.nodes:
        for param in node.params:
            spread = np.float32(prod(param.shape[1:]) ** -0.5)
            array = random.standard_normal(param.shape, np.float32) * spread
            if param.name == "variance" or (param.name == "weight" and len(param.shape) == 1):
                array = random.uniform(0.5, 1.5, param.shape).astype(np.float32)
            made[node.name, param.name] = array
    return made


def inputs_of(graph: Graph, seed: int = 1) -> dict[str, Array]:
    """Random inputs, by name."""
    random = np.random.default_rng(seed)
    return {value_name(value): random.standard_normal(value.shape).astype(np.float32) for value in graph.inputs}


def run(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What ONNX Runtime computes, by name."""
    return dict(zip([each.name for each in model.graph.output], run_model(model, inputs), strict=True))


def assert_close(one: Array, other: Array, tolerance: float = 1e-5) -> None:
    """Equal but for the order of sums; ``tolerance`` is a share of the largest number."""
    assert one.shape == other.shape
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(initial=0), 1e-30))


def inferred(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """The shape of every value as ONNX itself infers it, without being told any but the inputs'."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    bare.graph.ClearField("value_info")
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True).graph
    found = {each.name: _dims(each) for each in (*graph.input, *graph.value_info, *graph.output)}
    return {**found, **{each.name: list(each.dims) for each in graph.initializer}}


def declared(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """The shape of every value as the model says it."""
    graph = model.graph
    return {each.name: _dims(each) for each in (*graph.input, *graph.value_info, *graph.output)}


def _dims(info: onnx.ValueInfoProto) -> list[int | None]:
    dims = info.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]


def operators(model: onnx.ModelProto) -> list[str]:
    """The types of its nodes, in their order."""
    return [node.op_type for node in model.graph.node]
