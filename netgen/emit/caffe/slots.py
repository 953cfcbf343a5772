"""Where the arrays of a network lie in a caffemodel: what the plan says of blobs, without the rest."""

from __future__ import annotations

from netgen.emit.caffe.plan import Layer, plan
from netgen.emit.refusals import raise_refusals
from netgen.ir.graph import Graph
from netgen.ir.operator import shared_arrays
from netgen.ir.slots import Key, LayerSlots, Slot


def slots(graph: Graph) -> list[LayerSlots]:
    """Every layer of the caffemodel, those without blobs too; raises ``NetgenError`` with all that Caffe cannot say."""
    raise_refusals(graph, "caffe", "NG401", "Caffe cannot say this")
    owners: dict[str, Key] = {}
    return [_layer(layer, owners) for layer in plan(graph)]


def _layer(layer: Layer, owners: dict[str, Key]) -> LayerSlots:
    """``owners`` has, by the name that layers share an array under, who came first."""
    node, spelled = layer.node, layer.spelled
    params = {param.name: param for param in node.params}
    shared = shared_arrays(node, spelled.constants)
    found = []
    for name in spelled.blobs:
        key = (node.name, name)
        constant = spelled.constants.get(name)
        if constant is not None:
            found.append(Slot(key, constant.shape, constant=constant, learned=False))
            continue
        owner = owners.setdefault(shared[name], key) if name in shared else key
        found.append(Slot(key, params[name].shape, owner=owner, learned=params[name].learned))
    return LayerSlots(
        layer.name,
        spelled.type,
        [blob.name for blob in layer.bottoms],
        [blob.name for blob in layer.tops],
        found,
        node=node.name,
        open=not found and (node.op.carries_blobs or not node.is_known),
    )
