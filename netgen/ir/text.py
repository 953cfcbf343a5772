"""The text form of a graph: what a person reads to see what a network is."""

from __future__ import annotations

from netgen.diag.columns import table as columns
from netgen.ir.filler import Filler
from netgen.ir.graph import UNKNOWN, Graph, Node, Shape, Value
from netgen.ir.kinds import REQUIRED, Arg, show
from netgen.ir.operator import WEIGHT_ARGS

_COLUMNS = ("layer", "operator", "shape", "parameters", "reads")
_TRAINING = frozenset(arg.name for arg in WEIGHT_ARGS if arg.name != "share")
"""How weights are filled and trained says nothing about what a network computes."""


def shape_text(shape: Shape) -> str:
    """A shape as people say it: ``1x64x56x56``."""
    if shape is UNKNOWN:
        return "?"
    return "x".join(map(str, shape)) if shape else "scalar"


def value_name(value: Value) -> str:
    """What a value is called: its layer's name, with a number where the layer makes several."""
    return value.node.name if len(value.node.outputs) == 1 else f"{value.node.name}:{value.index}"


def describe(node: Node) -> str:
    """A node's operator with its arguments as the language writes them, those at their defaults left out."""
    said = []
    for arg in node.op.args:
        value = node.a.get(arg.name)
        if arg.name in _TRAINING or value is None or _is_default(arg, value):
            continue
        by_position = arg.default is REQUIRED or not node.op.operands
        said.append(value_text(value) if by_position else f"{arg.name} = {value_text(value)}")
    return f"{node.op.name}({', '.join(said)})" if said else node.op.name


def value_text(value: object) -> str:
    """An argument's value as the language writes it; a (height, width) pair of equals as one number."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Filler):
        return repr(value)
    if isinstance(value, (tuple, list)):
        texts = [value_text(each) for each in value]
        return texts[0] if len(texts) == 2 and texts[0] == texts[1] else f"[{', '.join(texts)}]"
    return show(value)


def table(graph: Graph) -> str:
    """The whole graph, a line for each node; ``reads`` is left out where it is the line above."""
    rows: list[tuple[str, ...]] = [_COLUMNS]
    above: Node | None = None
    for node in graph.nodes:
        reads = [value_name(value) for value in node.inputs]
        follows = len(node.inputs) == 1 and node.inputs[0].node is above and len(node.inputs[0].node.outputs) == 1
        shapes = ", ".join(shape_text(value.shape) for value in node.outputs)
        count = sum(param.count for param in node.params if param.learned)
        row = (node.name, describe(node), shapes, f"{count:,}" if count else "", "" if follows else ", ".join(reads))
        rows.append(row)
        above = node
    return columns(rows, "lllrl")


def _is_default(arg: Arg, value: object) -> bool:
    """Whether an argument has its default, as it is written or as its kind accepts it."""
    return arg.default not in (REQUIRED, None) and value in (arg.default, arg.kind.accept(arg.default))
