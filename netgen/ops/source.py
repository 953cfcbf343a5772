"""Where tensors come from that are no input, and where those go that nobody wants."""

from __future__ import annotations

from math import prod, sqrt

from netgen.formats.message import Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, FillerKind, Int, Listed, Optional, Shapes
from netgen.ir.operator import LEARNING_ARGS, Operator, Param, Refused
from netgen.ir.spell_caffe import CaffeSpelling, Field, Many, Sub, filler_message, read_filler
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling, number
from netgen.ir.spell_torch import Call, Helper, TorchSpelling

# --- learned --------------------------------------------------------------------------------------

_LEARNED = Helper(
    "LearnedTensor",
    '''
class LearnedTensor(nn.Module):
    """A tensor that is learned by itself."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.weight.clone()  # the parameter itself is not to be written over
''',
)


def _one_shape(a: dict[str, object], layer: Message) -> bool:
    a.setdefault("shape", ())
    return len(get_all(layer, "top")) == 1


class Parameter(Operator):
    """A tensor that is learned by itself, from zeros on."""

    name = "parameter"
    short = "parameter"
    example = "parameter([1, 8, 16, 16])"
    operands = ()
    args = (Arg("shape", Listed(Int(), 0, 8), REQUIRED, "its dimensions; [] is a single number"), *LEARNING_ARGS)
    shape_rule = "shape"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [n.a["shape"]]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        return [Param("weight", n.a["shape"])]

    caffe = CaffeSpelling(
        "Parameter", "parameter_param", Sub("shape", Many("dim", "shape", ())), blobs=("weight",), reads=_one_shape
    )
    torch = TorchSpelling(lambda n: Call("LearnedTensor", *n.a["shape"]), helpers=[_LEARNED])
    onnx = OnnxSpelling(lambda n: [OnnxNode("Identity", ("weight",))])


# --- made up --------------------------------------------------------------------------------------

_DIMS = ("num", "channels", "height", "width")


class _ShapeField(Field):
    """A BlobShape for each result; in older files the four dimensions by themselves."""

    def __init__(self) -> None:
        super().__init__("shape", "shape")

    def write(self, a: Attrs) -> Message:
        return [(self.name, [("dim", dim) for dim in shape]) for shape in a["shape"]]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        shapes = [tuple(get_all(shape, "dim")) for shape in get_all(message, self.name)]
        older = [get_all(message, name) for name in _DIMS]
        if any(older):
            results = max(map(len, older))
            if shapes or any(len(dims) not in (1, results) for dims in older):
                return False
            shapes = list(zip(*(dims * results if len(dims) == 1 else dims for dims in older), strict=True))
        a[self.arg] = shapes
        return bool(shapes)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *_DIMS)


class _FillerFields(Field):
    """A FillerParameter for all results or for each."""

    def __init__(self) -> None:
        super().__init__("data_filler", "filler")

    def write(self, a: Attrs) -> Message:
        return [(self.name, filler_message(filler)) for filler in a["filler"] or ()]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        said = get_all(message, self.name)
        if said:
            a[self.arg] = [read_filler(each) for each in said]
        return True


def _for_each_top(a: dict[str, object], layer: Message) -> bool:
    """One shape serves all tops."""
    tops = len(get_all(layer, "top"))
    shapes = a["shape"]
    assert isinstance(shapes, list)
    if len(shapes) == 1:
        a["shape"] = shapes * tops
    return tops > 0 and len(shapes) in (1, tops)


_DUMMY = Helper(
    "DummyData",
    '''
class DummyData(nn.Module):
    """Made-up data. Each argument is a shape, and what it is filled with each time.

    That is ``"constant", value``, ``"uniform", low, high`` or ``"normal", mean, std``.
    """

    anchor: Tensor

    def __init__(
        self,
        *results: tuple[tuple[int, ...], str, float]
        | tuple[tuple[int, ...], str, float, float],
    ) -> None:
        super().__init__()
        self.results = results
        self.register_buffer("anchor", torch.empty(0), persistent=False)

    def forward(self) -> Tensor | tuple[Tensor, ...]:
        made = tuple(self._fill(*result) for result in self.results)
        return made if len(made) > 1 else made[0]

    def _fill(
        self, shape: tuple[int, ...], kind: str, low: float, high: float = 0.0
    ) -> Tensor:
        x = self.anchor.new_empty(shape)
        if kind == "constant":
            return x.fill_(low)
        return x.uniform_(low, high) if kind == "uniform" else x.normal_(low, high)
''',
)


def _fillers(n: Node) -> list[Filler]:
    """The filler of each result."""
    said: tuple[Filler, ...] = n.a["filler"] or (Filler("constant"),)
    return [*said] * len(n.a["shape"]) if len(said) == 1 else [*said]


def _distribution(filler: Filler, shape: Shape) -> tuple[str | float, ...] | None:
    """A filler as a distribution with its numbers; None for those that are none."""
    values: dict[str, float] = filler.values  # type: ignore[assignment]
    match filler.kind:
        case "constant":
            return "constant", values["value"]
        case "uniform":
            return "uniform", values["min"], values["max"]
        case "gaussian" if values["sparse"] < 0:
            return "normal", values["mean"], values["std"]
        case "xavier":
            limit = sqrt(3 / _fan(filler, shape))
            return "uniform", -limit, limit
        case "msra":
            return "normal", 0.0, sqrt(2 / _fan(filler, shape))
    return None


def _fan(filler: Filler, shape: Shape) -> float:
    """What scales random numbers, as Caffe counts it."""
    count = prod(shape)
    fan_in = count / shape[0] if shape else 1
    fan_out = count / shape[1] if len(shape) > 1 else count
    return {"fan_in": fan_in, "fan_out": fan_out, "average": (fan_in + fan_out) / 2}[
        str(filler.values["variance_norm"])
    ]


def _dummy_module(n: Node) -> Call:
    results = []
    for filler, shape in zip(_fillers(n), n.a["shape"], strict=True):
        drawn = _distribution(filler, shape)
        assert drawn is not None  # refused before
        results.append((shape, *drawn))
    return Call("DummyData", *results)


def _refuses_torch(n: Node) -> Refused | None:
    strange = next((f for f, shape in zip(_fillers(n), n.a["shape"], strict=True) if not _distribution(f, shape)), None)
    if strange is None:
        return None
    return Refused(f"data cannot be drawn from the filler {strange!r}", "use constant, uniform or gaussian")


def _refuses_onnx(n: Node) -> Refused | None:
    if all(filler.kind == "constant" for filler in _fillers(n)):
        return None
    return Refused("data is drawn at random each time", "make it an `input`")


def _dummy_onnx(n: Node) -> list[OnnxNode]:
    filled = zip(_fillers(n), n.a["shape"], strict=True)
    return [
        OnnxNode("Expand", (number(float(filler.values["value"])), Const([*shape])), (i,))
        for i, (filler, shape) in enumerate(filled)
    ]


class DummyData(Operator):
    """Made-up data: a constant, or random numbers that are drawn anew each time.

    With a list of shapes it has a result for each; ``filler`` is one for all, or a list with one for each.
    """

    name = "dummy_data"
    short = "data"
    example = "dummy_data([1, 8, 16, 16], constant(value = 1))"
    operands = ()
    args = (
        Arg("shape", Shapes(), REQUIRED, "the shape of the result, or a list of shapes"),
        Arg("filler", Optional(Listed(FillerKind(), 1, 64)), None, "what it is filled with; zeros where not given"),
    )
    shape_rule = "shape"

    @classmethod
    def check(cls, a: Attrs) -> None:
        fillers, shapes = a["filler"] or (), a["shape"]
        if len(fillers) not in (0, 1, len(shapes)):
            label = f"{len(fillers)} fillers for {len(shapes)} shapes"
            raise Fault("NG208", "argument out of range", label, arg="filler", hint="give one for all, or one for each")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return list(n.a["shape"])

    caffe = CaffeSpelling("DummyData", "dummy_data_param", _FillerFields(), _ShapeField(), reads=_for_each_top)
    torch = TorchSpelling(_dummy_module, helpers=[_DUMMY], refuses=_refuses_torch)
    onnx = OnnxSpelling(_dummy_onnx, refuses=_refuses_onnx)


# --- unwanted -------------------------------------------------------------------------------------


class Silence(Operator):
    """Nothing: takes tensors that nobody else reads, so that they are no results of the network."""

    name = "silence"
    short = "silence"
    operands = ("x...",)
    fewest = 1
    shape_rule = "no tensor at all"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return []

    caffe = CaffeSpelling("Silence", reads=lambda a, layer: not get_all(layer, "top"))
    torch = TorchSpelling()
    onnx = OnnxSpelling(lambda n: [])
