"""Losses: how far a network's answer is from the right one.

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
from netgen.ir.spell_torch import Call, Expr, Helper, Infix, Input, TorchSpelling
from netgen.ops.rules import axis_of, same_shapes, show_shape

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

FOR_TRAINING = Refused("ONNX is for networks in use, and this is for training and testing", "let the net end before it")


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


def _same_batch(n: Node, other: int = 1) -> None:
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


def _label_each_image(n: Node) -> None:
    _same_batch(n)
    if prod(n.x[1]) != n.x[0][0]:
        label = f"{show_shape(n.x[1])} holds {prod(n.x[1])} labels for {n.x[0][0]} images"
        raise Fault("NG303", "shapes do not match", label, arg="x1", hint="give one label for each image")


def _same_count(n: Node) -> None:
    _same_batch(n)
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
        _same_batch(n)
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
    onnx = FOR_TRAINING


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
        _same_count(n)
        return [()]

    caffe = CaffeSpelling("SigmoidCrossEntropyLoss", "", WEIGHT, _loss_param("BATCH_SIZE"), reads=read_loss)
    torch = TorchSpelling(
        function=lambda n: Call(
            "_sigmoid_cross_entropy_loss", Input(0), Input(1), **_options(n, "ignore_label", "normalization")
        ),
        defaults={"ignore_label": None, "normalization": "batch_size"},
        helpers=[_SIGMOID_LOSS],
    )
    onnx = FOR_TRAINING


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
        _same_batch(n)
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
    onnx = FOR_TRAINING


_MULTINOMIAL_LOSS = Helper(
    "_multinomial_logistic_loss",
    '''
def _multinomial_logistic_loss(p: Tensor, labels: Tensor) -> Tensor:
    """The mean of minus the logarithm of the right class's probability."""
    right = p.flatten(1).gather(1, labels.long().reshape(-1, 1))
    return -right.clamp(min=1e-20).log().mean()
''',
)


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
        _label_each_image(n)
        return [()]

    caffe = CaffeSpelling("MultinomialLogisticLoss", "", WEIGHT, reads=read_loss)
    torch = TorchSpelling(
        function=lambda n: Call("_multinomial_logistic_loss", Input(0), Input(1)), helpers=[_MULTINOMIAL_LOSS]
    )
    onnx = FOR_TRAINING


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
        _label_each_image(n)
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
    onnx = FOR_TRAINING


# --- of distances ---------------------------------------------------------------------------------

_EUCLIDEAN_LOSS = Helper(
    "_euclidean_loss",
    '''
def _euclidean_loss(x: Tensor, y: Tensor) -> Tensor:
    """Half the sum of squared differences, over the size of the batch."""
    return F.mse_loss(x, y.reshape_as(x), reduction="sum") / (2 * x.size(0))
''',
)


class EuclideanLoss(Loss):
    """Half the sum of squared differences, divided by the size of the batch."""

    name = "euclidean_loss"
    example = "euclidean_loss(x, y)"
    operands = ("x", "y")
    args = (LOSS_WEIGHT,)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        _same_count(n)
        return [()]

    caffe = CaffeSpelling("EuclideanLoss", "", WEIGHT, reads=read_loss)
    torch = TorchSpelling(function=lambda n: Call("_euclidean_loss", Input(0), Input(1)), helpers=[_EUCLIDEAN_LOSS])
    onnx = FOR_TRAINING


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
    onnx = FOR_TRAINING


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
        _same_count(n)
        _same_batch(n, 2)
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
    onnx = FOR_TRAINING
