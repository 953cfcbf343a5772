"""Other layers that say the same as an operator's own, and what an operator is called that is spelled so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from netgen.formats.message import Message
from netgen.ir.fault import Fault
from netgen.ir.graph import Node
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeLayer, CaffeSpelling, Constant, filler_message
from netgen.ops import bind

Form = tuple[type[Operator], list[CaffeLayer]]
"""An operator that differs in its spelling alone, and the layers that a node has with it."""


def forms(node: Node) -> list[Form]:
    """All that a node may be spelled as besides its operator's own way."""
    found = []
    own = _OWN_FORMS.get(node.op.name)
    if own is not None:
        layers = own(node)
        if layers:
            found.append((_spelled(node.op, CaffeSpelling(layers[0].type, layers=lambda n: own(n) or [])), layers))
    for fork in node.op.caffe_forks:
        if not node.params and fork.compose is None and _says(fork, node):
            found.append((_spelled(node.op, fork), fork.layers(node)))
    return found


def renamed(node: Node, called: Mapping[str, str]) -> list[Form]:
    """The node as its operator spells it, with another name for the layer type."""
    spelling = node.op.caffe
    if not isinstance(spelling, CaffeSpelling) or spelling.type not in called or spelling.compose is not None:
        return []

    def layers(n: Node) -> list[CaffeLayer]:
        layer = spelling.layer(n)
        layer.type = called[layer.type]
        return [layer]

    return [(_spelled(node.op, CaffeSpelling(called[spelling.type], layers=layers)), layers(node))]


def _says(fork: CaffeSpelling, node: Node) -> bool:
    """Whether what a fork says, read again, means just this node."""
    layer: Message = [
        ("type", fork.type),
        *(("bottom", "x") for _ in node.inputs),
        *(("top", "y") for _ in node.outputs),
    ]
    message = fork.message(node.a)
    layer += [(fork.param, message)] if fork.param and message else message
    try:
        given = fork.read(layer)
        return not isinstance(given, str) and bind(node.op, given) == node.a
    except Fault:
        return False


_known: dict[tuple[type[Operator], str], type[Operator]] = {}


def _spelled(op: type[Operator], spelling: CaffeSpelling) -> type[Operator]:
    key = (op, spelling.type)
    if key not in _known:
        _known[key] = type(op.__name__, (op,), {"caffe": spelling})
    return _known[key]


def _power_as_scale(n: Node) -> list[CaffeLayer] | None:
    """A linear function, scale * x + shift, with a constant for each channel."""
    if n.a.power != 1 or len(n.x[0]) < 2:
        return None
    shape = (n.x[0][1],)
    message: Message = [
        ("filler", [("type", "constant"), ("value", n.a.scale)]),
        ("bias_term", True),
        ("bias_filler", [("type", "constant"), ("value", n.a.shift)]),
    ]
    constants = {"weight": Constant(shape, n.a.scale), "bias": Constant(shape, n.a.shift)}
    return [CaffeLayer("Scale", "scale_param", message, blobs=["weight", "bias"], constants=constants, fixed=2)]


def _bias_as_scale(n: Node) -> list[CaffeLayer] | None:
    """A product with 1, and the bias."""
    if len(n.inputs) != 1:
        return None
    message: Message = [(name, n.a[name]) for name in ("axis", "num_axes") if n.a[name] != 1]
    message.append(("bias_term", True))
    if n.a.bias_filler is not None:
        message.append(("bias_filler", filler_message(n.a.bias_filler)))
    one = {"weight": Constant(n.params[0].shape, 1.0)}
    return [CaffeLayer("Scale", "scale_param", message, blobs=["weight", "bias"], constants=one, fixed=1)]


_OWN_FORMS: Mapping[str, Callable[[Node], list[CaffeLayer] | None]] = MappingProxyType(
    {"bias": _bias_as_scale, "power": _power_as_scale}
)
