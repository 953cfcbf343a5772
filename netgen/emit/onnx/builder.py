"""ONNX's nodes from netgen's spellings: names for all values, constants, attributes of the right type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen.emit.onnx.names import Names
from netgen.emit.onnx.opsets import said_in, schema
from netgen.ir.spell_onnx import Body, Const, OnnxNode

if TYPE_CHECKING:
    import onnx

Operand = int | str | Const


class Builder:
    """The nodes and constants of a model, layer by layer."""

    def __init__(self, opset: int, names: Names) -> None:
        self.opset = opset
        self.names = names
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(
        self,
        layer: str,
        said: Sequence[OnnxNode],
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        params: Mapping[str, str],
        made: Collection[str] = (),
    ) -> list[str]:
        """Take in what a layer says, and return what its outputs are called.

        That is what ``outputs`` wants, or the name of the very value that an output is: an Identity is no node, unless
        its result is one of those that are to be ``made``. Raises ``Unsayable`` where the opset cannot say a node.
        """
        return _Layer(self, layer, inputs=inputs, outputs=outputs, known=params, made=made).add(said)


class _Layer:
    """The nodes of one layer. ``known`` has the names of values by what the spelling calls them."""

    def __init__(
        self,
        builder: Builder,
        name: str,
        *,
        inputs: Sequence[str],
        outputs: Sequence[str],
        known: Mapping[str, str],
        made: Collection[str],
    ) -> None:
        self.builder = builder
        self.name = name
        self.inputs = inputs
        self.outputs = list(outputs)
        self.known = dict(known)
        self.made = made
        self.constants: dict[tuple[object, ...], str] = {}

    def add(self, said: Sequence[OnnxNode]) -> list[str]:
        opset = self.builder.opset
        nodes = [each for node in said for each in said_in(opset, node)]
        if nodes and not nodes[-1].outputs:
            last = nodes[-1]
            nodes[-1] = OnnxNode(last.type, last.inputs, range(len(self.outputs)), **last.attributes)
        for node in nodes:
            if not self._is_other_name(node):
                self.builder.nodes.append(self._node(node))
        return self.outputs

    def _is_other_name(self, node: OnnxNode) -> bool:
        """Whether a node only gives a value another name; then both have one."""
        (output, *more) = node.outputs
        if node.type != "Identity" or more or (isinstance(output, int) and self.outputs[output] in self.made):
            return False
        (operand,) = node.inputs
        if isinstance(output, int):
            wanted = self.outputs[output]
            self.outputs[output] = self._constant(operand, wanted) if isinstance(operand, Const) else self._of(operand)
        else:
            self.known[output] = self._operand(node, 0)
        return True

    def _node(self, node: OnnxNode, kept: Collection[str] = ()) -> onnx.NodeProto:
        from onnx import helper

        operands = [self._operand(node, at) for at in range(len(node.inputs))]
        attributes = [self._attribute(node, name, value) for name, value in node.attributes.items()]
        results = [self._result(output, kept) for output in node.outputs]
        made = helper.make_node(node.type, operands, results, name=results[0])
        made.attribute.extend(attributes)
        return made

    def _result(self, output: int | str, kept: Collection[str]) -> str:
        if isinstance(output, int):
            return self.outputs[output]
        if output and output not in kept:
            self.known[output] = self.builder.names.claim(f"{self.name}/{output}")
        return self.known[output] if output else ""

    # --- operands ---------------------------------------------------------------------------------

    def _operand(self, node: OnnxNode, at: int) -> str:
        operand = node.inputs[at]
        if isinstance(operand, Const):
            return self._constant(operand, f"{self.name}/{_role(node.type, at, self.builder.opset)}", shared=True)
        return self._of(operand)

    def _of(self, operand: int | str) -> str:
        if isinstance(operand, int):
            return self.inputs[operand]
        return self.known[operand] if operand else ""

    def _constant(self, const: Const, wanted: str, *, shared: bool = False) -> str:
        """The name of a constant; within a layer equal ones are one, if they may be ``shared``."""
        import numpy as np
        from onnx import TensorProto, helper, numpy_helper

        array = np.asarray(const.values, helper.tensor_dtype_to_np_dtype(getattr(TensorProto, const.type.upper())))
        key = (array.dtype.str, array.shape, array.tobytes())
        if not shared:
            name = wanted
        elif key in self.constants:
            return self.constants[key]
        else:
            name = self.constants[key] = self.builder.names.claim(wanted)
        self.builder.constants.append(numpy_helper.from_array(array, name))
        return name

    # --- attributes -------------------------------------------------------------------------------

    def _attribute(self, node: OnnxNode, name: str, value: Any) -> onnx.AttributeProto:
        """An attribute as its operator declares it: 1 may be a float, and ``"int64"`` the number of an element type."""
        from onnx import defs, helper

        known = schema(node.type, self.builder.opset)
        assert known is not None, node.type
        kind, kinds = known.attributes[name].type, defs.OpSchema.AttrType
        if isinstance(value, Body):
            value = self._body(value)
        elif kind == kinds.INT and isinstance(value, str):
            value = _element_type(value)
        elif kind == kinds.FLOAT:
            value = float(value)
        elif kind == kinds.FLOATS:
            value = [float(each) for each in value]
        return helper.make_attribute(name, value)

    def _body(self, body: Body) -> onnx.GraphProto:
        """A graph inside a node. Its constants stand outside, where they are made once."""
        from onnx import ValueInfoProto, helper

        for name in dict.fromkeys((*body.inputs, *body.outputs)):
            self.known[name] = self.builder.names.claim(f"{self.name}/{name}")
        inputs = [
            helper.make_tensor_value_info(self.known[name], _element_type(each), None)
            for name, each in body.inputs.items()
        ]
        outputs = [ValueInfoProto(name=self.known[name]) for name in body.outputs]
        nodes = [self._node(each, kept=body.outputs) for each in body.nodes]
        return helper.make_graph(nodes, self.builder.names.claim(f"{self.name}/body"), inputs, outputs)


def operands(said: Sequence[OnnxNode]) -> Counter[int | str]:
    """What nodes read besides constants, and how often, in the graphs inside them too."""
    found: Counter[int | str] = Counter()
    for node in said:
        found.update(operand for operand in node.inputs if not isinstance(operand, Const))
        for value in node.attributes.values():
            if isinstance(value, Body):
                found += operands(value.nodes)
    return found


def _element_type(name: str) -> int:
    from onnx import TensorProto

    return int(TensorProto.DataType.Value(name.upper()))


def _role(type: str, at: int, opset: int) -> str:
    """What an operator calls one of its inputs, where that is a word."""
    from onnx import defs

    known = schema(type, opset)
    assert known is not None, type
    if at >= len(known.inputs) or known.inputs[at].option == defs.OpSchema.FormalParameterOption.Variadic:
        return "constant"
    name = known.inputs[at].name
    return name if len(name) > 1 else "constant"
