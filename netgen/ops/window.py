"""Other things done with windows: laid out side by side, pooled at several scales, pooled by chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape, Value
from netgen.ir.kinds import REQUIRED, Arg, Choice, Extents, Int
from netgen.ir.operator import Operator
from netgen.ir.reach import Reach
from netgen.ir.spell_caffe import CaffeSpelling, Field, Fixed, Spatial, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Helper, Input, TorchSpelling
from netgen.ops import pool
from netgen.ops.conv import Conv
from netgen.ops.rules import each_way, places, same_pad, show_shape, spatial

# --- side by side ---------------------------------------------------------------------------------

_IM2COL = Helper(
    "_im2col",
    '''
def _im2col(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    pad: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Tensor:
    """The windows of an image as channels, where a convolution has them."""
    ways = len(kernel)
    x = F.pad(x, [size for each in reversed(pad) for size in (each, each)])
    for axis, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True), 2):
        x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
    windows, places = range(2 + ways, 2 + 2 * ways), range(2, 2 + ways)
    return x.permute(0, 1, *windows, *places).flatten(1, 1 + ways)
''',
)


def onnx_columns(kernel: Sequence[int], channels: int, **conv: Any) -> list[OnnxNode]:
    """Windows as channels: a convolution, of each channel by itself, with filters that pick one place each."""
    taps = prod(kernel)
    filters = [_in_shape([float(place == tap) for place in range(taps)], kernel) for tap in range(taps)]
    same = [0] * len(kernel)  # as many places as there are
    return chain(
        OnnxNode("Reshape", (0, Const([-1, 1, *same]))),
        OnnxNode("Conv", (0, Const([[each] for each in filters], "float")), kernel_shape=tuple(kernel), **conv),
        OnnxNode("Reshape", (0, Const([-1, channels * taps, *same]))),
    )


def _in_shape(numbers: list[float], shape: Sequence[int]) -> object:
    """Numbers in nested lists."""
    if len(shape) == 1:
        return numbers
    each = prod(shape[1:])
    return [_in_shape(numbers[at : at + each], shape[1:]) for at in range(0, len(numbers), each)]


def _im2col_onnx(n: Node) -> list[OnnxNode]:
    kernel, stride, pad, dilation = (each_way(n, arg) for arg in ("kernel", "stride", "pad", "dilation"))
    return onnx_columns(kernel, n.x[0][1], strides=stride, pads=pad * 2, dilations=dilation)


class Im2col(Operator):
    """Each window of an image laid out as channels.

    That is what a convolution multiplies with its weights. The channels of the result are those of ``x``, and within
    each the places of the window, row by row.
    """

    name = "im2col"
    short = "im2col"
    example = "im2col(x, 3, pad = 1)"
    args = (
        Arg("kernel", Extents(), REQUIRED, "size of the window"),
        Arg("stride", Extents(), 1, "step between two windows"),
        Arg("pad", Extents(0, "same"), 0, 'zeros around the input; "same" keeps the size at stride 1'),
        Arg("dilation", Extents(), 1, "distance between two taps of a window"),
    )
    shape_rule = "(N, C*kernel*kernel, height and width as with conv)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a["pad"] == "same":
            a["pad"] = same_pad(a.kernel, a.dilation)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, *_ = places(n)
        as_conv = Node(Conv, Attrs({**n.a, "out": 1, "groups": 1}), n.inputs, n.name, instance=n.instance, spans={})
        [(_, _, *out)] = Conv.infer(as_conv)
        return [(batch, channels * prod(each_way(n, "kernel")), *out)]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return Conv.reach(n)

    caffe = CaffeSpelling(
        "Im2col",
        "convolution_param",
        Spatial("pad", "pad", "pad", 0),
        Spatial("kernel_size", "kernel", "kernel"),
        Spatial("stride", "stride", "stride", 1, always=True),
        Fixed("axis", 1, 1, always=False),
        Spatial("dilation", "dilation", "", 1),
        ignores=("engine", "force_nd_im2col", "num_output", "bias_term", "group", "weight_filler", "bias_filler"),
    )
    torch = TorchSpelling(
        function=lambda n: Call(
            "_im2col", Input(), *(each_way(n, arg) for arg in ("kernel", "stride", "pad", "dilation"))
        ),
        helpers=[_IM2COL],
        fresh=True,
    )
    onnx = OnnxSpelling(_im2col_onnx)


# --- at several scales ----------------------------------------------------------------------------

_PYRAMID = Helper(
    "_pyramid_pool",
    '''
def _pyramid_pool(x: Tensor, levels: int, average: bool = False) -> Tensor:
    """Pool to about 1x1, 2x2, 4x4 and so on, and join what comes out."""
    pool = _caffe_avg_pool if average else _caffe_max_pool
    height, width = x.shape[-2:]
    pooled = []
    for bins in (2**level for level in range(levels)):
        kernel = (-(-height // bins), -(-width // bins))
        pad = (
            (kernel[0] * bins - height + 1) // 2,
            (kernel[1] * bins - width + 1) // 2,
        )
        pooled.append(pool(x, kernel, kernel, pad).flatten(1))
    return torch.cat(pooled, 1)
''',
    needs=[pool.ODD_MAX, pool.ODD_AVG],
)


def _level(n: Node, level: int) -> Node:
    """One of the poolings that make a pyramid; refused where Caffe's would be."""
    size = n.x[0][2:]
    bins = 2**level
    kernel = tuple(-(-extent // bins) for extent in size)
    pad = tuple((k * bins - extent + 1) // 2 for k, extent in zip(kernel, size, strict=True))
    if any(p >= k for p, k in zip(pad, kernel, strict=True) if any(pad)):
        label = f"{show_shape(n.x[0])} cannot be cut into {bins}x{bins} parts"
        raise Fault("NG305", "window is larger than the input", label, arg="levels", hint="use fewer levels")
    op = pool.MaxPool if n.a.pool == "max" else pool.AvgPool
    a = Attrs({"kernel": kernel, "stride": kernel, "pad": pad, "rounding": "ceil", "mask": False})
    return Node(op, a, n.inputs, n.name, instance=n.instance, spans={})


def _pyramid_call(n: Node) -> Expr:
    if n.a.levels == 1:
        return Call(f"F.adaptive_{n.a.pool}_pool2d", Input(), 1)
    return Call("_pyramid_pool", Input(), n.a.levels, average=n.a.pool == "avg")


def _pyramid_onnx(n: Node) -> list[OnnxNode]:
    if n.a.levels == 1:
        return [OnnxNode("GlobalMaxPool" if n.a.pool == "max" else "GlobalAveragePool")]
    names = [f"level{level}" for level in range(n.a.levels)]
    nodes: list[OnnxNode] = []
    for level, name in enumerate(names):
        made = _level(n, level)
        made.outputs = [Value(made, 0, shape) for shape in made.op.infer(made)]
        said = made.op.onnx
        assert isinstance(said, OnnxSpelling)
        pooling = _apart(said.nodes(made), name)
        pooling[-1].outputs = (f"{name}_pooled",)
        nodes += [*pooling, OnnxNode("Flatten", (f"{name}_pooled",), (name,))]
    return [*nodes, OnnxNode("Concat", names, axis=1)]


def _apart(nodes: list[OnnxNode], prefix: str) -> list[OnnxNode]:
    """Nodes whose results have names of their own."""
    for node in nodes:
        node.inputs = tuple(f"{prefix}_{each}" if isinstance(each, str) else each for each in node.inputs)
        node.outputs = tuple(f"{prefix}_{each}" for each in node.outputs)
    return nodes


class Spp(Operator):
    """Spatial pyramid pooling: an image pooled to 1x1, 2x2, 4x4 and so on, all laid end to end.

    So images of any size make vectors of one length. With a single level the result stays an image, of 1x1.
    """

    name = "spp"
    short = "spp"
    example = "spp(x, 3)"
    args = (
        Arg("levels", Int(1, 16), REQUIRED, "how many poolings; each has twice as many windows each way"),
        Arg("pool", Choice("max", "avg"), "max", "whether the largest value or the average is taken"),
    )
    shape_rule = "(N, C*(1 + 4 + ... + 4**(levels - 1))), fewer where windows lie outside; one level: (N, C, 1, 1)"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels = spatial(n)[:2]
        if n.a.levels == 1:
            return [(batch, channels, 1, 1)]
        places = 0
        for level in range(n.a.levels):
            made = _level(n, level)
            [(_, _, height, width)] = made.op.infer(made)
            places += height * width
        return [(batch, channels * places)]

    caffe = CaffeSpelling(
        "SPP",
        "spp_param",
        Field("pyramid_height", "levels"),
        Words("pool", "pool", {"max": "MAX", "avg": "AVE"}, "MAX"),
    )
    torch = TorchSpelling(
        function=_pyramid_call,
        defaults={"average": False},
        helpers=lambda n: [_PYRAMID] if n.a.levels > 1 else [],
        fresh=True,
    )
    onnx = OnnxSpelling(_pyramid_onnx)


# --- by chance ------------------------------------------------------------------------------------

_STOCHASTIC = Helper(
    "StochasticPool2d",
    '''
class StochasticPool2d(nn.Module):
    """Pooling of values that are not negative: in training one of each by chance.

    Large values are the more likely. In testing it gives what is to be expected.
    """

    def __init__(
        self, kernel_size: tuple[int, int], stride: tuple[int, int], ceil: bool = True
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil = ceil

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size, self.stride
        x = _pad_for_windows(x, kernel, stride, (0, 0), self.ceil, 0.0)
        sums = F.avg_pool2d(x, kernel, stride, divisor_override=1)
        if not self.training:
            squares = F.avg_pool2d(x.square(), kernel, stride, divisor_override=1)
            return squares.where(sums > 0, 0) / sums.where(sums > 0, 1)
        windows = F.unfold(x, kernel, stride=stride)
        windows = windows.reshape(x.size(0), x.size(1), -1, *sums.shape[2:])
        limits = torch.rand_like(sums) * sums
        chosen = (windows.cumsum(2) < limits.unsqueeze(2)).sum(2, keepdim=True)
        chosen = chosen.clamp(max=windows.size(2) - 1)
        return windows.gather(2, chosen).squeeze(2)
''',
    needs=[pool.WINDOWS],
)


def _stochastic_onnx(n: Node) -> list[OnnxNode]:
    def sums(x: int | str, name: str) -> list[OnnxNode]:
        nodes = _apart(pool.onnx_pool("AveragePool", n, 0.0), name)
        nodes[0].inputs = (x, *nodes[0].inputs[1:])
        nodes[-1].outputs = (name,)
        return nodes

    return [
        OnnxNode("Mul", (0, 0), ("square",)),
        *sums("square", "squares"),
        *sums(0, "sums"),
        OnnxNode("Div", ("squares", "sums"), ("expected",)),
        OnnxNode("Greater", ("sums", number(0.0)), ("positive",)),
        OnnxNode("Where", ("positive", "expected", number(0.0))),
    ]


class StochasticPool(pool.Pool):
    """Pooling by chance, of values that are not negative: the larger, the more likely.

    In training each window gives one of its values. In testing it gives what is to be expected, the sum of squares
    over the sum; 0 where there is nothing above 0.
    """

    name = "stochastic_pool"
    example = "stochastic_pool(x, 3, stride = 2)"
    args = tuple(arg for arg in pool.Pool.args if arg.name != "pad")

    @classmethod
    def check(cls, a: Attrs) -> None:
        a["pad"] = (0, 0)
        super().check(a)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        spatial(n)
        return super().infer(n)

    caffe = CaffeSpelling(
        "Pooling",
        "pooling_param",
        *(field for field in pool.caffe_fields("STOCHASTIC") if field.name != "pad"),
        Fixed("pad", 0, 0, always=False),
    )
    torch = TorchSpelling(
        lambda n: Call("StochasticPool2d", n.a.kernel, n.a.stride, ceil=n.a.rounding == "ceil"),
        defaults={"ceil": True},
        helpers=[_STOCHASTIC],
    )
    onnx = OnnxSpelling(_stochastic_onnx)
