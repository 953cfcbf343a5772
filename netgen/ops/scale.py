"""Learned or given factors and offsets along some axes: Caffe's Scale and Bias."""

from __future__ import annotations

from netgen.formats.message import Enum, Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import Arg, Bool, Int
from netgen.ir.operator import BIAS_FILLER, LEARNING_ARGS, WEIGHT_ARGS, Operator, Param
from netgen.ir.spell_caffe import CaffeSpelling, Field, FillerField, Fixed
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Expr, Helper, Infix, Input, Item, Name, TorchSpelling
from netgen.ops.rules import axis_of, show_shape

_AXIS_ARGS = (
    Arg("axis", Int(-8, 7), 1, "the first axis that is told apart"),
    Arg("num_axes", Int(-1, 8), 1, "how many axes are told apart; -1 is all from axis on, 0 none: one number for all"),
)


def _covered(n: Node) -> Shape:
    """The part of the input's shape that the factor, or the offset, has."""
    x = n.x[0]
    if len(n.inputs) == 2 and not n.x[1]:
        return ()  # a single number serves all, wherever the axis is
    axis = axis_of(n)
    if len(n.inputs) == 2:
        return _given(n, x, axis)
    count: int = n.a.num_axes
    if axis + count > len(x):
        raise Fault(
            "NG304",
            "axis out of range",
            f"{show_shape(x)} has {len(x) - axis} axes from axis {axis} on, not {count}",
            arg="num_axes",
        )
    return x[axis:] if count < 0 else x[axis : axis + count]


def _given(n: Node, x: Shape, axis: int) -> Shape:
    """The second tensor's shape, which must be a stretch of the first's."""
    given = n.x[1]
    if x[axis : axis + len(given)] == given:
        return given
    hint = ""
    starts = [start for start in range(len(x) - len(given) + 1) if x[start : start + len(given)] == given]
    if starts:
        hint = f"with axis = {starts[0]} it would fit"
    elif all(dim == 1 for dim in given[2:]) and x[:2] == given[:2]:
        hint = "`flatten` removes its last axes; then axis = 0 fits"
    raise Fault(
        "NG303",
        "shapes do not match",
        f"{show_shape(given)} is not what {show_shape(x)} has from axis {axis} on",
        arg="x1",
        hint=hint,
    )


def _trailing(n: Node) -> int:
    """How many axes follow those that are told apart."""
    covered = _covered(n)
    return len(n.x[0]) - axis_of(n) - len(covered) if covered else 0


def _spread(n: Node) -> Expr:
    """The second tensor with an axis of size 1 for each axis that follows, as broadcasting wants it."""
    trailing = _trailing(n)
    return Item(Input(1), Name("..."), *[None] * trailing) if trailing else Input(1)


def _onnx_spread(n: Node, what: str | int, name: str) -> list[OnnxNode]:
    """The same in ONNX, for the second tensor or a parameter."""
    trailing = _trailing(n)
    rank = len(_covered(n))
    axes = Const(list(range(rank, rank + trailing)))
    return [OnnxNode("Unsqueeze", (what, axes), (name,))] if trailing else [OnnxNode("Identity", (what,), (name,))]


_SCALE = Helper(
    "Scale",
    '''
class Scale(nn.Module):
    """Multiplies by learned factors, and adds learned offsets if ``bias``.

    ``trailing`` is the number of the input's axes behind those of ``shape``.
    """

    def __init__(self, *shape: int, trailing: int = 2, bias: bool = False) -> None:
        super().__init__()
        self.spread = shape + (1,) * trailing
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.reshape(self.spread)
        if self.bias is None:
            return x * weight
        return torch.addcmul(self.bias.reshape(self.spread), x, weight)
''',
)

_BIAS = Helper(
    "Bias",
    '''
class Bias(nn.Module):
    """Adds learned offsets.

    ``trailing`` is the number of the input's axes behind those of ``shape``.
    """

    def __init__(self, *shape: int, trailing: int = 2) -> None:
        super().__init__()
        self.spread = shape + (1,) * trailing
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.reshape(self.spread)
''',
)


def _scale_module(n: Node) -> Call | None:
    shape, trailing = _covered(n), _trailing(n)
    if len(n.inputs) == 1:
        return Call("Scale", *shape, trailing=trailing, bias=n.a.bias)
    return Call("Bias", *shape, trailing=trailing) if n.a.bias else None


def _scale_helpers(n: Node) -> list[Helper]:
    if len(n.inputs) == 1:
        return [_SCALE]
    return [_BIAS] if n.a.bias else []


def _scale_onnx(n: Node) -> list[OnnxNode]:
    factor = _onnx_spread(n, "weight" if len(n.inputs) == 1 else 1, "factor")
    if not n.a.bias:
        return [*factor, OnnxNode("Mul", (0, "factor"))]
    product = OnnxNode("Mul", (0, "factor"), ("product",))
    return [*factor, product, *_onnx_spread(n, "bias", "offset"), OnnxNode("Add", ("product", "offset"))]


def _has_offset(a: dict[str, object], layer: Message) -> bool:
    """SegNet's batch normalisation in testing: the statistics have been put into its factors and offsets."""
    a["bias"] = True
    return len(get_all(layer, "top")) == 1


class Scale(Operator):
    """Multiplication by a factor for each channel, learned or given.

    With one tensor the factors are learned: one for each place in the ``num_axes`` axes from ``axis`` on. A second
    tensor gives them instead; its shape is a stretch of the first's that begins at ``axis`` (squeeze-and-excitation:
    (N, C) and ``axis = 0``). ``bias`` adds a learned offset of the same shape.
    """

    name = "scale"
    short = "scale"
    example = "scale(x, bias = true)"
    operands = ("x", "factor")
    fewest = 1
    in_place = True
    args = (Arg("bias", Bool(), False, "whether a learned offset is added"), *_AXIS_ARGS, *WEIGHT_ARGS)

    @classmethod
    def check(cls, a: Attrs) -> None:
        if not a["bias"]:
            a["bias_filler"] = None

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        _covered(n)
        return [n.x[0]]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        a, shape = n.a, _covered(n)
        params = [Param("weight", shape, a.weight_filler)] if len(n.inputs) == 1 else []
        return [*params, Param("bias", shape, a.bias_filler)] if a.bias else params

    caffe = CaffeSpelling(
        "Scale",
        "scale_param",
        Field("axis", "axis", 1),
        Field("num_axes", "num_axes", 1),
        FillerField("filler", "weight_filler"),
        Field("bias_term", "bias", False),
        FillerField("bias_filler", "bias_filler"),
        blobs=("weight", "bias"),
    )
    caffe_forks = (
        CaffeSpelling(
            "BN",
            "bn_param",
            FillerField("scale_filler", "weight_filler"),
            FillerField("shift_filler", "bias_filler"),
            Fixed("bn_mode", Enum("INFERENCE"), Enum("LEARN")),
            blobs=("weight", "bias"),
            reads=_has_offset,
            fork="segnet",
        ),
    )
    torch = TorchSpelling(
        _scale_module,
        lambda n: None if _scale_module(n) else Infix("*", Input(), _spread(n)),
        defaults={"trailing": 2, "bias": False},
        helpers=_scale_helpers,
        before=lambda n: Infix("*", Input(), _spread(n)) if len(n.inputs) == 2 else None,
        fresh=True,
    )
    onnx = OnnxSpelling(_scale_onnx)


class Bias(Operator):
    """Addition of an offset for each channel, learned or given.

    With one tensor the offsets are learned; a second tensor gives them instead, as with ``scale``.
    """

    name = "bias"
    short = "bias"
    operands = ("x", "offset")
    fewest = 1
    in_place = True
    args = (*_AXIS_ARGS, BIAS_FILLER, *LEARNING_ARGS)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        _covered(n)
        return [n.x[0]]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        return [Param("bias", _covered(n), n.a.bias_filler)] if len(n.inputs) == 1 else []

    caffe = CaffeSpelling(
        "Bias",
        "bias_param",
        Field("axis", "axis", 1),
        Field("num_axes", "num_axes", 1),
        FillerField("filler", "bias_filler"),
        blobs=("bias",),
    )
    torch = TorchSpelling(
        lambda n: Call("Bias", *_covered(n), trailing=_trailing(n)) if len(n.inputs) == 1 else None,
        lambda n: Infix("+", Input(), _spread(n)) if len(n.inputs) == 2 else None,
        defaults={"trailing": 2},
        helpers=lambda n: [_BIAS] if len(n.inputs) == 1 else [],
        fresh=True,
    )
    onnx = OnnxSpelling(
        lambda n: [
            *_onnx_spread(n, "bias" if len(n.inputs) == 1 else 1, "offset"),
            OnnxNode("Add", (0, "offset")),
        ]
    )
