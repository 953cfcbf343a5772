"""What detectors are trained with: losses of boxes, and the count of hits."""

from __future__ import annotations

from netgen.formats.message import Enum, Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Float, Int, Optional, Text
from netgen.ir.operator import Operator, Refused
from netgen.ir.spell_caffe import CaffeSpelling, Field, Fixed, Sub, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Helper, Input, TorchSpelling
from netgen.ops.detection import CODE, CODE_FIELD, for_each_prior, prior_count
from netgen.ops.distance import mean_of_images_onnx
from netgen.ops.loss import (
    AT_LEAST,
    AVERAGE,
    LOSS_WEIGHT,
    SMALLEST,
    WEIGHT,
    Loss,
    Normalization,
    normalization_arg,
    read_loss,
)
from netgen.ops.rules import same_shapes, show_shape

# --- smooth absolute differences ------------------------------------------------------------------


class _Divisor(Field):
    """What R-FCN's Caffe divides by. Others do not look at ``loss_param`` here and divide by the batch."""

    def __init__(self) -> None:
        super().__init__("normalization", "divisor")

    def write(self, a: Attrs) -> Message:
        if a.divisor is not None:
            return [("normalization", Enum("PRE_FIXED")), ("pre_fixed_normalizer", a.divisor)]
        mode = "FULL" if a.by_place else "BATCH_SIZE" if a.each else ""
        return [("normalization", Enum(mode))] if mode else []

    def read(self, message: Message, a: dict[str, object]) -> bool:
        mode = get(message, "normalization")
        if mode == "PRE_FIXED":
            a["divisor"] = get(message, "pre_fixed_normalizer", 1.0)
        elif mode == "NONE":
            a["divisor"] = 1.0
        elif mode in ("FULL", "VALID"):
            a["by_place"] = True
        return mode in (None, "PRE_FIXED", "NONE", "FULL", "VALID", "BATCH_SIZE")

    @property
    def names(self) -> tuple[str, ...]:
        return ("normalization", "pre_fixed_normalizer")


def _read_smooth(a: dict[str, object], layer: Message) -> bool:
    """With a second top it is R-FCN's, which divides by the number of places."""
    a["each"] = len(get_all(layer, "top")) == 2
    if a["each"] and get(get(layer, "loss_param", []), "normalization") is None:
        a["by_place"] = True
    return len(get_all(layer, "top")) <= 2


def _read_mined(a: dict[str, object], layer: Message) -> bool:
    if get(get(layer, "loss_param", []), "normalization") is None:
        a["by_place"] = True
    return _read_smooth(a, layer)


_SMOOTH_L1 = Helper(
    "_smooth_l1",
    '''
def _smooth_l1(
    x: Tensor,
    target: Tensor,
    inside: Tensor | None = None,
    outside: Tensor | None = None,
    sigma: float = 1.0,
) -> Tensor:
    """Absolute differences, squared where small; each weighed before and after."""
    difference = x - target if inside is None else (x - target) * inside
    losses = F.smooth_l1_loss(
        difference, torch.zeros_like(difference), reduction="none", beta=sigma**-2
    )
    return losses if outside is None else losses * outside
''',
)

_SMOOTH_L1_LOSS = Helper(
    "_smooth_l1_loss",
    '''
def _smooth_l1_loss(
    losses: Tensor, divisor: float | None = None, by_place: bool = False
) -> Tensor:
    """The sum of losses by a number, by the number of places or of images."""
    if divisor is None:
        divisor = losses[:, 0].numel() if by_place else len(losses)
    return losses.sum() / divisor
''',
)

_SMOOTH_L1_EACH = Helper(
    "_smooth_l1_losses",
    '''
def _smooth_l1_losses(
    losses: Tensor, divisor: float | None = None, by_place: bool = False
) -> tuple[Tensor, Tensor]:
    """The loss, and what each place adds to it: (N, 1, H, W)."""
    each = losses.sum(1, keepdim=True)
    each = each.reshape(*each.shape, *[1] * (4 - each.dim()))
    return _smooth_l1_loss(losses, divisor, by_place), each
''',
    needs=[_SMOOTH_L1_LOSS],
)


def _smooth_call(n: Node) -> Call:
    a = n.a
    weights = dict(zip(("inside", "outside"), map(Input, range(2, len(n.inputs))), strict=False))
    losses = Call("_smooth_l1", Input(0), Input(1), **weights, sigma=a.sigma)
    name = "_smooth_l1_losses" if a.each else "_smooth_l1_loss"
    return Call(name, losses, divisor=a.divisor, by_place=a.by_place)


def _smooth_onnx(n: Node) -> list[OnnxNode]:
    a, x = n.a, n.x[0]
    beta = a.sigma**-2
    weights = [OnnxNode("Mul", ("raw", 2), ("difference",))] if len(n.x) > 2 else []
    outside = [OnnxNode("Mul", ("each", 3), ("losses",))] if len(n.x) > 3 else []
    places = [
        OnnxNode("ReduceSum", ("losses", Const([1])), ("sums",), keepdims=1),
        OnnxNode("Reshape", ("sums", Const([0, 1, *x[2:], *[1] * (4 - len(x))])), (1,)),
    ]
    return [
        OnnxNode("Sub", (0, 1), ("raw" if weights else "difference",)),
        *weights,
        OnnxNode("Abs", ("difference",), ("distance",)),
        OnnxNode("Sub", ("distance", number(beta / 2)), ("straight",)),
        OnnxNode("Mul", ("difference", "difference"), ("square",)),
        OnnxNode("Mul", ("square", number(0.5 / beta)), ("curved",)),
        OnnxNode("Less", ("distance", number(beta)), ("is_small",)),
        OnnxNode("Where", ("is_small", "curved", "straight"), ("each" if outside else "losses",)),
        *outside,
        *_divided_onnx(a),
        *(places if a.each else []),
    ]


def _divided_onnx(a: Attrs) -> list[OnnxNode]:
    """The first result: the sum of ``losses`` by a number, by that of places or of images."""
    if a.divisor is not None:
        return [
            OnnxNode("ReduceSum", ("losses",), ("total",), keepdims=0),
            OnnxNode("Div", ("total", number(a.divisor)), (0,)),
        ]
    if a.by_place:
        return [
            OnnxNode("ReduceSum", ("losses", Const([1])), ("of_places",), keepdims=0),
            OnnxNode("ReduceMean", ("of_places",), (0,), keepdims=0),
        ]
    return mean_of_images_onnx("losses", 0)


class SmoothL1Loss(Loss):
    """Absolute differences, squared where they are small: the loss of boxes in Fast R-CNN.

    Of d = inside * (x - target) the sum of outside * (|d| - 0.5 / sigma**2), or of outside * (sigma * d)**2 / 2 where
    |d| < 1 / sigma**2; the weights are 1 where they are not given. It is divided by the number of images, or by
    ``divisor``, or ``by_place`` by N * H * W. With ``each`` a second result is what each place adds, (N, 1, H, W).
    """

    name = "smooth_l1_loss"
    example = "smooth_l1_loss(x, target)"
    operands = ("x", "target", "inside", "outside")
    fewest = 2
    args = (
        Arg("sigma", Float(above=0), 1.0, "how narrow the squared part is"),
        Arg("divisor", Optional(Float(above=0)), None, "what the sum is divided by, instead of the number of images"),
        Arg("by_place", Bool(), False, "whether it is divided by the number of places, N * H * W"),
        Arg("each", Bool(), False, "whether what each place adds is given too"),
        LOSS_WEIGHT,
    )
    shape_rule = "a single number; with each also (N, 1, H, W)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a.divisor is not None:
            a["by_place"] = False
        if a.each and a.loss_weight is not None and len(a.loss_weight) == 1:
            a["loss_weight"] = (*a.loss_weight, 0.0)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        x = same_shapes(n)
        if not 2 <= len(x) <= 4:
            label = f"`smooth_l1_loss` needs 2 to 4 axes; this is {show_shape(x)}"
            raise Fault("NG301", "wrong number of axes", label, arg="x0")
        return [(), (x[0], 1, *x[2:], *[1] * (4 - len(x)))] if n.a.each else [()]

    caffe = CaffeSpelling(
        "SmoothL1Loss",
        "",
        WEIGHT,
        Sub("loss_param", _Divisor()),
        Sub("smooth_l1_loss_param", Field("sigma", "sigma", 1.0)),
        fork="frcnn",
        reads=_read_smooth,
    )
    caffe_forks = (
        CaffeSpelling("SmoothL1LossOHEM", "", WEIGHT, Sub("loss_param", _Divisor()), fork="rfcn", reads=_read_mined),
    )
    torch = TorchSpelling(
        function=_smooth_call,
        defaults={"inside": None, "outside": None, "sigma": 1.0, "divisor": None, "by_place": False},
        helpers=lambda n: [_SMOOTH_L1, _SMOOTH_L1_EACH if n.a.each else _SMOOTH_L1_LOSS],
    )
    onnx = OnnxSpelling(_smooth_onnx)


# --- the loss of SSD ------------------------------------------------------------------------------

_ENCODE = Helper(
    "_encode",
    '''
def _encode(boxes: Tensor, priors: Tensor, code: str) -> Tensor:
    """Offsets from prior boxes to boxes: of corners, by size or not, or of centres."""
    if code == "corner":
        return boxes - priors
    size = priors[:, 2:] - priors[:, :2]
    if code == "corner_size":
        return (boxes - priors) / torch.cat([size, size], -1)
    middles = [(each[..., :2] + each[..., 2:]) / 2 for each in (boxes, priors)]
    growth = (boxes[..., 2:] - boxes[..., :2]) / size
    return torch.cat([(middles[0] - middles[1]) / size, growth.log()], -1)
''',
)

_CLASS_LOSSES = Helper(
    "_class_losses",
    f'''
def _class_losses(scores: Tensor, labels: Tensor, kind: str) -> Tensor:
    """Cross entropy of the softmax, or of the sigmoids, with the right class."""
    if kind == "softmax":
        log_p = scores.log_softmax(-1).gather(-1, labels[..., None]).squeeze(-1)
        return -_at_least(log_p, {SMALLEST:.8g})
    targets = F.one_hot(labels, scores.shape[-1]).to(scores)
    losses = F.binary_cross_entropy_with_logits(scores, targets, reduction="none")
    return losses.sum(-1)
''',
    needs=[AT_LEAST],
)

_MATCH = Helper(
    "_match",
    '''
def _match(
    priors: Tensor,
    boxes: Tensor,
    own: Tensor,
    threshold: float,
    bipartite: bool = False,
    inside: bool = False,
) -> tuple[Tensor, Tensor]:
    """For each image the box that each prior box stands for, or -1, and its overlap.

    A box gets the prior box that overlaps it most, the best pairs first; prior boxes
    that are left get a box that they overlap enough. ``own`` are those of each image.
    """
    low = torch.maximum(priors[:, None, :2], boxes[:, :2])
    high = torch.minimum(priors[:, None, 2:], boxes[:, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = (priors[:, 2:] - priors[:, :2]).clamp(min=0).prod(-1)[:, None]
    union = area + (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1) - both
    overlaps = both / union
    counts = own[:, None] & (overlaps > 1e-6)
    if inside:
        counts = counts & ((priors >= 0) & (priors <= 1)).all(1)[:, None]
    left = overlaps.where(counts, 0)
    most, best = left.max(2)
    match = best.where((most >= threshold) & (most > 0), -1)
    if bipartite:
        match = torch.full_like(match, -1)
    rows = torch.arange(len(priors), device=priors.device)
    columns = torch.arange(len(boxes), device=priors.device)
    for _ in range(len(boxes)):
        value, pair = left.flatten(1).max(1, keepdim=True)
        prior, box = pair // len(boxes), pair % len(boxes)
        is_prior = (rows == prior) & (value > 0)
        match = torch.where(is_prior, box, match)
        is_done = is_prior[..., None] | (columns == box)[:, None]
        left = left.where(~is_done, 0)
    return match, most
''',
)
"""Steps once for each box, and does the same whatever the values are."""

_MULTIBOX = Helper(
    "_multibox_loss",
    '''
def _multibox_loss(
    loc: Tensor,
    conf: Tensor,
    priors: Tensor,
    truth: Tensor,
    classes: int,
    loc_loss: str = "smooth_l1",
    conf_loss: str = "softmax",
    loc_weight: float = 1.0,
    bipartite: bool = False,
    overlap_threshold: float = 0.5,
    background: int = 0,
    use_difficult: bool = True,
    mining: bool = True,
    neg_pos_ratio: float = 3.0,
    neg_overlap: float = 0.5,
    code: str = "corner",
    variance_in_target: bool = False,
    agnostic: bool = False,
    inside_only: bool = False,
    bp_inside: bool = False,
    normalization: str = "valid",
) -> Tensor:
    """The loss of SSD: of offsets of prior boxes that stand for a box, and of classes.

    ``truth`` has rows (image, label, instance, xmin, ymin, xmax, ymax, difficult). Of
    prior boxes that stand for none only the worst count, a few for each that does.
    """
    truth = truth.reshape(-1, 8)
    boxes, variances = priors.reshape(2, -1, 4)
    loc = loc.reshape(len(loc), -1, 4)
    conf = conf.reshape(len(loc), -1, classes)
    images = torch.arange(len(loc), device=loc.device)[:, None]
    own = truth[:, 0].trunc() == images
    if not use_difficult:
        own = own & (truth[:, 7] == 0)
    match, overlap = _match(
        boxes, truth[:, 3:7], own, overlap_threshold, bipartite, inside_only
    )
    is_positive = match >= 0
    index = match.clamp(min=0)
    wanted = _encode(truth[index, 3:7], boxes, code) / variances
    given = loc / variances if variance_in_target else loc
    counts = is_positive[..., None].expand_as(given)
    if bp_inside:
        counts = counts & (boxes >= 0) & (boxes <= 1)
    difference = (given - wanted).where(counts, 0)
    if loc_loss == "l2":
        offset_losses = difference.square().sum(-1) / 2
    else:
        zeros = torch.zeros_like(difference)
        offset_losses = F.smooth_l1_loss(difference, zeros, reduction="none").sum(-1)
    labels = truth[index, 1].long()
    if agnostic:
        labels = torch.full_like(labels, background + 1)
    labels = labels.where(is_positive, background)
    class_losses = _class_losses(conf, labels, conf_loss)
    if mining:
        as_background = torch.full_like(labels, background)
        worst = _class_losses(conf, as_background, conf_loss).detach()
        is_able = ~is_positive & (overlap < neg_overlap) & own.any(1, keepdim=True)
        if inside_only:
            is_able = is_able & ((boxes >= 0) & (boxes <= 1)).all(1)
        worst = worst.where(is_able, float("-inf"))
        rank = worst.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        most = (is_positive.sum(1, keepdim=True) * neg_pos_ratio).trunc()
        class_losses = class_losses.where(is_positive | (is_able & (rank < most)), 0)
    losses = loc_weight * offset_losses + class_losses
    return _average(losses, is_positive, len(loc), normalization)
''',
    needs=[_MATCH, _ENCODE, _CLASS_LOSSES, AVERAGE],
)

_FLAGS = (
    "loc_loss",
    "conf_loss",
    "loc_weight",
    "overlap_threshold",
    "background",
    "use_difficult",
    "neg_pos_ratio",
    "neg_overlap",
    "code",
    "variance_in_target",
    "agnostic",
    "inside_only",
    "bp_inside",
    "normalization",
)


def _multibox_call(n: Node) -> Call:
    a = n.a
    options: dict[str, object] = {name: a[name] for name in _FLAGS}
    options.update(bipartite=a.match == "bipartite", mining=a.mining == "max_negative")
    return Call("_multibox_loss", *map(Input, range(4)), classes=a.classes, **options)


def _torch_lacks(n: Node) -> Refused | None:
    a = n.a
    if a.conf_loss == "logistic" and (a.mining == "none" or a.background != 0):
        reason = "Caffe's logistic loss reads other memory than it means to without mining, or with another background"
        return Refused(reason, 'say mining = "max_negative" and background = 0')
    return None


def _read_multibox(a: dict[str, object], layer: Message) -> bool:
    """Which of the two losses counts is said by ``propagate_down`` here; both do, as a rule."""
    return all(get_all(layer, "propagate_down")[:2]) and read_loss(a, layer)


_TRAINS = Refused(
    "it searches true boxes for each prior box to train a detector, and ONNX is for networks in use",
    "let the net end before it",
)


class MultiBoxLoss(Loss):
    """The loss of SSD: of the offsets to boxes, and of the classes.

    Each true box is matched with the prior box that overlaps it most; unless ``match = "bipartite"`` so is every prior
    box with a true box that it overlaps by ``overlap_threshold`` or more. The offsets of the matched count with
    ``loc_weight``, and their classes; of all others those whose background has the largest loss, at most
    ``neg_pos_ratio`` for each matched one in an image. ``truth`` holds rows (image, label, instance, xmin, ymin, xmax,
    ymax, difficult); rows of image -1 do not count. An image without true boxes adds nothing.
    """

    name = "multibox_loss"
    example = "multibox_loss(loc, conf, priors, truth, 21)"
    example_shapes = {"loc": (1, 24), "conf": (1, 126), "priors": (1, 2, 24), "truth": (1, 1, 3, 8)}
    operands = ("loc", "conf", "priors", "truth")
    args = (
        Arg("classes", Int(), REQUIRED, "number of classes, the background among them"),
        Arg("loc_loss", Choice("smooth_l1", "l2"), "smooth_l1", "the loss of offsets"),
        Arg("conf_loss", Choice("softmax", "logistic"), "softmax", "the loss of classes"),
        Arg("loc_weight", Float(), 1.0, "what the loss of offsets counts"),
        Arg("match", Choice("per_prediction", "bipartite"), "per_prediction", "which prior boxes are matched"),
        Arg("overlap_threshold", Float(), 0.5, "what a match overlaps at least"),
        Arg("background", Int(0), 0, "the class that is no object"),
        Arg("use_difficult", Bool(), True, "whether true boxes count that are marked as difficult"),
        Arg("neg_pos_ratio", Float(low=0), 3.0, "how many unmatched prior boxes count for each matched one"),
        Arg("neg_overlap", Float(), 0.5, "what those overlap less than"),
        CODE,
        Arg("variance_in_target", Bool(), False, "whether losses, instead of offsets, are by variances"),
        Arg("agnostic", Bool(), False, "whether all objects are of one class, the one behind the background"),
        Arg("inside_only", Bool(), False, "whether prior boxes that reach beyond the image do not count"),
        Arg("bp_inside", Bool(), False, "whether edges of prior boxes beyond the image do not count"),
        Arg("mining", Choice("max_negative", "none"), "max_negative", "whether only the worst unmatched boxes count"),
        normalization_arg("valid"),
        LOSS_WEIGHT,
    )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        count, truth = prior_count(n.x[2]), n.x[3]
        for_each_prior(n, 0, count, 4)
        for_each_prior(n, 1, count, n.a.classes)
        if truth[-1:] != (8,):
            label = f"true boxes are rows of 8 numbers, (1, 1, boxes, 8); this is {show_shape(truth)}"
            raise Fault("NG303", "shapes do not match", label, arg="x3")
        if n.a.background >= n.a.classes:
            label = f"there are {n.a.classes} classes, the first of which is 0"
            raise Fault("NG208", "argument out of range", label, arg="background")
        return [()]

    caffe = CaffeSpelling(
        "MultiBoxLoss",
        "",
        WEIGHT,
        Sub("loss_param", Normalization("VALID")),
        Sub(
            "multibox_loss_param",
            Words("loc_loss_type", "loc_loss", {"smooth_l1": "SMOOTH_L1", "l2": "L2"}, "SMOOTH_L1"),
            Words("conf_loss_type", "conf_loss", {"softmax": "SOFTMAX", "logistic": "LOGISTIC"}, "SOFTMAX"),
            Field("loc_weight", "loc_weight", 1.0),
            Field("num_classes", "classes"),
            Fixed("share_location", True, True),
            Words(
                "match_type",
                "match",
                {"per_prediction": "PER_PREDICTION", "bipartite": "BIPARTITE"},
                "PER_PREDICTION",
            ),
            Field("overlap_threshold", "overlap_threshold", 0.5),
            Fixed("use_prior_for_matching", True, True),
            Field("background_label_id", "background", 0),
            Field("use_difficult_gt", "use_difficult", True),
            Field("neg_pos_ratio", "neg_pos_ratio", 3.0),
            Field("neg_overlap", "neg_overlap", 0.5),
            CODE_FIELD,
            Field("encode_variance_in_target", "variance_in_target", False),
            Field("map_object_to_agnostic", "agnostic", False),
            Field("ignore_cross_boundary_bbox", "inside_only", False),
            Field("bp_inside", "bp_inside", False),
            Words("mining_type", "mining", {"max_negative": "MAX_NEGATIVE", "none": "NONE"}, "MAX_NEGATIVE"),
            ignores=("sample_size", "use_prior_for_nms"),
        ),
        fork="ssd",
        reads=_read_multibox,
    )
    torch = TorchSpelling(
        function=_multibox_call,
        defaults={
            "loc_loss": "smooth_l1",
            "conf_loss": "softmax",
            "loc_weight": 1.0,
            "bipartite": False,
            "overlap_threshold": 0.5,
            "background": 0,
            "use_difficult": True,
            "mining": True,
            "neg_pos_ratio": 3.0,
            "neg_overlap": 0.5,
            "code": "corner",
            "variance_in_target": False,
            "agnostic": False,
            "inside_only": False,
            "bp_inside": False,
            "normalization": "valid",
        },
        helpers=[_MULTIBOX],
        refuses=_torch_lacks,
    )
    onnx = _TRAINS


# --- the count of hits ----------------------------------------------------------------------------


class DetectionEvaluate(Operator):
    """The hits among the boxes that were found, for the average precision over a test set.

    Rows are (-1, label, number of true boxes, -1, -1) for each class but the background, then
    (image, label, score, hit, miss) for each box that was found.
    """

    name = "detection_evaluate"
    short = "evaluation"
    example = "detection_evaluate(found, truth, 21)"
    example_shapes = {"found": (1, 1, 200, 7), "truth": (1, 1, 3, 8)}
    operands = ("found", "truth")
    args = (
        Arg("classes", Int(), REQUIRED, "number of classes, the background among them"),
        Arg("background", Int(0), 0, "the class that is no object"),
        Arg("overlap_threshold", Float(), 0.5, "what a hit overlaps at least"),
        Arg("evaluate_difficult", Bool(), True, "whether true boxes count that are marked as difficult"),
        Arg("name_size_file", Optional(Text()), None, "the file of the images' sizes, where boxes are in pixels"),
    )
    shape_rule = "(1, 1, classes - 1 + boxes, 5): how many boxes count depends on the values, and this is the most"
    dynamic = frozenset({2})

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        for i, (shape, width) in enumerate(zip(n.x, (7, 8), strict=True)):
            if len(shape) != 4 or shape[:2] != (1, 1) or shape[3] != width:
                label = f"boxes are rows of {width} numbers, (1, 1, boxes, {width}); this is {show_shape(shape)}"
                raise Fault("NG303", "shapes do not match", label, arg=f"x{i}")
        return [(1, 1, n.a.classes - 1 + n.x[0][2], 5)]

    caffe = CaffeSpelling(
        "DetectionEvaluate",
        "detection_evaluate_param",
        Field("num_classes", "classes"),
        Field("background_label_id", "background", 0),
        Field("overlap_threshold", "overlap_threshold", 0.5),
        Field("evaluate_difficult_gt", "evaluate_difficult", True),
        Field("name_size_file", "name_size_file"),
        ignores=("engine", "resize_param"),
        fork="ssd",
    )
    torch = Refused(
        "it counts hits for the average precision of a whole test set, which is a matter of the program that tests",
        "let the net end before it",
    )
    onnx = torch
