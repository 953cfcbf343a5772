"""Upsampling, and the shuffling of channels that goes with grouped convolutions."""

from __future__ import annotations

from netgen.formats.message import Message, get
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Float, Int, Listed, Optional, Pair
from netgen.ir.operator import Operator, Refused
from netgen.ir.reach import Reach
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, Constant, Field
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Infix, Input, Item, Name, TorchSpelling, pair
from netgen.ops.conv import Deconv
from netgen.ops.rules import divisors, show_shape, spatial

# --- upsample -------------------------------------------------------------------------------------


def _factor(n: Node) -> tuple[int, int] | None:
    """How often each pixel is repeated, or None where that is no whole number."""
    height, width = n.x[0][2:]
    out_height, out_width = n.y[0][2:]
    if out_height % height or out_width % width:
        return None
    return out_height // height, out_width // width


def _caffe_layers(n: Node) -> list[CaffeLayer]:
    """Nearest: a depthwise deconvolution of equal weights. Bilinear: Interp, which aligns the corners."""
    if n.a.mode == "bilinear":
        height, width = n.y[0][2:]
        return [CaffeLayer("Interp", "interp_param", [("height", height), ("width", width)], fork="pspnet")]
    factor = _factor(n)
    assert factor is not None  # `_caffe_refuses` says so before
    channels = n.x[0][1]
    equal = Filler("constant", {"value": n.a.gain})
    given = {"out": channels, "kernel": factor, "stride": factor, "groups": channels, "weight_filler": equal}
    defaults = {"pad": (0, 0), "dilation": (1, 1), "bias": False, "bias_filler": None}
    weight = Constant((channels, 1, *factor), n.a.gain)
    return [
        CaffeLayer(
            "Deconvolution",
            "convolution_param",
            Deconv.caffe.message(Attrs({**given, **defaults})),
            blobs=["weight"],
            constants={"weight": weight},
            fixed=1,
        )
    ]


def _caffe_refuses(n: Node) -> Refused | None:
    if n.a.mode == "bilinear" and not n.a.align_corners:
        return Refused(
            "Caffe's Interp aligns the corners of input and output",
            "say align_corners = true, or use a `deconv` with weight_filler = bilinear",
        )
    if n.a.mode == "nearest" and _factor(n) is None:
        return Refused(
            "Caffe repeats pixels a whole number of times",
            f'use a multiple of {n.x[0][2]}x{n.x[0][3]}, or mode = "bilinear" with align_corners = true',
        )
    return None


def _torch_options(n: Node) -> dict[str, object]:
    a = n.a
    options: dict[str, object] = {"size": a.size} if a.size is not None else {"scale_factor": pair(a.scale)}
    options["mode"] = a.mode
    return {**options, "align_corners": a.align_corners} if a.mode == "bilinear" else options


def _torch_function(n: Node) -> Expr:
    larger = Call("F.interpolate", Input(), **_torch_options(n))
    return larger if n.a.gain == 1 else Infix("*", larger, n.a.gain)


def _onnx_nodes(n: Node) -> list[OnnxNode]:
    resize = _onnx_resize(n)
    return [resize] if n.a.gain == 1 else chain(resize, OnnxNode("Mul", (0, number(n.a.gain))))


def _onnx_resize(n: Node) -> OnnxNode:
    a = n.a
    if a.mode == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        where = "align_corners" if a.align_corners else "half_pixel"
        how = {"mode": "linear", "coordinate_transformation_mode": where}
    if a.size is not None:
        return OnnxNode("Resize", (0, "", "", Const(list(a.size))), axes=(2, 3), **how)
    factors = Const([float(factor) for factor in a.scale], "float")
    return OnnxNode("Resize", (0, "", factors), axes=(2, 3), **how)


# --- as forks of Caffe say it ---------------------------------------------------------------------


class _WholeScale(Field):
    """A factor that some forks keep as a float; it means repetition only where it is whole."""

    def write(self, a: Attrs) -> Message:
        scale = a[self.arg] or (1, 1)
        return [(self.name, scale[0])] if scale[0] == scale[1] else []

    def read(self, message: Message, a: dict[str, object]) -> bool:
        said: float = get(message, self.name, self.default)
        if said < 1 or said != int(said):
            return False
        a[self.arg] = int(said)
        return True


class _Stride(Field):
    """Ascend's factor: one number or two."""

    def write(self, a: Attrs) -> Message:
        height, width = a[self.arg] or (1, 1)
        return [("stride", height)] if height == width else [("stride_h", height), ("stride_w", width)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        both = get(message, "stride", 2)
        a[self.arg] = (get(message, "stride_h", both), get(message, "stride_w", both))
        return any(get(message, name) is not None for name in self.names)

    @property
    def names(self) -> tuple[str, ...]:
        return ("stride", "stride_h", "stride_w")


class Upsample(Operator):
    """Larger images: each pixel repeated, or bilinear between pixels.

    ``scale`` multiplies height and width; ``size`` gives them instead. ``align_corners`` is for bilinear: the corner
    pixels of input and output are then the same points, as in Caffe's Interp; else their outer edges are. ``gain`` is
    what the repeated pixels are multiplied by.
    """

    name = "upsample"
    short = "upsample"
    example = "upsample(x, 2)"
    args = (
        Arg("scale", Optional(Pair()), None, "how many times as high and as wide"),
        Arg("mode", Choice("nearest", "bilinear"), "nearest", "how new pixels are made"),
        Arg("align_corners", Bool(), False, "whether bilinear aligns corners rather than edges"),
        Arg("size", Optional(Pair()), None, "the new height and width, instead of a scale"),
        Arg("gain", Float(), 1.0, "what the values are multiplied by; nearest only"),
    )
    shape_rule = "(N, C, scale*H, scale*W), or (N, C, *size)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a.scale is None and a.size is None:
            raise Fault("NG203", "missing argument", "`upsample` needs a `scale`, or a `size`")
        if a.scale is not None and a.size is not None:
            raise Fault("NG208", "argument out of range", "scale or size, not both", arg="size")
        if a.align_corners and a.mode != "bilinear":
            label = 'only mode = "bilinear" has corners to align'
            raise Fault("NG208", "argument out of range", label, arg="align_corners")
        if a.gain != 1 and a.mode != "nearest":
            label = 'only mode = "nearest" takes a gain'
            raise Fault("NG208", "argument out of range", label, arg="gain", hint="`power` multiplies by a number")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, height, width = spatial(n)
        scale, size = n.a.scale, n.a.size
        if size is None:
            return [(batch, channels, height * scale[0], width * scale[1])]
        if size[0] < height or size[1] < width:
            label = f"{size[0]}x{size[1]} is smaller than {height}x{width}"
            raise Fault("NG208", "argument out of range", label, arg="size", hint="a pooling makes images smaller")
        return [(batch, channels, *size)]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        neighbours = 2 if n.a.mode == "bilinear" else 1
        extents = zip(n.x[0][2:], n.y[0][2:], strict=True)
        return [Reach(min(neighbours, old), old, new) for old, new in extents]

    caffe = CaffeSpelling(layers=_caffe_layers, refuses=_caffe_refuses)
    caffe_forks = (
        CaffeSpelling("Upsample", "upsample_param", _WholeScale("scale", "scale", 1), fork="yolov3"),
        CaffeSpelling(
            "Upsample", "upsample_param", Field("scale", "gain", 1.0), _Stride("stride", "scale"), fork="ascend"
        ),
    )
    torch = TorchSpelling(
        lambda n: Call("nn.Upsample", **_torch_options(n)) if n.a.gain == 1 else None,
        _torch_function,
        fresh=True,
    )
    onnx = OnnxSpelling(_onnx_nodes)


# --- interp ---------------------------------------------------------------------------------------


def _cropped(n: Node) -> Expr:
    """The input without the rows and columns that are cut off at both ends."""
    begin, end = n.a.crop
    kept = slice(begin or None, -end or None)
    return Item(Input(), Name("..."), kept, kept) if begin or end else Input()


def _interp_module(n: Node) -> Call | None:
    if any(n.a.crop):
        return None
    return Call("nn.Upsample", size=n.y[0][2:], mode="bilinear", align_corners=True)


def _interp_onnx(n: Node) -> list[OnnxNode]:
    begin, end = n.a.crop
    last = [size - end for size in n.x[0][2:]]
    crop = OnnxNode("Slice", (0, Const([begin, begin]), Const(last), Const([2, 3])))
    how = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    resize = OnnxNode("Resize", (0, "", "", Const(list(n.y[0][2:]))), axes=(2, 3), **how)
    return chain(crop, resize) if begin or end else [resize]


class _Pads(Field):
    """What is cut off at both ends, which Caffe calls a pad of less than nothing."""

    def write(self, a: Attrs) -> Message:
        return [(name, -cut) for name, cut in zip(self.names, a[self.arg], strict=True) if cut]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        cuts: tuple[int, ...] = tuple(-get(message, name, 0) for name in self.names)
        a[self.arg] = cuts
        return min(cuts) >= 0

    @property
    def names(self) -> tuple[str, ...]:
        return ("pad_beg", "pad_end")


class _InterpSize(Field):
    """The size that is wanted. Caffe does not look at it where exactly one of zoom and shrink is said."""

    def write(self, a: Attrs) -> Message:
        return [] if a.size is None else list(zip(self.names, a.size, strict=True))

    def read(self, message: Message, a: dict[str, object]) -> bool:
        factors = [get(message, name) for name in ("zoom_factor", "shrink_factor")]
        size = get(message, "height", 0), get(message, "width", 0)
        if all(size) and (factors[0] is None) == (factors[1] is None):
            a[self.arg] = size
            return True
        return factors != [None, None]

    @property
    def names(self) -> tuple[str, ...]:
        return ("height", "width")


class _Factor(Field):
    """A factor, where no size makes it needless."""

    def read(self, message: Message, a: dict[str, object]) -> bool:
        return "size" in a or super().read(message, a)


class Interp(Operator):
    """Images of another size by bilinear interpolation, corner on corner: DeepLab's resizing.

    Either a ``size`` is given, or factors: ``shrink`` keeps one pixel of so many, ``zoom`` puts zoom - 1 new ones
    between any two; with both, the image is shrunk first. ``crop`` cuts rows and columns off before, at the beginning
    and at the end.
    """

    name = "interp"
    short = "interp"
    example = "interp(x, [33, 33])"
    args = (
        Arg("size", Optional(Pair()), None, "the new height and width"),
        Arg("zoom", Optional(Int()), None, "how many times as far apart the pixels are"),
        Arg("shrink", Optional(Int()), None, "how many times as close the pixels are"),
        Arg("crop", Listed(Int(0), 2, 2), (0, 0), "rows and columns that are cut off before: [begin, end]"),
    )
    shape_rule = "(N, C, *size); or shrunk, (H - 1) // shrink + 1, then zoomed, (H - 1)*zoom + 1, W likewise"

    @classmethod
    def check(cls, a: Attrs) -> None:
        factors = a.zoom is not None or a.shrink is not None
        if factors == (a.size is not None):
            label = "give a size or factors, not both" if factors else "`interp` needs a `size`, a `zoom` or a `shrink`"
            raise Fault("NG208", "argument out of range", label, arg="size" if factors else "")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, *extents = spatial(n)
        a = n.a
        extents = [extent - sum(a.crop) for extent in extents]
        if min(extents) < 1:
            label = f"nothing is left of {show_shape(n.x[0])}"
            raise Fault("NG305", "nothing is left of the output", label, arg="crop")
        if a.size is not None:
            return [(batch, channels, *a.size)]
        shrunk = [(extent - 1) // (a.shrink or 1) + 1 for extent in extents]
        return [(batch, channels, *((extent - 1) * (a.zoom or 1) + 1 for extent in shrunk))]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        extents = [(old - sum(n.a.crop), new) for old, new in zip(n.x[0][2:], n.y[0][2:], strict=True)]
        return [Reach(min(2, old), old - 1, max(new - 1, 1)) for old, new in extents]

    caffe = CaffeSpelling(
        "Interp",
        "interp_param",
        _InterpSize("height", "size"),
        _Factor("zoom_factor", "zoom"),
        _Factor("shrink_factor", "shrink"),
        _Pads("pad_beg", "crop"),
        fork="pspnet",
    )
    torch = TorchSpelling(
        _interp_module,
        lambda n: Call("F.interpolate", _cropped(n), size=n.y[0][2:], mode="bilinear", align_corners=True),
        fresh=True,
    )
    onnx = OnnxSpelling(_interp_onnx)


# --- shuffle --------------------------------------------------------------------------------------


def _shuffle_onnx(n: Node) -> list[OnnxNode]:
    """One node, which does not depend on height and width."""
    channels, groups = n.x[0][1], n.a.groups
    order = [group * (channels // groups) + at for at in range(channels // groups) for group in range(groups)]
    return [OnnxNode("Gather", (0, Const(order)), axis=1)]


class ShuffleChannels(Operator):
    """Channels dealt out anew: the first of each group, then the second of each, and so on."""

    name = "shuffle_channels"
    short = "shuffle"
    example = "shuffle_channels(x, 2)"
    args = (Arg("groups", Int(), REQUIRED, "groups of channels that are mixed"),)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        channels = spatial(n)[1]
        if channels % n.a.groups:
            raise Fault(
                "NG302",
                "groups do not divide the channels",
                f"{channels} channels cannot be split into {n.a.groups} groups",
                arg="groups",
                hint=f"use a divisor of {channels}{divisors(channels, n.a.groups)}",
            )
        return [n.x[0]]

    caffe = CaffeSpelling(
        "ShuffleChannel",
        "shuffle_channel_param",
        Field("group", "groups", 1, always=True),
        also=("ChannelShuffle",),
        fork="shufflenet",
    )
    torch = TorchSpelling(
        lambda n: Call("nn.ChannelShuffle", n.a.groups), lambda n: Call("F.channel_shuffle", Input(), n.a.groups)
    )
    onnx = OnnxSpelling(_shuffle_onnx)
