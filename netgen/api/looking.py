"""What the layers of a net make of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen.api.net import Net
from netgen.diag import Diagnostic, NetgenError, did_you_mean
from netgen.formats.message import Message, get, get_all
from netgen.ir.graph import Graph, Node
from netgen.ir.text import value_name
from netgen.passes.upto import up_to
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

    Only what they are computed from is run, and has to fit the inputs. Raises ``NetgenError`` where there is no such
    layer, or where it has no value in PyTorch.
    """
    try:
        from torch import from_numpy
    except ImportError:
        label = "maps are computed by PyTorch, which is not installed"
        hint = "pip install 'netgen[torch]'"
        raise NetgenError([Diagnostic("NG703", "a runtime is missing", label=label, hint=hint)]) from None

    from netgen.emit.torch import live

    nodes = [layer_of(net, name) for name in layers]
    part = up_to(net.graph, nodes)
    if net.problems and not all(node.is_known for node in part.nodes):
        raise NetgenError(net.problems)
    if net.weights is None:
        net.random_weights()
    assert net.weights is not None
    graph, arrays = prepare(part, _needed(net.graph, part, inputs or {}))
    with Subject(graph, net.weights) as subject:
        values = live.capture(graph, *map(from_numpy, arrays), state=subject.state)
    found: dict[str, Array] = {value.node.name: array for value, array in zip(graph.inputs, arrays, strict=True)}
    for node in nodes:
        if node.name in values:
            value: Any = values[node.name]
            found[node.name] = (value[0] if isinstance(value, (tuple, list)) else value).float().numpy()
        elif node.name not in found:
            label = f"layer `{node.name}` is a {node.op.name}, which makes nothing"
            raise NetgenError([Diagnostic("NG707", f"layer `{node.name}` has no value", node.span, label)])
    return {node.name: found[node.name] for node in nodes}


def _needed(whole: Graph, part: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of the inputs that a part of the net reads; those of names that are no inputs stay, to be told of."""
    unread = {value_name(value) for value in whole.inputs} - {value_name(value) for value in part.inputs}
    return {name: array for name, array in inputs.items() if name not in unread}


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
    """How a picture becomes an input: as is asked for, else as the layer of data in the net's text says it.

    Raises ``NetgenError`` where that subtracts a mean that is in a file, which nobody but Caffe's own tools has.
    """
    said = next((found for node in graph.nodes if (found := _transform(node))), None)
    if said is None:
        return Picture(mean, scale, rgb)
    means = tuple(mean) or tuple(float(each) for each in get_all(said, "mean_value"))
    file = get(said, "mean_file", None)
    if file is not None and not means:
        label = f"the layer of data subtracts the mean image in `{file}`"
        hint = "say its mean: --mean 104,117,123 is that of ImageNet; --mean 0 subtracts nothing"
        raise NetgenError([Diagnostic("NG705", "the mean of the images is not known", label=label, hint=hint)])
    return Picture(means or (0.0,), float(get(said, "scale", 1.0)) if scale is None else scale, rgb)


def _transform(node: Node) -> Message:
    """What a layer of data does to its images; nothing of other layers."""
    said: Message = get(node.origin.layer, "transform_param", []) if node.origin is not None else []
    return [pair for pair in said if pair[0] in ("mean_value", "mean_file", "scale")]
