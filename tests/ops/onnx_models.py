"""Models of one operator in ONNX, made from its spelling and run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from netgen.ir.graph import Node, Shape
from netgen.ir.spell_onnx import Body, Const, OnnxNode, OnnxSpelling

Array = np.ndarray[Any, Any]

_TYPES = {
    "float": (TensorProto.FLOAT, np.float32),
    "int64": (TensorProto.INT64, np.int64),
    "bool": (TensorProto.BOOL, np.bool_),
}


def model(n: Node, arrays: Mapping[str, Array], any_batch: bool = False) -> onnx.ModelProto:
    """The operator as a model, checked with strict shape inference; with ``any_batch`` the batch has no fixed size."""
    spelling = n.op.onnx
    assert isinstance(spelling, OnnxSpelling)
    graph = _Graph(n, arrays)
    said = spelling.nodes(n)
    for i, each in enumerate(said):
        graph.add(each, [f"y{j}" for j in range(len(n.outputs))] if i == len(said) - 1 else [])
    made = helper.make_model(graph.proto(any_batch), opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(made, full_check=True)
    return made


def run_onnx(
    n: Node, inputs: Sequence[Array], arrays: Mapping[str, Array] | None = None, any_batch: bool = False
) -> list[Array]:
    """What ONNX Runtime computes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    data = model(n, arrays or {}, any_batch).SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {f"x{i}": x for i, x in enumerate(inputs)}))


class _Graph:
    """A graph that grows node by node."""

    def __init__(self, n: Node, arrays: Mapping[str, Array]) -> None:
        self.n = n
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]

    def add(self, said: OnnxNode, outputs: list[str]) -> None:
        self.nodes.append(self._node(said, outputs))

    def _node(self, said: OnnxNode, outputs: list[str]) -> onnx.NodeProto:
        names = [self._name(operand) for operand in said.inputs]
        attributes: dict[str, Any] = {name: self._attribute(value) for name, value in said.attributes.items()}
        made = [f"y{each}" if isinstance(each, int) else each for each in said.outputs]
        return helper.make_node(said.type, names, made or outputs, **attributes)

    def proto(self, any_batch: bool) -> onnx.GraphProto:
        inputs = [_info(f"x{i}", shape, any_batch) for i, shape in enumerate(self.n.x)]
        outputs = [_info(f"y{i}", shape, any_batch, self.n.op.dynamic) for i, shape in enumerate(self.n.y)]
        return helper.make_graph(self.nodes, "test", inputs, outputs, self.constants)

    def _name(self, operand: int | str | Const) -> str:
        if isinstance(operand, int):
            return f"x{operand}"
        if isinstance(operand, str):
            return operand
        name = f"constant{len(self.constants)}"
        array: Array = np.asarray(operand.values, _TYPES[operand.type][1])
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _attribute(self, value: object) -> object:
        if isinstance(value, Body):
            inputs = [helper.make_tensor_value_info(name, _TYPES[each][0], None) for name, each in value.inputs.items()]
            outputs = [onnx.ValueInfoProto(name=name) for name in value.outputs]
            return helper.make_graph([self._node(each, []) for each in value.nodes], "body", inputs, outputs)
        return _TYPES[value][0] if isinstance(value, str) and value in _TYPES else value


def _info(name: str, shape: Shape, any_batch: bool, dynamic: Collection[int] = ()) -> onnx.ValueInfoProto:
    dims: list[int | str | None] = [f"d{axis}" if axis in dynamic else dim for axis, dim in enumerate(shape)]
    if any_batch and dims:
        dims[0] = "N"
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
