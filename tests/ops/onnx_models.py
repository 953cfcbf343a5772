"""Models of one operator in ONNX, as the target makes them, and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

from netgen.emit.onnx import emit
from netgen.ir.graph import Graph, Node

Array = np.ndarray[Any, Any]


def model(n: Node, arrays: Mapping[str, Array], any_batch: bool = False, opset: int | None = None) -> onnx.ModelProto:
    """The operator as a model, checked with strict shape inference; with ``any_batch`` the batch has no fixed size."""
    made = emit(alone(n), {(n.name, name): array for name, array in arrays.items()}, opset=opset).proto
    if any_batch:
        _open_batch(made)
    onnx.checker.check_model(made, full_check=True)
    return made


def alone(n: Node) -> Graph:
    """A network of one node, whose results are the network's."""
    graph = Graph("test")
    graph.inputs = list(dict.fromkeys(n.inputs))
    graph.nodes = [*dict.fromkeys(value.node for value in n.inputs), n]
    graph.outputs = n.outputs
    return graph


def run_onnx(
    n: Node,
    inputs: Sequence[Array],
    arrays: Mapping[str, Array] | None = None,
    any_batch: bool = False,
    opset: int | None = None,
) -> list[Array]:
    """What ONNX Runtime computes."""
    made = model(n, arrays or {}, any_batch, opset)
    names = [each.name for each in made.graph.input]
    return run_model(made, dict(zip(names, inputs, strict=True)))


def run_model(made: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """What ONNX Runtime computes of a whole model, on one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(inputs)))


def _open_batch(made: onnx.ModelProto) -> None:
    """Forget the size of the first axis, which netgen knows for one batch only."""
    made.graph.ClearField("value_info")
    for value in (*made.graph.input, *made.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_param = "N"
