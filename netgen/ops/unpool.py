"""The way back from a max pooling, by the mask that says where each value was found."""

from __future__ import annotations

from netgen.formats.message import Enum, Message, get
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import Arg, Bool, Listed, Optional, Pair
from netgen.ir.operator import Operator
from netgen.ir.reach import Reach
from netgen.ir.spell_caffe import CaffeSpelling, Field, Fixed
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Helper, Input, TorchSpelling
from netgen.ops.rules import show_shape, spatial

_PADS = ("pad_out_h", "pad_out_w")


class _SegNetSize(Field):
    """SegNet's output size: said as such, or as a scale of which the last row or column may be missing."""

    def __init__(self) -> None:
        super().__init__("scale", "scale")

    @property
    def names(self) -> tuple[str, ...]:
        return ("scale", "scale_h", "scale_w", *_PADS, "upsample_h", "upsample_w")

    def write(self, a: Attrs) -> Message:
        if a["size"] is not None:
            return [("upsample_h", a["size"][0]), ("upsample_w", a["size"][1])]
        height, width = a["scale"]
        scale: Message = [("scale", height)] if height == width else [("scale_h", height), ("scale_w", width)]
        return [*scale, *((name, True) for name, trimmed in zip(_PADS, a["trim"], strict=True) if trimmed)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        size = get(message, "upsample_h"), get(message, "upsample_w")
        if None not in size:
            a["size"] = size
            return True
        both = get(message, "scale", 2)
        scale = get(message, "scale_h", both), get(message, "scale_w", both)
        a["scale"] = tuple(map(int, scale))
        a["trim"] = tuple(get(message, name, False) for name in _PADS)
        return a["scale"] == scale


class _UnpooledSize(Field):
    """DeconvNet's output size. The windows of the pooling do not matter where a mask says all."""

    def __init__(self) -> None:
        super().__init__("unpool_size", "size")

    @property
    def names(self) -> tuple[str, ...]:
        return ("unpool_size", "unpool_h", "unpool_w")

    def read(self, message: Message, a: dict[str, object]) -> bool:
        both = get(message, "unpool_size")
        size = get(message, "unpool_h", both), get(message, "unpool_w", both)
        a["size"] = size
        return None not in size


_UNPOOL = Helper(
    "_max_unpool",
    '''
def _max_unpool(x: Tensor, mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value where the mask of a max pooling says, among zeros."""
    flat = x.new_zeros(*x.shape[:2], size[0] * size[1])
    flat = flat.scatter(2, mask.flatten(2).long(), x.flatten(2))
    return flat.reshape(*x.shape[:2], *size)
''',
)


def _onnx_nodes(n: Node) -> list[OnnxNode]:
    height, width = n.y[0][2:]
    return _unpooled_onnx(Const([height * width]), Const([0, 0, height, width]))


def _onnx_of_any_size(n: Node) -> list[OnnxNode]:
    if n.a.size is not None:
        return _onnx_nodes(n)
    return [
        OnnxNode("Shape", (0,), ("pooled",), start=2, end=4),
        OnnxNode("Mul", ("pooled", Const(list(n.a.scale))), ("scaled",)),
        OnnxNode("Sub", ("scaled", Const([int(trim) for trim in n.a.trim])), ("trimmed",)),
        OnnxNode("Max", ("trimmed", Const([1])), ("size",)),
        OnnxNode("ReduceProd", ("size",), ("count",)),
        OnnxNode("Concat", (Const([0, 0]), "size"), ("shape",), axis=0),
        *_unpooled_onnx("count", "shape"),
    ]


def _unpooled_onnx(count: Const | str, shape: Const | str) -> list[OnnxNode]:
    """The values among zeros, of which a channel has so many, in a map of some shape."""
    flat = Const([0, 0, -1])
    return [
        OnnxNode("Reshape", (0, flat), ("values",)),
        OnnxNode("Reshape", (1, flat), ("mask",)),
        OnnxNode("Cast", ("mask",), ("places",), to="int64"),
        OnnxNode("Shape", (0,), ("images",), start=0, end=2),
        OnnxNode("Concat", ("images", count), ("extent",), axis=0),
        OnnxNode("ConstantOfShape", ("extent",), ("zeros",)),
        OnnxNode("ScatterElements", ("zeros", "places", "values"), ("unpooled",), axis=2),
        OnnxNode("Reshape", ("unpooled", shape)),
    ]


class MaxUnpool(Operator):
    """Max pooling undone: each value goes where a mask says that it was found, among zeros.

    ``x`` has as many values as the mask, the second result of ``max_pool(x, …, mask = true)``. The output is ``scale``
    times as large, less the last row or column where ``trim`` says so; or its ``size`` is given.
    """

    name = "max_unpool"
    short = "unpool"
    operands = ("x", "mask")
    example = "max_unpool(x, x, 2)"
    args = (
        Arg("scale", Optional(Pair()), None, "how many times as high and as wide"),
        Arg("size", Optional(Pair()), None, "the height and width of the output, instead of a scale"),
        Arg("trim", Listed(Bool(), 1, 2), False, "whether the last row, and the last column, is left out"),
    )
    shape_rule = "(N, C, scale*H, scale*W), less 1 where trimmed; or (N, C, *size)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if (a.scale is None) == (a.size is None):
            both = "give a scale or a size, not both" if a.size is not None else "`max_unpool` needs a scale, or a size"
            raise Fault("NG208", "argument out of range", both, arg="size" if a.size is not None else "")
        if len(a["trim"]) == 1:
            a["trim"] = a["trim"] * 2
        if a.size is not None and any(a["trim"]):
            label = "a size that is given is not trimmed"
            raise Fault("NG208", "argument out of range", label, arg="trim")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, height, width = spatial(n)
        if n.x[1] != n.x[0]:
            label = f"the mask is {show_shape(n.x[1])}, the values are {show_shape(n.x[0])}"
            raise Fault("NG303", "shapes do not match", label, arg="x1")
        if n.a.size is not None:
            return [(batch, channels, *n.a.size)]
        (scale_h, scale_w), (trim_h, trim_w) = n.a.scale, n.a.trim
        return [(batch, channels, max(height * scale_h - trim_h, 1), max(width * scale_w - trim_w, 1))]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        """One place, which is near: a mask that names a place far away is none that a pooling made."""
        return [Reach(1, old, new) for old, new in zip(n.x[0][2:], n.y[0][2:], strict=True)]

    caffe = CaffeSpelling("Upsample", "upsample_param", _SegNetSize(), fork="segnet")
    caffe_forks = (
        CaffeSpelling(
            "Unpooling",
            "unpooling_param",
            Fixed("unpool", Enum("MAX"), Enum("MAX")),
            _UnpooledSize(),
            ignores=("kernel_size", "kernel_h", "kernel_w", "stride", "stride_h", "stride_w"),
            neutral={"pad": 0, "pad_h": 0, "pad_w": 0},
            fork="deconvnet",
        ),
    )
    torch = TorchSpelling(
        function=lambda n: Call("_max_unpool", Input(0), Input(1), n.y[0][2:]), helpers=[_UNPOOL], fresh=True
    )
    onnx = OnnxSpelling(_onnx_nodes, flexible=_onnx_of_any_size)
