"""Losses: how far a network's answer is from the right one; those of distances have a file of their own.

Labels are numbers of classes, as floats like everything in Caffe. Every loss is a single number, not yet multiplied by
its ``loss_weight``: that is the solver's business, or the training loop's.
"""

from __future__ import annotations

from math import prod

from netgen.formats.message import Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import Arg, Bool, Choice, Float, Int, Listed, Optional, Text
from netgen.ir.operator import Operator, Refused
from netgen.ir.spell_caffe import CaffeSpelling, Field, Many, Sub, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Helper, Input, TorchSpelling
from netgen.ops.rules import axis_of, show_shape

SMALLEST = -87.33654475055310898657
"""The logarithm of FLT_MIN, below which no probability of a softmax loss falls."""
LOG_THRESHOLD = -46.0517018598809136804
"""The logarithm of 1e-20, Caffe's kLOG_THRESHOLD."""

_MODES = {"valid": "VALID", "full": "FULL", "batch_size": "BATCH_SIZE", "none": "NONE"}

LOSS_WEIGHT = Arg(
    "loss_weight",
    Optional(Listed(Float(), 1, 2)),
    None,
    "what the loss counts in training: a number, or one for each result",
)
"""Caffe's solver multiplies by it; a training loop in PyTorch has to."""
IGNORE_LABEL = Arg("ignore_label", Optional(Int(-(2**31))), None, "the label of what does not count")


def normalization_arg(default: str) -> Arg:
    return Arg(
        "normalization",
        Choice(*_MODES),
        default,
        "what the sum is divided by: all that count, all, the size of the batch, or 1",
    )


def _probabilities(doc: str) -> Arg:
    return Arg("probabilities", Bool(), False, doc)


class Normalization(Words):
    """How a sum of losses is divided. Its default depends on the loss; ``normalize`` is how older files say it."""

    def __init__(self, default: str) -> None:
        super().__init__("normalization", "normalization", _MODES, default)

    def read(self, message: Message, a: dict[str, object]) -> bool:
        older = get(message, "normalize")
        if older is not None and get(message, "normalization") is None:
            a[self.arg] = "valid" if older else "batch_size"
            return True
        return super().read(message, a)

    @property
    def names(self) -> tuple[str, ...]:
        return ("normalization", "normalize")


WEIGHT = Many("loss_weight", "loss_weight")


def _loss_param(default: str) -> Sub:
    return Sub("loss_param", Field("ignore_label", "ignore_label"), Normalization(default))


def _read_probabilities(a: dict[str, object], layer: Message) -> bool:
    """A second top is the softmax. That it does not count needs no saying."""
    tops = len(get_all(layer, "top"))
    a["probabilities"] = tops == 2
    if tops == 2 and a.get("loss_weight") == (1.0, 0.0):
        del a["loss_weight"]
    return tops <= 2


def read_loss(a: dict[str, object], layer: Message) -> bool:
    """A loss may have no top: Caffe then makes one without a name."""
    return len(get_all(layer, "top")) <= 1


class Loss(Operator):
    """What all losses have in common."""

    short = "loss"
    shape_rule = "a single number"

    @classmethod
    def check(cls, a: Attrs) -> None:
        """Caffe wants a weight for each result or none at all, but a loss has one by itself."""
        given: tuple[float, ...] | None = a["loss_weight"]
        results = 2 if a.get("probabilities") else 1
        if results == 2 and (given is None or len(given) == 1):
            a["loss_weight"] = (*(given or (1.0,)), 0.0)
        elif given is not None and len(given) != results:
            label = f"{len(given)} weights for {'a single result' if results == 1 else '2 results'}"
            raise Fault("NG208", "argument out of range", label, arg="loss_weight")


# --- shapes ---------------------------------------------------------------------------------------


def same_batch(n: Node, other: int = 1) -> None:
    first, second = n.x[0], n.x[other]
    if not first or first[:1] != second[:1]:
        label = f"this is {show_shape(second)}, the first is {show_shape(first)}: not the same batch"
        raise Fault("NG303", "shapes do not match", label, arg=f"x{other}")


def label_each(n: Node, axis: int) -> None:
    """There must be one label for each place, the classes being on ``axis``."""
    x, labels = n.x[0], n.x[1]
    places = (*x[:axis], *x[axis + 1 :])
    if prod(labels) != prod(places):
        label = f"{show_shape(labels)} holds {prod(labels)} labels; {show_shape(x)} needs {prod(places)}"
        hint = f"one for each place: {show_shape(places)}"
        raise Fault("NG303", "shapes do not match", label, arg="x1", hint=hint)


def label_each_image(n: Node) -> None:
    same_batch(n)
    if prod(n.x[1]) != n.x[0][0]:
        label = f"{show_shape(n.x[1])} holds {prod(n.x[1])} labels for {n.x[0][0]} images"
        raise Fault("NG303", "shapes do not match", label, arg="x1", hint="give one label for each image")


def same_count(n: Node) -> None:
    same_batch(n)
    if prod(n.x[0]) != prod(n.x[1]):
        label = f"this is {show_shape(n.x[1])}, the first is {show_shape(n.x[0])}: not as many elements"
        raise Fault("NG303", "shapes do not match", label, arg="x1")


# --- what several share in PyTorch ----------------------------------------------------------------

AT_LEAST = Helper(
    "_at_least",
    '''
def _at_least(x: Tensor, least: float) -> Tensor:
    """Values of no less than ``least``; the gradient is that of ``x`` everywhere."""
    return torch.where(x < least, least + (x - x.detach()), x)
''',
)

AVERAGE = Helper(
    "_average",
    '''
def _average(losses: Tensor, kept: Tensor, batch: int, normalization: str) -> Tensor:
    """The sum of losses over the number of what counts, which is 1 at least."""
    if normalization == "valid":
        return losses.sum() / kept.sum().clamp(min=1)
    counts = {"full": losses.numel(), "batch_size": batch, "none": 1}
    return losses.sum() / max(counts[normalization], 1)
''',
)

KEPT = Helper(
    "_kept",
    '''
def _kept(labels: Tensor, ignore_label: int | None) -> Tensor:
    """Where labels are not the one to ignore."""
    if ignore_label is None:
        return torch.ones_like(labels, dtype=torch.bool)
    return labels.trunc() != ignore_label
''',
)


# --- what several share in ONNX -------------------------------------------------------------------


def labels_onnx(n: Node, axis: int) -> list[OnnxNode]:
    """The ``classes`` of all places, as indices with 1 on the axis of classes; 0 where they do not count.

    With a label to ignore, ``kept`` tells which count.
    """
    shape = [1 if at == axis else size for at, size in enumerate(n.x[0])]
    shape[0 if axis else 1 : 1 if axis else 2] = [-1]  # as many images as there are
    ignored = n.a.get("ignore_label")
    numbers = chain(
        OnnxNode("Reshape", (1, Const(shape))),
        OnnxNode("Cast", (0,), ("classes" if ignored is None else "labels",), to="int64"),
    )
    if ignored is None:
        return numbers
    return [
        *numbers,
        OnnxNode("Equal", ("labels", Const(ignored)), ("is_ignored",)),
        OnnxNode("Not", ("is_ignored",), ("kept",)),
        OnnxNode("Where", ("kept", "labels", Const(0)), ("classes",)),
    ]


def average_onnx(n: Node, outer: int, rank: int) -> list[OnnxNode]:
    """The first result: the sum of ``losses``, of so many axes, over what is to count; ``outer`` axes are of the batch.

    With a label to ignore, losses are 0 where it stands, and ``kept`` tells where it does not.
    """
    mode = n.a.normalization
    ignores = n.a.ignore_label is not None
    losses, before = "losses", []
    if ignores:
        losses, before = "losses_kept", [OnnxNode("Where", ("kept", "losses", number(0.0)), ("losses_kept",))]
    if mode == "valid" and ignores:
        return [
            *before,
            OnnxNode("ReduceSum", (losses,), ("total",), keepdims=0),
            *count_onnx("kept", "count"),
            OnnxNode("Div", ("total", "count"), (0,)),
        ]
    if mode == "none":
        return [*before, OnnxNode("ReduceSum", (losses,), (0,), keepdims=0)]
    if mode == "batch_size" and outer < rank:
        before.append(OnnxNode("ReduceSum", (losses, Const(list(range(outer, rank)))), ("of_each",), keepdims=0))
        losses = "of_each"
    return [*before, OnnxNode("ReduceMean", (losses,), (0,), keepdims=0)]


def count_onnx(flags: str, made: str) -> list[OnnxNode]:
    """How many flags are set, but at least 1."""
    return [
        OnnxNode("Cast", (flags,), ("flags",), to="float"),
        OnnxNode("ReduceSum", ("flags",), ("flags_set",), keepdims=0),
        OnnxNode("Max", ("flags_set", number(1.0)), (made,)),
    ]


def _softmax_onnx(n: Node) -> list[OnnxNode]:
    return [OnnxNode("Softmax", (0,), (1,), axis=axis_of(n))] if n.a.probabilities else []


def _options(n: Node, *names: str) -> dict[str, object]:
    return {name: n.a[name] for name in names}


# --- of classes -----------------------------------------------------------------------------------

_SOFTMAX_LOSS = Helper(
    "_softmax_loss",
    f'''
def _softmax_loss(
    x: Tensor,
    labels: Tensor,
    axis: int = 1,
    ignore_label: int | None = None,
    normalization: str = "valid",
) -> Tensor:
    """Cross entropy of the softmax along an axis with the right class of each place."""
    labels = labels.reshape_as(x.select(axis, 0)).unsqueeze(axis)
    kept = _kept(labels, ignore_label)
    log_p = F.log_softmax(x, axis).gather(axis, labels.long().where(kept, 0))
    losses = -_at_least(log_p, {SMALLEST:.8g}).where(kept, 0)
    return _average(losses, kept, x.shape[:axis].numel(), normalization)
''',
    needs=[KEPT, AT_LEAST, AVERAGE],
)


def _with_softmax(loss: Call, n: Node) -> Expr:
    return (loss, Call("F.softmax", Input(), dim=n.a.axis)) if n.a.probabilities else loss


def _gives_softmax(n: Node) -> Refused | None:
    """Caffe's layer has a second top, but hands its weights of losses on to a softmax inside, which has one."""
    if not n.a.probabilities:
        return None
    return Refused("Caffe dies on a SoftmaxWithLoss of two results", "compute the softmax beside it: softmax(x)")


def _softmax_loss_call(n: Node) -> Expr:
    options = _options(n, "ignore_label", "normalization")
    return _with_softmax(Call("_softmax_loss", Input(0), Input(1), axis=axis_of(n), **options), n)


def _softmax_loss_onnx(n: Node) -> list[OnnxNode]:
    axis = axis_of(n)
    return [
        *labels_onnx(n, axis),
        OnnxNode("LogSoftmax", (0,), ("log_all",), axis=axis),
        OnnxNode("GatherElements", ("log_all", "classes"), ("log_right",), axis=axis),
        OnnxNode("Max", ("log_right", number(SMALLEST)), ("log_p",)),
        OnnxNode("Neg", ("log_p",), ("losses",)),
        *average_onnx(n, axis, len(n.x[0])),
        *_softmax_onnx(n),
    ]


class SoftmaxLoss(Loss):
    """Softmax with cross entropy: minus the logarithm of the right class's probability.

    ``labels`` holds the number of the right class for each place of ``x`` without its ``axis``. A probability counts
    as at least 1.2e-38. With ``probabilities`` the softmax is a second result. Caffe's SoftmaxWithLoss.
    """

    name = "softmax_loss"
    example = "softmax_loss(x, labels)"
    example_shapes = {"labels": (1, 16, 16)}
    operands = ("x", "labels")
    choosing = frozenset({1})
    args = (
        Arg("axis", Int(-8, 7), 1, "the axis of the classes"),
        IGNORE_LABEL,
        normalization_arg("valid"),
        _probabilities("whether the softmax is given as well"),
        LOSS_WEIGHT,
    )
    shape_rule = "a single number; with probabilities also the shape of x"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        same_batch(n)
        label_each(n, axis_of(n))
        return [(), n.x[0]] if n.a.probabilities else [()]

    caffe = CaffeSpelling(
        "SoftmaxWithLoss",
        "",
        WEIGHT,
        _loss_param("VALID"),
        Sub("softmax_param", Field("axis", "axis", 1)),
        reads=_read_probabilities,
        refuses=_gives_softmax,
    )
    torch = TorchSpelling(
        function=_softmax_loss_call,
        defaults={"axis": 1, "ignore_label": None, "normalization": "valid"},
        helpers=[_SOFTMAX_LOSS],
    )
    onnx = OnnxSpelling(_softmax_loss_onnx)


_SIGMOID_LOSS = Helper(
    "_sigmoid_cross_entropy_loss",
    '''
def _sigmoid_cross_entropy_loss(
    x: Tensor,
    targets: Tensor,
    ignore_label: int | None = None,
    normalization: str = "batch_size",
) -> Tensor:
    """Cross entropy of sigmoids, each given the probability that it should have."""
    targets = targets.reshape_as(x)
    kept = _kept(targets, ignore_label)
    losses = F.binary_cross_entropy_with_logits(x, targets, reduction="none")
    return _average(losses.where(kept, 0), kept, x.size(0), normalization)
''',
    needs=[KEPT, AVERAGE],
)


def _sigmoid_loss_onnx(n: Node) -> list[OnnxNode]:
    """max(x, 0) - x * target + log(1 + exp(-|x|)), which is exact for large x too."""
    targets = OnnxNode("Reshape", (1, Const([-1, *n.x[0][1:]])), ("targets",))
    kept: list[OnnxNode] = []
    if n.a.ignore_label is not None:
        kept = [
            OnnxNode("Cast", ("targets",), ("labels",), to="int64"),
            OnnxNode("Equal", ("labels", Const(n.a.ignore_label)), ("is_ignored",)),
            OnnxNode("Not", ("is_ignored",), ("kept",)),
        ]
    return [
        targets,
        *kept,
        OnnxNode("Relu", (0,), ("positive",)),
        OnnxNode("Mul", (0, "targets"), ("wanted",)),
        OnnxNode("Sub", ("positive", "wanted"), ("linear",)),
        OnnxNode("Abs", (0,), ("size",)),
        OnnxNode("Neg", ("size",), ("negative",)),
        OnnxNode("Softplus", ("negative",), ("curve",)),
        OnnxNode("Add", ("linear", "curve"), ("losses",)),
        *average_onnx(n, 1, len(n.x[0])),
    ]


class SigmoidCrossEntropyLoss(Loss):
    """Sigmoid with cross entropy, of each element by itself.

    ``targets`` are probabilities, of as many elements as ``x``.
    """

    name = "sigmoid_cross_entropy_loss"
    example = "sigmoid_cross_entropy_loss(x, targets)"
    operands = ("x", "targets")
    args = (IGNORE_LABEL, normalization_arg("batch_size"), LOSS_WEIGHT)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        same_count(n)
        return [()]

    caffe = CaffeSpelling("SigmoidCrossEntropyLoss", "", WEIGHT, _loss_param("BATCH_SIZE"), reads=read_loss)
    torch = TorchSpelling(
        function=lambda n: Call(
            "_sigmoid_cross_entropy_loss", Input(0), Input(1), **_options(n, "ignore_label", "normalization")
        ),
        defaults={"ignore_label": None, "normalization": "batch_size"},
        helpers=[_SIGMOID_LOSS],
    )
    onnx = OnnxSpelling(_sigmoid_loss_onnx)


_INFOGAIN_LOSS = Helper(
    "_infogain_loss",
    f'''
def _infogain_loss(
    x: Tensor,
    labels: Tensor,
    matrix: Tensor,
    axis: int = 1,
    ignore_label: int | None = None,
    normalization: str = "valid",
) -> Tensor:
    """Cross entropy of the softmax with the row of ``matrix`` that each label names."""
    log_p = _at_least(F.log_softmax(x, axis), {LOG_THRESHOLD:.8g}).movedim(axis, -1)
    classes = x.size(axis)
    labels = labels.reshape(log_p.shape[:-1])
    kept = _kept(labels, ignore_label)
    rows = matrix.reshape(classes, classes)[labels.long().where(kept, 0)]
    losses = -(rows * log_p).sum(-1).where(kept, 0)
    return _average(losses, kept, x.shape[:axis].numel(), normalization)
''',
    needs=[KEPT, AT_LEAST, AVERAGE],
)


def _infogain_loss_call(n: Node) -> Expr:
    options = _options(n, "ignore_label", "normalization")
    inputs = (Input(each) for each in range(len(n.inputs)))
    return _with_softmax(Call("_infogain_loss", *inputs, axis=axis_of(n), **options), n)


def _needs_file(n: Node) -> Refused | None:
    if len(n.inputs) == 3:
        return None
    return Refused(f'the matrix is in a file, "{n.a.source}"', "give the matrix as a third tensor")


def _infogain_loss_onnx(n: Node) -> list[OnnxNode]:
    axis, rank = axis_of(n), len(n.x[0])
    classes = n.x[0][axis]
    last = [*(at for at in range(rank) if at != axis), axis]
    return [
        *labels_onnx(n, axis),
        OnnxNode("LogSoftmax", (0,), ("log_all",), axis=axis),
        OnnxNode("Max", ("log_all", number(LOG_THRESHOLD)), ("log_p",)),
        OnnxNode("Reshape", (2, Const([classes, classes])), ("matrix",)),
        OnnxNode("Squeeze", ("classes", Const([axis])), ("class_of_each",)),
        OnnxNode("Gather", ("matrix", "class_of_each"), ("rows",), axis=0),
        OnnxNode("Transpose", ("log_p",), ("log_last",), perm=last),
        OnnxNode("Mul", ("rows", "log_last"), ("weighed",)),
        OnnxNode("ReduceSum", ("weighed", Const([-1])), ("gain",), keepdims=0),
        OnnxNode("Neg", ("gain",), ("loss_of_each",)),
        OnnxNode("Unsqueeze", ("loss_of_each", Const([axis])), ("losses",)),
        *average_onnx(n, axis, rank),
        *_softmax_onnx(n),
    ]


class InfogainLoss(Loss):
    """Softmax with cross entropy in which mistakes weigh differently.

    Minus the sum of matrix[label, k] * log(p[k]) over all classes k; with the identity as its matrix it is
    ``softmax_loss``. ``matrix`` is a third tensor, or else in the file ``source``, a BlobProto. A probability counts as
    at least 1e-20.
    """

    name = "infogain_loss"
    example = "infogain_loss(x, labels, matrix)"
    example_shapes = {"labels": (1, 16, 16), "matrix": (8, 8)}
    operands = ("x", "labels", "matrix")
    fewest = 2
    choosing = frozenset({1})
    args = (
        Arg("source", Optional(Text()), None, "the file of the matrix, where it is no tensor"),
        Arg("axis", Int(-8, 7), 1, "the axis of the classes"),
        IGNORE_LABEL,
        normalization_arg("valid"),
        _probabilities("whether the softmax is given as well"),
        LOSS_WEIGHT,
    )
    shape_rule = SoftmaxLoss.shape_rule

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        same_batch(n)
        label_each(n, axis)
        classes = n.x[0][axis]
        if len(n.inputs) == 2 and n.a.source is None:
            hint = "give it as a third tensor, or say in which file it is: source"
            raise Fault("NG203", "missing argument", "`infogain_loss` needs a matrix", hint=hint)
        if len(n.inputs) == 3 and prod(n.x[2]) != classes * classes:
            label = f"this is {show_shape(n.x[2])}; {classes} classes need a matrix of {classes}x{classes}"
            raise Fault("NG303", "shapes do not match", label, arg="x2")
        return [(), n.x[0]] if n.a.probabilities else [()]

    caffe = CaffeSpelling(
        "InfogainLoss",
        "",
        WEIGHT,
        _loss_param("VALID"),
        Sub("infogain_loss_param", Field("source", "source"), Field("axis", "axis", 1)),
        reads=_read_probabilities,
    )
    torch = TorchSpelling(
        function=_infogain_loss_call,
        defaults={"axis": 1, "ignore_label": None, "normalization": "valid"},
        helpers=[_INFOGAIN_LOSS],
        refuses=_needs_file,
    )
    onnx = OnnxSpelling(_infogain_loss_onnx, refuses=_needs_file)


_MULTINOMIAL_LOSS = Helper(
    "_multinomial_logistic_loss",
    '''
def _multinomial_logistic_loss(p: Tensor, labels: Tensor) -> Tensor:
    """The mean of minus the logarithm of the right class's probability."""
    right = p.flatten(1).gather(1, labels.long().reshape(-1, 1))
    return -right.clamp(min=1e-20).log().mean()
''',
)


def class_of_each_image(*shape: int) -> list[OnnxNode]:
    """The ``classes`` of the images as indices of a shape."""
    return [
        OnnxNode("Reshape", (1, Const(shape)), ("labels",)),
        OnnxNode("Cast", ("labels",), ("classes",), to="int64"),
    ]


def _multinomial_loss_onnx(n: Node) -> list[OnnxNode]:
    return [
        *class_of_each_image(-1, 1),
        OnnxNode("Flatten", (0,), ("probabilities",), axis=1),
        OnnxNode("GatherElements", ("probabilities", "classes"), ("right",), axis=1),
        OnnxNode("Max", ("right", number(1e-20)), ("p",)),
        OnnxNode("Log", ("p",), ("log_p",)),
        OnnxNode("ReduceMean", ("log_p",), ("mean",), keepdims=0),
        OnnxNode("Neg", ("mean",)),
    ]


class MultinomialLogisticLoss(Loss):
    """Cross entropy of probabilities: minus the logarithm of the right class's, on average.

    ``softmax_loss`` on what goes into the softmax is the same and safer. A probability counts as at least 1e-20.
    """

    name = "multinomial_logistic_loss"
    example = "multinomial_logistic_loss(p, labels)"
    example_shapes = {"p": (32, 10), "labels": (32,)}
    operands = ("p", "labels")
    choosing = frozenset({1})
    args = (LOSS_WEIGHT,)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        label_each_image(n)
        return [()]

    caffe = CaffeSpelling("MultinomialLogisticLoss", "", WEIGHT, reads=read_loss)
    torch = TorchSpelling(
        function=lambda n: Call("_multinomial_logistic_loss", Input(0), Input(1)), helpers=[_MULTINOMIAL_LOSS]
    )
    onnx = OnnxSpelling(_multinomial_loss_onnx)
