"""Where a network's arrays lie in a file of Caffe: for each layer its blobs, in order, and what they hold.

It is what those who know the layers (an emitter) tell those who know the files (the weights), without either knowing
the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from netgen.ir.graph import Graph, Shape
from netgen.ir.operator import shared_arrays
from netgen.ir.spell_caffe import Constant

Key = tuple[str, str]
"""What an array is known by: the name of a node and of one of its parameters."""


class Slot:
    """One blob of a layer: a parameter of a node, or a constant that no node knows of.

    ``key`` is the node's own, ``owner`` that of the array: layers that share an array have the first one's.
    ``shape`` is the array's, ``stored`` that of the blob.
    """

    __slots__ = ("constant", "key", "learned", "owner", "shape", "stored")

    def __init__(
        self,
        key: Key,
        shape: Shape,
        *,
        owner: Key | None = None,
        constant: Constant | None = None,
        learned: bool = True,
        stored: Shape | None = None,
    ) -> None:
        self.key = key
        self.shape = shape
        self.stored = shape if stored is None else stored
        self.owner = owner or key
        self.constant = constant
        self.learned = learned

    @property
    def param(self) -> str:
        return self.key[1]

    def __repr__(self) -> str:
        return f"<Slot {self.key[0]}.{self.param} {'x'.join(map(str, self.shape))}>"


class LayerSlots:
    """One layer as it stands in a file of Caffe. ``message`` is the rest of it, in Caffe's binary form.

    Nobody knows what blobs an ``open`` layer has: it takes those that it finds, as they are.
    """

    __slots__ = ("bottoms", "message", "name", "node", "open", "slots", "tops", "type")

    def __init__(
        self,
        name: str,
        type: str,
        bottoms: Sequence[str],
        tops: Sequence[str],
        slots: Sequence[Slot],
        *,
        node: str = "",
        open: bool = False,
        message: bytes = b"",
    ) -> None:
        self.name = name
        self.type = type
        self.bottoms = tuple(bottoms)
        self.tops = tuple(tops)
        self.slots = tuple(slots)
        self.node = node or name
        self.open = open
        self.message = message

    def __repr__(self) -> str:
        return f"<LayerSlots {self.name}: {self.type} {list(self.slots)}>"


def node_slots(graph: Graph) -> list[LayerSlots]:
    """The arrays of a network that Caffe has no layers for: node by node."""
    owners: dict[str, Key] = {}
    found = []
    for node in graph.nodes:
        shared = shared_arrays(node)
        slots = []
        for param in node.params:
            key = (node.name, param.name)
            owner = owners.setdefault(shared[param.name], key) if param.name in shared else key
            slots.append(Slot(key, param.shape, owner=owner, learned=param.learned))
        found.append(LayerSlots(node.name, node.op.name, (), (), slots))
    return found
