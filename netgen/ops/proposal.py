"""Proposals: the regions that the first stage of a two-stage detector finds worth a second look."""

from __future__ import annotations

import re
from functools import partial
from math import floor, prod, sqrt

from netgen.formats.message import Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Float, Int, Listed
from netgen.ir.operator import Operator, Refused
from netgen.ir.spell_caffe import CaffeSpelling, Field, Many
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Expr, Helper, Input, Item, TorchSpelling
from netgen.ops.boxes import SUPPRESS, onnx_suppress
from netgen.ops.places import onnx_places, onnx_sides
from netgen.ops.pool import LOWEST
from netgen.ops.rules import show_shape

# --- PyTorch --------------------------------------------------------------------------------------

_PROPOSALS = Helper(
    "_proposals",
    '''
def _proposals(
    scores: Tensor,
    offsets: Tensor,
    info: Tensor,
    shapes: tuple[tuple[int, int], ...],
    scales: tuple[float, ...],
    stride: int = 16,
    base: int = 16,
    min_size: int = 16,
    pre_nms: int = 6000,
    post_nms: int = 300,
    nms_threshold: float = 0.7,
    drop_small: bool = False,
    column: bool = False,
) -> tuple[Tensor, Tensor]:
    """The best regions, rows (0, xmin, ymin, xmax, ymax) in pixels, and their scores.

    At each place of the map there is an anchor of each shape and scale, which offsets
    move and stretch. Regions that are too small score 0, or are dropped.
    """
    sizes = [(width * by, height * by) for width, height in shapes for by in scales]
    size = torch.tensor(sizes, device=scores.device)
    scores = scores[0, len(sizes) :].float().permute(1, 2, 0)
    offsets = offsets[0].float().permute(1, 2, 0).reshape(*scores.shape, 4)
    info = info.float().flatten(1)[0]
    rows = torch.arange(scores.shape[0], device=size.device) * stride
    columns = torch.arange(scores.shape[1], device=size.device) * stride
    corner = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[:, :, None]
    center = corner + base / 2 + offsets[..., :2] * size
    half = offsets[..., 2:].exp() * size / 2
    boxes = torch.cat([center - half, center + half], -1).flatten(0, 2)
    boxes = torch.minimum(boxes, info[[1, 0, 1, 0]] - 1).clamp(min=0)
    least = min_size * (info[[3, 2]] if len(info) > 3 else info[2])
    is_large = (boxes[:, 2:] - boxes[:, :2] + 1 >= least).all(1)
    scores = scores.flatten() * is_large
    if drop_small:
        boxes, scores = boxes[is_large], scores[is_large]
    scores, order = scores.sort(descending=True, stable=True)
    boxes, scores = boxes[order[:pre_nms]], scores[:pre_nms]
    areas = boxes + boxes.new_tensor([0, 0, 1, 1])  # the last pixel belongs to a region
    is_valid = torch.ones_like(scores, dtype=torch.bool)
    kept = _suppress(areas[None], is_valid[None], nms_threshold, most=post_nms)[0]
    scores = scores[kept]
    return F.pad(boxes[kept], (1, 0)), scores[:, None] if column else scores
''',
    needs=[SUPPRESS],
)


def _call(n: Node) -> Expr:
    a = n.a
    call = Call(
        "_proposals",
        Input(0),
        Input(1),
        Input(2),
        _anchor_shapes(a),
        a.scales,
        stride=a.stride,
        base=a.base,
        min_size=a.min_size,
        pre_nms=a.pre_nms,
        post_nms=a.post_nms,
        nms_threshold=a.nms_threshold,
        drop_small=a.style == "python",
        column=a.style == "python" and a.with_scores,
    )
    return call if a.with_scores else Item(call, 0)


def _anchor_shapes(a: Attrs) -> tuple[tuple[int, int], ...]:
    """Width and height of the anchors of each ratio, in whole pixels."""
    rounded = round if a.style == "python" else _half_up
    widths = [rounded(sqrt(a.base * a.base / ratio)) for ratio in a.ratios]
    return tuple((width, rounded(width * ratio)) for width, ratio in zip(widths, a.ratios, strict=True))


def _half_up(number: float) -> int:
    return floor(number + 0.5)


# --- ONNX -----------------------------------------------------------------------------------------


def _onnx(n: Node, *, any_size: bool = False) -> list[OnnxNode]:
    a, (_, _, height, width) = n.a, n.x[0]
    anchors = len(a.ratios) * len(a.scales)
    most: str | Const = "most" if any_size else Const([min(a.pre_nms, anchors * height * width)])
    small = LOWEST if a.style == "python" else 0.0  # what scores so little is dropped
    scores: list[OnnxNode] = []
    if a.with_scores and a.style == "python":
        scores = [
            OnnxNode("GatherND", ("top", "best"), ("best_scores",)),
            OnnxNode("Unsqueeze", ("best_scores", Const([1])), (1,)),
        ]
    elif a.with_scores:
        scores = [OnnxNode("GatherND", ("top", "best"), (1,))]
    return [
        *_regions_onnx(n, anchors, any_size),
        *_large_onnx(n),
        OnnxNode("Split", (0, Const([anchors, anchors])), ("background", "objects"), axis=1),
        OnnxNode("Transpose", ("objects",), ("objects_by_place",), perm=(0, 2, 3, 1)),
        OnnxNode("Reshape", ("objects_by_place", Const([-1])), ("scores",)),
        OnnxNode("Where", ("is_large", "scores", number(small)), ("scores_of_large",)),
        *(_at_most_onnx(a.pre_nms) if any_size else []),
        OnnxNode("TopK", ("scores_of_large", most), ("top", "order"), axis=0),
        OnnxNode("Gather", ("regions", "order"), ("candidates",), axis=0),
        OnnxNode("Add", ("candidates", Const([0.0, 0.0, 1.0, 1.0], "float")), ("areas",)),  # with the last pixel
        OnnxNode("Unsqueeze", ("areas", Const([0])), ("ranked_areas",)),
        OnnxNode("Unsqueeze", ("top", Const([0, 1])), ("ranked_scores",)),
        onnx_suppress("ranked_areas", "ranked_scores", a.nms_threshold, most=a.post_nms),
        OnnxNode("Gather", ("selected", Const([2])), ("best",), axis=1),
        OnnxNode("GatherND", ("candidates", "best"), ("best_regions",)),
        OnnxNode("Pad", ("best_regions", Const([0, 1, 0, 0]), number(0.0)), (0,), mode="constant"),
        *scores,
    ]


def _at_most_onnx(count: int) -> list[OnnxNode]:
    """``most``: so many, or as many as there are."""
    return [
        OnnxNode("Shape", ("scores_of_large",), ("score_count",)),
        OnnxNode("Min", ("score_count", Const([count])), ("most",)),
    ]


def _middles_onnx(a: Attrs) -> list[OnnxNode]:
    """``middles`` (places, 1, 2) of the anchors, of a map of any size."""
    return [
        *onnx_sides(0, "sides"),
        *onnx_places("sides", "places"),
        OnnxNode("Reshape", ("places", Const([-1, 1, 2])), ("place_rows",)),
        OnnxNode("Mul", ("place_rows", number(a.stride)), ("corners",)),
        OnnxNode("Add", ("corners", number(a.base / 2)), ("middles",)),
    ]


def _regions_onnx(n: Node, anchors: int, any_size: bool) -> list[OnnxNode]:
    """``regions`` (places * anchors, 4), cut off at the edge of the image."""
    a, (_, _, height, width) = n.a, n.x[0]
    sizes = [[wide * by, high * by] for wide, high in _anchor_shapes(a) for by in a.scales]
    half, every = a.base / 2, a.stride
    middles = [[[column * every + half, row * every + half]] for row in range(height) for column in range(width)]
    return [
        *(_middles_onnx(a) if any_size else []),
        OnnxNode("Transpose", (1,), ("offsets_by_place",), perm=(0, 2, 3, 1)),
        OnnxNode("Reshape", ("offsets_by_place", Const([-1, anchors, 4])), ("offsets",)),
        OnnxNode("Split", ("offsets", Const([2, 2])), ("shift", "growth"), axis=-1),
        OnnxNode("Mul", ("shift", Const(sizes, "float")), ("way",)),
        OnnxNode("Add", ("middles" if any_size else Const(middles, "float"), "way"), ("centre",)),
        OnnxNode("Exp", ("growth",), ("factor",)),
        OnnxNode("Mul", ("factor", Const(sizes, "float")), ("size",)),
        OnnxNode("Div", ("size", number(2.0)), ("half",)),
        OnnxNode("Sub", ("centre", "half"), ("from",)),
        OnnxNode("Add", ("centre", "half"), ("to",)),
        OnnxNode("Concat", ("from", "to"), ("moved",), axis=-1),
        OnnxNode("Reshape", ("moved", Const([-1, 4])), ("edges",)),
        OnnxNode("Reshape", (2, Const([-1])), ("info",)),
        OnnxNode("Gather", ("info", Const([1, 0, 1, 0])), ("extent",), axis=0),
        OnnxNode("Sub", ("extent", number(1.0)), ("limit",)),
        OnnxNode("Min", ("edges", "limit"), ("inside",)),
        OnnxNode("Max", ("inside", number(0.0)), ("regions",)),
    ]


def _large_onnx(n: Node) -> list[OnnxNode]:
    """``is_large``: which regions are at least as large as the smallest may be, each way."""
    scales = [3, 2] if prod(n.x[2]) > 3 else [2, 2]
    return [
        OnnxNode("Gather", ("info", Const(scales)), ("scale",), axis=0),
        OnnxNode("Mul", ("scale", number(n.a.min_size)), ("least",)),
        OnnxNode("Split", ("regions", Const([2, 2])), ("first", "last"), axis=1),
        OnnxNode("Sub", ("last", "first"), ("distance",)),
        OnnxNode("Add", ("distance", number(1.0)), ("sides",)),
        OnnxNode("Sub", ("sides", "least"), ("spare",)),
        OnnxNode("ReduceMin", ("spare", Const([1])), ("least_spare",), keepdims=0),
        OnnxNode("GreaterOrEqual", ("least_spare", number(0.0)), ("is_large",)),
    ]


# --- Caffe ----------------------------------------------------------------------------------------


def _read_scores(a: dict[str, object], layer: Message) -> bool:
    tops = len(get_all(layer, "top"))
    a["with_scores"] = tops == 2
    return tops in (1, 2)


_SETTING = r"\s*['\"](\w+)['\"]\s*:\s*(?:!!python/tuple\s*)?(\[[\d.,\s]*\]|[\d.]+)\s*,?\s*"
"""A line of YAML, compiled when the first such layer is met."""
_SETTINGS = {"feat_stride": "stride", "scales": "scales", "ratios": "ratios"}


def _read_python(a: dict[str, object], layer: Message) -> bool:
    """py-faster-rcnn's layer in Python, with the numbers of its configuration for testing."""
    said: Message = get(layer, "python_param", [])
    if (get(said, "module"), get(said, "layer")) != ("rpn.proposal_layer", "ProposalLayer"):
        return False
    a.update(style="python", ratios=(0.5, 1.0, 2.0), scales=(8.0, 16.0, 32.0))
    text = str(get(said, "param_str", "")).strip().removeprefix("{").removesuffix("}")
    at = 0
    while at < len(text):
        found = re.compile(_SETTING).match(text, at)
        if found is None or found[1] not in _SETTINGS:
            return False
        numbers = tuple(float(number) for number in re.findall(r"[\d.]+", found[2]))
        a[_SETTINGS[found[1]]] = numbers if found[2].startswith("[") else int(numbers[0])
        at = found.end()
    return "stride" in a and _read_scores(a, layer)


# --- the operator ---------------------------------------------------------------------------------


class Proposal(Operator):
    """The regions that a region proposal network finds, the best first.

    ``scores`` (1, 2 * anchors, H, W) are of background, then of objects; ``offsets`` (1, 4 * anchors, H, W) move and
    stretch anchors, which have each of ``ratios`` (height by width) and each of ``scales`` times ``base`` pixels.
    ``info`` is (height, width, scale, ...) of the image, in one row. Regions are cut off at the image's edge; of the
    ``pre_nms`` best those that overlap a better one go. ``post_nms`` are given, as rows (0, xmin, ymin, xmax, ymax).

    Regions smaller than ``min_size`` times the image's scale have score 0 in Caffe's layer, and are dropped by
    py-faster-rcnn's in Python, which also rounds halves of pixels to even numbers.
    """

    name = "proposal"
    short = "proposal"
    example = "proposal(scores, offsets, info, ratios = [0.5, 1, 2], scales = [8, 16, 32])"
    example_shapes = {"scores": (1, 18, 16, 16), "offsets": (1, 36, 16, 16), "info": (1, 3)}
    operands = ("scores", "offsets", "info")
    args = (
        Arg("ratios", Listed(Float(above=0), 1, 256), REQUIRED, "height by width of the anchors"),
        Arg("scales", Listed(Float(above=0), 1, 256), REQUIRED, "sizes of the anchors, in units of base"),
        Arg("stride", Int(), 16, "pixels from place to place of the map"),
        Arg("base", Int(), 16, "side of an anchor of scale 1, in pixels"),
        Arg("min_size", Int(0), 16, "sides of the smallest regions, before the image was scaled"),
        Arg("pre_nms", Int(), 6000, "how many of the best are looked at"),
        Arg("post_nms", Int(), 300, "how many are given at most"),
        Arg("nms_threshold", Float(low=0), 0.7, "regions that overlap a better one by more go"),
        Arg("with_scores", Bool(), False, "whether the scores are given too"),
        Arg("style", Choice("layer", "python"), "layer", "whose rules: the layer's in C++ or that in Python"),
    )
    shape_rule = "(regions, 5): how many regions depends on the values, and this is the most; scores (regions)"
    dynamic = frozenset({0})

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        a, (scores, offsets, info) = n.a, n.x
        anchors = len(a.ratios) * len(a.scales)
        for i, (shape, each) in enumerate(((scores, 2), (offsets, 4))):
            if len(shape) != 4 or shape[:2] != (1, anchors * each) or shape[2:] != scores[2:]:
                wanted = show_shape((1, anchors * each, *scores[2:4]))
                label = f"{anchors} anchors at each place of one image need {wanted}; this is {show_shape(shape)}"
                raise Fault("NG303", "shapes do not match", label, arg=f"x{i}")
        if info[:1] != (1,) or prod(info) < 3:
            label = f"this is (height, width, scale, ...) of one image, in one row; here {show_shape(info)}"
            raise Fault("NG303", "shapes do not match", label, arg="x2")
        most = min(a.post_nms, a.pre_nms, anchors * prod(scores[2:]))
        if not a.with_scores:
            return [(most, 5)]
        return [(most, 5), (most,) if a.style == "layer" else (most, 1)]

    caffe = CaffeSpelling(
        "Proposal",
        "proposal_param",
        Field("feat_stride", "stride", 16, always=True),
        Field("base_size", "base", 16, always=True),
        Field("min_size", "min_size", 16, always=True),
        Many("ratio", "ratios"),
        Many("scale", "scales"),
        Field("pre_nms_topn", "pre_nms", 6000, always=True),
        Field("post_nms_topn", "post_nms", 300, always=True),
        Field("nms_thresh", "nms_threshold", 0.7, always=True),
        fork="pvanet",
        reads=_read_scores,
        refuses=lambda n: (
            Refused("Caffe's layer has other rules than the one in Python", 'say style = "layer"')
            if n.a.style == "python"
            else None
        ),
    )
    caffe_forks = (
        CaffeSpelling(
            "Python",
            "python_param",
            ignores=("module", "layer", "param_str", "share_in_parallel"),
            fork="py-faster-rcnn",
            reads=_read_python,
        ),
    )
    torch = TorchSpelling(
        function=_call,
        defaults={
            "stride": 16,
            "base": 16,
            "min_size": 16,
            "pre_nms": 6000,
            "post_nms": 300,
            "nms_threshold": 0.7,
            "drop_small": False,
            "column": False,
        },
        helpers=[_PROPOSALS],
    )
    onnx = OnnxSpelling(_onnx, flexible=partial(_onnx, any_size=True))
