"""Arrays that several layers use under one name."""

from __future__ import annotations

from netgen.ir.fault import Fault
from netgen.ir.graph import Node, Shape
from netgen.ir.operator import shared_arrays


class Sharing:
    """Who used each name of a graph first, and for what shape."""

    __slots__ = ("_first",)

    def __init__(self) -> None:
        self._first: dict[str, tuple[Node, Shape]] = {}

    def take_in(self, node: Node) -> None:
        """One name means arrays of one shape; raises ``Fault`` where a node's are of another."""
        names = shared_arrays(node)
        for param in node.params if names else ():
            name = names.get(param.name)
            if name is None:
                continue
            first, shape = self._first.setdefault(name, (node, param.shape))
            if shape != param.shape:
                own, other = ("x".join(map(str, each)) for each in (param.shape, shape))
                label = f"`{name}` has {other} in layer {first.name}; here {own}"
                raise Fault("NG229", "shared weights do not fit", label, arg="share")
