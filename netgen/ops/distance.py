"""Losses of distances: from a margin, and between tensors."""

from __future__ import annotations

from math import prod

from netgen.ir.fault import Fault
from netgen.ir.graph import Node, Shape
from netgen.ir.kinds import Arg, Bool, Choice, Float
from netgen.ir.spell_caffe import CaffeSpelling, Field, Sub, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Helper, Infix, Input, TorchSpelling
from netgen.ops.loss import (
    LOSS_WEIGHT,
    WEIGHT,
    Loss,
    class_of_each_image,
    label_each_image,
    read_loss,
    same_batch,
    same_count,
)
from netgen.ops.rules import same_shapes, show_shape

# --- from a margin --------------------------------------------------------------------------------

_HINGE_LOSS = Helper(
    "_hinge_loss",
    '''
def _hinge_loss(x: Tensor, labels: Tensor, norm: str = "l1") -> Tensor:
    """Hinge loss of each class against all others, the mean over the batch."""
    scores = x.flatten(1)
    signs = torch.ones_like(scores).scatter(1, labels.long().reshape(-1, 1), -1)
    margins = F.relu(1 + signs * scores)
    return (margins if norm == "l1" else margins.square()).sum() / x.size(0)
''',
)


def _hinge_loss_onnx(n: Node) -> list[OnnxNode]:
    signs = Const([1.0, -1.0], "float")
    squares = [] if n.a.norm == "l1" else [OnnxNode("Mul", ("margins", "margins"), ("squares",))]
    return [
        *class_of_each_image(-1),
        OnnxNode("Flatten", (0,), ("scores",), axis=1),
        OnnxNode("OneHot", ("classes", Const([prod(n.x[0][1:])]), signs), ("signs",)),
        OnnxNode("Mul", ("signs", "scores"), ("wrong",)),
        OnnxNode("Add", ("wrong", number(1.0)), ("beyond",)),
        OnnxNode("Relu", ("beyond",), ("margins",)),
        *squares,
        OnnxNode("ReduceSum", ("squares" if squares else "margins", Const([1])), ("losses",), keepdims=0),
        OnnxNode("ReduceMean", ("losses",), keepdims=0),
    ]


class HingeLoss(Loss):
    """Hinge loss of one class against all.

    max(0, 1 - x) of the right class and max(0, 1 + x) of the others are summed, or their squares with norm "l2", and
    divided by the size of the batch.
    """

    name = "hinge_loss"
    example = "hinge_loss(x, labels)"
    example_shapes = {"x": (32, 10), "labels": (32,)}
    operands = ("x", "labels")
    choosing = frozenset({1})
    args = (Arg("norm", Choice("l1", "l2"), "l1", "whether the margins or their squares are summed"), LOSS_WEIGHT)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        label_each_image(n)
        return [()]

    caffe = CaffeSpelling(
        "HingeLoss",
        "",
        WEIGHT,
        Sub("hinge_loss_param", Words("norm", "norm", {"l1": "L1", "l2": "L2"}, "L1")),
        reads=read_loss,
    )
    torch = TorchSpelling(
        function=lambda n: Call("_hinge_loss", Input(0), Input(1), norm=n.a.norm),
        defaults={"norm": "l1"},
        helpers=[_HINGE_LOSS],
    )
    onnx = OnnxSpelling(_hinge_loss_onnx)


# --- between tensors ------------------------------------------------------------------------------


def _as_first_onnx(n: Node) -> list[OnnxNode]:
    """``other``: the second tensor in the shape of the first."""
    return [OnnxNode("Reshape", (1, Const([-1, *n.x[0][1:]])), ("other",))]


def mean_of_images_onnx(losses: str, made: str | int = "mean") -> list[OnnxNode]:
    """The mean over the images of what the losses of each sum up to."""
    return [
        OnnxNode("Flatten", (losses,), ("by_image",), axis=1),
        OnnxNode("ReduceSum", ("by_image", Const([1])), ("sums",), keepdims=0),
        OnnxNode("ReduceMean", ("sums",), (made,), keepdims=0),
    ]


_EUCLIDEAN_LOSS = Helper(
    "_euclidean_loss",
    '''
def _euclidean_loss(x: Tensor, y: Tensor) -> Tensor:
    """Half the sum of squared differences, over the size of the batch."""
    return F.mse_loss(x, y.reshape_as(x), reduction="sum") / (2 * x.size(0))
''',
)


def _euclidean_loss_onnx(n: Node) -> list[OnnxNode]:
    return [
        *_as_first_onnx(n),
        OnnxNode("Sub", (0, "other"), ("difference",)),
        OnnxNode("Mul", ("difference", "difference"), ("squares",)),
        *mean_of_images_onnx("squares"),
        OnnxNode("Div", ("mean", number(2.0))),
    ]


class EuclideanLoss(Loss):
    """Half the sum of squared differences, divided by the size of the batch."""

    name = "euclidean_loss"
    example = "euclidean_loss(x, y)"
    operands = ("x", "y")
    args = (LOSS_WEIGHT,)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        same_count(n)
        return [()]

    caffe = CaffeSpelling("EuclideanLoss", "", WEIGHT, reads=read_loss)
    torch = TorchSpelling(function=lambda n: Call("_euclidean_loss", Input(0), Input(1)), helpers=[_EUCLIDEAN_LOSS])
    onnx = OnnxSpelling(_euclidean_loss_onnx)


def _l1_loss_onnx(n: Node) -> list[OnnxNode]:
    return [
        OnnxNode("Sub", (0, 1), ("difference",)),
        OnnxNode("Abs", ("difference",), ("distances",)),
        *mean_of_images_onnx("distances", 0),
    ]


class L1Loss(Loss):
    """The sum of absolute differences, divided by the size of the batch."""

    name = "l1_loss"
    example = "l1_loss(x, y)"
    operands = ("x", "y")
    args = (LOSS_WEIGHT,)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        same_shapes(n)
        return [()]

    caffe = CaffeSpelling("L1Loss", "", WEIGHT, reads=read_loss, fork="nvcaffe")
    torch = TorchSpelling(
        function=lambda n: Infix(
            "/", Call("F.l1_loss", Input(0), Input(1), reduction="sum"), Call(".size", Input(0), 0)
        )
    )
    onnx = OnnxSpelling(_l1_loss_onnx)


_CONTRASTIVE_LOSS = Helper(
    "_contrastive_loss",
    '''
def _contrastive_loss(
    x: Tensor, y: Tensor, similar: Tensor, margin: float = 1.0, legacy: bool = False
) -> Tensor:
    """Half the mean of what draws similar pairs together and pushes others apart."""
    difference = (x - y.reshape_as(x)).flatten(1)
    square = difference.square().sum(1)
    if legacy:
        apart = F.relu(margin - square)
    else:
        apart = F.relu(margin - torch.linalg.vector_norm(difference, dim=1)).square()
    return torch.where(similar.flatten().long() != 0, square, apart).mean() / 2
''',
)


def _contrastive_loss_onnx(n: Node) -> list[OnnxNode]:
    margin = number(n.a.margin)
    if n.a.legacy:
        apart = [OnnxNode("Sub", (margin, "square"), ("missing",)), OnnxNode("Relu", ("missing",), ("apart",))]
    else:
        apart = [
            OnnxNode("Sqrt", ("square",), ("distance",)),
            OnnxNode("Sub", (margin, "distance"), ("missing",)),
            OnnxNode("Relu", ("missing",), ("push",)),
            OnnxNode("Mul", ("push", "push"), ("apart",)),
        ]
    return [
        *_as_first_onnx(n),
        OnnxNode("Sub", (0, "other"), ("difference",)),
        OnnxNode("Flatten", ("difference",), ("vectors",), axis=1),
        OnnxNode("ReduceSumSquare", ("vectors", Const([1])), ("square",), keepdims=0),
        *apart,
        OnnxNode("Reshape", (2, Const([-1])), ("flags",)),
        OnnxNode("Cast", ("flags",), ("whole",), to="int64"),
        OnnxNode("Cast", ("whole",), ("is_similar",), to="bool"),
        OnnxNode("Where", ("is_similar", "square", "apart"), ("losses",)),
        OnnxNode("ReduceMean", ("losses",), ("mean",), keepdims=0),
        OnnxNode("Div", ("mean", number(2.0))),
    ]


class ContrastiveLoss(Loss):
    """Loss of pairs: those that are similar should be close, others at least ``margin`` apart.

    Half the mean of d**2 for similar pairs, of max(margin - d, 0)**2 for the others, where d is the distance. The
    ``legacy`` version has max(margin - d**2, 0) for these.
    """

    name = "contrastive_loss"
    example = "contrastive_loss(x, y, similar)"
    example_shapes = {"x": (32, 64), "y": (32, 64), "similar": (32,)}
    operands = ("x", "y", "similar")
    args = (
        Arg("margin", Float(), 1.0, "how far apart pairs should be that are not similar"),
        Arg("legacy", Bool(), False, "whether the margin is one of squared distances"),
        LOSS_WEIGHT,
    )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        same_count(n)
        same_batch(n, 2)
        x, similar = n.x[0], n.x[2]
        if prod(x[2:]) != 1:
            label = f"`contrastive_loss` compares vectors, (N, C); this is {show_shape(x)}"
            raise Fault("NG301", "wrong number of axes", label, arg="x0", hint="`flatten` makes vectors of images")
        if prod(similar) != x[0]:
            label = f"{show_shape(similar)} holds {prod(similar)} flags for {x[0]} pairs"
            raise Fault("NG303", "shapes do not match", label, arg="x2")
        return [()]

    caffe = CaffeSpelling(
        "ContrastiveLoss",
        "",
        WEIGHT,
        Sub("contrastive_loss_param", Field("margin", "margin", 1.0), Field("legacy_version", "legacy", False)),
        reads=read_loss,
    )
    torch = TorchSpelling(
        function=lambda n: Call(
            "_contrastive_loss", Input(0), Input(1), Input(2), margin=n.a.margin, legacy=n.a.legacy
        ),
        defaults={"margin": 1.0, "legacy": False},
        helpers=[_CONTRASTIVE_LOSS],
    )
    onnx = OnnxSpelling(_contrastive_loss_onnx)
