"""Where the arrays of a network lie in a caffemodel: what the plan says of blobs, without the rest."""

from __future__ import annotations

from netgen.emit.caffe.plan import Layer, plan
from netgen.emit.refusals import raise_refusals
from netgen.formats.message import Enum, Message
from netgen.formats.prototxt import as_protobuf
from netgen.ir.graph import Graph
from netgen.ir.operator import shared_arrays
from netgen.ir.slots import Key, LayerSlots, Slot
from netgen.ir.spell_caffe import LAYER_FIELDS

_WIRING = frozenset(["name", "type", "bottom", "top", "phase", "blobs", "engine"])
"""What a caffemodel says of a layer by itself, or does not."""


def slots(graph: Graph, *, whole: bool = False) -> list[LayerSlots]:
    """Every layer of the caffemodel, those without blobs too; raises ``NetgenError`` with all that Caffe cannot say.

    If they are to be ``whole``, they have their parameters too, as Caffe itself writes them.
    """
    raise_refusals(graph, "caffe", "NG401", "Caffe cannot say this")
    owners: dict[str, Key] = {}
    found = []
    for layer in plan(graph):
        found.append(_layer(layer, owners))
        if whole:
            found[-1].message = _message(layer)
    return found


def _layer(layer: Layer, owners: dict[str, Key]) -> LayerSlots:
    """``owners`` has, by the name that layers share an array under, who came first."""
    node, spelled = layer.node, layer.spelled
    params = {param.name: param for param in node.params}
    shared = shared_arrays(node, spelled.constants)
    is_wide = node.origin is not None and bool(spelled.blobs) and node.op.caffe_of(node.origin.layer).wide
    found = []
    for name in spelled.blobs:
        key = (node.name, name)
        constant = spelled.constants.get(name)
        if constant is not None:
            found.append(Slot(key, constant.shape, constant=constant, learned=False))
            continue
        owner = owners.setdefault(shared[name], key) if name in shared else key
        shape = params[name].shape
        stored = (1, *shape, 1, 1) if is_wide else shape
        found.append(Slot(key, shape, owner=owner, learned=params[name].learned, stored=stored))
    return LayerSlots(
        layer.name,
        spelled.type,
        [blob.name for blob in layer.bottoms],
        [blob.name for blob in layer.tops],
        found,
        node=node.name,
        open=not found and (node.op.carries_blobs or not node.is_known),
    )


def _message(layer: Layer) -> bytes:
    """The rest of a layer in Caffe's binary form. What only forks have stands in the text alone: numbers differ."""
    spelled = layer.spelled
    fields: Message = [("param", param) for param in layer.params]
    fields += [(spelled.param, spelled.message)] if spelled.message and spelled.param else spelled.message
    known = [(name, value) for name, value in fields if name in LAYER_FIELDS and name not in _WIRING]
    data: bytes = as_protobuf([("phase", Enum("TEST")), *known], "LayerParameter").SerializePartialToString()
    return data
