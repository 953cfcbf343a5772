"""How operators are spelled in ONNX: the nodes that compute one operator, at opset 18 and later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netgen.ir.graph import Node
    from netgen.ir.operator import Refused


class Const:
    """A constant tensor: nested lists of numbers with an ONNX element type (``float``, ``int64``, ``bool``)."""

    __slots__ = ("type", "values")

    def __init__(self, values: object, type: str = "int64") -> None:
        self.values = values
        self.type = type


def number(value: float) -> Const:
    """A constant float without axes."""
    return Const(value, "float")


class OnnxNode:
    """One ONNX node.

    ``inputs``: a number is the operator's own input, a ``Const`` a constant, ``""`` an input left out, and a string
    the operator's parameter of that name or else the result of an earlier node of the same spelling.
    ``outputs`` name its results, or have a number where it is that output of the operator; the spelling's last node
    makes the operator's outputs when it names none.
    """

    __slots__ = ("attributes", "inputs", "outputs", "type")

    def __init__(
        self,
        type: str,
        inputs: Sequence[int | str | Const] = (0,),
        outputs: Sequence[str | int] = (),
        **attributes: Any,
    ) -> None:
        self.type = type
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.attributes = attributes


class Body:
    """A graph inside a node: what a Scan or a Loop does at each turn. It is the value of an attribute.

    ``inputs`` are the names of what each turn is given, with the element type of each, and ``outputs`` the names of
    what it hands on. Its nodes may also take what stands outside: the operator's inputs and parameters, and results
    of earlier nodes. No name of a spelling is used twice, be it inside or outside.
    """

    __slots__ = ("inputs", "nodes", "outputs")

    def __init__(self, inputs: Mapping[str, str], nodes: Sequence[OnnxNode], outputs: Sequence[str]) -> None:
        self.inputs = inputs
        self.nodes = nodes
        self.outputs = outputs


def chain(*nodes: OnnxNode) -> list[OnnxNode]:
    """Nodes of which each takes the result of the one before as its first input; none at all is the identity."""
    for i, (node, following) in enumerate(pairwise(nodes), 1):
        if not node.outputs:
            node.outputs = (f"step{i}",)
        following.inputs = (node.outputs[0], *following.inputs[1:])
    return list(nodes) or [OnnxNode("Identity")]


class OnnxSpelling:
    """The nodes of an operator, as a function of the netgen node.

    ``flexible`` are nodes that are the same for inputs of other sizes, where those are others and more: they stand in
    models that leave sizes open.
    """

    def __init__(
        self,
        nodes: Callable[[Node], list[OnnxNode]],
        refuses: Callable[[Node], Refused | None] | None = None,
        flexible: Callable[[Node], list[OnnxNode]] | None = None,
    ) -> None:
        self.nodes = nodes
        self.refuses = refuses
        self.flexible = flexible
