"""A whole model: which layers are in it, what its values are called and how large they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen import __version__
from netgen.diag import Diagnostic, NetgenError
from netgen.emit.onnx.builder import Builder, operands
from netgen.emit.onnx.model import OnnxModel
from netgen.emit.onnx.names import Names, printable
from netgen.emit.onnx.opsets import Unsayable, opset_for
from netgen.emit.onnx.params import Parameters
from netgen.emit.onnx.sizes import Dims, Sizes, said_for_all
from netgen.emit.refusals import diagnostics_of, raise_refusals
from netgen.ir.graph import Graph, Node, Value
from netgen.ir.operator import Refused
from netgen.ir.slots import Key
from netgen.ir.spell_onnx import OnnxNode
from netgen.ir.text import value_name, value_text

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Arrays = Mapping[Key, np.ndarray[Any, Any]]


class Whole:
    """One graph as a model."""

    def __init__(self, graph: Graph, arrays: Arrays, opset: int | None = None, others: Sequence[Graph] = ()) -> None:
        if not graph.outputs:
            raise NetgenError([_without_result(graph)])
        self.graph = graph
        self.arrays = arrays
        self.said = said_of(graph, others)
        self.nodes = list(self.said)
        self.sizes = Sizes(graph, self.said, others)
        self.names = Names()
        self.values = self._values()
        self.outputs = list(dict.fromkeys(graph.outputs))
        self.builder = Builder(opset or opset_for(each for node in self.nodes for each in self.said[node]), self.names)
        self.params = Parameters(graph, self.names)
        self._add_layers()

    def _values(self) -> dict[Value, str]:
        """The names of all values, which are claimed before anything else is: inputs first, then layer by layer."""
        made = (value for node in self.nodes for value in node.outputs)
        return {value: self.names.claim(value_name(value)) for value in dict.fromkeys((*self.graph.inputs, *made))}

    def _add_layers(self) -> None:
        """The nodes of all layers; raises ``NetgenError`` with all that the opset cannot say."""
        found = []
        own = {self.values[value] for value in self.outputs}
        for node in self.nodes:
            if node.outputs and node.outputs[0] in self.graph.inputs:
                continue
            said, params = self.params.take(node, self.said[node])
            try:
                names = self.builder.add(
                    node.name,
                    said,
                    [self.values.get(value, "") for value in node.inputs],
                    [self.values[value] for value in node.outputs],
                    params=params,
                    made=own,
                )
            except Unsayable as fault:
                hint = "choose a newer opset, or leave the choice to netgen"
                found.append((node, Refused(str(fault), hint)))
                continue
            self.values.update(zip(node.outputs, names, strict=True))
        if found:
            raise NetgenError(diagnostics_of(found, "NG403", f"opset {self.builder.opset} cannot say this"))

    # --- the model --------------------------------------------------------------------------------

    def model(self) -> OnnxModel:
        from onnx import TensorProto, helper

        graph = self.graph
        shapes = self.params.shapes
        given = {name: key for name, key in self.params.keys.items() if key in self.arrays}
        lacking = {name: key for name, key in self.params.keys.items() if name not in given}
        weights = [TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shapes[name]) for name in given]
        parameters = [_info(name, shapes[name]) for name in lacking]
        made = helper.make_graph(
            self.builder.nodes,
            printable(graph.name) or "net",
            [*(_info(self.values[value], self.sizes.dims(value)) for value in graph.inputs), *parameters],
            [_info(self.values[value], self.sizes.dims(value)) for value in self.outputs],
            [*weights, *self.builder.constants],
            _text(graph.doc),
            self._between(),
        )
        opsets = [helper.make_opsetid("", self.builder.opset)]
        model = helper.make_model(
            made,
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
            producer_name="netgen",
            producer_version=__version__,
            doc_string=_text(graph.title or graph.doc),
        )
        helper.set_model_props(model, {name: _text(value_text(each)) for name, each in graph.root.args.items()})
        names = {(value.node.name, value.index): name for value, name in self.values.items()}
        return OnnxModel(model, names, given, lacking, self.arrays)

    def _between(self) -> list[onnx.ValueInfoProto]:
        """The shapes of the values on the way, as far as netgen knows them."""
        ends = {self.values[value] for value in (*self.graph.inputs, *self.outputs)}
        made = {name for node in self.builder.nodes for name in node.output}
        shapes = {name: self.sizes.dims(value) for value, name in self.values.items()}
        return [_info(name, dims) for name, dims in shapes.items() if name in made and name not in ends]


def said_of(graph: Graph, others: Sequence[Graph] = ()) -> dict[Node, list[OnnxNode]]:
    """What each node is in ONNX that an output depends on, and each input; raises ``NetgenError`` with all refusals.

    A node that is asked for nothing but its shape is not depended on.
    """
    nodes = _needed(graph, lambda node: node.inputs)
    raise_refusals(graph, "onnx", "NG403", "ONNX cannot say this", nodes)
    twins = {node: [other.nodes[at] for other in others] for at, node in enumerate(graph.nodes)}
    said = {node: said_for_all(node, twins[node]) for node in nodes}
    reads = {node: operands(each) for node, each in said.items()}
    kept = _needed(graph, lambda node: [value for at, value in enumerate(node.inputs) if at in reads[node]])
    return {node: said[node] for node in kept}


def _needed(graph: Graph, reads: Callable[[Node], Sequence[Value]]) -> list[Node]:
    """The nodes that the outputs depend on, and those of the inputs, in their order."""
    found = {value.node for value in graph.inputs}
    wanted = [value.node for value in graph.outputs]
    while wanted:
        node = wanted.pop()
        if node not in found:
            found.add(node)
            wanted += [value.node for value in reads(node)]
    return [node for node in graph.nodes if node in found]


def _info(name: str, dims: Dims) -> onnx.ValueInfoProto:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def _text(text: str) -> str:
    """A text that protobuf takes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _without_result(graph: Graph) -> Diagnostic:
    span = graph.nodes[-1].span if graph.nodes else None
    hint = "return something; for a prototxt, --end BLOB says what the net ends with"
    return Diagnostic("NG403", "ONNX cannot say this", span, "a net without a result computes nothing", hint=hint)
