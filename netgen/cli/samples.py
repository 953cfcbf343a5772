"""A small use of an operator, and what each target makes of it: derived from the operator's own spellings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import shorten

from netgen.diag import Source
from netgen.emit.caffe.plan import plan
from netgen.emit.caffe.text import render
from netgen.emit.torch.expression import bind, text
from netgen.ir.graph import Graph, Node
from netgen.ir.operator import Operator
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Expr, Name, TorchSpelling
from netgen.ir.text import shape_text
from netgen.lang import compile_source

TARGETS = {"caffe": "Caffe", "torch": "PyTorch", "onnx": "ONNX"}


class Sample:
    """The example call of an operator, compiled: what is known of it, and what the targets say for it."""

    def __init__(self, call: str, facts: str, said: dict[str, str]) -> None:
        self.call = call
        self.facts = facts
        self.said = said


def sample(op: type[Operator]) -> Sample:
    """Compile an operator's example."""
    call, source = example(op)
    graph, _ = compile_source(source)
    node = graph.nodes[-1]
    return Sample(call, _facts(node), {target: _said(target, graph, node) for target in TARGETS})


def example(op: type[Operator]) -> tuple[str, Source]:
    """An operator's example call, and a program of it alone."""
    if op.operands[-1:] and op.operands[-1].endswith("..."):
        operands = [name for name in ("x", "a", "b") if re.search(rf"\b{name}\b", op.example or "a b")]
    elif op.example:
        operands = [name for name in op.operands if re.search(rf"\b{name}\b", op.example)]
    else:
        operands = list(op.operands[: op.fewest])
    call = op.example or f"{op.name}({', '.join(operands)})"
    shapes = {operand: op.example_shapes.get(operand, (1, 8, 16, 16)) for operand in operands}
    inputs = "".join(f"    {name} = input({', '.join(map(str, shape))})\n" for name, shape in shapes.items())
    return call, Source("<example>", f"net Example() {{\n{inputs}    y = {call}\n}}\n")


def _facts(node: Node) -> str:
    """Shapes, weights and cost, in one line."""
    read = ", ".join(f"{value.node.name} {shape_text(value.shape)}" for value in node.inputs)
    made = ", ".join(shape_text(shape) for shape in node.y)
    facts = [f"{read} -> {made}" if read else made]
    facts += [f"{param.name} {shape_text(param.shape)}" for param in node.params]
    macs = node.op.macs(node)
    return "; ".join([*facts, f"{macs:,} multiply-accumulates"] if macs else facts)


def _said(target: str, graph: Graph, node: Node) -> str:
    refused = node.op.refuses(target, node)
    if refused is not None:
        return f"cannot say it: {refused.reason}" + (f"; {refused.hint}" if refused.hint else "")
    return {"caffe": _caffe, "torch": _torch, "onnx": _onnx}[target](graph, node)


def _caffe(graph: Graph, node: Node) -> str:
    layers = [layer for layer in plan(graph) if layer.node is node]
    forks = [f"# {layer.spelled.type} is of the {layer.spelled.fork} fork\n" for layer in layers if layer.spelled.fork]
    _, _, text = render(graph, layers).rstrip("\n").partition("\n")  # without the line of the net's name
    return "".join(forks) + text


def _torch(graph: Graph, node: Node) -> str:
    spelling = node.op.torch
    assert isinstance(spelling, TorchSpelling)
    names = [Name(value.node.name) for value in node.inputs]
    forms = [form(node) for form in (spelling.module, spelling.function) if form is not None]
    lines = [text(bind(_without(form, spelling.defaults), names)) for form in forms if form is not None]
    helpers = [f"# with a {helper.name} of its own, which is printed along" for helper in spelling.helpers(node)]
    return "\n".join(helpers + lines) or "# an argument of forward"


def _without(form: Expr, defaults: Mapping[str, object]) -> Expr:
    """A call without the keyword arguments that PyTorch assumes anyway."""
    if not isinstance(form, Call):
        return form
    said = {name: value for name, value in form.kwargs.items() if name not in defaults or defaults[name] != value}
    return Call(form.function, *form.args, **said)


def _onnx(graph: Graph, node: Node) -> str:
    spelling = node.op.onnx
    assert isinstance(spelling, OnnxSpelling)
    return "\n".join(_onnx_line(each, node) for each in spelling.nodes(node)) or "# an input of the graph"


def _onnx_line(each: OnnxNode, node: Node) -> str:
    inputs = [_onnx_input(given, node) for given in each.inputs]
    attributes = [f"{name}={value!r}" for name, value in each.attributes.items()]
    made = f"{', '.join(map(str, each.outputs))} = " if each.outputs else ""
    return f"{made}{each.type}({', '.join([*inputs, *attributes])})"


def _onnx_input(given: int | str | Const, node: Node) -> str:
    if isinstance(given, int):
        return node.inputs[given].node.name
    if isinstance(given, str):
        return given or "(none)"
    return shorten(str(given.values), 40, placeholder=" …]")
