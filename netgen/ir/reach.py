"""How far an operator looks: which numbers of its input one number of its result depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netgen.ir.graph import Node, Shape


class Reach:
    """Along one axis of places, a result looks at ``window`` neighbours, the next result ``step / per`` further on.

    ``is_all`` tells that every result looks at all places, so that nothing behind it can look at more.
    """

    __slots__ = ("is_all", "per", "step", "window")

    def __init__(self, window: int = 1, step: int = 1, per: int = 1, *, is_all: bool = False) -> None:
        self.window = window
        self.step = step
        self.per = per
        self.is_all = is_all

    @classmethod
    def all(cls, extent: int) -> Reach:
        """The reach of what looks at all of so many places."""
        return cls(extent, extent, is_all=True)

    def __repr__(self) -> str:
        return f"<Reach {self.window} every {self.step}/{self.per}>"


def places(shape: Shape) -> Shape:
    """The extents of a tensor's axes of places: those behind the batch and the channels."""
    return shape[2:]


def whole(n: Node) -> list[Reach]:
    """The reach of an operator whose every result looks at all places of the input."""
    return [Reach.all(extent) for extent in places(n.x[0])]


def place_by_place(n: Node) -> list[Reach]:
    """The reach of an operator that looks at one place where it has as many as its input, else at all of them."""
    before, after = places(n.x[0]), places(n.y[0]) if n.y else ()
    if len(before) != len(after):
        return whole(n)
    return [Reach() if a == b else Reach.all(a) for a, b in zip(before, after, strict=True)]


def along(n: Node, axis: int) -> list[Reach]:
    """The reach of an operator that looks at all of one axis of its input, and at one place along the others."""
    axis %= max(len(n.x[0]), 1)
    return [Reach(extent, 1) if at == axis else Reach() for at, extent in enumerate(places(n.x[0]), 2)]
