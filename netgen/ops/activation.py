"""Activations, softmax and dropout."""

from __future__ import annotations

from netgen.formats.message import Enum, Message, get_all
from netgen.ir.graph import Node, Shape
from netgen.ir.kinds import Arg, Bool, Float, Int
from netgen.ir.operator import LEARNING_ARGS, WEIGHT_FILLER, Operator, Param
from netgen.ir.reach import Reach, along
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, Field, FillerField, Fixed
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Helper, Infix, Input, TorchSpelling
from netgen.ops.rules import axis_of, channels_of, spatial

# --- rectifiers -----------------------------------------------------------------------------------


class Relu(Operator):
    """Rectified linear unit: max(x, 0), or slope * x below zero."""

    name = "relu"
    short = "relu"
    in_place = True
    keeps_output = "signs"
    keeps_signs = True
    args = (Arg("slope", Float(), 0.0, "slope for negative inputs"),)
    caffe = CaffeSpelling(
        "ReLU", "relu_param", Field("negative_slope", "slope", 0.0), neutral={"fuse": False}, ignores=("engine",)
    )
    torch = TorchSpelling(
        lambda n: Call("nn.LeakyReLU", n.a.slope) if n.a.slope else Call("nn.ReLU"),
        lambda n: Call("F.leaky_relu", Input(), n.a.slope) if n.a.slope else Call("F.relu", Input()),
        overwrites=True,
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("LeakyRelu", alpha=n.a.slope) if n.a.slope else OnnxNode("Relu")])

    @classmethod
    def keeps_gradient(cls, n: Node) -> bool:
        return bool(n.a.slope >= 0)  # else both sides of zero come out alike


class Relu6(Operator):
    """Rectified linear unit that saturates: min(max(x, 0), 6)."""

    name = "relu6"
    short = "relu"
    caffe = CaffeSpelling("Clip", "clip_param", Fixed("min", 0.0), Fixed("max", 6.0))
    caffe_forks = (
        CaffeSpelling(
            "ReLU6", "relu6_param", also_param=("relu_param",), neutral={"negative_slope": 0.0}, fork="mobilenet-yolo"
        ),
    )
    torch = TorchSpelling(lambda n: Call("nn.ReLU6"), lambda n: Call("F.relu6", Input()), overwrites=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Clip", (0, number(0.0), number(6.0)))])


def _prelu_onnx(n: Node) -> list[OnnxNode]:
    trailing = len(n.x[0]) - 2
    if n.a.shared or not trailing:
        return [OnnxNode("PRelu", (0, "weight"))]
    spread = OnnxNode("Unsqueeze", ("weight", Const(list(range(1, 1 + trailing)))), ("slopes",))
    return [spread, OnnxNode("PRelu", (0, "slopes"))]


class Prelu(Operator):
    """Rectified linear unit with a learned slope below zero, for each channel or for all."""

    name = "prelu"
    short = "relu"
    in_place = True
    args = (Arg("shared", Bool(), False, "whether all channels share one slope"), WEIGHT_FILLER, *LEARNING_ARGS)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        channels_of(n)
        return [n.x[0]]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        return [Param("weight", () if n.a.shared else (channels_of(n),), n.a.weight_filler)]

    caffe = CaffeSpelling(
        "PReLU",
        "prelu_param",
        FillerField("filler", "weight_filler"),
        Field("channel_shared", "shared", False),
        blobs=("weight",),
    )
    torch = TorchSpelling(
        lambda n: Call("nn.PReLU", 1 if n.a.shared else channels_of(n)), defaults={"num_parameters": 1}, fresh=True
    )
    onnx = OnnxSpelling(_prelu_onnx)


class Elu(Operator):
    """Exponential linear unit: x above zero, alpha * (exp(x) - 1) below."""

    name = "elu"
    short = "elu"
    in_place = True
    keeps_output = "values"
    args = (Arg("alpha", Float(), 1.0, "what the output tends to, negated, far below zero"),)
    caffe = CaffeSpelling("ELU", "elu_param", Field("alpha", "alpha", 1.0), neutral={"lambda": 1.0})
    torch = TorchSpelling(
        lambda n: Call("nn.ELU", alpha=n.a.alpha),
        lambda n: Call("F.elu", Input(), alpha=n.a.alpha),
        defaults={"alpha": 1.0},
        overwrites=True,
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("Elu", alpha=n.a.alpha)])

    @classmethod
    def keeps_gradient(cls, n: Node) -> bool:
        return bool(n.a.alpha >= 0)


class Threshold(Operator):
    """1 where x is greater than a threshold, else 0. It has no gradient."""

    name = "threshold"
    short = "threshold"
    in_place = True
    args = (Arg("threshold", Float(), 0.0, "what x is compared with"),)
    caffe = CaffeSpelling("Threshold", "threshold_param", Field("threshold", "threshold", 0.0))
    torch = TorchSpelling(function=lambda n: Call(".type_as", Infix(">", Input(), n.a.threshold), Input()), fresh=True)
    onnx = OnnxSpelling(lambda n: chain(OnnxNode("Greater", (0, number(n.a.threshold))), OnnxNode("Cast", to="float")))


# --- smooth ---------------------------------------------------------------------------------------


class Sigmoid(Operator):
    """Logistic function: 1 / (1 + exp(-x))."""

    name = "sigmoid"
    short = "sigmoid"
    in_place = True
    keeps_output = "values"
    caffe = CaffeSpelling("Sigmoid", "sigmoid_param")
    torch = TorchSpelling(lambda n: Call("nn.Sigmoid"), lambda n: Call("torch.sigmoid", Input()))
    onnx = OnnxSpelling(lambda n: [OnnxNode("Sigmoid")])


class Tanh(Operator):
    """Hyperbolic tangent."""

    name = "tanh"
    short = "tanh"
    in_place = True
    keeps_output = "values"
    caffe = CaffeSpelling("TanH", "tanh_param")
    torch = TorchSpelling(lambda n: Call("nn.Tanh"), lambda n: Call("torch.tanh", Input()))
    onnx = OnnxSpelling(lambda n: [OnnxNode("Tanh")])


class Bnll(Operator):
    """Binomial normal log likelihood, which others call softplus: log(1 + exp(x))."""

    name = "bnll"
    short = "bnll"
    caffe = CaffeSpelling("BNLL", also=("Softplus", "SoftPlus"))
    torch = TorchSpelling(lambda n: Call("nn.Softplus"), lambda n: Call("F.softplus", Input()))
    onnx = OnnxSpelling(lambda n: [OnnxNode("Softplus")])


def _swish(n: Node) -> Expr:
    if n.a.beta == 1:
        return Call("F.silu", Input())
    return Infix("*", Input(), Call("torch.sigmoid", Infix("*", n.a.beta, Input())))


def _swish_onnx(n: Node) -> list[OnnxNode]:
    scaled = [] if n.a.beta == 1 else [OnnxNode("Mul", (0, number(n.a.beta)))]
    return [*chain(*scaled, OnnxNode("Sigmoid", (0,), ("gate",))), OnnxNode("Mul", (0, "gate"))]


class Mish(Operator):
    """Mish: x * tanh(log(1 + exp(x)))."""

    name = "mish"
    short = "mish"
    caffe = CaffeSpelling(
        layers=lambda n: [
            CaffeLayer("BNLL", suffix="softplus"),
            CaffeLayer("TanH", suffix="gate", inputs=["softplus"], in_place=True),
            CaffeLayer("Eltwise", "eltwise_param", [("operation", Enum("PROD"))], inputs=[0, "gate"]),
        ]
    )
    caffe_forks = (CaffeSpelling("Mish", fork="yolov4"),)
    torch = TorchSpelling(lambda n: Call("nn.Mish"), lambda n: Call("F.mish", Input()), overwrites=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Mish")])


class Swish(Operator):
    """Swish, at beta = 1 also called SiLU: x * sigmoid(beta * x)."""

    name = "swish"
    short = "swish"
    in_place = True
    keeps_output = "values"
    args = (Arg("beta", Float(), 1.0, "steepness of the gate"),)
    caffe = CaffeSpelling("Swish", "swish_param", Field("beta", "beta", 1.0))
    torch = TorchSpelling(lambda n: Call("nn.SiLU") if n.a.beta == 1 else None, _swish)
    onnx = OnnxSpelling(_swish_onnx)


# --- the same, cheaper ----------------------------------------------------------------------------


def _gate_layers(suffix: str) -> list[CaffeLayer]:
    """x/6 + 1/2, clipped to 0..1. BVLC's Caffe has no such layer."""
    return [
        CaffeLayer("Power", "power_param", [("scale", 1 / 6), ("shift", 0.5)], suffix="linear"),
        CaffeLayer("Clip", "clip_param", [("min", 0.0), ("max", 1.0)], suffix=suffix, inputs=["linear"]),
    ]


class HardSigmoid(Operator):
    """Piecewise linear sigmoid of MobileNetV3: min(max(x/6 + 1/2, 0), 1)."""

    name = "hard_sigmoid"
    short = "sigmoid"
    caffe = CaffeSpelling(layers=lambda n: _gate_layers(""))
    torch = TorchSpelling(lambda n: Call("nn.Hardsigmoid"), lambda n: Call("F.hardsigmoid", Input()), overwrites=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("HardSigmoid", alpha=1 / 6, beta=0.5)])


class HardSwish(Operator):
    """Piecewise approximation of swish from MobileNetV3: x * min(max(x/6 + 1/2, 0), 1)."""

    name = "hard_swish"
    short = "swish"
    caffe = CaffeSpelling(
        layers=lambda n: [
            *_gate_layers("gate"),
            CaffeLayer("Eltwise", "eltwise_param", [("operation", Enum("PROD"))], inputs=[0, "gate"]),
        ]
    )
    caffe_forks = (CaffeSpelling("HardSwish", also=("HSwish",), fork="mobilenet-v3"),)
    torch = TorchSpelling(lambda n: Call("nn.Hardswish"), lambda n: Call("F.hardswish", Input()), overwrites=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("HardSwish")])


# --- softmax and dropout --------------------------------------------------------------------------


class Softmax(Operator):
    """Softmax along one axis: exp(x) / sum of exp(x)."""

    name = "softmax"
    short = "softmax"
    keeps_output = "values"
    args = (Arg("axis", Int(-8, 7), 1, "the axis whose values sum to 1"),)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis_of(n)
        return [n.x[0]]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return along(n, n.a.axis)

    caffe = CaffeSpelling("Softmax", "softmax_param", Field("axis", "axis", 1))
    torch = TorchSpelling(
        lambda n: Call("nn.Softmax", dim=n.a.axis), lambda n: Call("F.softmax", Input(), dim=n.a.axis)
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("Softmax", axis=n.a.axis)])


def _scales_in_testing(a: dict[str, object], layer: Message) -> bool:
    a["scale_train"] = False
    return len(get_all(layer, "top")) == 1


def _dropout_layers(n: Node) -> list[CaffeLayer]:
    """Where only testing scales, the scale is a layer of its own."""
    drop = Dropout.caffe.layer(n)
    if n.a.scale_train:
        return [drop]
    drop.suffix = "drop"
    scale: Message = [("scale", 1 - n.a.ratio)]
    return [drop, CaffeLayer("Power", "power_param", scale, inputs=["drop"], in_place=True)]


_UNSCALED = Helper(
    "UnscaledDropout",
    '''
class UnscaledDropout(nn.Dropout):
    """Dropout that lets what it keeps be in training, and scales all in testing."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * (1 - self.p)
''',
)


def _dropout_onnx(n: Node) -> list[OnnxNode]:
    """What it does in testing."""
    return chain() if n.a.scale_train else [OnnxNode("Mul", (0, number(1 - n.a.ratio)))]


class Dropout(Operator):
    """In training a random share of the values becomes 0.

    The rest grows by 1 / (1 - ratio), so that testing needs no change; or, with ``scale_train = false``, the rest stays
    and all values shrink by 1 - ratio in testing.
    """

    name = "dropout"
    short = "drop"
    in_place = True
    keeps_signs = True
    args = (
        Arg("ratio", Float(0, below=1), 0.5, "the share that becomes 0"),
        Arg("scale_train", Bool(), True, "whether values are scaled in training, rather than in testing"),
    )
    caffe = CaffeSpelling(
        "Dropout",
        "dropout_param",
        Field("dropout_ratio", "ratio", 0.5, always=True),
        neutral={"scale_train": True, "sample_weights_test": False},
        ignores=("engine", "random_seed"),
        layers=_dropout_layers,
    )
    caffe_forks = (
        CaffeSpelling(
            "Dropout",
            "dropout_param",
            Field("dropout_ratio", "ratio", 0.5),
            Fixed("scale_train", False, True),
            reads=_scales_in_testing,
            fork="frcnn",
        ),
    )
    torch = TorchSpelling(
        lambda n: Call("nn.Dropout" if n.a.scale_train else "UnscaledDropout", n.a.ratio),
        helpers=lambda n: [] if n.a.scale_train else [_UNSCALED],
        overwrites=True,
    )
    onnx = OnnxSpelling(_dropout_onnx)


class SpatialDropout(Operator):
    """In training a random share of each image's channels becomes 0, each as a whole.

    The rest grows by 1 / (1 - ratio), so that testing needs no change.
    """

    name = "spatial_dropout"
    short = "drop"
    args = (Arg("ratio", Float(0, below=1), 0.5, "the share that becomes 0"),)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [spatial(n)]

    caffe = CaffeSpelling(
        "SpatialDropout",
        "spatial_dropout_param",
        Field("dropout_ratio", "ratio", 0.5, always=True),
        neutral={"sample_weights_test": False},
        fork="enet",
    )
    torch = TorchSpelling(lambda n: Call("nn.Dropout2d", n.a.ratio), overwrites=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Identity")])
