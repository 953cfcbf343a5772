"""Convolution, deconvolution and the fully connected layer."""

from __future__ import annotations

from math import prod

from netgen.formats.message import Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import MAX_INT, REQUIRED, Arg, Bool, Extents, Int
from netgen.ir.operator import WEIGHT_ARGS, Operator, Param
from netgen.ir.reach import Reach, whole
from netgen.ir.spell_caffe import CaffeSpelling, Field, FillerField, Fixed, Many, Spatial, Sub
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Expr, Helper, Input, TorchSpelling, pair
from netgen.ops.rules import axis_of, divisors, each_way, places, same_pad, show_shape


def implied_bias_filler(a: Attrs) -> Filler | None:
    """Zero for the bias of a layer whose weights are filled: a file to train from says both."""
    return Filler("constant") if a.bias and a.weight_filler is not None else None


def _params(a: Attrs, weight: Shape) -> list[Param]:
    params = [Param("weight", weight, a.weight_filler)]
    if a.bias:
        params.append(Param("bias", (a.out,), a.bias_filler or implied_bias_filler(a)))
    return params


def _check_count(*factors: int) -> None:
    if prod(factors) > MAX_INT:
        label = f"{' * '.join(map(str, factors))} weights; one array holds at most {MAX_INT}"
        raise Fault("NG309", "tensor is too large", label, arg="out")


# --- over places ------------------------------------------------------------------------


def _check_groups(a: Attrs, channels: int) -> None:
    for what, count in (("input", channels), ("output", a["out"])):
        if count % a["groups"]:
            raise Fault(
                "NG302",
                "groups do not divide the channels",
                f"{count} {what} channels cannot be split into {a.groups} groups",
                arg="groups",
                hint=f"use a divisor of {count}{divisors(count, a.groups)}",
            )


def _ways(n: Node) -> tuple[tuple[int, ...], ...]:
    """Pad, stride, kernel and what the kernel reaches over, each way."""
    kernel = each_way(n, "kernel")
    window = tuple(d * (k - 1) + 1 for k, d in zip(kernel, each_way(n, "dilation"), strict=True))
    return each_way(n, "pad"), each_way(n, "stride"), kernel, window


def _settle(a: Attrs) -> None:
    if a["pad"] == "same":
        a["pad"] = same_pad(a.kernel, a.dilation)
    if not a["bias"]:
        a["bias_filler"] = None


def _torch_module(name: str, n: Node) -> Call:
    a = n.a
    return Call(
        f"{name}{len(n.x[0]) - 2}d",
        n.x[0][1],
        a.out,
        pair(a.kernel),
        stride=pair(a.stride),
        padding=pair(a.pad),
        dilation=pair(a.dilation),
        groups=a.groups,
        bias=a.bias,
    )


def _onnx_nodes(type: str, n: Node) -> list[OnnxNode]:
    a = n.a
    node = OnnxNode(
        type,
        (0, "weight", *(["bias"] if a.bias else [])),
        kernel_shape=each_way(n, "kernel"),
        strides=each_way(n, "stride"),
        pads=each_way(n, "pad") * 2,
        dilations=each_way(n, "dilation"),
        group=a.groups,
    )
    return [node]


_SAME_NUMBERS = (
    "engine",
    "force_nd_im2col",
    "cudnn_convolution_algo_seeker",
    "conv_algos_override",
    "conv_algorithm",
    "conv_mode",
)
"""Fields that choose how a convolution is computed, not what."""

_NOT_FUSED = {"relu": False, "negative_slope": 0.0}
"""What Intel's fork can make a convolution compute besides."""


def _is_depthwise(a: dict[str, object], layer: Message) -> bool:
    """Forks whose layer is depthwise by its type need not say the groups: there is one for each output channel."""
    if a["groups"] == 1 and "out" in a:
        a["groups"] = a["out"]
    return len(get_all(layer, "top")) == 1


_TORCH_DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}


class Conv(Operator):
    """Convolution over height and width.

    ``out`` filters of ``kernel`` slide over the padded input in steps of ``stride``. With ``groups`` each group of
    filters sees its own group of channels; ``groups = x.channels`` is a depthwise convolution. Sequences (N, C, W) and
    videos (N, C, D, H, W) are convolved along their one or three axes.
    """

    name = "conv"
    short = "conv"
    example = "conv(x, 16, 3, pad = 1)"
    args = (
        Arg("out", Int(), REQUIRED, "output channels"),
        Arg("kernel", Extents(), REQUIRED, "size of the filters"),
        Arg("stride", Extents(), 1, "step between two places of the filters"),
        Arg("pad", Extents(0, "same"), 0, 'zeros around the input; "same" keeps the size at stride 1'),
        Arg("dilation", Extents(), 1, "distance between two taps of a filter"),
        Arg("groups", Int(), 1, "groups of channels that are convolved apart"),
        Arg("bias", Bool(), True, "whether a learned bias is added"),
        *WEIGHT_ARGS,
    )
    shape_rule = "(N, out, floor((H + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1, W likewise)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        _settle(a)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, *extents = places(n)
        a = n.a
        _check_groups(a, channels)
        pad, stride, kernel, window = _ways(n)
        rooms = [extent + 2 * p - w for extent, p, w in zip(extents, pad, window, strict=True)]
        if min(rooms) < 0:
            size = show_shape(tuple(extents))
            raise Fault(
                "NG305",
                "window is larger than the input",
                f"a {show_shape(window)} window does not fit into {size} with pad {show_shape(pad)}",
                arg="kernel",
                hint="pad the input, or use a smaller kernel or dilation",
            )
        _check_count(a["out"], channels // a["groups"], *kernel)
        return [(batch, a["out"], *[room // s + 1 for room, s in zip(rooms, stride, strict=True)])]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        return _params(n.a, (n.a.out, n.x[0][1] // n.a.groups, *each_way(n, "kernel")))

    @classmethod
    def macs(cls, n: Node) -> int:
        kernel = each_way(n, "kernel")
        groups: int = n.a.groups
        return prod(n.y[0]) * n.x[0][1] // groups * prod(kernel)

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        _, stride, _, window = _ways(n)
        return [Reach(w, s) for w, s in zip(window, stride, strict=True)]

    caffe = CaffeSpelling(
        "Convolution",
        "convolution_param",
        Field("num_output", "out"),
        Field("bias_term", "bias", True, always=True),
        Spatial("pad", "pad", "pad", 0),
        Spatial("kernel_size", "kernel", "kernel"),
        Field("group", "groups", 1),
        Spatial("stride", "stride", "stride", 1, always=True),
        FillerField("weight_filler", "weight_filler"),
        FillerField("bias_filler", "bias_filler", implied_bias_filler),
        Fixed("axis", 1, 1, always=False),
        Spatial("dilation", "dilation", "", 1),
        blobs=("weight", "bias"),
        ignores=_SAME_NUMBERS,
        neutral=_NOT_FUSED,
    )
    caffe_forks = (
        CaffeSpelling(
            "DepthwiseConvolution",
            "convolution_param",
            *caffe.fields,
            blobs=("weight", "bias"),
            also=("ConvolutionDepthwise",),
            also_param=("DepthwiseConvolution_param",),
            ignores=_SAME_NUMBERS,
            reads=_is_depthwise,
            fork="depthwise",
        ),
        CaffeSpelling(
            "NdConvolution",
            "convolution_param",
            Field("num_output", "out"),
            Field("bias_term", "bias", True),
            Field("group", "groups", 1),
            FillerField("weight_filler", "weight_filler"),
            FillerField("bias_filler", "bias_filler", implied_bias_filler),
            Sub("pad_shape", Many("dim", "pad")),
            Sub("kernel_shape", Many("dim", "kernel")),
            Sub("stride_shape", Many("dim", "stride")),
            blobs=("weight", "bias"),
            fork="video-caffe",
        ),
    )
    torch = TorchSpelling(lambda n: _torch_module("nn.Conv", n), defaults=_TORCH_DEFAULTS, fresh=True)
    onnx = OnnxSpelling(lambda n: _onnx_nodes("Conv", n))


class Deconv(Operator):
    """Transposed convolution: the gradient of ``conv`` with respect to its input.

    With ``groups = x.channels``, ``kernel = stride = s`` and weights 1 it repeats each pixel s times both ways.
    """

    name = "deconv"
    short = "deconv"
    example = "deconv(x, 8, 4, stride = 2, pad = 1)"
    args = Conv.args
    shape_rule = "(N, out, stride*(H - 1) + dilation*(kernel - 1) + 1 - 2*pad, W likewise)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        _settle(a)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, *extents = places(n)
        a = n.a
        _check_groups(a, channels)
        pad, stride, kernel, window = _ways(n)
        whole = [s * (extent - 1) + w for extent, s, w in zip(extents, stride, window, strict=True)]
        out = [each - 2 * p for each, p in zip(whole, pad, strict=True)]
        if min(out) < 1:
            raise Fault(
                "NG305",
                "nothing is left of the output",
                f"pad {show_shape(pad)} cuts away all of {show_shape(tuple(whole))}",
                arg="pad",
                hint="use a smaller pad or a larger kernel",
            )
        _check_count(channels, a["out"] // a["groups"], *kernel)
        return [(batch, a["out"], *out)]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        return _params(n.a, (n.x[0][1], n.a.out // n.a.groups, *each_way(n, "kernel")))

    @classmethod
    def macs(cls, n: Node) -> int:
        kernel = each_way(n, "kernel")
        per_group: int = n.a.out // n.a.groups
        return prod(n.x[0]) * per_group * prod(kernel)

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        _, stride, _, window = _ways(n)
        return [Reach(-(-w // s), 1, s) for w, s in zip(window, stride, strict=True)]

    caffe = CaffeSpelling(
        "Deconvolution",
        "convolution_param",
        *Conv.caffe.fields,
        blobs=("weight", "bias"),
        ignores=_SAME_NUMBERS,
        neutral=_NOT_FUSED,
    )
    caffe_forks = (
        CaffeSpelling(
            "DepthwiseDeconvolution",
            "convolution_param",
            *Conv.caffe.fields,
            blobs=("weight", "bias"),
            also=("DeconvolutionDepthwise",),
            ignores=_SAME_NUMBERS,
            reads=_is_depthwise,
            fork="depthwise",
        ),
    )
    torch = TorchSpelling(lambda n: _torch_module("nn.ConvTranspose", n), defaults=_TORCH_DEFAULTS, fresh=True)
    onnx = OnnxSpelling(lambda n: _onnx_nodes("ConvTranspose", n))


# --- fully connected ------------------------------------------------------------------------------


def _flat(n: Node) -> Expr:
    """The input with one axis from ``axis`` on, or None where it is so already."""
    return None if axis_of(n) == len(n.x[0]) - 1 else Call(".flatten", Input(), n.a.axis)


def _linear_onnx(n: Node) -> list[OnnxNode]:
    bias = ["bias"] if n.a.bias else []
    axis = axis_of(n)
    if axis == 1:
        nodes = [] if len(n.x[0]) == 2 else [OnnxNode("Flatten", (0,), ("flat",), axis=1)]
        product = OnnxNode("Gemm", ("flat" if nodes else 0, "weight", *bias), transB=int(not n.a.transpose))
        return [*nodes, product]
    nodes = []
    if axis < len(n.x[0]) - 1:
        nodes.append(OnnxNode("Reshape", (0, Const([*[0] * axis, -1])), ("flat",)))
    flat: str | int = "flat" if nodes else 0
    if not n.a.transpose:
        nodes.append(OnnxNode("Transpose", ("weight",), ("turned",), perm=(1, 0)))
    turned = "weight" if n.a.transpose else "turned"
    nodes.append(OnnxNode("MatMul", (flat, turned), ("product",) if bias else ()))
    return [*nodes, OnnxNode("Add", ("product", "bias"))] if bias else nodes


_TRANSPOSED = Helper(
    "TransposedLinear",
    '''
class TransposedLinear(nn.Module):
    """A fully connected layer that keeps its weights as (inputs, outputs)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        nn.init.kaiming_uniform_(self.weight.T, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.T, self.bias)
''',
)


class Linear(Operator):
    """Fully connected layer: every output sees all that follows ``axis``.

    The input is flattened from ``axis`` on, as Caffe's InnerProduct does.
    """

    name = "linear"
    short = "fc"
    example = "linear(x, 10)"
    args = (
        Arg("out", Int(), REQUIRED, "number of outputs"),
        Arg("bias", Bool(), True, "whether a learned bias is added"),
        Arg("axis", Int(-8, 7), 1, "the first axis that is summed over"),
        Arg("transpose", Bool(), False, "whether the weights are kept as (inputs, out), not as (out, inputs)"),
        *WEIGHT_ARGS,
    )
    shape_rule = "x.shape[:axis] + (out,)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if not a["bias"]:
            a["bias_filler"] = None

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        _check_count(n.a.out, prod(n.x[0][axis:]))
        return [(*n.x[0][:axis], n.a.out)]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        inputs = prod(n.x[0][n.a.axis :])
        return _params(n.a, (inputs, n.a.out) if n.a.transpose else (n.a.out, inputs))

    @classmethod
    def macs(cls, n: Node) -> int:
        out: int = n.a.out
        return out * prod(n.x[0])

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return whole(n)

    caffe = CaffeSpelling(
        "InnerProduct",
        "inner_product_param",
        Field("num_output", "out"),
        Field("bias_term", "bias", True, always=True),
        FillerField("weight_filler", "weight_filler"),
        FillerField("bias_filler", "bias_filler", implied_bias_filler),
        Field("axis", "axis", 1),
        Field("transpose", "transpose", False),
        blobs=("weight", "bias"),
        neutral={"normalize": False, "enable_noise": False, **_NOT_FUSED},
    )
    torch = TorchSpelling(
        lambda n: Call(
            "TransposedLinear" if n.a.transpose else "nn.Linear", prod(n.x[0][n.a.axis :]), n.a.out, bias=n.a.bias
        ),
        defaults={"bias": True},
        helpers=lambda n: [_TRANSPOSED] if n.a.transpose else [],
        before=_flat,
        fresh=True,
    )
    onnx = OnnxSpelling(_linear_onnx)
