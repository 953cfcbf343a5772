"""What passes that change layers and their arrays have in common: the new graph, the new arrays, what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netgen.ir.copying import Copier
from netgen.ir.graph import Attrs, Graph, Node, Value
from netgen.ir.slots import Key, node_slots
from netgen.passes.changes import Changes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


class Rewritten:
    """What a pass makes: a graph, those of its arrays that are new, and a report."""

    __slots__ = ("arrays", "graph", "report")

    def __init__(self, graph: Graph, arrays: Mapping[Key, Array], report: Changes) -> None:
        self.graph = graph
        self.arrays = dict(arrays)
        self.report = report


class Held:
    """The arrays of a graph's nodes, whichever layer they are kept under."""

    __slots__ = ("_arrays", "_owners")

    def __init__(self, graph: Graph, arrays: Mapping[Key, Array]) -> None:
        self._arrays = arrays
        self._owners = owners(graph)

    def has(self, node: Node) -> bool:
        """Whether all arrays of a node are there."""
        return all(self._owners[node.name, param.name] in self._arrays for param in node.params)

    def of(self, node: Node) -> dict[str, Array]:
        """The arrays of a node by the names of its parameters."""
        return {param.name: self._arrays[self._owners[node.name, param.name]] for param in node.params}


def owners(graph: Graph) -> dict[Key, Key]:
    """Under which node and parameter each array is kept: layers that share one have the first one's."""
    return {slot.key: slot.owner for layer in node_slots(graph) for slot in layer.slots}


def remade(graph: Graph, changed: Mapping[Node, Attrs], stand_ins: Mapping[Value, Value | None]) -> Graph:
    """The graph with other arguments for some nodes, and without others.

    ``stand_ins`` has the results of the nodes that are left out, and the value of the old graph that takes the place of
    each; None where nobody reads it any more.
    """
    new = Copier(graph)
    for node in graph.nodes:
        if node.outputs and node.outputs[0] in stand_ins:
            others = [stand_ins[value] for value in node.outputs]
            new.leave_out(node, [other and new.value(other) for other in others])
        elif node in changed:
            new.put(node, new.graph.add(new.node(node, a=changed[node]), node.y))
        else:
            new.copy(node, node.y)
    return new.finish()


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the first that is free of those with a number; taken from then on."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free
