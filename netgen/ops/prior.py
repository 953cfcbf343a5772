"""Prior boxes: what detectors of the SSD family predict offsets to."""

from __future__ import annotations

from math import sqrt

from netgen.formats.message import Message
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Float, Listed, Optional, Pair
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling, Field, Many, Spatial
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Helper, Input, Item, TorchSpelling
from netgen.ops.places import onnx_places, onnx_sides
from netgen.ops.rules import show_shape, spatial

_SIZES = Listed(Float(above=0), 1)
_COMMON_ARGS = (
    Arg("clip", Bool(), False, "whether what lies outside the image is cut off"),
    Arg(
        "variance", Listed(Float(above=0), 1, 4), 0.1, "what offsets are scaled by: one number, or one for each of four"
    ),
    Arg("image", Optional(Pair()), None, "height and width of the image, instead of those of `image`"),
    Arg("step", Optional(Listed(Float(above=0), 1, 2)), None, "pixels from place to place; image by map if not given"),
    Arg("offset", Float(), 0.5, "where in its step a box has its middle"),
)


class _OptionalPair(Spatial):
    """A (height, width) pair that may be missing."""

    def write(self, a: Attrs) -> Message:
        return [] if a[self.arg] is None else super().write(a)


# As published networks do: SSD's own default of clip was true once, and OpenCV wants to be told the variance.
_COMMON_FIELDS = (
    Field("clip", "clip", False, always=True),
    Many("variance", "variance", (0.1,), always=True),
    _OptionalPair("img_size", "image", "img"),
    _OptionalPair("step", "step", "step"),
    Field("offset", "offset", 0.5),
)


class _Priors(Operator):
    """What the two kinds of prior boxes have in common: boxes of some shapes around each place of a map."""

    short = "prior"
    operands = ("x", "image")
    only_shapes = frozenset({0, 1})
    shape_rule = "(1, 2, H * W * boxes * 4), of x; boxes first, then variances"

    @classmethod
    def shapes(cls, a: Attrs) -> list[tuple[float, float]]:
        """Width and height of the boxes around one place, in pixels."""
        raise NotImplementedError

    @classmethod
    def check(cls, a: Attrs) -> None:
        if len(a.variance) not in (1, 4):
            raise _odd("variance", f"{len(a.variance)} variances; there is one for all, or one for each of four")
        if a.step is not None and len(a.step) == 1:
            a["step"] = a.step * 2

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        height, width = spatial(n)[2:]
        if n.a.image is None and len(n.x[1]) != 4:
            label = f"`{cls.name}` needs an image, (N, C, H, W); this is {show_shape(n.x[1])}"
            raise Fault("NG301", "wrong number of axes", label, arg="x1", hint="or say its size: image = [h, w]")
        return [(1, 2, height * width * len(cls.shapes(n.a)) * 4)]


def _odd(arg: str, label: str) -> Fault:
    return Fault("NG208", "argument out of range", label, arg=arg)


# --- PyTorch and ONNX -----------------------------------------------------------------------------

_AROUND = Helper(
    "_boxes_around",
    '''
def _boxes_around(
    x: Tensor,
    image: tuple[int, ...],
    shapes: tuple[tuple[float, float], ...],
    variance: tuple[float, ...] = (0.1,),
    step: tuple[float, float] | None = None,
    offset: float = 0.5,
    clip: bool = False,
) -> Tensor:
    """Boxes of some widths and heights around each place of a map, and their variances.

    The result is (1, 2, 4 * boxes); coordinates are parts of the image's size.
    """
    height, width = x.shape[-2:]
    if step is None:
        step = (image[0] / height, image[1] / width)
    rows = (torch.arange(height, device=x.device) + offset) * step[0]
    columns = (torch.arange(width, device=x.device) + offset) * step[1]
    center = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[:, :, None]
    half = torch.tensor(shapes, device=x.device) / 2
    boxes = torch.cat([center - half, center + half], -1)
    boxes = boxes / torch.tensor([image[1], image[0]] * 2, device=x.device)
    if clip:
        boxes = boxes.clamp(0, 1)
    variances = torch.tensor(variance, device=x.device).expand_as(boxes)
    return torch.stack([boxes.flatten(), variances.flatten()])[None]
''',
)

_PRIORS = Helper(
    "_prior_boxes",
    '''
def _prior_boxes(
    x: Tensor,
    image: tuple[int, ...],
    min_sizes: tuple[int, ...],
    max_sizes: tuple[int, ...] = (),
    ratios: tuple[float, ...] = (),
    flip: bool = True,
    variance: tuple[float, ...] = (0.1,),
    step: tuple[float, float] | None = None,
    offset: float = 0.5,
    clip: bool = False,
) -> Tensor:
    """The prior boxes of SSD: squares of two sizes and boxes of other aspect ratios.

    With ``flip`` a box of each of these ratios stands upright too.
    """
    shapes: list[tuple[float, float]] = []
    for i, size in enumerate(min_sizes):
        shapes.append((size, size))
        if max_sizes:
            between = (size * max_sizes[i]) ** 0.5
            shapes.append((between, between))
        for ratio in ratios:
            shapes.append((size * ratio**0.5, size / ratio**0.5))
            if flip:
                shapes.append((size / ratio**0.5, size * ratio**0.5))
    return _boxes_around(x, image, tuple(shapes), variance, step, offset, clip)
''',
    needs=[_AROUND],
)

_TORCH_DEFAULTS = {
    "max_sizes": (),
    "ratios": (),
    "flip": True,
    "variance": (0.1,),
    "step": None,
    "offset": 0.5,
    "clip": False,
}


def _torch_call(function: str, n: Node, *shapes: object, **more: object) -> Call:
    a = n.a
    image = a.image if a.image is not None else Item(Call(".size", Input(1)), slice(2, None))
    common = {"variance": a.variance, "step": a.step, "offset": a.offset, "clip": a.clip}
    return Call(function, Input(0), image, *shapes, **more, **common)


def _constant(n: Node) -> list[OnnxNode]:
    """The boxes depend on sizes only, and those are known."""
    a = n.a
    height, width = n.x[0][2:]
    image_h, image_w = a.image if a.image is not None else n.x[1][2:]
    step_h, step_w = a.step if a.step is not None else (image_h / height, image_w / width)
    assert issubclass(n.op, _Priors)
    boxes: list[float] = []
    for row in range(height):
        for column in range(width):
            y, x = (row + a.offset) * step_h, (column + a.offset) * step_w
            for wide, high in n.op.shapes(a):
                boxes += [(x - wide / 2) / image_w, (y - high / 2) / image_h]
                boxes += [(x + wide / 2) / image_w, (y + high / 2) / image_h]
    if a.clip:
        boxes = [min(max(each, 0.0), 1.0) for each in boxes]
    variances = [*a.variance] * (len(boxes) // len(a.variance))
    return [OnnxNode("Identity", (Const([[boxes, variances]], "float"),))]


def _of_any_size(n: Node) -> list[OnnxNode]:
    """The same for a map, and an image, of any size."""
    a = n.a
    assert issubclass(n.op, _Priors)
    halves = Const([[wide / 2, high / 2] for wide, high in n.op.shapes(a)], "float")
    image: str | Const = "image" if a.image is None else Const([float(each) for each in a.image[::-1]], "float")
    step: str | Const = "step" if a.step is None else Const([float(each) for each in a.step[::-1]], "float")
    boxes = "clipped" if a.clip else "boxes"
    return [
        *onnx_sides(0, "sides"),
        *onnx_places("sides", "places"),
        *(onnx_sides(1, "image") if a.image is None else []),
        *([OnnxNode("Div", (image, "sides"), ("step",))] if a.step is None else []),
        OnnxNode("Add", ("places", number(a.offset)), ("middles",)),
        OnnxNode("Mul", ("middles", step), ("centre",)),
        OnnxNode("Sub", ("centre", halves), ("from",)),
        OnnxNode("Add", ("centre", halves), ("to",)),
        OnnxNode("Div", ("from", image), ("first",)),
        OnnxNode("Div", ("to", image), ("last",)),
        OnnxNode("Concat", ("first", "last"), ("boxes",), axis=-1),
        *([OnnxNode("Clip", ("boxes", number(0.0), number(1.0)), ("clipped",))] if a.clip else []),
        OnnxNode("Shape", (boxes,), ("by_place",)),
        OnnxNode("Expand", (Const(list(a.variance), "float"), "by_place"), ("variances",)),
        OnnxNode("Reshape", (boxes, Const([1, 1, -1])), ("box_row",)),
        OnnxNode("Reshape", ("variances", Const([1, 1, -1])), ("variance_row",)),
        OnnxNode("Concat", ("box_row", "variance_row"), axis=1),
    ]


# --- the operators --------------------------------------------------------------------------------


def _distinct(a: Attrs) -> list[float]:
    """Aspect ratios other than 1, each once. Where ``flip`` adds inverses, none is another's."""
    found: list[float] = []
    for ratio in a.aspect_ratio or ():
        known = [1.0, *found, *(1 / each for each in found if a.flip)]
        if all(abs(ratio - each) >= 1e-6 for each in known):
            found.append(ratio)
    return found


def _ratios(a: Attrs) -> list[float]:
    """Aspect ratios other than 1; with ``flip`` each followed by its inverse."""
    return [each for ratio in _distinct(a) for each in ([ratio, 1 / ratio] if a.flip else [ratio])]


def _whole(sizes: tuple[float, ...] | None) -> tuple[int, ...]:
    return tuple(int(size) for size in sizes or ())


class PriorBox(_Priors):
    """The prior boxes of SSD: squares and boxes of other aspect ratios around each place.

    For each of ``min_size`` a square of that size, one of the geometric mean with ``max_size``, and a box of the same
    area for each aspect ratio. Sizes are in pixels of the image and, as in Caffe, cut to whole numbers. Boxes have
    coordinates (xmin, ymin, xmax, ymax) as parts of the image.
    """

    name = "prior_box"
    example = "prior_box(x, image, [30], [60], [2])"
    args = (
        Arg("min_size", _SIZES, REQUIRED, "sides of squares, in pixels"),
        Arg("max_size", Optional(_SIZES), None, "for each a larger one; a square of the size between is added"),
        Arg("aspect_ratio", Optional(_SIZES), None, "width by height of further boxes"),
        Arg("flip", Bool(), True, "whether each aspect ratio is used upright too"),
        *_COMMON_ARGS,
    )

    @classmethod
    def check(cls, a: Attrs) -> None:
        super().check(a)
        if a.max_size is None:
            return
        if len(a.max_size) != len(a.min_size):
            raise _odd("max_size", f"{len(a.max_size)} sizes, but there are {len(a.min_size)} of `min_size`")
        for small, large in zip(a.min_size, a.max_size, strict=True):
            if large <= small:
                raise _odd("max_size", f"{large:g} is not greater than the {small:g} of `min_size`")

    @classmethod
    def shapes(cls, a: Attrs) -> list[tuple[float, float]]:
        ratios, larger = _ratios(a), _whole(a.max_size)
        found: list[tuple[float, float]] = []
        for i, size in enumerate(_whole(a.min_size)):
            found.append((size, size))
            if larger:
                found.append((sqrt(size * larger[i]),) * 2)
            found += [(size * sqrt(ratio), size / sqrt(ratio)) for ratio in ratios]
        return found

    caffe = CaffeSpelling(
        "PriorBox",
        "prior_box_param",
        Many("min_size", "min_size"),
        Many("max_size", "max_size"),
        Many("aspect_ratio", "aspect_ratio"),
        Field("flip", "flip", True, always=True),
        *_COMMON_FIELDS,
        fork="ssd",
    )
    torch = TorchSpelling(
        function=lambda n: _torch_call(
            "_prior_boxes",
            n,
            _whole(n.a.min_size),
            max_sizes=_whole(n.a.max_size),
            ratios=tuple(_distinct(n.a)),
            flip=n.a.flip,
        ),
        defaults=_TORCH_DEFAULTS,
        helpers=[_PRIORS],
    )
    onnx = OnnxSpelling(_constant, flexible=_of_any_size)


class PriorBoxClustered(_Priors):
    """Prior boxes of given widths and heights around each place of a map.

    As OpenVINO's Caffe has them: sizes are in pixels of the image, coordinates (xmin, ymin, xmax, ymax) parts of it.
    """

    name = "prior_box_clustered"
    example = "prior_box_clustered(x, image, [20, 40], [30, 30])"
    args = (
        Arg("width", _SIZES, REQUIRED, "widths of the boxes, in pixels"),
        Arg("height", _SIZES, REQUIRED, "their heights"),
        *_COMMON_ARGS,
    )

    @classmethod
    def check(cls, a: Attrs) -> None:
        super().check(a)
        if len(a.width) != len(a.height):
            raise _odd("height", f"{len(a.height)} heights, but {len(a.width)} widths")

    @classmethod
    def shapes(cls, a: Attrs) -> list[tuple[float, float]]:
        return list(zip(a.width, a.height, strict=True))

    caffe = CaffeSpelling(
        "PriorBoxClustered",
        "prior_box_param",
        *_COMMON_FIELDS,
        Many("width", "width"),
        Many("height", "height"),
        ignores=("engine", "flip"),
        fork="openvino",
    )
    torch = TorchSpelling(
        function=lambda n: _torch_call("_boxes_around", n, tuple(PriorBoxClustered.shapes(n.a))),
        defaults=_TORCH_DEFAULTS,
        helpers=[_AROUND],
    )
    onnx = OnnxSpelling(_constant, flexible=_of_any_size)
