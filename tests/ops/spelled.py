"""Runs what operators say in PyTorch: an expression becomes text, and the text is executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netgen.emit.torch.expression import bind as bind_inputs
from netgen.emit.torch.expression import text
from netgen.ir.graph import Graph, Node, Shape, Value
from netgen.ir.spell_torch import Helper, Name, TorchSpelling
from netgen.ops import OPERATORS, bind

Arrays = Mapping[str, np.ndarray[Any, Any]]


def node(op: str, *shapes: Shape, **given: object) -> Node:
    """One operator applied to inputs of some shapes."""
    graph = Graph("test")
    inputs = []
    for i, shape in enumerate(shapes):
        dims = dict(zip([arg.name for arg in OPERATORS["input"].args], shape, strict=False))
        inputs += graph.add(
            Node(OPERATORS["input"], bind(OPERATORS["input"], dims), [], f"x{i}", instance=graph.root, spans={})
        )
    made = Node(OPERATORS[op], bind(OPERATORS[op], given), inputs, op, instance=graph.root, spans={})
    graph.add(made)
    return made


def fits(shape: Shape, value: Value) -> bool:
    """Whether a shape is the one inferred, or smaller on axes whose size only the values tell."""
    dynamic, inferred = value.node.op.dynamic, value.shape
    if len(shape) != len(inferred):
        return False
    return all(a == b or (axis in dynamic and a < b) for axis, (a, b) in enumerate(zip(shape, inferred, strict=True)))


def spelling(n: Node) -> TorchSpelling:
    assert isinstance(n.op.torch, TorchSpelling)
    return n.op.torch


def module_text(n: Node) -> str:
    """The constructor call, or nothing."""
    make = spelling(n).module
    call = make(n) if make is not None else None
    return text(call) if call is not None else ""


def function_text(n: Node) -> str:
    """The expression on ``x0``, ``x1`` …, or nothing."""
    make = spelling(n).function
    expr = make(n) if make is not None else None
    return text(bind_inputs(expr, _names(n))) if expr is not None else ""


def _operands_text(n: Node) -> str:
    """What the module is called with: all inputs, or what is made of them before."""
    make = spelling(n).before
    expr = make(n) if make is not None else None
    return text(bind_inputs(expr, _names(n))) if expr is not None else ", ".join(name.text for name in _names(n))


def _names(n: Node) -> list[Name]:
    return [Name(f"x{i}") for i in range(len(n.inputs))]


def with_needs(helpers: Sequence[Helper]) -> list[Helper]:
    """Helpers behind those that they need."""
    found: list[Helper] = []
    for helper in helpers:
        found += [each for each in [*with_needs(helper.needs), helper] if each not in found]
    return found


def namespace(n: Node) -> dict[str, Any]:
    """The names that an emitted file has: PyTorch's, and the node's helpers."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor}
    for helper in with_needs(spelling(n).helpers(n)):
        exec(helper.source, names)
    return names


class Layer(nn.Module):
    """One node as a module: its module form, or its function form where ``function`` says so."""

    def __init__(self, n: Node, function: bool | None = None) -> None:
        super().__init__()
        wanted = not module_text(n) if function is None else function
        self.inner: nn.Module | None = None
        names = namespace(n)
        source = function_text(n)
        if not wanted:
            self.inner = eval(module_text(n), names)
            names["inner"] = self.inner
            source = f"inner({_operands_text(n)})"
        arguments = ", ".join(f"x{i}" for i in range(len(n.inputs)))
        self.compute = eval(f"lambda {arguments}: {source}", names)

    def forward(self, *inputs: Tensor) -> Any:
        return self.compute(*inputs)


def layer(n: Node, arrays: Arrays | None = None, function: bool | None = None) -> Layer:
    """The node as a module in evaluation mode that holds the given parameters."""
    made = Layer(n, function)
    attributes = spelling(n).params
    for name, array in (arrays or {}).items():
        target = getattr(made.inner, attributes.get(name, name))
        assert target.numel() == array.size, f"{name} has {target.numel()} elements, not {array.size}"
        with torch.no_grad():
            target.copy_(torch.from_numpy(np.array(array)).reshape(target.shape))
    return made.eval()


def outputs(module: Callable[..., Any], inputs: Sequence[Tensor]) -> list[Tensor]:
    """What a module returns, as a list."""
    result = module(*inputs)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def run(n: Node, inputs: Sequence[Tensor], arrays: Arrays | None = None, function: bool | None = None) -> list[Tensor]:
    """The outputs of a node for some inputs."""
    with torch.no_grad():
        return outputs(layer(n, arrays, function), inputs)
