"""One layer by itself, computed again: from given numbers, with given arguments and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen.emit.torch import emit, live
from netgen.ir.graph import Graph, Node
from netgen.ops import OPERATORS, bind

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def alone(node: Node, inputs: Sequence[Array], a: Mapping[str, object] | None = None) -> Graph:
    """A network of one layer, as it is or with other arguments; raises ``Fault`` where its operator objects."""
    graph = Graph("alone")
    taker = OPERATORS["input"]
    names = [arg.name for arg in taker.args]
    values = []
    for at, array in enumerate(inputs):
        extents = bind(taker, dict(zip(names, array.shape or (1,), strict=False)))
        values += graph.add(Node(taker, extents, [], f"x{at}", instance=graph.root, spans={}))
    arguments = bind(node.op, {**node.a, **a}) if a else node.a
    copy = Node(node.op, arguments, values, node.name, instance=graph.root, spans={})
    graph.outputs = graph.add(copy)
    graph.inputs = values
    return graph


def recompute(
    node: Node, inputs: Sequence[Array], arrays: Mapping[str, Array], a: Mapping[str, object] | None = None
) -> list[Array]:
    """What a layer makes of some inputs, in PyTorch; ``a`` are arguments in place of its own.

    Raises ``Fault``, ``NetgenError`` or ``RuntimeError`` where that cannot be.
    """
    import numpy as np
    import torch

    emitted = emit(alone(node, inputs, a))
    module = live.load(emitted).eval()
    try:
        held = module.state_dict()
        with torch.no_grad():
            for (_, name), key in emitted.state.items():
                if name in arrays:
                    held[key].copy_(torch.from_numpy(np.array(arrays[name])).reshape(held[key].shape))
            made = module(*[torch.from_numpy(np.array(array, np.float32)) for array in inputs])
    finally:
        live.unload(module)
    results = made if isinstance(made, (tuple, list)) else (made,)
    return [result.numpy() for result in results]
