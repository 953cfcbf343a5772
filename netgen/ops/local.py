"""Locally connected layers: convolutions whose filters are others at each place."""

from __future__ import annotations

from math import prod

from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Int
from netgen.ir.operator import WEIGHT_ARGS, Operator, Param
from netgen.ir.reach import Reach
from netgen.ir.spell_caffe import CaffeSpelling, Field, FillerField
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain
from netgen.ir.spell_torch import Call, Helper, TorchSpelling
from netgen.ops.conv import implied_bias_filler
from netgen.ops.rules import show_shape, spatial
from netgen.ops.window import onnx_columns

_LOCAL = Helper(
    "LocalConv2d",
    '''
class LocalConv2d(nn.Module):
    """A convolution that has filters of its own at each of its ``places``."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        places: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        taps = in_channels * kernel_size**2
        self.weight = nn.Parameter(torch.empty(out_channels, 1, taps, places))
        offsets = torch.zeros(1, 1, out_channels, places)
        self.bias = nn.Parameter(offsets) if bias else None
        nn.init.normal_(self.weight, std=taps**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        columns = F.unfold(x, self.kernel_size, 1, self.padding, self.stride)
        y = torch.einsum("nkl,okl->nol", columns, self.weight[:, 0])
        if self.bias is not None:
            y = y + self.bias[0]
        room = x.size(2) + 2 * self.padding - self.kernel_size
        return y.reshape(*y.shape[:2], room // self.stride + 1, -1)
''',
)


def _places(n: Node) -> int:
    return prod(n.y[0][2:])


def _onnx(n: Node) -> list[OnnxNode]:
    """The columns of each place times the filters of that place."""
    a = n.a
    return chain(
        *onnx_columns((a.kernel, a.kernel), n.x[0][1], strides=(a.stride,) * 2, pads=(a.pad,) * 4),
        OnnxNode("Reshape", (0, Const([0, 0, -1]))),
        OnnxNode("Einsum", (0, "weight"), equation="nkp,oikp->inop"),
        *([OnnxNode("Add", (0, "bias"))] if a.bias else []),
        OnnxNode("Reshape", (0, Const([-1, *n.y[0][1:]]))),
    )


class LocalConv(Operator):
    """Locally connected layer: a convolution whose filters are others at each place.

    It learns where in the image something is; the image's size can therefore not change.
    """

    name = "local_conv"
    short = "local"
    example = "local_conv(x, 4, 3)"
    args = (
        Arg("out", Int(), REQUIRED, "output channels"),
        Arg("kernel", Int(), REQUIRED, "height and width of the filters"),
        Arg("stride", Int(), 1, "step between two places"),
        Arg("pad", Int(0), 0, "zeros around the input"),
        Arg("bias", Bool(), True, "whether a learned bias is added, another one at each place"),
        *WEIGHT_ARGS,
    )
    shape_rule = "(N, out, floor((H + 2*pad - kernel) / stride) + 1, W likewise)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if not a["bias"]:
            a["bias_filler"] = None

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, _, *extents = spatial(n)
        a = n.a
        rooms = [extent + 2 * a.pad - a.kernel for extent in extents]
        if min(rooms) < 0:
            window = show_shape((a.kernel, a.kernel))
            label = f"a {window} window does not fit into {show_shape(tuple(extents))} with pad {a.pad}"
            raise Fault("NG305", "window is larger than the input", label, arg="kernel", hint="pad the input")
        return [(batch, a.out, *[room // a.stride + 1 for room in rooms])]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        a = n.a
        params = [Param("weight", (a.out, 1, n.x[0][1] * a.kernel**2, _places(n)), a.weight_filler)]
        if a.bias:
            params.append(Param("bias", (1, 1, a.out, _places(n)), a.bias_filler or implied_bias_filler(a)))
        return params

    @classmethod
    def macs(cls, n: Node) -> int:
        kernel: int = n.a.kernel
        return prod(n.y[0]) * n.x[0][1] * kernel**2

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return [Reach(n.a.kernel, n.a.stride)] * 2

    caffe = CaffeSpelling(
        "Local",
        "local_param",
        Field("num_output", "out"),
        Field("bias_term", "bias", True, always=True),
        Field("pad", "pad", 0),
        Field("kernel_size", "kernel"),
        Field("stride", "stride", 1, always=True),
        FillerField("weight_filler", "weight_filler"),
        FillerField("bias_filler", "bias_filler", implied_bias_filler),
        blobs=("weight", "bias"),
        also=("LOCAL", "LocalWeightedConvolution"),
        also_param=("local_weighted_convolution_param",),
        fork="local",
    )
    torch = TorchSpelling(
        lambda n: Call(
            "LocalConv2d",
            n.x[0][1],
            n.a.out,
            n.a.kernel,
            places=_places(n),
            stride=n.a.stride,
            padding=n.a.pad,
            bias=n.a.bias,
        ),
        defaults={"stride": 1, "padding": 0, "bias": True},
        helpers=[_LOCAL],
        fresh=True,
    )
    onnx = OnnxSpelling(_onnx)
