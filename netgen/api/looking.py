"""What the layers of a net make of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen.api.net import Net
from netgen.diag import Diagnostic, NetgenError, did_you_mean
from netgen.formats.message import Message, get, get_all
from netgen.ir.graph import Graph, Node
from netgen.verify.inputs import Picture, prepare
from netgen.verify.subject import Subject

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

NEAREST = 5


def layer_of(net: Net, name: str) -> Node:
    """A layer by its name; raises ``NetgenError`` with the nearest names where there is none."""
    node = net.graph.find(name)
    if node is not None:
        return node
    hint = did_you_mean(name, [node.name for node in net.graph.nodes])
    inside = [node.name for node in net.graph.nodes if name.lower() in node.name.lower()][:NEAREST]
    if not hint and inside:
        hint = f"there are {', '.join(f'`{each}`' for each in inside)}"
    raise NetgenError(
        [Diagnostic("NG707", f"no layer `{name}`", hint=hint or "`netgen summary --depth all` lists them")]
    )


def maps_of(net: Net, layers: Sequence[str], inputs: Mapping[str, Array] | None = None) -> dict[str, Array]:
    """The values of layers, as arrays: of several results the first. Weights by chance where none were loaded.

    Raises ``NetgenError`` where there is no such layer, or where it has no value of its own in PyTorch.
    """
    from torch import from_numpy

    from netgen.emit.torch import live

    nodes = [layer_of(net, name) for name in layers]
    if net.weights is None:
        net.random_weights()
    assert net.weights is not None
    graph, arrays = prepare(net.graph, inputs or {})
    with Subject(graph, net.weights) as subject:
        values = live.capture(graph, *map(from_numpy, arrays), state=subject.state)
    found: dict[str, Array] = {value.node.name: array for value, array in zip(graph.inputs, arrays, strict=True)}
    for node in nodes:
        if node.name in values:
            value: Any = values[node.name]
            found[node.name] = (value[0] if isinstance(value, (tuple, list)) else value).float().numpy()
        elif node.name not in found:
            label = f"nothing that the net gives depends on layer `{node.name}`, so that it is not computed"
            raise NetgenError([Diagnostic("NG707", f"layer `{node.name}` has no value", node.span, label)])
    return {node.name: found[node.name] for node in nodes}


def kernels_of(net: Net, layers: Sequence[str]) -> dict[str, Array]:
    """The weights of layers: of convolutions (out, in, height, width), of a deconvolution likewise."""
    if net.weights is None:
        net.random_weights()
    assert net.weights is not None
    found = {}
    for name in layers:
        node = layer_of(net, name)
        array = net.weights.get((node.name, "weight"))
        if array is None or array.ndim < 2:
            with_weights = [key[0] for key, each in net.weights.items() if key[1] == "weight" and each.ndim > 1][
                :NEAREST
            ]
            label = f"layer `{name}` is a {node.op.name}, which has no kernels"
            hint = (
                f"layers that have some are {', '.join(f'`{each}`' for each in with_weights)}" if with_weights else ""
            )
            raise NetgenError([Diagnostic("NG707", f"no kernels in `{name}`", node.span, label, hint=hint)])
        is_turned = node.op.name == "deconv" and node.a.groups == 1
        found[name] = array.swapaxes(0, 1) if is_turned else array
    return found


def declared_picture(graph: Graph, mean: Sequence[float], scale: float | None, rgb: bool) -> Picture:
    """How a picture becomes an input: as is asked for, else as the layer of data in the net's text says it."""
    said = next((found for node in graph.nodes if (found := _transform(node))), None)
    if said is None or mean or scale is not None:
        return Picture(mean, scale, rgb)
    means = [float(each) for each in get_all(said, "mean_value")]
    return Picture(means or (0.0,), float(get(said, "scale", 1.0)), rgb)


def _transform(node: Node) -> Message:
    """What a layer of data does to its images; nothing of other layers."""
    said: Message = get(node.origin.layer, "transform_param", []) if node.origin is not None else []
    return [pair for pair in said if pair[0] in ("mean_value", "scale")]
