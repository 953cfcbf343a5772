"""The two files for readers of Caffe, and which of their layers make which values of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netgen.emit.caffe.dialects import said_in
from netgen.emit.caffe.plan import Layer, plan
from netgen.emit.caffe.slots import slots
from netgen.emit.caffe.text import render
from netgen.ir.graph import Graph, Origin, Value
from netgen.verify.runtime import ValueKey
from netgen.weights import Weights, save_caffemodel

Place = tuple[str, int]
"""The name of a layer, and which of its tops."""


class FileLayer(NamedTuple):
    """One layer of the prototxt, with the names of its blobs."""

    name: str
    type: str
    bottoms: Sequence[str]
    tops: Sequence[str]


class CaffeFiles(NamedTuple):
    """Files on the disk. ``inputs`` are names of blobs; ``places`` has the layer that makes each value.

    ``tops`` are the names of the blobs at those places.
    """

    prototxt: str
    caffemodel: str
    inputs: Sequence[str]
    places: Mapping[ValueKey, Place]
    tops: Mapping[Place, str]
    layers: Sequence[FileLayer]


def write_caffe_files(graph: Graph, weights: Weights, stem: str, dialect: str) -> CaffeFiles:
    """Write the network in a dialect of Caffe; raises ``NetgenError`` with all that its reader refuses.

    What the reader takes and computes wrongly stays in: that is a fault of its own, which is to be seen.
    """
    said, values = said_in(graph, dialect, wrongly=True)
    layers = plan(said)
    files = stem + ".prototxt", stem + ".caffemodel"
    with open(files[0], "w", encoding="utf-8") as file:
        file.write(render(said, layers))
    save_caffemodel(files[1], weights, slots(said, whole=True), graph.name)
    places = _places(said, layers)
    blobs = {(layer.name, at): top.name for layer in layers for at, top in enumerate(layer.tops)}
    return CaffeFiles(
        *files,
        [blobs[places[value]] for value in said.inputs],
        {(old.node.name, old.index): places[new] for old, new in values.items() if new in places},
        blobs,
        [
            FileLayer(each.name, each.spelled.type, [b.name for b in each.bottoms], [b.name for b in each.tops])
            for each in layers
        ],
    )


def _places(graph: Graph, layers: Sequence[Layer]) -> dict[Value, Place]:
    """Where each value is made. A layer whose name others have too is nowhere: readers know layers by their names."""
    last = {layer.node: layer for layer in layers}  # of the layers that one node becomes
    tops: dict[Origin, tuple[Layer, int]] = {}
    names = Counter(layer.name for layer in layers)
    places: dict[Value, Place] = {}
    for node in graph.nodes:
        layer, start = last.get(node), 0
        if layer is None and node.origin in tops:  # several nodes that were read from one layer
            layer, start = tops[node.origin]
        if layer is None:  # it only gives its input a second name
            if node.inputs and node.outputs and node.inputs[0] in places:
                places[node.outputs[0]] = places[node.inputs[0]]
            continue
        if node.origin is not None:
            tops[node.origin] = layer, start + len(node.outputs)
        if names[layer.name] == 1:
            places.update((value, (layer.name, start + at)) for at, value in enumerate(node.outputs))
    return places
