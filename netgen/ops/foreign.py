"""Layers of Caffe that netgen only carries: it knows their text, and not what they compute."""

from __future__ import annotations

from netgen.diag import NetgenError, Source
from netgen.formats.message import Message, get
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Int, Listed, Optional, Text
from netgen.ir.operator import Operator, Refused
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling
from netgen.ir.spell_onnx import OnnxSpelling
from netgen.ir.spell_torch import TorchSpelling

_OWN = ("name", "type", "bottom", "top")
"""Fields of a layer that the operator says itself."""


def _fields(a: Attrs) -> Message:
    """The layer's other fields."""
    if not a["params"]:
        return []
    from netgen.formats.textproto_reader import read_text  # a program seldom needs it

    return read_text(Source("params", a["params"]))


def _caffe_layers(n: Node) -> list[CaffeLayer]:
    return [CaffeLayer(n.a["type"], "", _fields(n.a), tops=len(n.outputs))]


def _refuses(n: Node) -> Refused:
    if n.origin is None:
        reason = f"what a layer of the type `{n.a['type']}` computes is not known"
        return Refused(reason, "leave it out: let the net end, or begin, beside it")
    return Refused(n.origin.reason, "--end BLOB lets the net end before it, --input BLOB=SHAPE begin behind it")


class Custom(Operator):
    """A layer of Caffe of any type, carried through as it is.

    For types that only some toolchain knows, such as NNIE's "Proposal". ``params`` is the text of the layer's fields as
    they stand in a prototxt, braces doubled as in any string: ``params = "proposal_param {{ min_size: 16 }}"``. netgen
    does not know what it computes, so
    ``shapes`` says what it makes, a shape for each result.
    """

    name = "custom"
    short = "custom"
    example = 'custom(x, type = "Proposal", shapes = [[300, 5]])'
    operands = ("x...",)
    fewest = 0
    carries_blobs = True
    args = (
        Arg("type", Text(), REQUIRED, "the layer's type"),
        Arg("params", Optional(Text()), None, "the text of the layer's fields, such as its parameter message"),
        Arg("shapes", Optional(Listed(Listed(Int(0), 0, 8), 0)), None, "the shape of each result"),
    )
    shape_rule = "shapes"

    @classmethod
    def check(cls, a: Attrs) -> None:
        try:
            fields = _fields(a)
        except NetgenError as error:
            label = error.diagnostics[0].title
            raise Fault("NG208", "argument out of range", f"not a prototxt's text: {label}", arg="params") from None
        own = next((name for name in _OWN if get(fields, name) is not None), None)
        if own is not None:
            label = f"`{own}` is not said here: the call says it"
            raise Fault("NG208", "argument out of range", label, arg="params")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        if n.a["shapes"] is None:
            hint = "give the shape of each result, shapes = [[1, 3, 8, 8]]; [] for none"
            raise Fault("NG203", "missing argument", "what it makes cannot be known without `shapes`", hint=hint)
        return list(n.a["shapes"])

    caffe = CaffeSpelling(layers=_caffe_layers)
    torch = TorchSpelling(refuses=_refuses)
    onnx = OnnxSpelling(lambda n: [], refuses=_refuses)
