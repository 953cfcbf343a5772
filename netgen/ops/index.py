"""Operators that pick by numbers in a tensor: rows of a table, images of a batch."""

from __future__ import annotations

from math import prod

from netgen.formats.message import Message, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import MAX_INT, REQUIRED, Arg, Bool, Int
from netgen.ir.operator import WEIGHT_ARGS, Operator, Param
from netgen.ir.spell_caffe import CaffeSpelling, Field, FillerField
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Expr, Helper, Infix, Input, Item, TorchSpelling
from netgen.ops.conv import implied_bias_filler
from netgen.ops.rules import show_shape

# --- a table --------------------------------------------------------------------------------------

_EMBED = Helper(
    "BiasedEmbedding",
    '''
class BiasedEmbedding(nn.Embedding):
    """Rows of a learned table, plus one learned row for all."""

    def __init__(self, entries: int, out: int) -> None:
        super().__init__(entries, out)
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + self.bias
''',
)


def _embed_onnx(n: Node) -> list[OnnxNode]:
    rows = OnnxNode("Gather", ("weight", "index"), ("rows",) if n.a.bias else (), axis=0)
    cast = OnnxNode("Cast", (0,), ("index",), to="int64")
    return [cast, rows, OnnxNode("Add", ("rows", "bias"))] if n.a.bias else [cast, rows]


class Embed(Operator):
    """A table of learned vectors: for each number of the input its row.

    The table has ``entries`` rows of ``out`` numbers; ``bias`` is added to every row.
    """

    name = "embed"
    short = "embed"
    example = "embed(index, 300, 10000)"
    example_shapes = {"index": (20, 1)}
    operands = ("index",)
    choosing = frozenset({0})
    args = (
        Arg("out", Int(), REQUIRED, "length of a row"),
        Arg("entries", Int(), REQUIRED, "number of rows"),
        Arg("bias", Bool(), True, "whether a learned bias is added"),
        *WEIGHT_ARGS,
    )
    shape_rule = "index.shape + (out,)"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if not a["bias"]:
            a["bias_filler"] = None
        if a.out * a.entries > MAX_INT:
            label = f"{a.entries} * {a.out} weights; one array holds at most {MAX_INT}"
            raise Fault("NG309", "tensor is too large", label, arg="entries")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [(*n.x[0], n.a.out)]

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        a = n.a
        params = [Param("weight", (a.entries, a.out), a.weight_filler)]
        return [*params, Param("bias", (a.out,), a.bias_filler or implied_bias_filler(a))] if a.bias else params

    caffe = CaffeSpelling(
        "Embed",
        "embed_param",
        Field("num_output", "out"),
        Field("input_dim", "entries"),
        Field("bias_term", "bias", True, always=True),
        FillerField("weight_filler", "weight_filler"),
        FillerField("bias_filler", "bias_filler", implied_bias_filler),
        blobs=("weight", "bias"),
    )
    torch = TorchSpelling(
        lambda n: Call("BiasedEmbedding" if n.a.bias else "nn.Embedding", n.a.entries, n.a.out),
        helpers=lambda n: [_EMBED] if n.a.bias else [],
        before=lambda n: Call(".long", Input()),
        fresh=True,
    )
    onnx = OnnxSpelling(_embed_onnx)


# --- a batch --------------------------------------------------------------------------------------


class BatchReindex(Operator):
    """The images of a batch in another order, left out or repeated, as a second tensor says."""

    name = "batch_reindex"
    short = "reindex"
    example = "batch_reindex(x, index)"
    example_shapes = {"index": (3,)}
    operands = ("x", "index")
    choosing = frozenset({1})
    shape_rule = "(as many as index has, the rest of x.shape)"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        x, index = n.x
        if len(index) != 1:
            label = f"this is {show_shape(index)}, not a plain list of numbers"
            raise Fault("NG301", "wrong number of axes", label, arg="x1", hint="`reshape` to [-1] makes it one")
        if not x:
            raise Fault("NG301", "wrong number of axes", "there is no batch to pick from", arg="x0")
        return [(index[0], *x[1:])]

    caffe = CaffeSpelling("BatchReindex")
    torch = TorchSpelling(function=lambda n: Item(Input(), Call(".long", Input(1))), fresh=True)
    onnx = OnnxSpelling(
        lambda n: [
            OnnxNode("Cast", (1,), ("index",), to="int64"),
            OnnxNode("Gather", (0, "index"), axis=0),
        ]
    )


_FILTER = Helper(
    "_filter",
    '''
def _filter(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The images of all tensors but the last, where that is not 0."""
    kept = tensors[-1].flatten() != 0
    return tuple(x[kept] for x in tensors[:-1])
''',
)


def _reads_all(a: dict[str, object], layer: Message) -> bool:
    """One top for each bottom but the selector."""
    return len(get_all(layer, "top")) == len(get_all(layer, "bottom")) - 1


def _filter_call(n: Node) -> Expr:
    count = len(n.inputs)
    if count > 2:
        return Call("_filter", *map(Input, range(count)))
    return Item(Input(0), Infix("!=", Call(".flatten", Input(1)), 0))


def _filter_onnx(n: Node) -> list[OnnxNode]:
    last = len(n.inputs) - 1
    nodes = [
        OnnxNode("Reshape", (last, Const([-1])), ("selector",)),
        OnnxNode("Cast", ("selector",), ("kept",), to="bool"),
    ]
    return [*nodes, *(OnnxNode("Compress", (i, "kept"), (i,), axis=0) for i in range(last))]


class Filter(Operator):
    """The images of a batch for which a selector, the last tensor, is not 0.

    They are picked from each of the other tensors. How many there are only shows when the network runs; until then
    all are reckoned with, as in Caffe.
    """

    name = "filter"
    short = "filter"
    example = "filter(x, a)"
    example_shapes = {"a": (1,)}
    operands = ("x", "selector...")
    shape_rule = "the shape of each tensor but the last"
    dynamic = frozenset({0})

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        *tensors, selector = n.x
        last = len(tensors)
        if not selector or prod(selector[1:]) != 1:
            label = f"the last tensor selects, a number for each image; this is {show_shape(selector)}"
            raise Fault("NG303", "shapes do not match", label, arg=f"x{last}")
        for i, shape in enumerate(tensors):
            if shape[:1] != selector[:1]:
                label = f"this is {show_shape(shape)}, the selector {show_shape(selector)}: not the same batch"
                raise Fault("NG303", "shapes do not match", label, arg=f"x{i}")
        return tensors

    caffe = CaffeSpelling("Filter", reads=_reads_all)
    torch = TorchSpelling(function=_filter_call, helpers=lambda n: [_FILTER] if len(n.inputs) > 2 else [], fresh=True)
    onnx = OnnxSpelling(_filter_onnx)
