"""Pooling of regions of interest: what a two-stage detector looks at once more."""

from __future__ import annotations

from netgen.formats.message import Message, get
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Float, Int, Pair
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling, Field
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Helper, Input, TorchSpelling
from netgen.ops.places import onnx_map_shape, onnx_range, onnx_sides
from netgen.ops.rules import show_shape, spatial

_SCALE = Arg("scale", Float(above=0), 1.0, "size of the map by size of what the regions are given in, such as 1/16")


class _Pooled(Field):
    """Height and width of what a region becomes, in two fields."""

    def __init__(self) -> None:
        super().__init__("pooled_h", "size")

    def write(self, a: Attrs) -> Message:
        height, width = a["size"]
        return [("pooled_h", height), ("pooled_w", width)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        size = get(message, "pooled_h"), get(message, "pooled_w")
        a["size"] = size
        return None not in size

    @property
    def names(self) -> tuple[str, ...]:
        return ("pooled_h", "pooled_w")


class _RegionPool(Operator):
    """What the poolings of regions have in common: a map, and regions in rows (image, xmin, ymin, xmax, ymax)."""

    short = "roi_pool"
    operands = ("x", "regions")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        channels, regions = spatial(n)[1], n.x[1]
        if len(regions) not in (2, 4) or regions[1:2] != (5,) or regions[2:] not in ((), (1, 1)):
            label = f"regions are rows (image, xmin, ymin, xmax, ymax); this is {show_shape(regions)}"
            raise Fault("NG303", "shapes do not match", label, arg="x1")
        return [(regions[0], *cls.pooled(n, channels))]

    @classmethod
    def pooled(cls, n: Node, channels: int) -> tuple[int, int, int]:
        """Channels, height and width of what a region becomes."""
        return (channels, *n.a.size)


# --- PyTorch --------------------------------------------------------------------------------------

_ROUND = Helper(
    "_round",
    '''
def _round(x: Tensor) -> Tensor:
    """To the nearest whole number, and halves away from zero, as C does."""
    whole = x.trunc()
    return whole + (x - whole).mul(2).trunc()
''',
)

_SPANS = Helper(
    "_spans",
    '''
def _spans(low: Tensor, high: Tensor, parts: int, extent: int) -> tuple[Tensor, Tensor]:
    """Where each of equal parts of some stretches begins and ends, in whole places.

    Parts overlap by what rounding adds; what lies outside the map is cut off.
    """
    part = torch.arange(parts, device=low.device)
    step = (torch.maximum(high - low, torch.zeros_like(low)) + 1)[:, None] / parts
    begin = low[:, None] + (part * step).floor()
    end = low[:, None] + ((part + 1) * step).ceil()
    return begin.clamp(0, extent).long(), end.clamp(0, extent).long()
''',
)

_MAXIMA = Helper(
    "_maxima_ahead",
    '''
def _maxima_ahead(x: Tensor, dim: int) -> Tensor:
    """The maxima of the next 1, 2, 4, 8 ... places from each place on, stacked."""
    maxima, length = [x], 1
    while 2 * length <= x.shape[dim]:
        # what comes round from the other end is never asked for
        maxima.append(torch.maximum(maxima[-1], maxima[-1].roll(-length, dim)))
        length *= 2
    return torch.stack(maxima)
''',
)

_COVER = Helper(
    "_cover",
    '''
def _cover(begin: Tensor, end: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Stretches as two of 2**level places each: the level, and where both begin."""
    length = (end - begin).clamp(min=1)
    level = torch.frexp(length.float()).exponent.long() - 1
    last = (end - 2**level).clamp(min=0)
    return level, (torch.minimum(begin, last), last)
''',
)

_ROI_POOL = Helper(
    "_roi_pool",
    '''
def _roi_pool(
    x: Tensor, regions: Tensor, size: tuple[int, int], scale: float = 1.0
) -> Tensor:
    """Max pooling of regions (image, xmin, ymin, xmax, ymax) to one size.

    Regions are rounded to whole places; of a part outside the map nothing but 0 comes.
    """
    regions = regions.float().reshape(-1, 5)
    image = regions[:, :1, None].long()
    left, top, right, bottom = _round(regions[:, 1:] * scale).unbind(1)
    rows = _spans(top, bottom, size[0], x.shape[2])
    columns = _spans(left, right, size[1], x.shape[3])
    tall, rows_covered = _cover(*rows)
    wide, columns_covered = _cover(*columns)
    tall, wide = tall[:, :, None], wide[:, None]
    maxima = _maxima_ahead(_maxima_ahead(x, 2), 4)
    pooled = [
        maxima[wide, tall, image, :, row[:, :, None], column[:, None]]
        for row in rows_covered
        for column in columns_covered
    ]
    is_full = (rows[1] > rows[0])[:, :, None] & (columns[1] > columns[0])[:, None]
    return torch.stack(pooled).amax(0).where(is_full[..., None], 0).permute(0, 3, 1, 2)
''',
    needs=[_ROUND, _SPANS, _MAXIMA, _COVER],
)

_WEIGHED = Helper(
    "_of_image",
    '''
def _of_image(regions: Tensor, weights: Tensor, batch: int) -> Tensor:
    """Weights (regions, parts, rows) with an axis of images: 0 for all but one."""
    image = torch.arange(batch, device=regions.device)
    return weights[:, None] * (regions[:, :1] == image)[:, :, None, None]
''',
)

_SHARES = Helper(
    "_shares",
    '''
def _shares(low: Tensor, high: Tensor, parts: int, extent: int) -> Tensor:
    """What each place of a map counts in the average of each part of some stretches."""
    part, place = (torch.arange(each, device=low.device) for each in (parts, extent))
    step = (high - low).clamp(min=0.1)[:, None] / parts
    begin = (part * step + low[:, None]).floor()[..., None]
    end = ((part + 1) * step + low[:, None]).ceil()[..., None]
    inside = (place >= begin) & (place < end)
    return inside / inside.sum(-1, keepdim=True).clamp(min=1)
''',
)

_PSROI_POOL = Helper(
    "_psroi_pool",
    '''
def _psroi_pool(
    x: Tensor, regions: Tensor, channels: int, size: int, scale: float = 1.0
) -> Tensor:
    """Average pooling of regions, each part from channels of its own."""
    regions = regions.float().reshape(-1, 5)
    left, top = (_round(regions[:, 1:3]) * scale).unbind(1)
    right, bottom = ((_round(regions[:, 3:]) + 1) * scale).unbind(1)
    rows = _of_image(regions, _shares(top, bottom, size, x.shape[2]), len(x))
    columns = _shares(left, right, size, x.shape[3])
    x = x.reshape(len(x), channels, size, size, *x.shape[2:])
    pooled = torch.einsum("rnph,ncpqhw->rcpqw", rows.to(x), x)
    return torch.einsum("rcpqw,rqw->rcpq", pooled, columns.to(x))
''',
    needs=[_ROUND, _WEIGHED, _SHARES],
)

_SAMPLES = Helper(
    "_samples",
    '''
def _samples(low: Tensor, high: Tensor, parts: int, extent: int, count: int) -> Tensor:
    """What each place counts in the average of each part: of points between places.

    There are ``count`` points in a part; where it is 0, one for each place or less.
    """
    step = (high - low).clamp(min=1)[:, None, None] / parts
    counts = torch.full_like(step, count) if count else step.ceil()
    point = torch.arange(count or int(counts.max()), device=low.device)
    part = torch.arange(parts, device=low.device)[:, None]
    at = low[:, None, None] + (part + (point + 0.5) / counts) * step
    counted = (point < counts) & (at >= -1) & (at <= extent)
    at = at.clamp(0, extent - 1)[..., None]
    place = torch.arange(extent, device=low.device)
    near = (1 - (at - place).abs()).clamp(min=0) * counted[..., None]
    return near.sum(2) / counts
''',
)

_ROI_ALIGN = Helper(
    "_roi_align",
    '''
def _roi_align(
    x: Tensor,
    regions: Tensor,
    size: tuple[int, int],
    scale: float = 1.0,
    samples: int = 0,
) -> Tensor:
    """Average pooling of regions by points between places, without any rounding."""
    regions = regions.float().reshape(-1, 5)
    left, top, right, bottom = (regions[:, 1:] * scale).unbind(1)
    rows = _samples(top, bottom, size[0], x.shape[2], samples)
    columns = _samples(left, right, size[1], x.shape[3], samples)
    rows = _of_image(regions, rows, len(x))
    pooled = torch.einsum("rnph,nchw->rcpw", rows.to(x), x)
    return torch.einsum("rcpw,rqw->rcpq", pooled, columns.to(x))
''',
    needs=[_WEIGHED, _SAMPLES],
)


# --- the operators --------------------------------------------------------------------------------


def _align_onnx(n: Node) -> list[OnnxNode]:
    a = n.a
    return [
        OnnxNode("Reshape", (1, Const([-1, 5])), ("rows",)),
        OnnxNode("Split", ("rows", Const([1, 4])), ("numbers", "boxes"), axis=1),
        OnnxNode("Squeeze", ("numbers", Const([1])), ("images",)),
        OnnxNode("Cast", ("images",), ("indices",), to="int64"),
        OnnxNode(
            "RoiAlign",
            (0, "boxes", "indices"),
            coordinate_transformation_mode="output_half_pixel",
            output_height=a.size[0],
            output_width=a.size[1],
            sampling_ratio=a.samples,
            spatial_scale=a.scale,
        ),
    ]


def _round_onnx(x: str, made: str) -> list[OnnxNode]:
    """To the nearest whole number, and halves away from zero; ONNX's own rounds them to even numbers."""
    return [
        OnnxNode("Abs", (x,), (f"{made}_size",)),
        OnnxNode("Floor", (f"{made}_size",), (f"{made}_whole",)),
        OnnxNode("Sub", (f"{made}_size", f"{made}_whole"), (f"{made}_rest",)),
        OnnxNode("Add", (f"{made}_rest", f"{made}_rest"), (f"{made}_halves",)),
        OnnxNode("Floor", (f"{made}_halves",), (f"{made}_more",)),
        OnnxNode("Add", (f"{made}_whole", f"{made}_more"), (f"{made}_rounded",)),
        OnnxNode("Sign", (x,), (f"{made}_sign",)),
        OnnxNode("Mul", (f"{made}_rounded", f"{made}_sign"), (made,)),
    ]


def _shares_onnx(axis: str, places: Const | str) -> list[OnnxNode]:
    """What each place counts in the average of each part: (regions, 1, parts, extent), named after the axis."""
    return [
        OnnxNode("GreaterOrEqual", (places, f"{axis}_begin"), (f"{axis}_begun",)),
        OnnxNode("Less", (places, f"{axis}_end"), (f"{axis}_unended",)),
        OnnxNode("And", (f"{axis}_begun", f"{axis}_unended"), (f"{axis}_is_inside",)),
        OnnxNode("Cast", (f"{axis}_is_inside",), (f"{axis}_inside",), to="float"),
        OnnxNode("ReduceSum", (f"{axis}_inside", Const([-1])), (f"{axis}_sum",), keepdims=1),
        OnnxNode("Max", (f"{axis}_sum", number(1.0)), (f"{axis}_count",)),
        OnnxNode("Div", (f"{axis}_inside", f"{axis}_count"), (axis,)),
    ]


def _psroi_onnx(n: Node) -> list[OnnxNode]:
    a, (_, _, height, width) = n.a, n.x[0]
    rows, columns = (Const([float(place) for place in range(extent)], "float") for extent in (height, width))
    return _psroi_of(a, rows, columns, Const([0, a.channels, a.size, a.size, height, width]))


def _psroi_of_any_size(n: Node) -> list[OnnxNode]:
    a = n.a
    return [
        *onnx_sides(0, "sides"),
        *onnx_range("sides", 0, "column_places"),
        *onnx_range("sides", 1, "row_places"),
        *onnx_map_shape(0, [0, a.channels, a.size, a.size], "by_part"),
        *_psroi_of(a, "row_places", "column_places", "by_part"),
    ]


def _psroi_of(a: Attrs, rows: Const | str, columns: Const | str, shape: Const | str) -> list[OnnxNode]:
    """The pooling, given the places of each axis and the ``shape`` that tells the parts' channels apart."""
    scale = number(a.scale)
    parts = [[float(part)] for part in range(a.size + 1)]
    return [
        OnnxNode("Reshape", (1, Const([-1, 5])), ("regions",)),
        OnnxNode("Split", ("regions", Const([1, 2, 2])), ("image", "first", "last"), axis=1),
        *_round_onnx("first", "first_place"),
        OnnxNode("Mul", ("first_place", scale), ("low",)),
        *_round_onnx("last", "last_place"),
        OnnxNode("Add", ("last_place", number(1.0)), ("behind",)),
        OnnxNode("Mul", ("behind", scale), ("high",)),
        OnnxNode("Sub", ("high", "low"), ("extent",)),
        OnnxNode("Max", ("extent", number(0.1)), ("extent_at_least",)),
        OnnxNode("Div", ("extent_at_least", number(a.size)), ("step",)),
        OnnxNode("Unsqueeze", ("step", Const([1])), ("step_of_part",)),
        OnnxNode("Unsqueeze", ("low", Const([1])), ("low_of_part",)),
        OnnxNode("Mul", (Const(parts[:-1], "float"), "step_of_part"), ("to_begin",)),
        OnnxNode("Mul", (Const(parts[1:], "float"), "step_of_part"), ("to_end",)),
        OnnxNode("Add", ("to_begin", "low_of_part"), ("begins",)),
        OnnxNode("Add", ("to_end", "low_of_part"), ("ends",)),
        OnnxNode("Floor", ("begins",), ("begin",)),
        OnnxNode("Ceil", ("ends",), ("end",)),
        OnnxNode("Split", ("begin", Const([1, 1])), ("columns_begin", "rows_begin"), axis=-1),
        OnnxNode("Split", ("end", Const([1, 1])), ("columns_end", "rows_end"), axis=-1),
        *_shares_onnx("rows", rows),
        *_shares_onnx("columns", columns),
        OnnxNode("Squeeze", ("image", Const([1])), ("image_number",)),
        OnnxNode("Cast", ("image_number",), ("image_index",), to="int64"),
        OnnxNode("Shape", (0,), ("sizes",)),
        OnnxNode("Gather", ("sizes", Const([0])), ("images",), axis=0),
        OnnxNode("OneHot", ("image_index", "images", Const([0.0, 1.0], "float")), ("is_image",)),
        OnnxNode("Reshape", (0, shape), ("parts",)),
        OnnxNode("Einsum", ("is_image", "rows", "parts"), ("along_rows",), equation="rn,rph,ncpqhw->rcpqw"),
        OnnxNode("Einsum", ("along_rows", "columns"), equation="rcpqw,rqw->rcpq"),
    ]


class RoiPool(_RegionPool):
    """Max pooling of regions to one size, as Fast R-CNN does.

    Regions are rows (image, xmin, ymin, xmax, ymax), the corners included; ``scale`` makes places of the map of their
    coordinates, which are rounded. A region is cut into ``size`` parts that may overlap by a place. What lies outside
    the map is left out; a part that has nothing is 0.
    """

    name = "roi_pool"
    example = "roi_pool(x, regions, 7, scale = 0.0625)"
    example_shapes = {"regions": (300, 5)}
    shape_rule = "(regions, C, *size)"
    args = (Arg("size", Pair(), REQUIRED, "height and width of the result"), _SCALE)
    caffe = CaffeSpelling(
        "ROIPooling", "roi_pooling_param", _Pooled(), Field("spatial_scale", "scale", 1.0), fork="frcnn"
    )
    torch = TorchSpelling(
        function=lambda n: Call("_roi_pool", Input(0), Input(1), n.a.size, scale=n.a.scale),
        defaults={"scale": 1.0},
        helpers=[_ROI_POOL],
    )
    onnx = OnnxSpelling(
        lambda n: [
            OnnxNode("Reshape", (1, Const([-1, 5])), ("rows",)),
            OnnxNode("MaxRoiPool", (0, "rows"), pooled_shape=n.a.size, spatial_scale=n.a.scale),
        ]
    )


class PsRoiPool(_RegionPool):
    """Average pooling of regions, each part from channels of its own, as R-FCN does.

    A region is cut into ``size`` x ``size`` parts; channel c of the result takes part (p, q) from the map's channel
    (c * size + p) * size + q. Regions are rows (image, xmin, ymin, xmax, ymax), the corners included, and rounded
    before ``scale`` makes places of the map of them. A part that has nothing is 0.
    """

    name = "psroi_pool"
    example = "psroi_pool(x, regions, 2, size = 2)"
    example_shapes = {"regions": (300, 5)}
    shape_rule = "(regions, channels, size, size)"
    args = (
        Arg("channels", Int(), REQUIRED, "channels of the result"),
        Arg("size", Int(), REQUIRED, "height and width of the result"),
        _SCALE,
    )

    @classmethod
    def pooled(cls, n: Node, channels: int) -> tuple[int, int, int]:
        a = n.a
        wanted = a.channels * a.size * a.size
        if channels != wanted:
            label = f"{a.channels} channels of {a.size}x{a.size} parts need {wanted}; this is {show_shape(n.x[0])}"
            raise Fault("NG303", "shapes do not match", label, arg="x0")
        return (a.channels, a.size, a.size)

    caffe = CaffeSpelling(
        "PSROIPooling",
        "psroi_pooling_param",
        Field("spatial_scale", "scale", always=True),
        Field("output_dim", "channels"),
        Field("group_size", "size"),
        fork="rfcn",
    )
    torch = TorchSpelling(
        function=lambda n: Call("_psroi_pool", Input(0), Input(1), n.a.channels, n.a.size, scale=n.a.scale),
        defaults={"scale": 1.0},
        helpers=[_PSROI_POOL],
    )
    onnx = OnnxSpelling(_psroi_onnx, flexible=_psroi_of_any_size)


class RoiAlign(_RegionPool):
    """Average pooling of regions without rounding, as Mask R-CNN does.

    Each of ``size`` parts of a region is the average of ``samples`` x ``samples`` points, of which each is interpolated
    between the four places around it; 0 stands for as many as a part has places. Points more than one place outside
    the map count as 0. Regions are rows (image, xmin, ymin, xmax, ymax), at least one place large.
    """

    name = "roi_align"
    example = "roi_align(x, regions, 7, scale = 0.0625)"
    example_shapes = {"regions": (300, 5)}
    shape_rule = "(regions, C, *size)"
    args = (
        Arg("size", Pair(), REQUIRED, "height and width of the result"),
        _SCALE,
        Arg("samples", Int(0), 0, "points along each axis of a part; 0 for as many as it has places"),
    )
    caffe = CaffeSpelling(
        "ROIAlign",
        "roi_align_param",
        _Pooled(),
        Field("spatial_scale", "scale", 1.0),
        Field("sampling_ratio", "samples", 0),
        fork="mask-rcnn",
    )
    torch = TorchSpelling(
        function=lambda n: Call("_roi_align", Input(0), Input(1), n.a.size, scale=n.a.scale, samples=n.a.samples),
        defaults={"scale": 1.0, "samples": 0},
        helpers=[_ROI_ALIGN],
    )
    onnx = OnnxSpelling(_align_onnx)

    @classmethod
    def has_fixed_steps(cls, n: Node) -> bool:
        return bool(n.a.samples)  # else how large the regions are says how many points there are
