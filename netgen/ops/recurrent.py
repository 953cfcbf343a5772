"""Recurrent layers: Caffe's LSTM and RNN, over sequences laid out (time, stream, ...), and one step of an LSTM."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from netgen.formats.message import Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Bool, Float, Int, Listed, Names, Optional
from netgen.ir.operator import BIAS_FILLER, WEIGHT_FILLER, Operator, Param
from netgen.ir.reach import Reach, whole
from netgen.ir.spell_caffe import CaffeSpelling, Field, FillerField
from netgen.ir.spell_onnx import Body, Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Helper, Input, TorchSpelling
from netgen.ops.rules import show_shape

_EACH = Listed(Float(low=0), 1, 6)
_ARGS = (
    Arg("out", Int(), REQUIRED, "size of the output and of the state"),
    Arg("expose_hidden", Bool(), False, "whether the state before the first step is given, and the last one returned"),
    WEIGHT_FILLER,
    BIAS_FILLER,
    Arg("lr_mult", Optional(_EACH), None, "learning rate multiplier: a number, or one for each array"),
    Arg("decay_mult", Optional(_EACH), None, "weight decay multiplier, likewise"),
    Arg("share", Optional(Names()), None, "the name of weights that several layers use: of all, or [of each array]"),
)


def _wrong(n: Node, arg: str, wanted: str) -> Fault:
    label = f"this is {show_shape(n.x[int(arg[1:])])}; `{n.op.name}` needs {wanted}"
    return Fault("NG303", "shapes do not match", label, arg=arg)


class _Recurrent(Operator):
    """What the two recurrent layers have in common. ``states`` is the number of tensors that make a state."""

    states = 0
    short = "rnn"
    args = _ARGS

    @classmethod
    def takes(cls, tensors: int) -> bool:
        return tensors in (2, 3, 2 + cls.states, 3 + cls.states)

    @classmethod
    def has_static(cls, n: Node) -> bool:
        """Whether an input is given that is the same at every step."""
        return len(n.inputs) == (3 + cls.states if n.a.expose_hidden else 3)

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return whole(n)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        x, cont = n.x[:2]
        if len(x) < 3:
            label = f"`{cls.name}` needs (time, stream, features); this is {show_shape(x)}"
            raise Fault("NG301", "wrong number of axes", label, arg="x0", hint="`reshape` can give it three axes")
        if cont != x[:2]:
            raise _wrong(n, "x1", f"{show_shape(x[:2])}, a flag for each step of each stream")
        cls._check_count(n)
        if cls.has_static(n) and (len(n.x[2]) < 2 or n.x[2][0] != x[1]):
            raise _wrong(n, "x2", f"({x[1]}, ...), one for each stream")
        state = (1, x[1], n.a.out)
        if not n.a.expose_hidden:
            return [(*x[:2], n.a.out)]
        for at in range(len(n.inputs) - cls.states, len(n.inputs)):
            if n.x[at] != state:
                raise _wrong(n, f"x{at}", f"a state of {show_shape(state)}")
        return [(*x[:2], n.a.out), *[state] * cls.states]

    @classmethod
    def _check_count(cls, n: Node) -> None:
        fewest = 2 + cls.states if n.a.expose_hidden else 2
        if len(n.inputs) not in (fewest, fewest + 1):
            said = "with expose_hidden" if n.a.expose_hidden else "without expose_hidden"
            label = f"{said} `{cls.name}` takes {fewest} tensors, and one more that is the same at every step"
            raise Fault("NG209", "wrong number of tensors", f"{label}; got {len(n.inputs)}")

    @classmethod
    def sizes(cls, n: Node) -> tuple[int, int]:
        """How many features the input has at each step, and the static one, which may be missing."""
        return prod(n.x[0][2:]), prod(n.x[2][1:]) if cls.has_static(n) else 0


def _reads(states: int) -> Callable[[dict[str, object], Message], bool]:
    def reads(a: dict[str, object], layer: Message) -> bool:
        exposed = states if a.get("expose_hidden") else 0
        return len(get_all(layer, "top")) == 1 + exposed and len(get_all(layer, "bottom")) in (2 + exposed, 3 + exposed)

    return reads


def _bias_filler(a: Attrs) -> Filler | None:
    """Zero where only the weights' is given: a file to train from says both."""
    given: Filler | None = a.bias_filler
    return Filler("constant") if given is None and a.weight_filler is not None else given


def _fields() -> tuple[Field, ...]:
    return (
        Field("num_output", "out"),
        FillerField("weight_filler", "weight_filler"),
        FillerField("bias_filler", "bias_filler", _bias_filler),
        Field("expose_hidden", "expose_hidden", False),
    )


def _module(name: str, op: type[_Recurrent], n: Node) -> Call:
    features, static = op.sizes(n)
    return Call(name, features, n.a.out, static=static, exposed=n.a.expose_hidden)


_DEFAULTS = {"static": 0, "exposed": False}


def _onnx_steps(op: type[_Recurrent], n: Node) -> list[OnnxNode]:
    """What the inputs add at each step, (time, stream, ...), under the name ``steps``.

    ONNX's own recurrent operators cannot begin a sequence anew in the middle: hence the Scan that takes these.
    """
    nodes: list[OnnxNode] = []
    if len(n.x[0]) > 3:
        nodes.append(OnnxNode("Reshape", (0, Const([0, 0, -1])), ("features",)))
    nodes += [
        OnnxNode("Transpose", ("weight",), ("columns",), perm=(1, 0)),
        OnnxNode("MatMul", ("features" if nodes else 0, "columns"), ("products",)),
    ]
    if not op.has_static(n):
        return [*nodes, OnnxNode("Add", ("products", "bias"), ("steps",))]
    return [
        *nodes,
        OnnxNode("Add", ("products", "bias"), ("moving",)),
        OnnxNode("Flatten", (2,), ("static",), axis=1),
        OnnxNode("Gemm", ("static", "weight_static"), ("standing",), transB=1),
        OnnxNode("Add", ("moving", "standing"), ("steps",)),
    ]


def _onnx_start(n: Node, *states: str) -> list[OnnxNode]:
    """The states before the first step, (stream, out): the last inputs, or else zeros."""
    if n.a.expose_hidden:
        first = len(n.inputs) - len(states)
        return [OnnxNode("Squeeze", (at, Const([0])), (state,)) for at, state in enumerate(states, first)]
    return [
        OnnxNode("Shape", (1,), ("sizes",)),
        OnnxNode("Gather", ("sizes", Const([1])), ("streams",), axis=0),
        OnnxNode("Concat", ("streams", Const([n.a.out])), ("state_size",), axis=0),
        *(OnnxNode("ConstantOfShape", ("state_size",), (state,)) for state in states),
    ]


_ONNX_KEPT = (
    OnnxNode("Unsqueeze", ("on", Const([1])), ("flag",)),
    OnnxNode("Mul", ("flag", "hidden"), ("kept",)),
    OnnxNode("Gemm", ("kept", "weight_hidden", "step"), ("total",), transB=1),
)
"""How a step begins: what comes in, and what goes on of the state before."""

# --- LSTM -----------------------------------------------------------------------------------------

_UNIT = Helper(
    "_lstm_unit",
    '''
def _lstm_unit(cell: Tensor, gates: Tensor, cont: Tensor) -> tuple[Tensor, Tensor]:
    """The next cell and output, from the gates i, f, o and g before their curves."""
    i, f, o, g = gates.chunk(4, -1)
    cell = cont.unsqueeze(-1) * f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return cell, o.sigmoid() * cell.tanh()
''',
)

_LSTM = Helper(
    "CaffeLSTM",
    '''
class CaffeLSTM(nn.Module):
    """Caffe's LSTM over (time, stream, features), with weights as Caffe lays them out.

    A sequence goes on where ``cont`` is 1, and begins anew where it is 0. There follow:
    an input that is the same at every step, if ``static`` is how many features it has;
    the output and the cell to begin with, if ``exposed``, which then are returned too.
    As in Caffe no gradient goes from one batch to another.
    """

    weight_static: nn.Parameter

    def __init__(
        self, features: int, out: int, static: int = 0, exposed: bool = False
    ) -> None:
        super().__init__()
        self.out = out
        self.static = static
        self.exposed = exposed
        self.weight = nn.Parameter(torch.empty(4 * out, features))
        self.bias = nn.Parameter(torch.empty(4 * out))
        weight = nn.Parameter(torch.empty(4 * out, static)) if static else None
        self.register_parameter("weight_static", weight)
        self.weight_hidden = nn.Parameter(torch.empty(4 * out, out))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(out**-0.5), out**-0.5)

    def forward(
        self, x: Tensor, cont: Tensor, *given: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        inputs = F.linear(x.flatten(2), self.weight, self.bias)
        if self.static:
            inputs = inputs + F.linear(given[0].flatten(1), self.weight_static)
        hidden = cell = x.new_zeros(x.size(1), self.out)
        if self.exposed:
            hidden, cell = given[-2][0].detach(), given[-1][0].detach()
        outputs = []
        for step, on in zip(inputs, cont, strict=True):
            gates = step + F.linear(on.unsqueeze(-1) * hidden, self.weight_hidden)
            cell, hidden = _lstm_unit(cell, gates, on)
            outputs.append(hidden)
        if self.exposed:
            last = hidden.detach().unsqueeze(0), cell.detach().unsqueeze(0)
            return torch.stack(outputs), *last
        return torch.stack(outputs)
''',
    needs=[_UNIT],
)


def _unit_onnx(out: int, cell: int | str, gates: int | str, output: int | str) -> list[OnnxNode]:
    """The output and ``next_cell``; ``flag`` has an axis of 1 for the features."""
    return [
        OnnxNode("Split", (gates, Const([out] * 4)), ("i", "f", "o", "g"), axis=-1),
        *(OnnxNode("Sigmoid", (gate,), (f"{gate}_open",)) for gate in "ifo"),
        OnnxNode("Tanh", ("g",), ("candidate",)),
        OnnxNode("Mul", ("flag", "f_open"), ("remembered",)),
        OnnxNode("Mul", ("remembered", cell), ("old",)),
        OnnxNode("Mul", ("i_open", "candidate"), ("new",)),
        OnnxNode("Add", ("old", "new"), ("next_cell",)),
        OnnxNode("Tanh", ("next_cell",), ("bounded",)),
        OnnxNode("Mul", ("o_open", "bounded"), (output,)),
    ]


def _lstm_onnx(n: Node) -> list[OnnxNode]:
    body = Body(
        dict.fromkeys(("hidden", "cell", "step", "on"), "float"),
        [
            *_ONNX_KEPT,
            *_unit_onnx(n.a.out, "cell", "total", "next_hidden"),
            OnnxNode("Identity", ("next_hidden",), ("output",)),
        ],
        ("next_hidden", "next_cell", "output"),
    )
    given = ("hidden_before", "cell_before")
    last = [("hidden_after", 1), ("cell_after", 2)] if n.a.expose_hidden else []
    return [
        *_onnx_steps(Lstm, n),
        *_onnx_start(n, *given),
        OnnxNode("Scan", (*given, "steps", 1), ("hidden_after", "cell_after", 0), num_scan_inputs=2, body=body),
        *(OnnxNode("Unsqueeze", (state, Const([0])), (at,)) for state, at in last),
    ]


class Lstm(_Recurrent):
    """Long short-term memory over sequences, as Caffe has it.

    ``x`` is (time, stream, features): ``cont``, (time, stream), is 0 where a sequence begins and 1 where it goes on.
    ``static``, (stream, ...), is an input that is the same at every step. The first step begins with zeros; with
    ``expose_hidden`` the output and the cell to begin with are given as ``hidden`` and ``cell``, each (1, stream, out),
    and the last ones are two more results; no gradient goes through them. Caffe itself goes on from one batch to the
    next, where the first ``cont`` is 1; a module of PyTorch does so with ``expose_hidden``.
    """

    name = "lstm"
    short = "lstm"
    states = 2
    example = "lstm(x, cont, 256)"
    example_shapes = {"x": (20, 1, 64), "cont": (20, 1)}
    operands = ("x", "cont", "static", "hidden", "cell")
    fewest = 2
    shape_rule = "(time, stream, out); with expose_hidden also twice (1, stream, out)"

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        a = n.a
        features, static = cls.sizes(n)
        params = [
            Param("weight", (4 * a.out, features), a.weight_filler),
            Param("bias", (4 * a.out,), _bias_filler(a)),
            Param("weight_static", (4 * a.out, static), a.weight_filler),
            Param("weight_hidden", (4 * a.out, a.out), a.weight_filler),
        ]
        return [param for param in params if param.name != "weight_static" or static]

    caffe = CaffeSpelling(
        "LSTM",
        "recurrent_param",
        *_fields(),
        blobs=("weight", "bias", "weight_static", "weight_hidden"),
        ignores=("debug_info",),
        reads=_reads(2),
    )
    torch = TorchSpelling(lambda n: _module("CaffeLSTM", Lstm, n), defaults=_DEFAULTS, helpers=[_LSTM], fresh=True)
    onnx = OnnxSpelling(_lstm_onnx)


class LstmUnit(Operator):
    """One step of an LSTM: the next cell and the output.

    ``gates`` holds the gates i, f, o and g one after the other, before their curves; ``cont`` is 0 where the cell is
    forgotten. Cell and output are (1, stream, features), the gates four times as long.
    """

    name = "lstm_unit"
    short = "lstm"
    example = "lstm_unit(cell, gates, cont)"
    example_shapes = {"cell": (1, 1, 256), "gates": (1, 1, 1024), "cont": (1, 1)}
    operands = ("cell", "gates", "cont")
    shape_rule = "twice the shape of cell: the next cell, the output"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        cell = n.x[0]
        if len(cell) != 3 or cell[0] != 1:
            label = f"`lstm_unit` needs one step, (1, stream, features); this is {show_shape(cell)}"
            raise Fault("NG301", "wrong number of axes", label, arg="x0")
        for at, wanted in ((1, (*cell[:2], 4 * cell[2])), (2, cell[:2])):
            if n.x[at] != wanted:
                raise _wrong(n, f"x{at}", show_shape(wanted))
        return [cell, cell]

    caffe = CaffeSpelling("LSTMUnit", reads=lambda a, layer: len(get_all(layer, "top")) == 2)
    torch = TorchSpelling(function=lambda n: Call("_lstm_unit", Input(0), Input(1), Input(2)), helpers=[_UNIT])
    onnx = OnnxSpelling(
        lambda n: [
            OnnxNode("Unsqueeze", (2, Const([2])), ("flag",)),
            *_unit_onnx(n.x[0][2], 0, 1, 1),
            OnnxNode("Identity", ("next_cell",), (0,)),
        ]
    )


# --- RNN ------------------------------------------------------------------------------------------

_RNN = Helper(
    "CaffeRNN",
    '''
class CaffeRNN(nn.Module):
    """Caffe's RNN over (time, stream, features), with weights as Caffe lays them out.

    A sequence goes on where ``cont`` is 1, and begins anew where it is 0. There follow:
    an input that is the same at every step, if ``static`` is how many features it has;
    the state to begin with, if ``exposed``, and then the last one is returned too.
    As in Caffe no gradient goes from one batch to another.
    """

    weight_static: nn.Parameter

    def __init__(
        self, features: int, out: int, static: int = 0, exposed: bool = False
    ) -> None:
        super().__init__()
        self.out = out
        self.static = static
        self.exposed = exposed
        self.weight = nn.Parameter(torch.empty(out, features))
        self.bias = nn.Parameter(torch.empty(out))
        weight = nn.Parameter(torch.empty(out, static)) if static else None
        self.register_parameter("weight_static", weight)
        self.weight_hidden = nn.Parameter(torch.empty(out, out))
        self.weight_out = nn.Parameter(torch.empty(out, out))
        self.bias_out = nn.Parameter(torch.empty(out))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(out**-0.5), out**-0.5)

    def forward(
        self, x: Tensor, cont: Tensor, *given: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        inputs = F.linear(x.flatten(2), self.weight, self.bias)
        if self.static:
            inputs = inputs + F.linear(given[0].flatten(1), self.weight_static)
        hidden = x.new_zeros(x.size(1), self.out)
        if self.exposed:
            hidden = given[-1][0].detach()
        states = []
        for step, on in zip(inputs, cont, strict=True):
            hidden = F.linear(on.unsqueeze(-1) * hidden, self.weight_hidden)
            hidden = (step + hidden).tanh()
            states.append(hidden)
        out = F.linear(torch.stack(states), self.weight_out, self.bias_out).tanh()
        return (out, hidden.detach().unsqueeze(0)) if self.exposed else out
''',
)


def _rnn_onnx(n: Node) -> list[OnnxNode]:
    body = Body(
        dict.fromkeys(("hidden", "step", "on"), "float"),
        [
            *_ONNX_KEPT,
            OnnxNode("Tanh", ("total",), ("next_hidden",)),
            OnnxNode("Identity", ("next_hidden",), ("state",)),
        ],
        ("next_hidden", "state"),
    )
    last = [OnnxNode("Unsqueeze", ("hidden_after", Const([0])), (1,))] if n.a.expose_hidden else []
    return [
        *_onnx_steps(Rnn, n),
        *_onnx_start(n, "hidden_before"),
        OnnxNode("Scan", ("hidden_before", "steps", 1), ("hidden_after", "states"), num_scan_inputs=2, body=body),
        *last,
        OnnxNode("Transpose", ("weight_out",), ("columns_out",), perm=(1, 0)),
        OnnxNode("MatMul", ("states", "columns_out"), ("products_out",)),
        OnnxNode("Add", ("products_out", "bias_out"), ("biased_out",)),
        OnnxNode("Tanh", ("biased_out",), (0,)),
    ]


class Rnn(_Recurrent):
    """Plain recurrent network over sequences, as Caffe has it.

    state = tanh(W x + b + V state), result = tanh(U state + c). ``x``, ``cont``, ``static`` and ``expose_hidden`` are
    as with `lstm`; there is one state, ``hidden``.
    """

    name = "rnn"
    states = 1
    example = "rnn(x, cont, 256)"
    example_shapes = {"x": (20, 1, 64), "cont": (20, 1)}
    operands = ("x", "cont", "static", "hidden")
    fewest = 2
    shape_rule = "(time, stream, out); with expose_hidden also (1, stream, out)"

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        a = n.a
        features, static = cls.sizes(n)
        params = [
            Param("weight", (a.out, features), a.weight_filler),
            Param("bias", (a.out,), _bias_filler(a)),
            Param("weight_static", (a.out, static), a.weight_filler),
            Param("weight_hidden", (a.out, a.out), a.weight_filler),
            Param("weight_out", (a.out, a.out), a.weight_filler),
            Param("bias_out", (a.out,), _bias_filler(a)),
        ]
        return [param for param in params if param.name != "weight_static" or static]

    caffe = CaffeSpelling(
        "RNN",
        "recurrent_param",
        *_fields(),
        blobs=("weight", "bias", "weight_static", "weight_hidden", "weight_out", "bias_out"),
        ignores=("debug_info",),
        reads=_reads(1),
    )
    torch = TorchSpelling(lambda n: _module("CaffeRNN", Rnn, n), defaults=_DEFAULTS, helpers=[_RNN], fresh=True)
    onnx = OnnxSpelling(_rnn_onnx)
