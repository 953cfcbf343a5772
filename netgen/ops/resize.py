"""Upsampling, and the shuffling of channels that goes with grouped convolutions."""

from __future__ import annotations

from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Int, Optional, Pair
from netgen.ir.operator import Operator, Refused
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, Constant, Field
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain
from netgen.ir.spell_torch import Call, Input, TorchSpelling, pair
from netgen.ops.conv import Deconv
from netgen.ops.rules import divisors, spatial

# --- upsample -------------------------------------------------------------------------------------


def _factor(n: Node) -> tuple[int, int] | None:
    """How often each pixel is repeated, or None where that is no whole number."""
    height, width = n.x[0][2:]
    out_height, out_width = n.y[0][2:]
    if out_height % height or out_width % width:
        return None
    return out_height // height, out_width // width


def _caffe_layers(n: Node) -> list[CaffeLayer]:
    """Nearest: a depthwise deconvolution whose weights are 1. Bilinear: Interp, which aligns the corners."""
    if n.a.mode == "bilinear":
        height, width = n.y[0][2:]
        return [CaffeLayer("Interp", "interp_param", [("height", height), ("width", width)], fork="pspnet")]
    factor = _factor(n)
    assert factor is not None  # `_caffe_refuses` says so before
    channels = n.x[0][1]
    ones = Filler("constant", {"value": 1.0})
    given = {"out": channels, "kernel": factor, "stride": factor, "groups": channels, "weight_filler": ones}
    defaults = {"pad": (0, 0), "dilation": (1, 1), "bias": False, "bias_filler": None}
    weight = Constant((channels, 1, *factor), 1.0)
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


def _onnx_nodes(n: Node) -> list[OnnxNode]:
    a = n.a
    if a.mode == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        where = "align_corners" if a.align_corners else "half_pixel"
        how = {"mode": "linear", "coordinate_transformation_mode": where}
    if a.size is not None:
        return [OnnxNode("Resize", (0, "", "", Const(list(a.size))), axes=(2, 3), **how)]
    factors = Const([float(factor) for factor in a.scale], "float")
    return [OnnxNode("Resize", (0, "", factors), axes=(2, 3), **how)]


class Upsample(Operator):
    """Larger images: each pixel repeated, or bilinear between pixels.

    ``scale`` multiplies height and width; ``size`` gives them instead. ``align_corners`` is for bilinear: the corner
    pixels of input and output are then the same points, as in Caffe's Interp; else their outer edges are.
    """

    name = "upsample"
    short = "upsample"
    example = "upsample(x, 2)"
    args = (
        Arg("scale", Optional(Pair()), None, "how many times as high and as wide"),
        Arg("mode", Choice("nearest", "bilinear"), "nearest", "how new pixels are made"),
        Arg("align_corners", Bool(), False, "whether bilinear aligns corners rather than edges"),
        Arg("size", Optional(Pair()), None, "the new height and width, instead of a scale"),
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

    caffe = CaffeSpelling(layers=_caffe_layers, refuses=_caffe_refuses)
    torch = TorchSpelling(
        lambda n: Call("nn.Upsample", **_torch_options(n)),
        lambda n: Call("F.interpolate", Input(), **_torch_options(n)),
        fresh=True,
    )
    onnx = OnnxSpelling(_onnx_nodes)


# --- shuffle --------------------------------------------------------------------------------------


def _shuffle_onnx(n: Node) -> list[OnnxNode]:
    _, channels, height, width = n.x[0]
    groups = n.a.groups
    return chain(
        OnnxNode("Reshape", (0, Const([0, groups, channels // groups, height, width]))),
        OnnxNode("Transpose", perm=(0, 2, 1, 3, 4)),
        OnnxNode("Reshape", (0, Const([0, channels, height, width]))),
    )


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
        "ShuffleChannel", "shuffle_channel_param", Field("group", "groups", 1, always=True), fork="shufflenet"
    )
    torch = TorchSpelling(
        lambda n: Call("nn.ChannelShuffle", n.a.groups), lambda n: Call("F.channel_shuffle", Input(), n.a.groups)
    )
    onnx = OnnxSpelling(_shuffle_onnx)
