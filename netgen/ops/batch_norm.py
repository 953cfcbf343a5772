"""Batch normalisation, in the forms that Caffe and its forks give it."""

from __future__ import annotations

from netgen.formats.message import Enum, Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import Arg, Bool, Choice, Float
from netgen.ir.operator import WEIGHT_ARGS, Operator, Param, Refused
from netgen.ir.spell_caffe import (
    CaffeLayer,
    CaffeSpelling,
    Constant,
    Divisor,
    Field,
    FillerField,
    Fixed,
    filler_message,
)
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Helper, TorchSpelling
from netgen.ops.rules import show_shape

_FACTOR = {"factor": Divisor("mean", "variance")}
"""What Caffe divides its running sums by."""


# --- Caffe ----------------------------------------------------------------------------------------


class _Statistics(Field):
    """Which statistics are used: the file may leave it to the phase, or say it for both."""

    def write(self, a: Attrs) -> Message:
        if a["frozen"]:
            return [(self.name, True)]
        return [] if a["statistics"] == "running" else [(self.name, False)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        said = get(message, self.name)
        a["frozen"] = said is True
        if said is False:
            a["statistics"] = "batch"
        return True


def _layers(n: Node) -> list[CaffeLayer]:
    """Caffe normalises in one layer and scales in a second."""
    normalise = BatchNorm.caffe.layer(n)
    if n.a.statistics == "none":
        zeros = Constant((n.x[0][1],), 0.0)
        normalise.blobs = BatchNorm.caffe.blobs
        normalise.constants = {"mean": zeros, "variance": zeros, **_FACTOR}
    if not n.a.affine:
        return [normalise]
    a = n.a
    one: Message = [("value", 1.0)]
    zero: Message = [("value", 0.0)]
    message: Message = [
        ("filler", filler_message(a.weight_filler) if a.weight_filler else one),
        ("bias_term", True),
        ("bias_filler", filler_message(a.bias_filler) if a.bias_filler else zero),
    ]
    scale = CaffeLayer(
        "Scale", "scale_param", message, suffix="scale", inputs=[""], blobs=("weight", "bias"), in_place=True
    )
    return [normalise, scale]


def _has(message: Message, *fields: str) -> bool:
    return any(name in fields for name, _ in message)


def _one_top(layer: Message) -> bool:
    return len(get_all(layer, "top")) == 1


def _is_plain(a: dict[str, object], layer: Message) -> bool:
    """Read by itself, Caffe's layer only normalises.

    Intel's fork fills the weights of the Scale behind it here (``filler``, ``bias_filler``), which computes nothing;
    NVIDIA's means weights of its own by a ``bias_filler``.
    """
    message: Message = get(layer, "batch_norm_param", [])
    a["affine"] = False
    return _one_top(layer) and (_has(message, "filler") or not _has(message, "bias_filler"))


_RUNNING = (
    _Statistics("use_global_stats", "statistics"),
    Field("moving_average_fraction", "moving_average", 0.999, always=True),
    Field("eps", "eps", 1e-5, always=True),
)

_NVIDIA_FIELDS = (
    *_RUNNING,
    FillerField("scale_filler", "weight_filler"),
    FillerField("bias_filler", "bias_filler"),
)


def _is_nvidias(a: dict[str, object], layer: Message) -> bool:
    """NVIDIA's layer has weights of its own if it says so, or fills them. Its eps is never less than 1e-5."""
    message: Message = get(layer, "batch_norm_param", [])
    affine = get(message, "scale_bias", False) or _has(message, "scale_filler", "bias_filler")
    a["eps"] = max(get(message, "eps", 1e-5), 1e-5)
    return affine and _one_top(layer)


def _is_xilinxs(a: dict[str, object], layer: Message) -> bool:
    """Xilinx's says the same with the weights first: the first multiplier is then not that of a statistic."""
    multipliers = [get(param, "lr_mult", 1.0) for param in get_all(layer, "param")]
    return bool(multipliers and multipliers[0]) and _is_nvidias(a, layer)


def _is_pspnets(a: dict[str, object], layer: Message) -> bool:
    return _one_top(layer)


def _is_segnets(a: dict[str, object], layer: Message) -> bool:
    """SegNet's layer keeps no statistics: it always takes the batch's."""
    a["statistics"] = "none"
    a["eps"] = 1e-9
    return _has(get(layer, "bn_param", []), "scale_filler", "shift_filler", "bn_mode") and _one_top(layer)


# --- PyTorch and ONNX -----------------------------------------------------------------------------

_FROZEN = Helper(
    "FrozenBatchNorm",
    '''
class FrozenBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that uses its running statistics even in training."""

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
''',
)

_LIVE = Helper(
    "LiveBatchNorm",
    '''
class LiveBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the batch's own statistics even in testing."""

    def forward(self, x: Tensor) -> Tensor:
        mean = self.running_mean if self.training else None
        variance = self.running_var if self.training else None
        momentum = self.momentum or 0.0
        return F.batch_norm(
            x, mean, variance, self.weight, self.bias, True, momentum, self.eps
        )
''',
)

_RANKED = {2: "nn.BatchNorm1d", 3: "nn.BatchNorm1d", 4: "nn.BatchNorm2d", 5: "nn.BatchNorm3d"}


def _helpers(n: Node) -> list[Helper]:
    if n.a.frozen:
        return [_FROZEN]
    return [_LIVE] if n.a.statistics == "batch" else []


def _module(n: Node) -> Call:
    a = n.a
    own = _helpers(n)
    name = own[0].name if own else _RANKED[len(n.x[0])]
    if a.statistics == "none":
        return Call(name, n.x[0][1], eps=a.eps, affine=a.affine, track_running_stats=False)
    return Call(name, n.x[0][1], eps=a.eps, momentum=round(1 - a.moving_average, 12), affine=a.affine)


def _torch_refuses(n: Node) -> Refused | None:
    if n.a.eps > 0 or n.a.statistics == "running":
        return None
    return Refused("PyTorch takes no batch's own statistics with an eps of 0", "use a small eps, such as 1e-9")


def _onnx(n: Node) -> list[OnnxNode]:
    channels = n.x[0][1]
    scale: tuple[str | Const, str | Const] = ("weight", "bias")
    if not n.a.affine:
        scale = (Const([1.0] * channels, "float"), Const([0.0] * channels, "float"))
    if n.a.statistics != "running":
        return _onnx_of_batch(n, *scale)
    return [OnnxNode("BatchNormalization", (0, *scale, "mean", "variance"), epsilon=n.a.eps)]


def _onnx_of_batch(n: Node, weight: str | Const, bias: str | Const) -> list[OnnxNode]:
    """The same with the statistics of the batch itself."""
    rank = len(n.x[0])
    axes = Const([axis for axis in range(rank) if axis != 1])
    behind = Const(list(range(1, rank - 1)))
    mean = OnnxNode("ReduceMean", (0, axes), ("mean_of_batch",), keepdims=1)
    centred = OnnxNode("Sub", (0, "mean_of_batch"), ("centred",))
    deviation = chain(
        OnnxNode("Mul", ("centred", "centred")),
        OnnxNode("ReduceMean", (0, axes), keepdims=1),
        OnnxNode("Add", (0, number(n.a.eps))),
        OnnxNode("Sqrt", (0,), ("deviation",)),
    )
    unit = OnnxNode("Div", ("centred", "deviation"), ("unit",) if n.a.affine else ())
    if not n.a.affine:
        return [mean, centred, *deviation, unit]
    return [
        *[mean, centred, *deviation, unit],
        OnnxNode("Unsqueeze", (weight, behind), ("factor",)),
        OnnxNode("Unsqueeze", (bias, behind), ("offset",)),
        OnnxNode("Mul", ("unit", "factor"), ("product",)),
        OnnxNode("Add", ("product", "offset")),
    ]


class BatchNorm(Operator):
    """Batch normalisation: each channel to mean 0 and variance 1, then scaled as learned.

    (x - mean) / sqrt(variance + eps), with the batch's statistics in training and running ones in testing. Then, unless
    ``affine = false``, a learned factor and offset for each channel: a second layer in Caffe.
    ``moving_average`` is the share of the old statistics that a training step keeps; PyTorch's momentum is 1 less it.
    Caffe's running mean is corrected for its beginning at 0, PyTorch's is not; trained weights agree.
    """

    name = "batch_norm"
    short = "bn"
    in_place = True
    args = (
        Arg("eps", Float(low=0), 1e-5, "added to the variance"),
        Arg("moving_average", Float(0, 1), 0.999, "the share of the old running statistics that a step keeps"),
        Arg("affine", Bool(), True, "whether a learned factor and offset for each channel follow"),
        Arg("frozen", Bool(), False, "whether the running statistics are used, and kept, in training too"),
        Arg(
            "statistics",
            Choice("running", "batch", "none"),
            "running",
            'what testing uses: "running" ones, or the "batch"\'s own; with "none" no running ones are kept either',
        ),
        *WEIGHT_ARGS,
    )

    @classmethod
    def check(cls, a: Attrs) -> None:
        if not a["affine"]:
            a["weight_filler"] = a["bias_filler"] = None
        if a["frozen"] and a["statistics"] != "running":
            label = "frozen statistics are running ones"
            raise Fault("NG208", "argument out of range", label, arg="statistics")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        x = n.inputs[0].shape
        if not 2 <= len(x) <= 5:
            label = f"`batch_norm` needs channels on axis 1 of 2 to 5 axes; this is {show_shape(x)}"
            raise Fault("NG301", "wrong number of axes", label, arg="x0")
        return [x]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        a, shape = n.a, (n.x[0][1],)
        params = []
        if a.statistics != "none":
            params = [Param("mean", shape, learned=False), Param("variance", shape, learned=False)]
        if a.affine:
            params += [Param("weight", shape, a.weight_filler), Param("bias", shape, a.bias_filler)]
        return params

    caffe = CaffeSpelling(
        "BatchNorm",
        "batch_norm_param",
        *_RUNNING,
        blobs=("mean", "variance", "factor"),
        constants=_FACTOR,
        fixed=3,
        layers=_layers,
        ignores=("engine", "filler", "bias_filler"),
        neutral={
            "scale_bias": False,
            "use_weight_bias": False,
            "relu": False,
            "stats_batch_size": 0,
            "update_global_stats": False,
        },
        reads=_is_plain,
    )
    caffe_forks = (
        CaffeSpelling(
            "BatchNorm",
            "batch_norm_param",
            *_NVIDIA_FIELDS,
            blobs=("weight", "bias", "mean", "variance"),
            ignores=("engine", "scale_bias"),
            reads=_is_xilinxs,
            fork="xilinx",
        ),
        CaffeSpelling(
            "BatchNorm",
            "batch_norm_param",
            *_NVIDIA_FIELDS,
            blobs=("mean", "variance", "factor", "weight", "bias"),
            constants=_FACTOR,
            fixed=3,
            ignores=("engine", "scale_bias"),
            reads=_is_nvidias,
            fork="nvcaffe",
        ),
        CaffeSpelling(
            "BN",
            "bn_param",
            FillerField("slope_filler", "weight_filler"),
            FillerField("bias_filler", "bias_filler"),
            Field("momentum", "moving_average", 0.9),
            Field("eps", "eps", 1e-5),
            Field("frozen", "frozen", False),
            blobs=("weight", "bias", "mean", "variance"),
            wide=True,
            reads=_is_pspnets,
            fork="pspnet",
        ),
        CaffeSpelling(
            "BN",
            "bn_param",
            FillerField("scale_filler", "weight_filler"),
            FillerField("shift_filler", "bias_filler"),
            Fixed("bn_mode", Enum("LEARN"), Enum("LEARN")),
            blobs=("weight", "bias"),
            wide=True,
            reads=_is_segnets,
            fork="segnet",
        ),
    )
    torch = TorchSpelling(
        _module,
        defaults={"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True},
        params={"mean": "running_mean", "variance": "running_var"},
        helpers=_helpers,
        refuses=_torch_refuses,
        fresh=True,
    )
    onnx = OnnxSpelling(_onnx)
