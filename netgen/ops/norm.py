"""Normalisations of each image by itself; that of a batch has a file of its own."""

from __future__ import annotations

from netgen.formats.message import Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import Arg, Bool, Choice, Float, Int
from netgen.ir.operator import LEARNING_ARGS, WEIGHT_FILLER, Operator, Param
from netgen.ir.reach import Reach, place_by_place, whole
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, Constant, Field, FillerField, Words
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Helper, Infix, Input, Item, Name, TorchSpelling
from netgen.ops.rules import channels_of, show_shape, spatial

# --- local response -------------------------------------------------------------------------------

_LRN_WITHIN = Helper(
    "_lrn_within_channel",
    '''
def _lrn_within_channel(x: Tensor, size: int, alpha: float, beta: float) -> Tensor:
    """Local response normalisation over a square of each channel."""
    mean = F.avg_pool2d(x.square(), size, stride=1, padding=size // 2)
    return x * torch.pow(1 + alpha * mean, -beta)
''',
)


def _lrn_call(n: Node) -> Call:
    a = n.a
    if a.region == "within":
        return Call("_lrn_within_channel", Input(), a.size, a.alpha, a.beta)
    return Call("F.local_response_norm", Input(), a.size, alpha=a.alpha, beta=a.beta, k=a.k)


def _lrn_module(n: Node) -> Call | None:
    a = n.a
    if a.region == "within":
        return None
    return Call("nn.LocalResponseNorm", a.size, alpha=a.alpha, beta=a.beta, k=a.k)


def _lrn_onnx(n: Node) -> list[OnnxNode]:
    """ONNX's own LRN where rounding cannot be seen.

    ONNX Runtime keeps a running sum over the channels, as Caffe's code does: what a large square leaves behind is as
    large as small squares are. Beside ``k`` that is nothing with the small ``alpha`` of published networks, and can be
    all there is with others.
    """
    a = n.a
    across = a.region == "across"
    if across and a.alpha <= 1e-3 * a.size * a.k:
        return [OnnxNode("LRN", size=a.size, alpha=a.alpha, beta=a.beta, bias=a.k)]
    window = (a.size, 1, 1) if across else (a.size, a.size)
    margin = tuple(each // 2 for each in window)
    mean = OnnxNode(
        "AveragePool", kernel_shape=window, pads=margin * 2, strides=(1,) * len(window), count_include_pad=1
    )
    apart, together = OnnxNode("Unsqueeze", (0, Const([1]))), OnnxNode("Squeeze", (0, Const([1])))
    divisor = chain(
        OnnxNode("Mul", (0, 0)),
        *([apart, mean, together] if across else [mean]),  # channels are one side of what is pooled
        OnnxNode("Mul", (0, number(a.alpha))),
        OnnxNode("Add", (0, number(a.k if across else 1.0))),
        OnnxNode("Pow", (0, number(a.beta)), ("divisor",)),
    )
    return [*divisor, OnnxNode("Div", (0, "divisor"))]


class Lrn(Operator):
    """Local response normalisation, across channels or within each.

    x / (k + alpha/size * sum of squares over ``size`` neighbouring channels) ** beta; within a channel
    x / (1 + alpha * mean of squares over a ``size`` x ``size`` window, zeros around the image) ** beta, where Caffe
    does not look at ``k``.
    """

    name = "lrn"
    short = "norm"
    keeps_output = "values"
    args = (
        Arg("size", Int(), 5, "how many neighbours count; an odd number"),
        Arg("alpha", Float(above=0), 1.0, "weight of the mean of squares"),
        Arg("beta", Float(above=0), 0.75, "exponent"),
        Arg("k", Float(low=0), 1.0, "what the weighted mean is added to; across channels only"),
        Arg("region", Choice("across", "within"), "across", "across channels, or within each"),
    )

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a.size % 2 == 0:
            label = f"{a.size} neighbours have no middle"
            raise Fault("NG208", "argument out of range", label, arg="size", hint="use an odd number")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [spatial(n)]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return [Reach(n.a.size if n.a.region == "within" else 1) for _ in n.x[0][2:]]

    caffe = CaffeSpelling(
        "LRN",
        "lrn_param",
        Field("local_size", "size", 5, always=True),
        Field("alpha", "alpha", 1.0, always=True),
        Field("beta", "beta", 0.75, always=True),
        Words("norm_region", "region", {"across": "ACROSS_CHANNELS", "within": "WITHIN_CHANNEL"}, "ACROSS_CHANNELS"),
        Field("k", "k", 1.0),
    )
    torch = TorchSpelling(
        _lrn_module,
        _lrn_call,
        defaults={"alpha": 1e-4, "beta": 0.75, "k": 1.0},
        helpers=lambda n: [_LRN_WITHIN] if n.a.region == "within" else [],
    )
    onnx = OnnxSpelling(_lrn_onnx)


# --- to length 1 ----------------------------------------------------------------------------------

_NORMALIZE = Helper(
    "Normalize",
    '''
class Normalize(nn.Module):
    """Scales to Euclidean length 1, each place or all, then by learned factors."""

    def __init__(
        self, factors: int, across_spatial: bool = False, eps: float = 1e-10
    ) -> None:
        super().__init__()
        self.axes = (1, 2, 3) if across_spatial else (1,)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(factors))

    def forward(self, x: Tensor) -> Tensor:
        length = (x.square().sum(self.axes, keepdim=True) + self.eps).sqrt()
        return x / length * self.weight.reshape(-1, 1, 1)
''',
)


def _normalize_onnx(n: Node) -> list[OnnxNode]:
    axes = Const([1, 2, 3] if n.a.across_spatial else [1])
    length = chain(
        OnnxNode("ReduceSumSquare", (0, axes), keepdims=1),
        OnnxNode("Add", (0, number(n.a.eps))),
        OnnxNode("Sqrt", (0,), ("length",)),
    )
    factor: list[OnnxNode] = []
    if not n.a.channel_shared:
        factor = [OnnxNode("Unsqueeze", ("weight", Const([1, 2])), ("factor",))]
    return [
        *length,
        OnnxNode("Div", (0, "length"), ("unit",)),
        *factor,
        OnnxNode("Mul", ("unit", "factor" if factor else "weight")),
    ]


def _is_ssds(a: dict[str, object], layer: Message) -> bool:
    """Other forks have a layer of the same type without weights, and so without this message."""
    return get(layer, "norm_param") is not None and len(get_all(layer, "top")) == 1


class Normalize(Operator):
    """Scaling to Euclidean length 1, then by learned factors: the L2 normalisation of SSD.

    weight * x / sqrt(sum of squares + eps); the sum is over the channels, or the whole image if ``across_spatial``.
    """

    name = "normalize"
    short = "norm"
    keeps_output = "values"
    args = (
        Arg("across_spatial", Bool(), False, "whether one length is taken of the whole image"),
        Arg("channel_shared", Bool(), False, "whether one learned factor serves all channels"),
        Arg("eps", Float(low=0), 1e-10, "added to the sum of squares"),
        WEIGHT_FILLER,
        *LEARNING_ARGS,
    )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [spatial(n)]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        return [Param("weight", () if n.a.channel_shared else (n.x[0][1],), n.a.weight_filler)]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return whole(n) if n.a.across_spatial else place_by_place(n)

    caffe = CaffeSpelling(
        "Normalize",
        "norm_param",
        Field("across_spatial", "across_spatial", True, always=True),
        FillerField("scale_filler", "weight_filler"),
        Field("channel_shared", "channel_shared", True, always=True),
        Field("eps", "eps", 1e-10),
        blobs=("weight",),
        reads=_is_ssds,
        fork="ssd",
    )
    torch = TorchSpelling(
        lambda n: Call(
            "Normalize",
            1 if n.a.channel_shared else n.x[0][1],
            across_spatial=n.a.across_spatial,
            eps=n.a.eps,
        ),
        defaults={"across_spatial": False, "eps": 1e-10},
        helpers=[_NORMALIZE],
    )
    onnx = OnnxSpelling(_normalize_onnx)


def _unit_layers(n: Node) -> list[CaffeLayer]:
    """SSD's layer with the one factor 1, which must stay."""
    message: Message = [
        ("across_spatial", n.a.across_spatial),
        ("scale_filler", [("type", "constant"), ("value", 1.0)]),
        ("channel_shared", True),
        ("eps", n.a.eps),
    ]
    one = {"weight": Constant((), 1.0)}
    return [CaffeLayer("Normalize", "norm_param", message, blobs=["weight"], constants=one, fixed=1, fork="ssd")]


def _unit_axes(n: Node) -> int | tuple[int, ...]:
    rank = len(n.x[0])
    return tuple(range(1, rank)) if n.a.across_spatial and rank > 2 else 1


def _unit_onnx(n: Node) -> list[OnnxNode]:
    axes = _unit_axes(n)
    length = chain(
        OnnxNode("ReduceSumSquare", (0, Const([axes] if isinstance(axes, int) else list(axes))), keepdims=1),
        OnnxNode("Add", (0, number(n.a.eps))),
        OnnxNode("Sqrt", (0,), ("length",)),
    )
    return [*length, OnnxNode("Div", (0, "length"))]


def _unit_call(n: Node) -> Expr:
    squares = Call(".sum", Call(".square", Input()), _unit_axes(n), keepdim=True)
    return Infix("/", Input(), Call("torch.sqrt", Infix("+", squares, n.a.eps)))


def _sums_whole_images(a: dict[str, object], layer: Message) -> bool:
    a.update(across_spatial=True, eps=1e-7)
    return len(get_all(layer, "top")) == 1


def _has_eps(a: dict[str, object], layer: Message) -> bool:
    """What is added by default differs between forks."""
    return "eps" in a and len(get_all(layer, "top")) == 1


def _sums_channels(a: dict[str, object], layer: Message) -> bool:
    """NormFace's layer, whose second top would be the lengths; what it says of gradients computes nothing."""
    a["eps"] = 1e-6
    return get(layer, "norm_param") is None and len(get_all(layer, "top")) == 1


class UnitLength(Operator):
    """Scaling to Euclidean length 1: the features of each place, or of the whole image.

    x / sqrt(sum of squares + eps), with nothing learned; ``normalize`` has factors besides.
    """

    name = "unit_length"
    short = "unit"
    keeps_output = "values"
    args = (
        Arg("across_spatial", Bool(), False, "whether one length is taken of the whole image"),
        Arg("eps", Float(low=0), 1e-10, "added to the sum of squares"),
    )

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        channels_of(n)
        return [n.x[0]]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return whole(n) if n.a.across_spatial else place_by_place(n)

    caffe = CaffeSpelling(layers=_unit_layers)
    caffe_forks = (
        CaffeSpelling("GRN", "grn_param", Field("bias", "eps"), reads=_has_eps, fork="mscnn"),
        CaffeSpelling("NormL2", reads=_sums_whole_images, fork="arcface"),
        CaffeSpelling(
            "Normalize",
            "normalize_param",
            reads=_sums_channels,
            neutral={"normalize_type": "L2"},
            ignores=("fix_gradient", "bp_norm"),
            fork="normface",
        ),
    )
    torch = TorchSpelling(function=_unit_call, fresh=True)
    onnx = OnnxSpelling(_unit_onnx)


# --- mean and variance of each image --------------------------------------------------------------

_MVN = Helper(
    "_mvn",
    '''
def _mvn(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """Subtract the mean over some axes, then divide by the standard deviation."""
    deviation, mean = torch.std_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) / (deviation + eps)
''',
)


def _mvn_axes(n: Node) -> tuple[int, ...]:
    return (1, 2, 3) if n.a.across_channels else (2, 3)


def _mvn_call(n: Node) -> Expr:
    missing = 4 - len(n.x[0])
    x: Expr = Item(Input(), Name("..."), *[None] * missing) if missing else Input()
    if n.a.normalize_variance:
        return Call("_mvn", x, _mvn_axes(n), n.a.eps)
    return Infix("-", x, Call(".mean", x, _mvn_axes(n), keepdim=True))


def _mvn_onnx(n: Node) -> list[OnnxNode]:
    axes = Const(list(_mvn_axes(n)))
    image = OnnxNode("Unsqueeze", (0, Const(list(range(len(n.x[0]), 4)))), ("image",))
    before, x = ([], 0) if len(n.x[0]) == 4 else ([image], "image")
    mean = OnnxNode("ReduceMean", (x, axes), ("mean",), keepdims=1)
    if not n.a.normalize_variance:
        return [*before, mean, OnnxNode("Sub", (x, "mean"))]
    centred = OnnxNode("Sub", (x, "mean"), ("centred",))
    deviation = chain(
        OnnxNode("Mul", ("centred", "centred")),
        OnnxNode("ReduceMean", (0, axes), keepdims=1),
        OnnxNode("Sqrt"),
        OnnxNode("Add", (0, number(n.a.eps)), ("deviation",)),
    )
    return [*before, mean, centred, *deviation, OnnxNode("Div", ("centred", "deviation"))]


class Mvn(Operator):
    """Normalisation of each image to mean 0 and variance 1, by channel or as a whole.

    (x - mean) / (sqrt(variance) + eps): the variance divides by the count, and eps stands outside the root. What has
    fewer axes than an image gets axes of 1 behind them.
    """

    name = "mvn"
    short = "mvn"
    keeps_output = "values"
    args = (
        Arg("normalize_variance", Bool(), True, "whether the variance becomes 1; else only the mean becomes 0"),
        Arg("across_channels", Bool(), False, "whether the channels of an image are taken together"),
        Arg("eps", Float(low=0), 1e-9, "added to the standard deviation"),
    )
    shape_rule = "the shape of x, with axes of 1 behind where it has fewer than four"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        x = n.x[0]
        if not 1 <= len(x) <= 4:
            label = f"`mvn` needs an image, (N, C, H, W); this is {show_shape(x)}"
            raise Fault("NG301", "wrong number of axes", label, arg="x0")
        return [(*x, *[1] * (4 - len(x)))]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return whole(n)

    caffe = CaffeSpelling(
        "MVN",
        "mvn_param",
        Field("normalize_variance", "normalize_variance", True),
        Field("across_channels", "across_channels", False),
        Field("eps", "eps", 1e-9),
    )
    torch = TorchSpelling(
        function=_mvn_call,
        helpers=lambda n: [_MVN] if n.a.normalize_variance else [],
        fresh=True,
    )
    onnx = OnnxSpelling(_mvn_onnx)
