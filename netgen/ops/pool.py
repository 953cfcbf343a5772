"""Pooling with Caffe's rules: sizes round up, and with a pad no window begins outside the input."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

from netgen.formats.message import Enum, Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Extents, Optional
from netgen.ir.operator import Operator, Refused
from netgen.ir.reach import Reach
from netgen.ir.spell_caffe import CaffeSpelling, Field, Fixed, Many, Spatial, Sub, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Helper, Input, TorchSpelling, pair
from netgen.ops.rules import each_way, places, same_pad, show_shape, spatial

LOWEST = -3.4028234663852886e38
"""The float that Caffe's maximum begins with, -FLT_MAX."""


def _last_window(extent: int, kernel: int, stride: int, pad: int, *, ceil: bool, clip: bool) -> int:
    """Where the last window begins along one axis, counted in strides."""
    room = extent + 2 * pad - kernel
    last = -(-room // stride) if ceil else room // stride
    return last - 1 if clip and last * stride >= extent + pad else last


def _last_windows(n: Node) -> list[int]:
    """The same for each axis of places."""
    kernel, stride, pad = _ways(n)
    ceil = n.a["rounding"] == "ceil"
    clip = max(pad) > 0
    return [
        _last_window(extent, k, s, p, ceil=ceil, clip=clip)
        for extent, k, s, p in zip(n.inputs[0].shape[2:], kernel, stride, pad, strict=True)
    ]


def _ways(n: Node) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride and pad, each way."""
    return each_way(n, "kernel"), each_way(n, "stride"), each_way(n, "pad")


class Pool(Operator):
    """What the two poolings have in common."""

    short = "pool"
    args: ClassVar[tuple[Arg, ...]] = (
        Arg("kernel", Extents(), REQUIRED, "size of the window"),
        Arg("stride", Optional(Extents()), None, "step between two windows; the kernel's size where it is not given"),
        Arg("pad", Extents(0, "same"), 0, 'padding around the input; "same" keeps the size at stride 1'),
        Arg("rounding", Choice("ceil", "floor"), "ceil", "whether a last window that is not full is kept"),
    )
    shape_rule = (
        "(N, C, ceil((H + 2*pad - kernel) / stride) + 1, W likewise); with a pad, less 1 where the last window "
        "would begin at H + pad or beyond"
    )

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a["stride"] is None:
            a["stride"] = a["kernel"]
        if a["pad"] == "same":
            a["pad"] = same_pad(a.kernel)
        pads = a["pad"] if len(a["pad"]) == len(a["kernel"]) else a["pad"][:1] * len(a["kernel"])
        if any(pad >= kernel for pad, kernel in zip(pads, a["kernel"], strict=True)):
            raise Fault(
                "NG208",
                "argument out of range",
                f"pad {show_shape(pads)} must be smaller than the {show_shape(a.kernel)} window",
                arg="pad",
                hint="a window that sees only padding computes nothing",
            )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels, *extents = places(n)
        last = _last_windows(n)
        if min(last) < 0:
            kernel, _, pad = (show_shape(way) for way in _ways(n))
            raise Fault(
                "NG305",
                "window is larger than the input",
                f"a {kernel} window does not fit into {show_shape(tuple(extents))} with pad {pad}",
                arg="kernel",
                hint="use a smaller kernel, or a global pooling for all that there is",
            )
        return [(batch, channels, *(each + 1 for each in last))]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        kernel, stride, _ = _ways(n)
        return [Reach(k, s) for k, s in zip(kernel, stride, strict=True)]


_MASK = Arg("mask", Bool(), False, "whether the places of the values, row * width + column, are a second result")


def _read_mask(a: dict[str, object], layer: Message) -> bool:
    """A second top is the mask."""
    tops = len(get_all(layer, "top"))
    a["mask"] = tops == 2
    return tops in (1, 2)


NEUTRAL = {"ceil_mode": True, "torch_pooling": False, "avg_include_pad": True}
"""Fields of forks at the values at which they do nothing."""


def caffe_refuses(n: Node) -> Refused | None:
    if len(n.x[0]) == 4:
        return None
    return Refused("Caffe pools over height and width alone", "only forks have a layer for it, such as NdPooling")


def caffe_fields(method: str) -> tuple[Field, ...]:
    return (*window_fields(method), Words("round_mode", "rounding", {"ceil": "CEIL", "floor": "FLOOR"}, "CEIL"))


def window_fields(method: str) -> tuple[Field, ...]:
    """All but how sizes round."""
    return (
        Fixed("pool", Enum(method), Enum("MAX")),
        Spatial("kernel_size", "kernel", "kernel"),
        Spatial("stride", "stride", "stride", 1, always=True),
        Spatial("pad", "pad", "pad", 0),
        Fixed("global_pooling", False, False, always=False),
    )


def _floor_caffe(method: str, field: str, value: bool) -> CaffeSpelling:
    """Sizes that round down, as forks said it before Caffe had a field for it."""
    return CaffeSpelling(
        "Pooling",
        "pooling_param",
        *window_fields(method),
        Fixed(field, value, not value),
        neutral={"round_mode": Enum("FLOOR"), **{name: idle for name, idle in NEUTRAL.items() if name != field}},
        reads=_rounds_down if method == "AVE" else _rounds_down_with_mask,
        fork="floor",
    )


def _rounds_down(a: dict[str, object], layer: Message) -> bool:
    a["rounding"] = "floor"
    return len(get_all(layer, "top")) == 1


def _rounds_down_with_mask(a: dict[str, object], layer: Message) -> bool:
    a["rounding"] = "floor"
    return _read_mask(a, layer)


def _fork_spellings(method: str) -> tuple[CaffeSpelling, ...]:
    floors = (_floor_caffe(method, "ceil_mode", False), _floor_caffe(method, "torch_pooling", True))
    return (*floors, _nd_caffe(method))


def _nd_caffe(method: str) -> CaffeSpelling:
    """The layer of video-caffe that pools along any axes."""
    return CaffeSpelling(
        "NdPooling",
        "pooling_param",
        Fixed("pool", Enum(method), Enum("MAX")),
        Fixed("global_pooling", False, False, always=False),
        Sub("pad_shape", Many("dim", "pad")),
        Sub("kernel_shape", Many("dim", "kernel")),
        Sub("stride_shape", Many("dim", "stride")),
        reads=_steps_by_one,
        fork="video-caffe",
    )


def _steps_by_one(a: dict[str, object], layer: Message) -> bool:
    a.setdefault("stride", 1)
    return "kernel" in a and len(get_all(layer, "top")) == 1


# --- PyTorch --------------------------------------------------------------------------------------


def _differs(n: Node) -> bool:
    """Whether PyTorch's own pooling cannot be used.

    It refuses a pad of more than half a window; and it never keeps a window outside the input, as
    Caffe does where the stride is larger than the window, there is no pad and sizes round up.
    """
    kernel, stride, pad = _ways(n)
    wide = any(2 * p > k for p, k in zip(pad, kernel, strict=True))
    loose = any(s > k for s, k in zip(stride, kernel, strict=True))
    return wide or (loose and n.a.rounding == "ceil" and not any(pad))


def _torch_refuses(n: Node) -> Refused | None:
    if len(n.x[0]) == 4 or not _differs(n):
        return None
    return Refused(
        "PyTorch pools with other windows here, along axes other than height and width",
        "use a pad of at most half the kernel and a stride of at most the kernel",
    )


def _torch_options(n: Node) -> dict[str, object]:
    a = n.a
    return {"stride": pair(a.stride), "padding": pair(a.pad), "ceil_mode": a.rounding == "ceil"}


def _torch_spelling(module: str, function: str, odd: Helper) -> TorchSpelling:
    """PyTorch's own pooling, or the helper ``odd`` where that differs from Caffe's."""

    def call(n: Node) -> Call:
        a = n.a
        if _differs(n):
            return Call(_odd(n, odd).name, Input(), a.kernel, a.stride, a.pad, ceil=a.rounding == "ceil")
        indices = {"return_indices": True} if a.get("mask") else {}
        return Call(f"{function}{len(n.x[0]) - 2}d", Input(), pair(a.kernel), **_torch_options(n), **indices)

    def construct(n: Node) -> Call | None:
        if _differs(n) or n.a.get("mask"):
            return None
        return Call(f"{module}{len(n.x[0]) - 2}d", pair(n.a.kernel), **_torch_options(n))

    return TorchSpelling(
        construct,
        call,
        defaults={"padding": 0, "ceil_mode": False, "ceil": True},
        helpers=lambda n: [_odd(n, odd)] if _differs(n) else [],
        refuses=_torch_refuses,
        fresh=True,
    )


def _odd(n: Node, odd: Helper) -> Helper:
    return _ODD_MASK if n.a.get("mask") else odd


WINDOWS = Helper(
    "_pad_for_windows",
    '''
def _pad_for_windows(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool,
    value: float,
) -> Tensor:
    """Pad an image so that it holds just the windows that Caffe's pooling looks at."""
    ends = []
    for axis in (0, 1):
        extent = x.shape[axis - 2]
        room = extent + 2 * pad[axis] - kernel[axis]
        last = (room + (stride[axis] - 1 if ceil else 0)) // stride[axis]
        if any(pad):  # with a pad, no window begins outside the image
            last = min(last, (extent + pad[axis] - 1) // stride[axis])
        ends.append(last * stride[axis] + kernel[axis] - extent - pad[axis])
    return F.pad(x, (pad[1], ends[1], pad[0], ends[0]), value=value)
''',
)

ODD_MAX = Helper(
    "_caffe_max_pool",
    '''
def _caffe_max_pool(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool = True,
) -> Tensor:
    """Max pooling with Caffe's windows; one wholly outside gives the lowest number."""
    x = _pad_for_windows(x, kernel, stride, pad, ceil, torch.finfo(x.dtype).min)
    return F.max_pool2d(x, kernel, stride)
''',
    needs=[WINDOWS],
)

_ODD_MASK = Helper(
    "_caffe_max_pool_with_mask",
    '''
def _caffe_max_pool_with_mask(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool = True,
) -> tuple[Tensor, Tensor]:
    """Max pooling with Caffe's windows, and the place of each value; -1 is outside."""
    lowest = torch.finfo(x.dtype).min
    padded = _pad_for_windows(x, kernel, stride, pad, ceil, lowest)
    values, places = F.max_pool2d(padded, kernel, stride, return_indices=True)
    rows = places // padded.size(-1) - pad[0]
    columns = places % padded.size(-1) - pad[1]
    return values, (rows * x.size(-1) + columns).where(values > lowest, -1)
''',
    needs=[WINDOWS],
)

ODD_AVG = Helper(
    "_caffe_avg_pool",
    '''
def _caffe_avg_pool(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool = True,
) -> Tensor:
    """Average pooling with Caffe's windows, which count padding but nothing beyond."""
    padded = _pad_for_windows(x, kernel, stride, pad, ceil, 0.0)
    sums = F.avg_pool2d(padded, kernel, stride, divisor_override=1)
    sizes = []
    for axis in (-2, -1):
        starts = torch.arange(sums.shape[axis], device=x.device) * stride[axis]
        end = x.shape[axis] + 2 * pad[axis]
        sizes.append((starts + kernel[axis]).clamp(max=end) - starts)
    return sums / (sizes[0][:, None] * sizes[1])
''',
    needs=[WINDOWS],
)


# --- ONNX -----------------------------------------------------------------------------------------


def _outside(n: Node) -> list[int]:
    """For each axis 1 if the last window lies outside the input, which no pool of ONNX does."""
    _, stride, pad = _ways(n)
    ends = zip(n.x[0][2:], _last_windows(n), stride, pad, strict=True)
    return [int(last * s >= extent + p) for extent, last, s, p in ends]


def _onnx_ends(n: Node) -> list[int]:
    """How far the last windows that touch the input reach beyond it: said as pads, so that ONNX need not round."""
    last = [last - outside for last, outside in zip(_last_windows(n), _outside(n), strict=True)]
    reach = zip(n.x[0][2:], last, *_ways(n), strict=True)
    return [max(at * s + k - extent - p, 0) for extent, at, k, s, p in reach]


def _rounds_alike(n: Node) -> bool:
    """Whether ONNX has the same windows for every size: none begins behind the input, or there is no rounding up."""
    if n.a["rounding"] == "floor":
        return True
    return all(k >= s + p for k, s, p in zip(*_ways(n), strict=True))


def onnx_pool(type: str, n: Node, empty: float, **more: Any) -> list[OnnxNode]:
    """A pooling; where windows lie outside the input, what they give is padded to its output."""
    kernel, stride, pad = _ways(n)
    if _rounds_alike(n):
        if n.a["rounding"] == "ceil" and max(stride) > 1:
            more["ceil_mode"] = 1
        return [OnnxNode(type, kernel_shape=kernel, strides=stride, pads=pad * 2, **more)]
    pool = OnnxNode(type, kernel_shape=kernel, strides=stride, pads=(*pad, *_onnx_ends(n)), **more)
    outside = _outside(n)
    if not any(outside):
        return [pool]
    ends = Const([*[0] * (len(outside) + 4), *outside])
    return chain(pool, OnnxNode("Pad", (0, ends, number(empty)), mode="constant"))


def _onnx_avg(n: Node) -> list[OnnxNode]:
    """Where ONNX rounds by itself it counts as Caffe does. Pads that are made for the last windows count too."""
    pad = each_way(n, "pad")
    average = onnx_pool("AveragePool", n, 0.0, count_include_pad=int(any(pad)))
    if _rounds_alike(n):
        return average
    beyond = any(end > p for end, p in zip(_onnx_ends(n), pad, strict=True))
    if any(_outside(n)) or (any(pad) and beyond):
        return chain(*average, OnnxNode("Mul", (0, Const(_corrections(n), "float"))))
    return average


def _corrections(n: Node) -> object:
    """What ONNX divided by over what Caffe divides by, for each place of the output."""
    kernel, stride, pad = _ways(n)
    sizes = []
    for axis, count in enumerate(n.y[0][2:]):
        end = n.x[0][axis + 2] + 2 * pad[axis]
        starts = [i * stride[axis] for i in range(count)]
        sizes.append([min(start + kernel[axis], end) - start for start in starts])
    if any(pad):
        return _products(sizes, lambda count: prod(kernel) / count)
    return _products(sizes, lambda count: 1.0 if count else float("inf"))


def _products(sizes: list[list[int]], then: Callable[[int], float], so_far: int = 1) -> object:
    """What ``then`` makes of the product of a size for each axis, at each place."""
    if not sizes:
        return then(so_far)
    return [_products(sizes[1:], then, so_far * size) for size in sizes[0]]


def _onnx_max(n: Node) -> list[OnnxNode]:
    nodes = onnx_pool("MaxPool", n, LOWEST)
    return _with_places(nodes, Const(n.x[0][2] * n.x[0][3])) if n.a.mask else nodes


def _onnx_max_of_any_size(n: Node) -> list[OnnxNode]:
    nodes = onnx_pool("MaxPool", n, LOWEST)
    if not n.a.mask:
        return nodes
    return [
        OnnxNode("Shape", (0,), ("extents",), start=2, end=4),
        OnnxNode("ReduceProd", ("extents",), ("extent",), keepdims=0),
        *_with_places(nodes, "extent"),
    ]


def _with_places(nodes: list[OnnxNode], extent: Const | str) -> list[OnnxNode]:
    """The places as well: ONNX counts them through the whole batch. What is padded on lies outside, at -1."""
    pool, *padding = nodes
    pool.outputs = ("values" if padding else 0, "indices")
    places = [
        OnnxNode("Mod", ("indices", extent), ("inside",)),
        OnnxNode("Cast", ("inside",), ("places" if padding else 1,), to="float"),
    ]
    for pad in padding:
        pad.inputs = ("values", *pad.inputs[1:])
        pad.outputs = (0,)
        places.append(OnnxNode("Pad", ("places", pad.inputs[1], number(-1.0)), (1,), mode="constant"))
    return [pool, *padding, *places]


class MaxPool(Pool):
    """The largest value in each window.

    Padding never wins. As in Caffe sizes round up; ``rounding = "floor"`` is for networks born elsewhere. Without a
    pad and with a stride larger than the kernel, a last window may lie outside the input: it gives the lowest float.
    With ``mask`` the place of each value is a second result; of equal values the first is taken.
    """

    name = "max_pool"
    example = "max_pool(x, 3, stride = 2)"
    args = (*Pool.args, _MASK)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        if not n.a["mask"]:
            return super().infer(n)
        spatial(n)
        return super().infer(n) * 2

    caffe = CaffeSpelling(
        "Pooling",
        "pooling_param",
        *caffe_fields("MAX"),
        neutral=NEUTRAL,
        reads=_read_mask,
        refuses=caffe_refuses,
    )
    caffe_forks = _fork_spellings("MAX")
    torch = _torch_spelling("nn.MaxPool", "F.max_pool", ODD_MAX)
    onnx = OnnxSpelling(_onnx_max, flexible=_onnx_max_of_any_size)


class AvgPool(Pool):
    """The average of each window.

    Padding counts as zeros; what a last window has beyond the padding is not counted. As in Caffe sizes round up.
    """

    name = "avg_pool"
    example = "avg_pool(x, 2)"
    caffe = CaffeSpelling("Pooling", "pooling_param", *caffe_fields("AVE"), neutral=NEUTRAL, refuses=caffe_refuses)
    caffe_forks = _fork_spellings("AVE")
    torch = _torch_spelling("nn.AvgPool", "F.avg_pool", ODD_AVG)
    onnx = OnnxSpelling(_onnx_avg)


# --- over all of height and width -----------------------------------------------------------------


class _GlobalPool(Operator):
    """What the two global poolings have in common."""

    short = "pool"
    shape_rule = "(N, C, 1, 1)"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        batch, channels = spatial(n)[:2]
        return [(batch, channels, 1, 1)]


def _global_caffe(method: str, reads: Callable[[dict[str, object], Message], bool] | None = None) -> CaffeSpelling:
    return CaffeSpelling(
        "Pooling",
        "pooling_param",
        Fixed("pool", Enum(method), Enum("MAX")),
        Fixed("global_pooling", True, False),
        reads=reads,
        ignores=("engine", "round_mode", "ceil_mode", "torch_pooling", "avg_include_pad"),
        neutral={"stride": 1, "stride_h": 1, "stride_w": 1, "pad": 0, "pad_h": 0, "pad_w": 0},
    )


class GlobalAvgPool(_GlobalPool):
    """The average of each channel over height and width; both stay, as 1."""

    name = "global_avg_pool"
    caffe = _global_caffe("AVE")
    torch = TorchSpelling(
        lambda n: Call("nn.AdaptiveAvgPool2d", 1), lambda n: Call("F.adaptive_avg_pool2d", Input(), 1), fresh=True
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("GlobalAveragePool")])


def _global_max_onnx(n: Node) -> list[OnnxNode]:
    if not n.a.mask:
        return [OnnxNode("GlobalMaxPool")]
    return _with_places([OnnxNode("MaxPool", kernel_shape=n.x[0][2:])], Const(n.x[0][2] * n.x[0][3]))


class GlobalMaxPool(_GlobalPool):
    """The largest value of each channel over height and width; both stay, as 1.

    With ``mask`` its place is a second result; of equal values the first is taken.
    """

    name = "global_max_pool"
    args = (_MASK,)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return super().infer(n) * (2 if n.a["mask"] else 1)

    caffe = _global_caffe("MAX", _read_mask)
    torch = TorchSpelling(
        lambda n: None if n.a.mask else Call("nn.AdaptiveMaxPool2d", 1),
        lambda n: Call("F.adaptive_max_pool2d", Input(), 1, return_indices=n.a.mask),
        defaults={"return_indices": False},
        fresh=True,
    )
    onnx = OnnxSpelling(_global_max_onnx)
