"""Detectors of the YOLO family, as Caffe's forks for them have them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from netgen.formats.message import Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Float, Int, Listed
from netgen.ir.operator import Operator
from netgen.ir.reach import Reach, whole
from netgen.ir.spell_caffe import CaffeSpelling, Field, Fixed, Many
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Helper, Input, Inputs, TorchSpelling
from netgen.ops.boxes import SUPPRESS, onnx_or_nothing, onnx_suppress
from netgen.ops.places import onnx_map_shape, onnx_places, onnx_sides
from netgen.ops.rules import show_shape, spatial

# --- places become channels -----------------------------------------------------------------------

_REORG = Helper(
    "_reorg",
    '''
def _reorg(x: Tensor, stride: int) -> Tensor:
    """Squares of places become channels, in darknet's order.

    The numbers are first read as a map of fewer channels that is larger by the stride.
    """
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels // stride**2, height, stride, width, stride)
    x = x.permute(0, 3, 5, 1, 2, 4)
    return x.reshape(batch, -1, height // stride, width // stride)
''',
)

_UNORG = Helper(
    "_unorg",
    '''
def _unorg(x: Tensor, stride: int) -> Tensor:
    """Channels become squares of places; the place in the square varies slowest."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, stride, stride, channels // stride**2, height, width)
    x = x.permute(0, 3, 4, 1, 5, 2)
    return x.reshape(batch, -1, height * stride, width * stride)
''',
)


def _reorg_onnx(n: Node) -> list[OnnxNode]:
    stride = n.a.stride
    if n.a.reverse:
        return [OnnxNode("DepthToSpace", blocksize=stride, mode="DCR")]
    _, channels, height, width = n.x[0]
    return chain(
        OnnxNode("Reshape", (0, Const([0, channels // stride**2, height * stride, width * stride]))),
        OnnxNode("SpaceToDepth", blocksize=stride),
        OnnxNode("Reshape", (0, Const([0, *n.y[0][1:]]))),
    )


def _reorg_of_any_size(n: Node) -> list[OnnxNode]:
    channels, stride = n.x[0][1], n.a.stride
    if n.a.reverse:
        return _reorg_onnx(n)
    return [
        OnnxNode("Shape", (0,), ("extents",), start=2, end=4),
        OnnxNode("Mul", ("extents", Const([stride])), ("larger_extents",)),
        OnnxNode("Concat", (Const([0, channels // stride**2]), "larger_extents"), ("larger",), axis=0),
        OnnxNode("Div", ("extents", Const([stride])), ("smaller_extents",)),
        OnnxNode("Concat", (Const([0, channels * stride**2]), "smaller_extents"), ("smaller",), axis=0),
        OnnxNode("Reshape", (0, "larger"), ("fewer",)),
        OnnxNode("SpaceToDepth", ("fewer",), ("squares",), blocksize=stride),
        OnnxNode("Reshape", ("squares", "smaller")),
    ]


class Reorg(Operator):
    """Squares of places become channels, or the other way: the passthrough of YOLOv2.

    As in darknet it is no mere regrouping: without ``reverse`` the image's numbers are first read, in their order, as
    those of C / stride**2 channels, H * stride and W * stride; squares of these become channels, and what comes is
    cut anew into C * stride**2 channels. With ``reverse`` channels become squares.
    """

    name = "reorg"
    short = "reorg"
    example = "reorg(x, 2)"
    args = (
        Arg("stride", Int(), REQUIRED, "side of the squares"),
        Arg("reverse", Bool(), False, "whether channels become places"),
    )
    shape_rule = "(N, C * stride**2, H / stride, W / stride); with reverse (N, C / stride**2, H * stride, W * stride)"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, height, width = spatial(n)
        stride = n.a.stride
        if channels % stride**2 or (not n.a.reverse and (height % stride or width % stride)):
            label = f"a stride of {stride} needs channels by {stride**2}"
            label += "" if n.a.reverse else f" and sides by {stride}"
            raise Fault("NG208", "argument out of range", f"{label}; this is {show_shape(n.x[0])}", arg="stride")
        if n.a.reverse:
            return [(batch, channels // stride**2, height * stride, width * stride)]
        return [(batch, channels * stride**2, height // stride, width // stride)]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return [Reach(1, 1, n.a.stride)] * 2 if n.a.reverse else whole(n)

    caffe = CaffeSpelling(
        "Reorg", "reorg_param", Field("stride", "stride"), Field("reverse", "reverse", False), fork="yolov2"
    )
    torch = TorchSpelling(
        function=lambda n: Call("_unorg" if n.a.reverse else "_reorg", Input(), n.a.stride),
        helpers=lambda n: [_UNORG if n.a.reverse else _REORG],
    )
    onnx = OnnxSpelling(_reorg_onnx, flexible=_reorg_of_any_size)


# --- detections -----------------------------------------------------------------------------------

_ANCHOR_MAP = Helper(
    "_anchored",
    '''
def _anchored(
    x: Tensor, anchors: tuple[tuple[float, float], ...], stride: int = 1
) -> tuple[Tensor, Tensor]:
    """Boxes (boxes, 4) in parts of the image, and the rest: objectness and classes."""
    batch, _, height, width = x.shape
    x = x.float().reshape(batch, len(anchors), -1, height, width).permute(0, 3, 4, 1, 2)
    rows, columns = (torch.arange(n, device=x.device) for n in (height, width))
    cell = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[:, :, None]
    sides = x.new_tensor([width, height])
    center = (cell + x[..., :2].sigmoid()) / sides
    half = x[..., 2:4].exp() * x.new_tensor(anchors) / (sides * stride) / 2
    boxes = torch.cat([center - half, center + half], -1)
    return boxes.reshape(-1, 4), x[..., 4:].flatten(0, 3)
''',
)

_BEST = Helper(
    "_best_boxes",
    '''
def _best_boxes(
    boxes: Tensor, scores: Tensor, labels: Tensor, nms_threshold: float, images: int
) -> Tensor:
    """Rows (0, label, score, xmin, ymin, xmax, ymax), the best first.

    Without any there is a row of -1 for each image.
    """
    if len(scores) == 0:
        nothing = scores.new_full((images, 7), -1)
        nothing[:, 0] = torch.arange(images, device=scores.device)
        return nothing[None, None]
    scores, order = scores.sort(descending=True, stable=True)
    is_valid = torch.ones_like(scores, dtype=torch.bool)
    kept = _suppress(boxes[None, order], is_valid[None], nms_threshold, strict=True)[0]
    rows = [labels[order][:, None] + 1, scores[:, None], boxes[order]]
    return F.pad(torch.cat(rows, 1)[kept], (1, 0))[None, None]
''',
    needs=[SUPPRESS],
)

_YOLO2 = Helper(
    "_yolo2_detections",
    '''
def _yolo2_detections(
    maps: list[Tensor],
    anchors: tuple[tuple[float, float], ...],
    confidence_threshold: float = 0.01,
    nms_threshold: float = 0.45,
) -> Tensor:
    """The boxes that YOLOv2 finds, each of the class that is the most likely."""
    found = [_anchored(x, anchors) for x in maps]
    boxes, rest = (torch.cat(each) for each in zip(*found, strict=True))
    scores, labels = (rest[:, :1].sigmoid() * rest[:, 1:].softmax(1)).max(1)
    good = scores >= confidence_threshold
    images = maps[0].shape[0]
    return _best_boxes(boxes[good], scores[good], labels[good], nms_threshold, images)
''',
    needs=[_ANCHOR_MAP, _BEST],
)

_YOLO3 = Helper(
    "_yolo3_detections",
    '''
def _yolo3_detections(
    maps: list[Tensor],
    anchors: tuple[tuple[tuple[float, float], ...], ...],
    strides: tuple[int, ...],
    confidence_threshold: float = 0.01,
    nms_threshold: float = 0.45,
) -> Tensor:
    """The boxes that YOLOv3 finds, each of every class that is likely enough."""
    found = [_anchored(*each) for each in zip(maps, anchors, strides, strict=True)]
    boxes, rest = (torch.cat(each) for each in zip(*found, strict=True))
    scores = rest[:, :1].sigmoid() * rest[:, 1:].sigmoid()
    box, label = (scores > confidence_threshold).nonzero(as_tuple=True)
    images = maps[0].shape[0]
    return _best_boxes(boxes[box], scores[box, label], label, nms_threshold, images)
''',
    needs=[_ANCHOR_MAP, _BEST],
)


class _Sizes(NamedTuple):
    """What depends on the size of a map: numbers, or the names of what ``nodes`` compute."""

    shape: Const | str
    """What it is reshaped to, (images, anchors, numbers, height, width)."""
    cells: Const | str
    sides: Const | str
    nodes: Sequence[OnnxNode] = ()


def _sizes_of(n: Node, at: int, anchors: int, any_size: bool) -> _Sizes:
    _, channels, height, width = n.x[at]
    first = [-1, anchors, channels // anchors]
    if any_size:
        shape, cells, sides = f"shape{at}", f"cells{at}", f"sides{at}"
        nodes = [*onnx_map_shape(at, first, shape), *onnx_sides(at, sides), *onnx_places(sides, cells)]
        return _Sizes(shape, cells, sides, nodes)
    places = [[[[float(column), float(row)]] for column in range(width)] for row in range(height)]
    sides_now = Const([float(width), float(height)], "float")
    return _Sizes(Const([*first, height, width]), Const(places, "float"), sides_now)


def _anchored_onnx(
    n: Node,
    at: int,
    anchors: tuple[tuple[float, float], ...],
    *,
    any_size: bool,
    softmax: bool = False,
    stride: int = 1,
) -> list[OnnxNode]:
    """Of one map ``boxes`` (boxes, 4) in parts of the image, and the ``scores`` of their classes (boxes, classes)."""

    def name(part: str) -> str:
        return f"{part}{at}"

    sizes = _sizes_of(n, at, len(anchors), any_size)
    numbers = n.x[at][1] // len(anchors)
    halves = [[side / (2 * stride) for side in anchor] for anchor in anchors]
    return [
        *sizes.nodes,
        OnnxNode("Reshape", (at, sizes.shape), (name("by_anchor"),)),
        OnnxNode("Transpose", (name("by_anchor"),), (name("by_place"),), perm=(0, 3, 4, 1, 2)),
        OnnxNode(
            "Split",
            (name("by_place"), Const([2, 2, 1, numbers - 5])),
            (name("shift"), name("growth"), name("object"), name("class")),
            axis=-1,
        ),
        OnnxNode("Sigmoid", (name("shift"),), (name("part"),)),
        OnnxNode("Add", (sizes.cells, name("part")), (name("place"),)),
        OnnxNode("Div", (name("place"), sizes.sides), (name("centre"),)),
        OnnxNode("Exp", (name("growth"),), (name("factor"),)),
        OnnxNode("Mul", (name("factor"), Const(halves, "float")), (name("reach"),)),
        OnnxNode("Div", (name("reach"), sizes.sides), (name("half"),)),
        OnnxNode("Sub", (name("centre"), name("half")), (name("from"),)),
        OnnxNode("Add", (name("centre"), name("half")), (name("to"),)),
        OnnxNode("Concat", (name("from"), name("to")), (name("edges"),), axis=-1),
        OnnxNode("Reshape", (name("edges"), Const([-1, 4])), (name("boxes"),)),
        OnnxNode("Sigmoid", (name("object"),), (name("objectness"),)),
        OnnxNode("Softmax", (name("class"),), (name("likely"),), axis=-1)
        if softmax
        else OnnxNode("Sigmoid", (name("class"),), (name("likely"),)),
        OnnxNode("Mul", (name("objectness"), name("likely")), (name("score"),)),
        OnnxNode("Reshape", (name("score"), Const([-1, numbers - 5])), (name("scores"),)),
    ]


def _best_onnx(n: Node, scores: str, is_found: OnnxNode, label: list[OnnxNode]) -> list[OnnxNode]:
    """The result, of ``boxes`` (boxes, 4) and scores (boxes, one or classes).

    ``is_found`` tells which scores count, and ``label`` makes the ``number`` of the class of each that does.
    """
    is_found.outputs = ("is_found",)
    return [
        is_found,
        OnnxNode("NonZero", ("is_found",), ("found_at",)),
        OnnxNode("Transpose", ("found_at",), ("pairs",), perm=(1, 0)),
        OnnxNode("GatherND", (scores, "pairs"), ("score",)),
        OnnxNode("Gather", ("pairs", Const([0])), ("box_number",), axis=1),
        OnnxNode("GatherND", ("boxes", "box_number"), ("box",)),
        *label,
        OnnxNode("Cast", ("number",), ("class",), to="float"),
        OnnxNode("Add", ("class", number(1.0)), ("label",)),
        OnnxNode("Unsqueeze", ("score", Const([1])), ("score_column",)),
        OnnxNode("Concat", ("label", "score_column", "box"), ("described",), axis=1),
        OnnxNode("Pad", ("described", Const([0, 1, 0, 0]), number(0.0)), ("candidates",), mode="constant"),
        OnnxNode("Unsqueeze", ("box", Const([0])), ("areas",)),
        OnnxNode("Unsqueeze", ("score", Const([0, 1])), ("ranking",)),
        onnx_suppress("areas", "ranking", n.a.nms_threshold, strict=True),
        OnnxNode("Gather", ("selected", Const([2])), ("best",), axis=1),
        OnnxNode("GatherND", ("candidates", "best"), ("found",)),
        *onnx_or_nothing(0),
    ]


def _joined_onnx(n: Node) -> list[OnnxNode]:
    """``boxes`` and ``scores`` of all maps."""
    return [
        OnnxNode("Concat", [f"{part}{at}" for at in range(len(n.x))], (part,), axis=0) for part in ("boxes", "scores")
    ]


def _yolo2_onnx(n: Node, *, any_size: bool = False) -> list[OnnxNode]:
    threshold = number(n.a.confidence_threshold)
    anchors = _pairs(n.a.anchors)
    maps = (_anchored_onnx(n, at, anchors, any_size=any_size, softmax=True) for at in range(len(n.x)))
    return [
        *(each for nodes in maps for each in nodes),
        *_joined_onnx(n),
        OnnxNode("TopK", ("scores", Const([1])), ("highest", "likeliest"), axis=1),
        *_best_onnx(
            n,
            "highest",
            OnnxNode("GreaterOrEqual", ("highest", threshold)),
            [OnnxNode("GatherND", ("likeliest", "box_number"), ("number",))],
        ),
    ]


def _yolo3_onnx(n: Node, *, any_size: bool = False) -> list[OnnxNode]:
    threshold = number(n.a.confidence_threshold)
    given = enumerate(zip(_anchors_of_maps(n.a), n.a.strides, strict=True))
    maps = (_anchored_onnx(n, at, anchors, any_size=any_size, stride=stride) for at, (anchors, stride) in given)
    return [
        *(each for nodes in maps for each in nodes),
        *_joined_onnx(n),
        *_best_onnx(
            n,
            "scores",
            OnnxNode("Greater", ("scores", threshold)),
            [OnnxNode("Gather", ("pairs", Const([1])), ("number",), axis=1)],
        ),
    ]


_THRESHOLDS = (
    Arg("confidence_threshold", Float(), 0.01, "the score that a box needs"),
    Arg("nms_threshold", Float(), 0.45, "boxes that overlap a better one by as much go, whatever their class"),
)
_THRESHOLD_FIELDS = (
    Field("confidence_threshold", "confidence_threshold", 0.01, always=True),
    Field("nms_threshold", "nms_threshold", 0.45, always=True),
)
_TORCH_DEFAULTS = {"confidence_threshold": 0.01, "nms_threshold": 0.45}


def _pairs(anchors: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(anchors[::2], anchors[1::2], strict=True))


class _AnchorCount(Field):
    """How many anchors there are, which their list says too."""

    def write(self, a: Attrs) -> Message:
        count = len(a.anchors) // 2
        return [] if count == self.default else [(self.name, count)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        return bool(2 * get(message, self.name, self.default) == len(get_all(message, "biases")))


class _GroupCount(Field):
    """How many maps there are, each of which has its share of the mask."""

    def write(self, a: Attrs) -> Message:
        count = len(a.strides)
        return [] if count == self.default else [(self.name, count)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        return bool(get(message, self.name, self.default) == len(get_all(message, "anchors_scale")))


class _MapAnchors(Field):
    """How many anchors a map has."""

    def write(self, a: Attrs) -> Message:
        count = len(a.mask) // len(a.strides)
        return [] if count == self.default else [(self.name, count)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        maps = max(len(get_all(message, "anchors_scale")), 1)
        return bool(get(message, self.name, self.default) * maps == len(get_all(message, "mask")))


class _YoloDetection(Operator):
    """What the two detections have in common."""

    short = "detections"
    operands = ("x...",)
    fewest = 1
    dynamic = frozenset({2})
    shape_rule = "(1, 1, boxes, 7): how many boxes depends on the values, and this is the most"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if len(a.anchors) % 2:
            raise Fault("NG208", "argument out of range", "anchors are pairs of width and height", arg="anchors")

    @classmethod
    def places(cls, n: Node, anchors: int) -> int:
        """How many boxes the maps hold, whose channels must be those of the anchors."""
        total = 0
        wanted = anchors * (5 + n.a.classes)
        for i, shape in enumerate(n.x):
            if len(shape) != 4 or shape[:2] != (n.x[0][0], wanted):
                label = (
                    f"{anchors} anchors of {n.a.classes} classes need {wanted} channels; this is {show_shape(shape)}"
                )
                raise Fault("NG303", "shapes do not match", label, arg=f"x{i}")
            total += shape[0] * anchors * shape[2] * shape[3]
        return total


class YoloDetectionOutput(_YoloDetection):
    """The boxes that YOLOv2 finds in one or several maps.

    A map has for each anchor x, y, width, height, objectness and the classes. The score of a box is the objectness
    times the likelihood of its likeliest class. Rows are (0, label, score, xmin, ymin, xmax, ymax), the best first; the
    first label is 1. As in Caffe images of one batch are not told apart.
    """

    name = "yolo_detection_output"
    example = "yolo_detection_output(x, [1.08, 1.19, 3.42, 4.41])"
    example_shapes = {"x": (1, 50, 13, 13)}
    args = (
        Arg(
            "anchors", Listed(Float(above=0), 2, 512), REQUIRED, "width and height of each anchor, in places of the map"
        ),
        Arg("classes", Int(), 20, "number of classes, without a background"),
        *_THRESHOLDS,
    )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        total = cls.places(n, len(n.a.anchors) // 2)
        for i, shape in enumerate(n.x):
            if shape[2] != shape[3]:
                label = f"Caffe looks at squares only; this is {show_shape(shape)}"
                raise Fault("NG303", "shapes do not match", label, arg=f"x{i}")
        return [(1, 1, total, 7)]

    caffe = CaffeSpelling(
        "YoloDetectionOutput",
        "yolo_detection_output_param",
        Field("num_classes", "classes", 20, always=True),
        _AnchorCount("num_box", "anchors", 5),
        Fixed("coords", 4, 4),
        *_THRESHOLD_FIELDS,
        Many("biases", "anchors"),
        ignores=("side", "label_map_file"),
        fork="yolov2",
    )
    torch = TorchSpelling(
        function=lambda n: Call("_yolo2_detections", Inputs(), _pairs(n.a.anchors), **_options(n)),
        defaults=_TORCH_DEFAULTS,
        helpers=[_YOLO2],
    )
    onnx = OnnxSpelling(_yolo2_onnx, flexible=partial(_yolo2_onnx, any_size=True))


def _options(n: Node) -> dict[str, float]:
    return {name: n.a[name] for name in _TORCH_DEFAULTS}


class Yolov3DetectionOutput(_YoloDetection):
    """The boxes that YOLOv3 finds in maps of several strides.

    A map has for each of its anchors x, y, width, height, objectness and the classes. A box is found once for each
    class whose likelihood times the objectness is greater than the threshold. Rows are (0, label, score, xmin, ymin,
    xmax, ymax), the best first; the first label is 1. As in Caffe images of one batch are not told apart.
    """

    name = "yolov3_detection_output"
    example = "yolov3_detection_output(a, b, anchors = [10, 13, 16, 30], mask = [1, 0], strides = [32, 16])"
    example_shapes = {"a": (1, 25, 13, 13), "b": (1, 25, 26, 26)}
    args = (
        Arg("anchors", Listed(Float(above=0), 2, 512), REQUIRED, "width and height of each anchor, in pixels"),
        Arg("mask", Listed(Int(0), 1, 256), REQUIRED, "which anchors each map has, one map after the other"),
        Arg("strides", Listed(Int(), 1, 64), REQUIRED, "pixels from place to place of each map"),
        Arg("classes", Int(), 20, "number of classes"),
        *_THRESHOLDS,
    )

    @classmethod
    def check(cls, a: Attrs) -> None:
        super().check(a)
        if len(a.mask) % len(a.strides):
            label = f"{len(a.mask)} anchors are not shared out evenly among {len(a.strides)} maps"
            raise Fault("NG208", "argument out of range", label, arg="mask")
        if max(a.mask) >= len(a.anchors) // 2:
            label = f"there are {len(a.anchors) // 2} anchors, the first of which is 0; got {max(a.mask)}"
            raise Fault("NG208", "argument out of range", label, arg="mask")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        a = n.a
        if len(n.x) != len(a.strides):
            label = f"{len(a.strides)} strides for {len(n.x)} maps"
            raise Fault("NG208", "argument out of range", label, arg="strides")
        return [(1, 1, cls.places(n, len(a.mask) // len(a.strides)) * a.classes, 7)]

    caffe = CaffeSpelling(
        "Yolov3DetectionOutput",
        "yolov3_detection_output_param",
        Field("num_classes", "classes", 20, always=True),
        _MapAnchors("num_box", "mask", 3),
        *_THRESHOLD_FIELDS,
        Many("biases", "anchors"),
        Many("anchors_scale", "strides"),
        _GroupCount("mask_group_num", "strides", 2),
        Many("mask", "mask"),
        fork="yolov3",
    )
    torch = TorchSpelling(
        function=lambda n: Call("_yolo3_detections", Inputs(), _anchors_of_maps(n.a), n.a.strides, **_options(n)),
        defaults=_TORCH_DEFAULTS,
        helpers=[_YOLO3],
    )
    onnx = OnnxSpelling(_yolo3_onnx, flexible=partial(_yolo3_onnx, any_size=True))


def _anchors_of_maps(a: Attrs) -> tuple[tuple[tuple[float, float], ...], ...]:
    pairs, each = _pairs(a.anchors), len(a.mask) // len(a.strides)
    return tuple(tuple(pairs[i] for i in a.mask[at : at + each]) for at in range(0, len(a.mask), each))
