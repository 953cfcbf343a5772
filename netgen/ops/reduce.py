"""Operators that make many numbers into few."""

from __future__ import annotations

from math import prod

from netgen.ir.fault import Fault
from netgen.ir.graph import Node, Shape
from netgen.ir.kinds import Arg, Bool, Choice, Float, Int, Optional
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling, Field, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Helper, Infix, Input, Item, TorchSpelling
from netgen.ops.rules import axis_of, show_shape

# --- reduce ---------------------------------------------------------------------------------------

_OPERATIONS = {"sum": "SUM", "asum": "ASUM", "sumsq": "SUMSQ", "mean": "MEAN"}
_ONNX = {"sum": "ReduceSum", "asum": "ReduceL1", "sumsq": "ReduceSumSquare", "mean": "ReduceMean"}


def _reduced(n: Node) -> tuple[int, ...]:
    return tuple(range(axis_of(n), len(n.x[0])))


def _reduce_call(n: Node) -> Expr:
    operation = n.a.operation
    before = {"asum": ".abs", "sumsq": ".square"}.get(operation)
    x: Expr = Call(before, Input()) if before else Input()
    total = Call(".mean" if operation == "mean" else ".sum", x, dim=_reduced(n))
    return total if n.a.coeff == 1 else Infix("*", n.a.coeff, total)


def _reduce_onnx(n: Node) -> list[OnnxNode]:
    total = OnnxNode(_ONNX[n.a.operation], (0, Const(list(_reduced(n)))), keepdims=0)
    return chain(total) if n.a.coeff == 1 else chain(total, OnnxNode("Mul", (0, number(n.a.coeff))))


class Reduce(Operator):
    """One number in place of all axes from ``axis`` on: their sum or mean.

    Also the sum of absolute values (``asum``) or of squares (``sumsq``), each times ``coeff``.
    """

    name = "reduce"
    short = "reduce"
    example = 'reduce(x, "mean", axis = 2)'
    args = (
        Arg("operation", Choice(*_OPERATIONS), "sum", "what is computed; asum sums absolute values, sumsq squares"),
        Arg("axis", Int(-8, 7), 1, "the first axis that goes"),
        Arg("coeff", Float(), 1.0, "what the result is multiplied by"),
    )
    shape_rule = "x.shape[:axis]"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [n.x[0][: axis_of(n)]]

    caffe = CaffeSpelling(
        "Reduction",
        "reduction_param",
        Words("operation", "operation", _OPERATIONS, "SUM", always=True),
        Field("axis", "axis", 0),
        Field("coeff", "coeff", 1.0),
    )
    torch = TorchSpelling(function=_reduce_call, fresh=True)
    onnx = OnnxSpelling(_reduce_onnx)


# --- argmax ---------------------------------------------------------------------------------------

_LARGEST = Helper(
    "_largest",
    '''
def _largest(x: Tensor, axis: int, count: int) -> tuple[Tensor, Tensor]:
    """The largest values along an axis, and their places; of equals the last first."""
    values, places = x.flip(axis).sort(dim=axis, descending=True, stable=True)
    places = x.size(axis) - 1 - places
    return values.narrow(axis, 0, count), places.narrow(axis, 0, count).float()
''',
)

_LARGEST_OF_IMAGE = Helper(
    "_largest_of_image",
    '''
def _largest_of_image(x: Tensor, count: int, values: bool = False) -> Tensor:
    """The places of the largest values of each image, and ``values`` too, on axis 2."""
    best, places = _largest(x.reshape(x.size(0), -1), 1, count)
    both = torch.stack([places, best], 1) if values else places.unsqueeze(1)
    return both.reshape(both.shape + (1,) * (x.dim() - 3))
''',
    needs=[_LARGEST],
)


def _argmax_call(n: Node) -> Expr:
    a = n.a
    if a.axis is None:
        return Call("_largest_of_image", Input(), a.top_k, values=a.out_max_val)
    return Item(Call("_largest", Input(), a.axis, a.top_k), 0 if a.out_max_val else 1)


def _argmax_onnx(n: Node) -> list[OnnxNode]:
    """ONNX's TopK prefers the first of equal values: it is given them in reverse."""
    a = n.a
    axis = 1 if a.axis is None else axis_of(n)
    x: int | str = 0
    nodes = []
    if a.axis is None:
        nodes.append(OnnxNode("Flatten", (0,), ("flat",), axis=1))
        x = "flat"
    extent = _extent(n)
    nodes += [
        OnnxNode("Slice", (x, Const([-1]), Const([-extent - 1]), Const([axis]), Const([-1])), ("reversed",)),
        OnnxNode("TopK", ("reversed", Const([a.top_k])), ("values", "behind"), axis=axis),
        OnnxNode("Sub", (Const(extent - 1), "behind"), ("places",)),
        OnnxNode("Cast", ("places",), ("indices",), to="float"),
    ]
    if a.axis is not None:
        return [*nodes, OnnxNode("Identity", ("values" if a.out_max_val else "indices",))]
    both = ["indices", "values"] if a.out_max_val else ["indices"]
    spread = [OnnxNode("Unsqueeze", (each, Const([1])), (f"{each}_1",)) for each in both]
    joined = OnnxNode("Concat", [f"{each}_1" for each in both], ("both",), axis=1)
    shape = Const([0, len(both), a.top_k, *[1] * (len(n.y[0]) - 3)])
    return [*nodes, *spread, joined, OnnxNode("Reshape", ("both", shape))]


def _extent(n: Node) -> int:
    """Of how many values the largest are looked for."""
    if n.a.axis is not None:
        return n.x[0][axis_of(n)]
    return prod(n.x[0][1:])


class Argmax(Operator):
    """The places of the largest values, along an axis or in the whole image.

    With an axis it becomes ``top_k`` long and holds places, or values if ``out_max_val``. Without one the result is
    (N, 1, top_k) with places in the flattened image; ``out_max_val`` makes it (N, 2, top_k), places first. Axes of
    size 1 follow where the input has more than three. Places are floats, and of equal values the last wins.
    """

    name = "argmax"
    short = "argmax"
    args = (
        Arg("axis", Optional(Int(-8, 7)), None, "the axis that is searched; the whole image where it is not given"),
        Arg("top_k", Int(), 1, "how many of the largest"),
        Arg("out_max_val", Bool(), False, "whether the values are given: with an axis instead of the places"),
    )
    shape_rule = "x.shape with top_k on axis; without an axis (N, 1, top_k, 1...), or (N, 2, top_k, 1...)"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        a, x = n.a, n.x[0]
        extent = _extent(n)
        if a.top_k > extent:
            label = f"{show_shape(x)} has only {extent} values to choose from"
            raise Fault("NG208", "argument out of range", label, arg="top_k")
        if a.axis is None:
            return [(x[0], 2 if a.out_max_val else 1, a.top_k, *[1] * (len(x) - 3))]
        axis = axis_of(n)
        return [(*x[:axis], a.top_k, *x[axis + 1 :])]

    caffe = CaffeSpelling(
        "ArgMax",
        "argmax_param",
        Field("out_max_val", "out_max_val", False),
        Field("top_k", "top_k", 1),
        Field("axis", "axis"),
    )
    torch = TorchSpelling(
        function=_argmax_call,
        defaults={"values": False},
        helpers=lambda n: [_LARGEST_OF_IMAGE] if n.a.axis is None else [_LARGEST],
    )
    onnx = OnnxSpelling(_argmax_onnx)
