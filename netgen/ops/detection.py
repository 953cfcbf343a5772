"""What comes out of a detector of the SSD family: the best boxes of each class."""

from __future__ import annotations

from math import prod

from netgen.formats.message import Message, get
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Float, Int, Optional, Pair
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling, Field, Fixed, Sub, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Expr, Helper, Input, Item, TorchSpelling
from netgen.ops.boxes import DECODERS, SUPPRESS, decode_onnx, onnx_or_nothing, onnx_suppress, onnx_suppress_shrinking
from netgen.ops.pool import LOWEST
from netgen.ops.rules import show_shape

_CODES = {"corner": "CORNER", "center_size": "CENTER_SIZE", "corner_size": "CORNER_SIZE"}

CODE = Arg(
    "code", Choice(*_CODES), "corner", "how offsets are meant: of corners, of centre and size, of corners by size"
)
CODE_FIELD = Words("code_type", "code", _CODES, "CORNER", always=True)

_DETECTION_ARGS = (
    Arg("classes", Int(), REQUIRED, "number of classes, the background among them"),
    Arg("share_location", Bool(), True, "whether the classes have their boxes in common"),
    Arg("background", Int(-1), 0, "the class that is no object; -1 for none"),
    Arg("nms_threshold", Float(low=0), 0.3, "boxes of one class that overlap a better one by more go"),
    Arg("top_k", Int(-1), -1, "how many boxes of each class are looked at; -1 for all"),
    Arg("eta", Float(above=0, high=1), 1.0, "what the threshold shrinks by with each box, while it is above 0.5"),
    CODE,
    Arg("keep_top_k", Int(-1), -1, "how many boxes of an image are kept; -1 for all"),
)
_IN_TARGET = Arg(
    "variance_encoded_in_target", Bool(), False, "whether offsets are as they are, instead of scaled by the variances"
)
_CONFIDENCE = Arg("confidence_threshold", Optional(Float()), None, "boxes count whose score is greater; all by default")


# --- PyTorch --------------------------------------------------------------------------------------

_DETECTIONS = Helper(
    "_detections",
    '''
def _detections(
    boxes: Tensor,
    scores: Tensor,
    classes: int,
    background: int = 0,
    confidence_threshold: float = float("-inf"),
    nms_threshold: float = 0.3,
    eta: float = 1.0,
    top_k: int = -1,
    keep_top_k: int = -1,
) -> Tensor:
    """The best boxes of each class: rows (image, label, score, xmin, ymin, xmax, ymax).

    Without any there is a row of -1 for each image.
    """
    lowest = float("-inf")
    scores = scores.float().reshape(len(scores), -1, classes).transpose(1, 2)
    boxes = boxes.float().reshape(len(scores), scores.shape[2], -1, 4).transpose(1, 2)
    valid = scores > confidence_threshold
    if background >= 0:
        valid[:, background] = False
    most = int(valid.sum(2).max())
    most = min(most, top_k) if top_k >= 0 else most
    ranked = scores.where(valid, lowest).sort(dim=2, descending=True, stable=True)
    scores = ranked.values[..., :most]
    order = ranked.indices[..., :most, None].expand(-1, -1, -1, 4)
    boxes = boxes.expand(-1, classes, -1, -1).gather(2, order)
    rows = _suppress(
        boxes.flatten(0, 1), scores.flatten(0, 1) > lowest, nms_threshold, eta
    )
    kept = rows.view_as(scores)
    if keep_top_k >= 0:
        left = scores.where(kept, lowest).flatten(1)
        best = left.sort(dim=1, descending=True, stable=True).indices
        is_best = torch.zeros_like(left, dtype=torch.bool)
        is_best = is_best.scatter(1, best[:, :keep_top_k], True)
        kept = kept & is_best.view_as(kept)
    places = kept.nonzero()[:, :2].to(scores.dtype)
    if len(places) == 0:
        found = scores.new_full((len(scores), 7), -1)
        found[:, 0] = torch.arange(len(scores), device=scores.device)
    else:
        found = torch.cat([places, scores[kept][:, None], boxes[kept]], 1)
    return found[None, None]
''',
    needs=[SUPPRESS],
)

_REFINED_SCORES = Helper(
    "_objects_only",
    '''
def _objects_only(scores: Tensor, objects: Tensor, threshold: float) -> Tensor:
    """Scores; where there is hardly an object, 1 for the first class, else 0."""
    is_object = objects.reshape(len(objects), -1, 2)[..., 1:] >= threshold
    scores = scores.reshape(*is_object.shape[:2], -1)
    nothing = torch.zeros_like(scores[0, 0])
    nothing[0] = 1
    return torch.where(is_object, scores, nothing).flatten(1)
''',
)

_REGIONS = Helper(
    "_region_boxes",
    '''
def _region_boxes(regions: Tensor, height: int, width: int) -> Tensor:
    """Regions (image, xmin, ymin, xmax, ymax) as boxes, in parts of an image."""
    boxes = regions.reshape(-1, 5)[:, 1:]
    return (boxes / boxes.new_tensor([width, height] * 2)).reshape(1, -1)
''',
)

_DEFAULTS = {
    "background": 0,
    "confidence_threshold": None,
    "nms_threshold": 0.3,
    "eta": 1.0,
    "top_k": -1,
    "keep_top_k": -1,
}


def _decoded(n: Node, offsets: Expr, boxes: Expr, variances: Expr) -> Call:
    given = [] if n.a.get("variance_encoded_in_target") else [variances]
    return Call(DECODERS[n.a.code].name, offsets, boxes, *given)


def _detections(n: Node, boxes: Expr, scores: Expr) -> Call:
    a = n.a
    more = {} if a.confidence_threshold is None else {"confidence_threshold": a.confidence_threshold}
    return Call(
        "_detections",
        boxes,
        scores,
        classes=a.classes,
        background=a.background if a.background < a.classes else -1,
        **more,
        nms_threshold=a.nms_threshold,
        eta=a.eta,
        top_k=a.top_k,
        keep_top_k=a.keep_top_k,
    )


_PRIORS, _VARIANCES = (Item(Input(2), slice(None), part) for part in (0, 1))

# --- ONNX -----------------------------------------------------------------------------------------


def _priors_onnx() -> list[OnnxNode]:
    """``priors`` and ``variances``, each (1, P, 1, 4)."""
    return [
        OnnxNode("Reshape", (2, Const([2, -1, 1, 4])), ("both",)),
        OnnxNode("Split", ("both", Const([1, 1])), ("priors", "variances"), axis=0),
    ]


def _prior_count(n: Node) -> int:
    classes: int = n.a.classes
    return prod(n.x[1][1:]) // classes


def _found_onnx(n: Node, scores: int | str = 1) -> list[OnnxNode]:
    """The result, of ``boxes`` (N, P, 1 or classes, 4) and scores (N, P * classes)."""
    a, count = n.a, _prior_count(n)
    labels = [label for label in range(a.classes) if label != a.background]
    each = count if a.top_k < 0 else min(a.top_k, count)
    of_image = len(labels) * each
    most = of_image if a.keep_top_k < 0 else min(a.keep_top_k, of_image)
    if most == 0:
        return [OnnxNode("ConstantOfShape", (Const([0, 7]),), ("found",)), *onnx_or_nothing(0)]
    return [
        *_ranked_onnx(n, scores, labels, each),
        *_areas_onnx(),
        *_left_onnx(a, each),
        *(_best_onnx(of_image, each, most) if most < of_image else []),
        *_rows_onnx("best" if most < of_image else "left", labels),
        *onnx_or_nothing(0),
    ]


def _ranked_onnx(n: Node, scores: int | str, labels: list[int], each: int) -> list[OnnxNode]:
    """The best ``scores`` (rows, K) of each class and their ``candidates`` (rows, K, 4): a row for each class of each
    image, the background left out.
    """
    some = len(labels) < n.a.classes
    shared = n.a.share_location

    def of_labels(x: str, made: str) -> list[OnnxNode]:
        return [OnnxNode("Gather", (x, Const(labels)), (made,), axis=1)] if some else []

    nodes = [
        OnnxNode("Reshape", (scores, Const([0, -1, n.a.classes])), ("scores_of_boxes",)),
        OnnxNode("Transpose", ("scores_of_boxes",), ("scores_of_classes",), perm=(0, 2, 1)),
        *of_labels("scores_of_classes", "scores_of_objects"),
        OnnxNode("TopK", ("scores_of_objects" if some else "scores_of_classes", Const([each])), ("top", "places")),
        OnnxNode("Unsqueeze", ("places", Const([-1])), ("order",)),
    ]
    if shared:
        nodes.append(OnnxNode("Squeeze", ("boxes", Const([2])), ("boxes_of_image",)))
    else:
        nodes.append(OnnxNode("Transpose", ("boxes",), ("boxes_of_classes",), perm=(0, 2, 1, 3)))
        nodes += of_labels("boxes_of_classes", "boxes_of_objects")
    return [
        *nodes,
        OnnxNode("GatherND", (nodes[-1].outputs[0], "order"), ("top_boxes",), batch_dims=1 if shared else 2),
        OnnxNode("Reshape", ("top_boxes", Const([-1, each, 4])), ("candidates",)),
        OnnxNode("Reshape", ("top", Const([-1, each])), ("scores",)),
    ]


def _areas_onnx() -> list[OnnxNode]:
    """Boxes and scores for the suppression. ONNX turns a box round that ends before it begins; to Caffe it is empty."""
    return [
        OnnxNode("Unsqueeze", ("scores", Const([1])), ("ranked_scores",)),
        OnnxNode("Split", ("candidates", Const([2, 2])), ("begin", "end"), axis=-1),
        OnnxNode("Max", ("begin", "end"), ("no_sooner",)),
        OnnxNode("Concat", ("begin", "no_sooner"), ("areas",), axis=-1),
    ]


def _left_onnx(a: Attrs, each: int) -> list[OnnxNode]:
    """What overlaps no better one, as ``left``: pairs of a row and a place."""
    least = LOWEST if a.confidence_threshold is None else a.confidence_threshold
    if a.eta < 1 and a.nms_threshold > 0.5:
        return onnx_suppress_shrinking("areas", "scores", a.nms_threshold, a.eta, most=each, least=least)
    return [
        onnx_suppress("areas", "ranked_scores", a.nms_threshold, most=each, least=least),
        OnnxNode("Gather", ("selected", Const([0, 2])), ("left",), axis=1),
    ]


def _best_onnx(of_image: int, each: int, most: int) -> list[OnnxNode]:
    """Of all that are ``left`` in an image the ``best``, which stay in their order."""
    return [
        OnnxNode("GatherND", ("scores", "left"), ("scores_left",)),
        OnnxNode("Shape", ("scores",), ("all",)),
        OnnxNode("Expand", (number(LOWEST), "all"), ("none",)),
        OnnxNode("ScatterND", ("none", "left", "scores_left"), ("in_places",)),
        OnnxNode("Reshape", ("in_places", Const([-1, of_image])), ("of_images",)),
        OnnxNode("TopK", ("of_images", Const([most])), ("best_scores", "best_places")),
        OnnxNode("Reshape", ("none", Const([-1, of_image])), ("none_of_images",)),
        OnnxNode("ScatterElements", ("none_of_images", "best_places", "best_scores"), ("best_of_images",), axis=1),
        OnnxNode("Reshape", ("best_of_images", Const([-1, each])), ("best_in_places",)),
        OnnxNode("Greater", ("best_in_places", number(LOWEST)), ("is_best",)),
        OnnxNode("NonZero", ("is_best",), ("pairs",)),
        OnnxNode("Transpose", ("pairs",), ("best",), perm=(1, 0)),
    ]


def _rows_onnx(chosen: str, labels: list[int]) -> list[OnnxNode]:
    """What was ``found``: rows (image, label, score, xmin, ymin, xmax, ymax) of pairs of a row and a place."""
    return [
        OnnxNode("Gather", (chosen, Const([0])), ("row",), axis=1),
        OnnxNode("Div", ("row", Const(len(labels))), ("image_number",)),
        OnnxNode("Cast", ("image_number",), ("image",), to="float"),
        OnnxNode("Mod", ("row", Const(len(labels))), ("class",)),
        OnnxNode("Gather", (Const([float(label) for label in labels], "float"), "class"), ("label",), axis=0),
        OnnxNode("GatherND", ("scores", chosen), ("score_of_each",)),
        OnnxNode("Unsqueeze", ("score_of_each", Const([1])), ("score",)),
        OnnxNode("GatherND", ("candidates", chosen), ("box",)),
        OnnxNode("Concat", ("image", "label", "score", "box"), ("found",), axis=1),
    ]


def _detections_onnx(n: Node) -> list[OnnxNode]:
    return [
        *_priors_onnx(),
        *decode_onnx(n, 0, "priors", "boxes"),
        *_found_onnx(n),
    ]


def _refined_onnx(n: Node) -> list[OnnxNode]:
    nothing = [1.0, *[0.0] * (n.a.classes - 1)]
    return [
        *_priors_onnx(),
        *decode_onnx(n, 4, "priors", "refined"),
        *decode_onnx(n, 0, "refined", "boxes"),
        OnnxNode("Reshape", (3, Const([0, -1, 2])), ("objects",)),
        OnnxNode("Gather", ("objects", Const([1])), ("objectness",), axis=2),
        OnnxNode("GreaterOrEqual", ("objectness", number(n.a.objectness)), ("is_object",)),
        OnnxNode("Reshape", (1, Const([0, -1, n.a.classes])), ("all_scores",)),
        OnnxNode("Where", ("is_object", "all_scores", Const(nothing, "float")), ("object_scores",)),
        *_found_onnx(n, "object_scores"),
    ]


def _regions_onnx(n: Node) -> list[OnnxNode]:
    height, width = n.a.image
    return [
        OnnxNode("Reshape", (2, Const([1, -1, 1, 5])), ("regions",)),
        OnnxNode("Gather", ("regions", Const([1, 2, 3, 4])), ("edges",), axis=-1),
        OnnxNode("Div", ("edges", Const([float(width), float(height)] * 2, "float")), ("priors",)),
        *decode_onnx(n, 0, "priors", "boxes"),
        *_found_onnx(n),
    ]


# --- the operators --------------------------------------------------------------------------------

_SAVING = ("save_output_param", "visualize", "visualize_threshold", "save_file", "engine")
"""Files that a test run writes, and Tengine's engine."""


def _fields(*of_fork: Field) -> tuple[Field, ...]:
    """OpenCV wants to be told what Caffe takes as the default, and so people do."""
    return (
        Field("num_classes", "classes"),
        Field("share_location", "share_location", True, always=True),
        Field("background_label_id", "background", 0, always=True),
        Sub(
            "nms_param",
            Field("nms_threshold", "nms_threshold", 0.3, always=True),
            Field("top_k", "top_k", -1),
            Field("eta", "eta", 1.0),
        ),
        CODE_FIELD,
        Field("keep_top_k", "keep_top_k", -1, always=True),
        Field("variance_encoded_in_target", "variance_encoded_in_target", False),
        Field("confidence_threshold", "confidence_threshold"),
        *of_fork,
    )


class _ImageSize(Field):
    """Width and height of the image, which are a pair here."""

    def write(self, a: Attrs) -> Message:
        height, width = a[self.arg]
        return [("input_width", width), ("input_height", height)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        size = get(message, "input_height"), get(message, "input_width")
        a[self.arg] = size
        return None not in size

    @property
    def names(self) -> tuple[str, ...]:
        return ("input_width", "input_height")


class _Detection(Operator):
    """What the forms of DetectionOutput have in common."""

    short = "detections"
    dynamic = frozenset({2})
    shape_rule = "(1, 1, boxes, 7): how many boxes depends on the values, and this is the most"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        a, count = n.a, cls.priors(n.x[2])
        for_each_prior(n, 0, count, 4 if a.share_location else 4 * a.classes)
        for_each_prior(n, 1, count, a.classes)
        of_class = count if a.top_k < 0 else min(count, a.top_k)
        most = of_class * (a.classes - (0 <= a.background < a.classes))
        most = most if a.keep_top_k < 0 else min(most, a.keep_top_k)
        return [(1, 1, n.x[0][0] * max(most, 1), 7)]

    @classmethod
    def priors(cls, shape: Shape) -> int:
        """How many prior boxes the third operand holds."""
        return prior_count(shape)


def prior_count(shape: Shape) -> int:
    """How many prior boxes the third operand holds."""
    if len(shape) != 3 or shape[:2] != (1, 2) or shape[2] % 4:
        label = f"prior boxes and their variances are (1, 2, 4 * boxes); this is {show_shape(shape)}"
        raise Fault("NG303", "shapes do not match", label, arg="x2")
    return shape[2] // 4


def for_each_prior(n: Node, operand: int, priors: int, each: int) -> None:
    """An operand must have so many numbers for each prior box, on axis 1."""
    shape, batch = n.x[operand], n.x[0][:1]
    if len(shape) < 2 or (shape[:1], shape[1], prod(shape[2:])) != (batch, priors * each, 1):
        wanted = show_shape((*batch, priors * each))
        label = f"{priors} prior boxes need {wanted}, {each} numbers for each; this is {show_shape(shape)}"
        raise Fault("NG303", "shapes do not match", label, arg=f"x{operand}")


class DetectionOutput(_Detection):
    """The boxes that a detector of the SSD family finds, the best of each class.

    Boxes are made of offsets to prior boxes; in each class those that overlap a better one go, and of all that remain
    in an image ``keep_top_k`` are kept. A row is (image, label, score, xmin, ymin, xmax, ymax); rows go by image, then
    by label, then from the best on. If nothing is found there is a row of -1 for each image. Of equal scores the prior
    box that comes first wins; where ``keep_top_k`` has to choose between equal ones, Caffe leaves the choice to chance.
    """

    name = "detection_output"
    example = "detection_output(loc, conf, priors, 21, keep_top_k = 200)"
    example_shapes = {"loc": (1, 24), "conf": (1, 126), "priors": (1, 2, 24)}
    operands = ("loc", "conf", "priors")
    args = (*_DETECTION_ARGS, _IN_TARGET, _CONFIDENCE)

    caffe = CaffeSpelling(
        "DetectionOutput",
        "detection_output_param",
        *_fields(),
        also=("SSDDetectionOutput",),
        ignores=_SAVING,
        fork="ssd",
    )
    torch = TorchSpelling(
        function=lambda n: _detections(n, _decoded(n, Input(0), _PRIORS, _VARIANCES), Input(1)),
        defaults=_DEFAULTS,
        helpers=lambda n: [DECODERS[n.a.code], _DETECTIONS],
    )
    onnx = OnnxSpelling(_detections_onnx)


class RefinedDetectionOutput(_Detection):
    """The boxes that RefineDet finds, for which prior boxes are refined first.

    ``arm_loc`` are offsets to the prior boxes, and ``loc`` to what these give. Where ``arm_conf`` says that there is
    an object with less than ``objectness``, no class counts but the first. All else is as in ``detection_output``.
    """

    name = "refined_detection_output"
    example = "refined_detection_output(loc, conf, priors, arm_conf, arm_loc, 21)"
    example_shapes = {
        "loc": (1, 24),
        "conf": (1, 126),
        "priors": (1, 2, 24),
        "arm_conf": (1, 12),
        "arm_loc": (1, 24),
    }
    operands = ("loc", "conf", "priors", "arm_conf", "arm_loc")
    args = (
        *_DETECTION_ARGS,
        _IN_TARGET,
        _CONFIDENCE,
        Arg("objectness", Float(), 0.01, "what an object needs at least"),
    )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        shapes = super().infer(n)
        count = cls.priors(n.x[2])
        if not n.a.share_location:
            label = "boxes that each class has for itself cannot be refined in common"
            raise Fault("NG208", "argument out of range", label, arg="share_location")
        for_each_prior(n, 3, count, 2)
        for_each_prior(n, 4, count, 4)
        return shapes

    caffe = CaffeSpelling(
        "DetectionOutput",
        "detection_output_param",
        *_fields(Field("objectness_score", "objectness", 0.01)),
        ignores=_SAVING,
        fork="refinedet",
    )
    torch = TorchSpelling(
        function=lambda n: _detections(
            n,
            _decoded(n, Input(0), _decoded(n, Input(4), _PRIORS, _VARIANCES), _VARIANCES),
            Call("_objects_only", Input(1), Input(3), n.a.objectness),
        ),
        defaults=_DEFAULTS,
        helpers=lambda n: [DECODERS[n.a.code], _REFINED_SCORES, _DETECTIONS],
    )
    onnx = OnnxSpelling(_refined_onnx)


class RegionDetectionOutput(_Detection):
    """The boxes that a two-stage detector finds, by offsets to regions in pixels.

    This is OpenVINO's ``normalized: false``. Regions are rows (image, xmin, ymin, xmax, ymax); the boxes that are found
    are parts of an image of the given size. Offsets have no variances. All else is as in ``detection_output``.
    """

    name = "region_detection_output"
    example = "region_detection_output(loc, conf, regions, 2, [544, 992])"
    example_shapes = {"loc": (1, 24), "conf": (1, 12), "regions": (1, 1, 30)}
    operands = ("loc", "conf", "regions")
    args = (
        _DETECTION_ARGS[0],
        Arg("image", Pair(), REQUIRED, "height and width of the image that the regions lie in"),
        *_DETECTION_ARGS[1:],
        _CONFIDENCE,
    )

    @classmethod
    def priors(cls, shape: Shape) -> int:
        if len(shape) != 3 or shape[:2] != (1, 1) or shape[2] % 5:
            label = f"regions are (1, 1, 5 * regions); this is {show_shape(shape)}"
            raise Fault("NG303", "shapes do not match", label, arg="x2")
        return shape[2] // 5

    caffe = CaffeSpelling(
        "DetectionOutput",
        "detection_output_param",
        *(field for field in _fields() if field.arg != "variance_encoded_in_target"),
        Fixed("variance_encoded_in_target", True, False),
        _ImageSize("input_width", "image"),
        Fixed("normalized", False, True),
        ignores=_SAVING,
        fork="openvino",
    )
    torch = TorchSpelling(
        function=lambda n: _detections(
            n,
            Call(DECODERS[n.a.code].name, Input(0), Call("_region_boxes", Input(2), *n.a.image)),
            Input(1),
        ),
        defaults=_DEFAULTS,
        helpers=lambda n: [DECODERS[n.a.code], _REGIONS, _DETECTIONS],
    )
    onnx = OnnxSpelling(_regions_onnx)
