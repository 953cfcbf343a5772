"""Accuracy: what is printed beside a loss, and what people mean when they say how good a network is."""

from __future__ import annotations

from netgen.formats.message import Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Node, Shape
from netgen.ir.kinds import Arg, Bool, Int
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling, Field
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Helper, Input, TorchSpelling
from netgen.ops.loss import IGNORE_LABEL, KEPT, count_onnx, label_each, labels_onnx
from netgen.ops.rules import axis_of

_RIGHT = Helper(
    "_right",
    '''
def _right(
    x: Tensor, labels: Tensor, top_k: int, axis: int, ignore_label: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Whether the right class is among the best, the classes, and which count.

    A class is among the best ``top_k`` if fewer others are as good or better.
    """
    labels = labels.reshape_as(x.select(axis, 0)).unsqueeze(axis)
    kept = _kept(labels, ignore_label)
    classes = labels.long().where(kept, 0)
    better = (x >= x.gather(axis, classes)).sum(axis, keepdim=True) - 1
    return (better < top_k) & kept, classes, kept
''',
    needs=[KEPT],
)

_ACCURACY = Helper(
    "_accuracy",
    '''
def _accuracy(
    x: Tensor,
    labels: Tensor,
    top_k: int = 1,
    axis: int = 1,
    ignore_label: int | None = None,
) -> Tensor:
    """The share of places whose right class is among the best."""
    right, _, kept = _right(x, labels, top_k, axis, ignore_label)
    return right.sum() / kept.sum().clamp(min=1)
''',
    needs=[_RIGHT],
)

_CLASS_ACCURACY = Helper(
    "_class_accuracy",
    '''
def _class_accuracy(
    x: Tensor,
    labels: Tensor,
    top_k: int = 1,
    axis: int = 1,
    ignore_label: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The share of places whose right class is among the best: of all, and by class."""
    right, classes, kept = _right(x, labels, top_k, axis, ignore_label)
    zeros = torch.zeros(x.size(axis), device=x.device)
    rights = zeros.index_add(0, classes.flatten(), right.flatten().float())
    totals = zeros.index_add(0, classes.flatten(), kept.flatten().float())
    return right.sum() / kept.sum().clamp(min=1), rights / totals.clamp(min=1)
''',
    needs=[_RIGHT],
)


def _accuracy_call(n: Node) -> Call:
    function = "_class_accuracy" if n.a.per_class else "_accuracy"
    return Call(function, Input(0), Input(1), top_k=n.a.top_k, axis=axis_of(n), ignore_label=n.a.ignore_label)


def _read_per_class(a: dict[str, object], layer: Message) -> bool:
    tops = len(get_all(layer, "top"))
    a["per_class"] = tops == 2
    return tops in (1, 2)


def _accuracy_onnx(n: Node) -> list[OnnxNode]:
    """A place is right if fewer than ``top_k`` classes besides the right one are as good or better."""
    a, axis = n.a, axis_of(n)
    counts = a.ignore_label is not None
    nodes = [
        *labels_onnx(n, axis),
        OnnxNode("GatherElements", (0, "classes"), ("score",), axis=axis),
        OnnxNode("GreaterOrEqual", (0, "score"), ("is_as_good",)),
        OnnxNode("Cast", ("is_as_good",), ("as_good",), to="float"),
        OnnxNode("ReduceSum", ("as_good", Const([axis])), ("rank",), keepdims=1),
        OnnxNode("LessOrEqual", ("rank", number(a.top_k)), ("is_right",)),
        *([OnnxNode("And", ("is_right", "kept"), ("is_right_and_kept",))] if counts else []),
        OnnxNode("Cast", ("is_right_and_kept" if counts else "is_right",), ("right",), to="float"),
    ]
    if counts:
        nodes += [
            OnnxNode("ReduceSum", ("right",), ("total",), keepdims=0),
            *count_onnx("kept", "count"),
            OnnxNode("Div", ("total", "count"), (0,)),
        ]
    else:
        nodes.append(OnnxNode("ReduceMean", ("right",), (0,), keepdims=0))
    return [*nodes, *_shares_onnx(n, axis)] if a.per_class else nodes


def _shares_onnx(n: Node, axis: int) -> list[OnnxNode]:
    """The second result: for each class how many were right of those that counted."""
    flat = Const([-1])
    counted = OnnxNode(
        "OneHot", ("class_of_each", Const([n.x[0][axis]]), Const([0.0, 1.0], "float")), ("all_of_class",)
    )
    of_class = "all_of_class"
    nodes = [
        OnnxNode("Reshape", ("classes", flat), ("class_of_each",)),
        OnnxNode("Reshape", ("right", flat), ("right_of_each",)),
        counted,
    ]
    if n.a.ignore_label is not None:
        of_class = "of_class"
        nodes += [
            OnnxNode("Reshape", ("flags", Const([-1, 1])), ("kept_of_each",)),
            OnnxNode("Mul", ("all_of_class", "kept_of_each"), ("of_class",)),
        ]
    return [
        *nodes,
        OnnxNode("MatMul", ("right_of_each", of_class), ("rights",)),
        OnnxNode("ReduceSum", (of_class, Const([0])), ("places",), keepdims=0),
        OnnxNode("Max", ("places", number(1.0)), ("places_at_least",)),
        OnnxNode("Div", ("rights", "places_at_least"), (1,)),
    ]


class Accuracy(Operator):
    """The share of right answers: the right class is among the ``top_k`` highest scores.

    Of equal scores none is higher: the right class must have fewer than ``top_k`` others that are as good or better.
    With ``per_class`` the shares of the single classes are a second result.
    """

    name = "accuracy"
    short = "accuracy"
    example = "accuracy(x, labels, 5)"
    example_shapes = {"labels": (1, 16, 16)}
    operands = ("x", "labels")
    choosing = frozenset({1})
    args = (
        Arg("top_k", Int(), 1, "how many of the best classes may be the right one"),
        Arg("axis", Int(-8, 7), 1, "the axis of the classes"),
        IGNORE_LABEL,
        Arg("per_class", Bool(), False, "whether the accuracy of each class is given as well"),
    )
    shape_rule = "a single number; with per_class also (classes,)"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        label_each(n, axis)
        classes = n.x[0][axis]
        if n.a.top_k > classes:
            raise Fault("NG208", "argument out of range", f"there are only {classes} classes", arg="top_k")
        return [(), (classes,)] if n.a.per_class else [()]

    caffe = CaffeSpelling(
        "Accuracy",
        "accuracy_param",
        Field("top_k", "top_k", 1),
        Field("axis", "axis", 1),
        Field("ignore_label", "ignore_label"),
        reads=_read_per_class,
    )
    torch = TorchSpelling(
        function=_accuracy_call,
        defaults={"top_k": 1, "axis": 1, "ignore_label": None},
        helpers=lambda n: [_CLASS_ACCURACY if n.a.per_class else _ACCURACY],
    )
    onnx = OnnxSpelling(_accuracy_onnx)
