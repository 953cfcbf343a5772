"""Arithmetic on each element, of several tensors or of one."""

from __future__ import annotations

from math import exp, frexp, inf, ldexp, log

from netgen.formats.message import Enum
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Float, Listed, Optional
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, Field, Fixed, Many, Mapped
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, chain, number
from netgen.ir.spell_torch import Call, Expr, Infix, Input, Item, Name, TorchSpelling
from netgen.ops.rules import same_shapes, show_shape

LARGEST = 3.4028234663852886e38
"""The largest float, FLT_MAX."""

# --- of several tensors ---------------------------------------------------------------------------


class _Eltwise(Operator):
    """What the operators on tensors of one shape have in common. Caffe's Eltwise never broadcasts."""

    operands = ("x...",)
    fewest = 2

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [same_shapes(n)]


_ELTWISE_IGNORES = ("engine", "stable_prod_grad")


def _operation(name: str) -> Fixed:
    return Fixed("operation", Enum(name), Enum("SUM"))


def _weighted(n: Node) -> Expr:
    """The sum as a person writes it: coefficients of 1 are silent, negative ones subtract."""
    coeff = n.a.coeff or (1.0,) * len(n.inputs)
    total: Expr = None
    for i, factor in enumerate(coeff):
        if total is None:
            total = Input(i) if factor == 1 else Infix("*", factor, Input(i))
            continue
        size = abs(factor)
        term: Expr = Input(i) if size == 1 else Infix("*", size, Input(i))
        total = _joined(total, "-" if factor < 0 else "+", term)
    return total


def _joined(left: Expr, sign: str, term: Expr) -> Infix:
    if isinstance(left, Infix) and left.symbol == sign:
        return Infix(sign, *left.operands, term)
    return Infix(sign, left, term)


def _add_onnx(n: Node) -> list[OnnxNode]:
    terms: list[int | str] = []
    nodes = []
    for i, factor in enumerate(n.a.coeff or (1,) * len(n.inputs)):
        if factor != 1:
            nodes.append(OnnxNode("Mul", (i, number(factor)), (f"term{i}",)))
        terms.append(i if factor == 1 else f"term{i}")
    return [*nodes, OnnxNode("Add" if len(terms) == 2 else "Sum", terms)]


class Add(_Eltwise):
    """The sum of tensors of one shape, each by default with coefficient 1."""

    name = "add"
    short = "add"
    args = (Arg("coeff", Optional(Listed(Float(), 1)), None, "a coefficient for each tensor; [1, -1] subtracts"),)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        coeff = n.a.coeff
        if coeff is not None and len(coeff) != len(n.inputs):
            label = f"{len(coeff)} coefficients for {len(n.inputs)} tensors"
            raise Fault("NG208", "argument out of range", label, arg="coeff", hint="give one for each tensor")
        return [same_shapes(n)]

    caffe = CaffeSpelling(
        "Eltwise", "eltwise_param", _operation("SUM"), Many("coeff", "coeff"), ignores=_ELTWISE_IGNORES
    )
    torch = TorchSpelling(function=_weighted, fresh=True)
    onnx = OnnxSpelling(_add_onnx)


class Mul(_Eltwise):
    """The product of tensors of one shape. For a factor for each channel there is `scale`."""

    name = "mul"
    short = "mul"
    caffe = CaffeSpelling("Eltwise", "eltwise_param", _operation("PROD"), ignores=_ELTWISE_IGNORES)
    torch = TorchSpelling(function=lambda n: Infix("*", *map(Input, range(len(n.inputs)))), fresh=True)
    onnx = OnnxSpelling(lambda n: chain(*(OnnxNode("Mul", (0, i)) for i in range(1, len(n.inputs)))))


class Max(_Eltwise):
    """The largest of several tensors of one shape, element by element."""

    name = "max"
    short = "max"
    caffe = CaffeSpelling("Eltwise", "eltwise_param", _operation("MAX"), ignores=(*_ELTWISE_IGNORES, "coeff"))
    torch = TorchSpelling(function=lambda n: _largest(len(n.inputs)), fresh=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Max", range(len(n.inputs)))])


def _largest(count: int) -> Expr:
    expr: Expr = Input(0)
    for i in range(1, count):
        expr = Call("torch.maximum", expr, Input(i))
    return expr


def _axpy_layers(n: Node) -> list[CaffeLayer]:
    """BVLC's Caffe scales in one layer, whose factors have two axes, and adds in another."""
    flat: list[CaffeLayer] = []
    if len(n.x[0]) > 2:
        flat.append(CaffeLayer("Flatten", suffix="flat", inputs=[0]))
    factor: int | str = "flat" if flat else 0
    scale = CaffeLayer("Scale", "scale_param", [("axis", 0)], suffix="scale", inputs=[1, factor])
    total = CaffeLayer("Eltwise", "eltwise_param", [("operation", Enum("SUM"))], inputs=["scale", 2])
    return [*flat, scale, total]


def _axpy_spread(n: Node) -> Expr:
    """The factors with an axis of size 1 for each axis of the tensors behind the channels."""
    missing = len(n.x[1]) - len(n.x[0])
    return Item(Input(0), Name("..."), *[None] * missing) if missing else Input(0)


def _axpy_onnx(n: Node) -> list[OnnxNode]:
    missing = len(n.x[1]) - len(n.x[0])
    product = OnnxNode("Mul", ("factor" if missing else 0, 1), ("product",))
    spread = []
    if missing:
        behind = Const(list(range(len(n.x[0]), len(n.x[1]))))
        spread = [OnnxNode("Unsqueeze", (0, behind), ("factor",))]
    return [*spread, product, OnnxNode("Add", ("product", 2))]


class Axpy(Operator):
    """A factor for each channel of each image times a tensor, plus a tensor: factor * x + y.

    The end of a squeeze-and-excitation block: the factors have the shape (N, C), or (N, C, 1, 1).
    """

    name = "axpy"
    short = "axpy"
    operands = ("factor", "x", "y")
    example = "axpy(global_avg_pool(x), x, x)"
    shape_rule = "the shape of x"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        factor, x, y = n.x
        if y != x:
            label = f"this is {show_shape(y)}, what is scaled is {show_shape(x)}"
            raise Fault("NG303", "shapes do not match", label, arg="x2")
        ones = len(x) == len(factor) and all(dim == 1 for dim in factor[2:])
        if len(x) < 2 or factor[:2] != x[:2] or not (len(factor) == 2 or ones):
            label = f"{show_shape(factor)} is no factor for each channel of {show_shape(x)}"
            hint = "`global_avg_pool` gives one number for each channel"
            raise Fault("NG303", "shapes do not match", label, arg="x0", hint=hint)
        return [x]

    caffe = CaffeSpelling(layers=_axpy_layers)
    caffe_forks = (CaffeSpelling("Axpy", ignores=("axpy_param",), fork="senet"),)
    torch = TorchSpelling(
        function=lambda n: Infix("+", Infix("*", _axpy_spread(n), Input(1)), Input(2)),
        fresh=True,
    )
    onnx = OnnxSpelling(_axpy_onnx)


# --- of one tensor --------------------------------------------------------------------------------

_SCALE_SHIFT = (
    Arg("scale", Float(), 1.0, "what x is multiplied by"),
    Arg("shift", Float(), 0.0, "what is then added"),
)


def _inner(a: Attrs) -> Expr:
    """``scale * x + shift`` without the parts that do nothing."""
    expr: Expr = Input() if a.scale == 1 else Infix("*", a.scale, Input())
    if a.shift == 0:
        return expr
    return Infix("+" if a.shift > 0 else "-", expr, abs(a.shift))


def _onnx_inner(a: Attrs, factor: float = 1.0) -> list[OnnxNode]:
    """``factor * (scale * x + shift)``, to be chained."""
    scale, shift = a.scale * factor, a.shift * factor
    nodes = [] if scale == 1 else [OnnxNode("Mul", (0, number(scale)))]
    return [*nodes, OnnxNode("Add", (0, number(shift)))] if shift else nodes


class Power(Operator):
    """Power of a linear function: (shift + scale * x) ** power."""

    name = "power"
    short = "power"
    example = "power(x, 2, scale = 0.5)"
    keeps_output = "values"
    args = (Arg("power", Float(), 1.0, "exponent"), *_SCALE_SHIFT)
    caffe = CaffeSpelling(
        "Power",
        "power_param",
        Field("power", "power", 1.0),
        Field("scale", "scale", 1.0),
        Field("shift", "shift", 0.0),
    )
    torch = TorchSpelling(
        function=lambda n: _inner(n.a) if n.a.power == 1 else Call("torch.pow", _inner(n.a), n.a.power)
    )
    onnx = OnnxSpelling(
        lambda n: chain(*_onnx_inner(n.a), *([] if n.a.power == 1 else [OnnxNode("Pow", (0, number(n.a.power)))]))
    )


_BASE = Arg("base", Optional(Float(above=0)), None, "the base; e where it is not given")


def _base_field() -> Mapped:
    """Caffe says -1 where it means e."""
    return Mapped("base", "base", to=float, back=lambda said: None if said == -1 else said, default=-1.0)


def _single(value: float) -> float:
    """A number as Caffe keeps it, in 24 bits: near 1 the logarithm of a base depends on them."""
    mantissa, exponent = frexp(value)
    return ldexp(round(ldexp(mantissa, 24)), exponent - 24)


def _log_base(a: Attrs) -> float:
    return 1.0 if a.base is None else log(_single(a.base))


def _apart(a: Attrs) -> tuple[float, float] | None:
    """The two factors that Caffe makes of it, exp(rate * x) and a constant, where rounding or range tell them."""
    rate, constant = _log_base(a) * a.scale, _log_base(a) * a.shift
    if abs(rate) < 20 and abs(constant) < 80:
        return None
    return _single(rate), exp(constant) if constant < log(LARGEST) else inf


def _exp_call(n: Node) -> Expr:
    a = n.a
    factors = _apart(a)
    if factors is not None:
        rate, constant = factors
        power = Call("torch.exp", Infix("*", rate, Input()))
        return Infix("*", Call("float", "inf") if constant == inf else constant, power)
    return Call("torch.exp", _inner(a)) if a.base is None else Call("torch.pow", a.base, _inner(a))


def _exp_onnx(n: Node) -> list[OnnxNode]:
    factors = _apart(n.a)
    if factors is not None:
        rate, constant = map(number, factors)
        return chain(OnnxNode("Mul", (0, rate)), OnnxNode("Exp"), OnnxNode("Mul", (0, constant)))
    return chain(*_onnx_inner(n.a, 1.0 if n.a.base is None else log(n.a.base)), OnnxNode("Exp"))


class Exp(Operator):
    """Exponential of a linear function: base ** (shift + scale * x)."""

    name = "exp"
    short = "exp"
    in_place = True
    keeps_output = "values"
    args = (_BASE, *_SCALE_SHIFT)
    caffe = CaffeSpelling("Exp", "exp_param", _base_field(), Field("scale", "scale", 1.0), Field("shift", "shift", 0.0))
    torch = TorchSpelling(function=_exp_call)
    onnx = OnnxSpelling(_exp_onnx)


_LOGARITHMS = {None: "torch.log", 2.0: "torch.log2", 10.0: "torch.log10"}


def _log_call(n: Node) -> Expr:
    base = n.a.base
    if base in _LOGARITHMS:
        return Call(_LOGARITHMS[base], _inner(n.a))
    return Infix("/", Call("torch.log", _inner(n.a)), _log_base(n.a))


def _log_onnx(n: Node) -> list[OnnxNode]:
    divided = [] if n.a.base is None else [OnnxNode("Div", (0, number(_log_base(n.a))))]
    return chain(*_onnx_inner(n.a), OnnxNode("Log"), *divided)


class Log(Operator):
    """Logarithm of a linear function: of shift + scale * x, to a base."""

    name = "log"
    short = "log"
    args = (_BASE, *_SCALE_SHIFT)

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a.base == 1:
            label = "there are no logarithms to base 1"
            raise Fault("NG208", "argument out of range", label, arg="base")

    caffe = CaffeSpelling("Log", "log_param", _base_field(), Field("scale", "scale", 1.0), Field("shift", "shift", 0.0))
    torch = TorchSpelling(function=_log_call)
    onnx = OnnxSpelling(_log_onnx)


class Abs(Operator):
    """Absolute value."""

    name = "abs"
    short = "abs"
    caffe = CaffeSpelling("AbsVal")
    torch = TorchSpelling(function=lambda n: Call("torch.abs", Input()), fresh=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Abs")])


class Clip(Operator):
    """Values below min become min, those above max become max."""

    name = "clip"
    short = "clip"
    example = "clip(x, -1, 1)"
    args = (Arg("min", Float(), REQUIRED, "the least value"), Arg("max", Float(), REQUIRED, "the greatest value"))

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a.min > a.max:
            label = f"min {a.min:g} is greater than max {a.max:g}"
            raise Fault("NG208", "argument out of range", label, arg="min")

    caffe = CaffeSpelling("Clip", "clip_param", Field("min", "min"), Field("max", "max"))
    torch = TorchSpelling(function=lambda n: Call("torch.clamp", Input(), n.a.min, n.a.max), fresh=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Clip", (0, number(n.a.min), number(n.a.max)))])
