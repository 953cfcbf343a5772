"""What a comparison of two networks finds, as data; nothing here is for display only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netgen.ir.graph import Graph, Node


class Field(NamedTuple):
    """One thing in which two layers, or two nets, differ. ``name`` is that of an argument, or one of

    ``name`` and ``operator``; ``inputs``, the names of the layers that are read (``name:1`` is a second output);
    ``shape``, of what comes out; ``outputs``, of a net.
    """

    name: str
    before: object
    after: object


class Pair(NamedTuple):
    """A layer of the one network and the layer of the other that it corresponds to; ``fields`` are what differs."""

    before: Node
    after: Node
    fields: tuple[Field, ...] = ()

    @property
    def is_renamed(self) -> bool:
        """Whether their names differ."""
        return any(field.name == "name" for field in self.fields)

    @property
    def is_reshaped(self) -> bool:
        """Whether what comes out has another shape."""
        return any(field.name == "shape" for field in self.fields)

    @property
    def is_changed(self) -> bool:
        """Whether the layers themselves differ: another shape alone follows from what goes in, another name is a name.

        An input is nothing but its shape.
        """
        itself = {"name"} if self.before.op.name == "input" else {"name", "shape"}
        return any(field.name not in itself for field in self.fields)


class Differences:
    """All that tells one network from another.

    ``pairs`` are in the order of the first network. ``removed`` are layers of the first that have no counterpart,
    ``added`` those of the second. ``fields`` are what differs between the nets as wholes: their outputs.
    """

    def __init__(
        self,
        before: Graph,
        after: Graph,
        pairs: list[Pair],
        *,
        removed: list[Node],
        added: list[Node],
        fields: tuple[Field, ...],
    ) -> None:
        self.before = before
        self.after = after
        self.pairs = pairs
        self.removed = removed
        self.added = added
        self.fields = fields

    @property
    def same(self) -> list[Pair]:
        """Pairs that differ in nothing."""
        return [pair for pair in self.pairs if not pair.fields]

    @property
    def renamed(self) -> list[Pair]:
        """Pairs whose names differ, whatever else does."""
        return [pair for pair in self.pairs if pair.is_renamed]

    @property
    def reshaped(self) -> list[Pair]:
        """Pairs of which only the shape of what comes out differs, and perhaps the name."""
        return [pair for pair in self.pairs if pair.is_reshaped and not pair.is_changed]

    @property
    def changed(self) -> list[Pair]:
        """Pairs that differ in themselves: in their operator, an argument or what they read."""
        return [pair for pair in self.pairs if pair.is_changed]

    @property
    def is_same_network(self) -> bool:
        """Whether the two are one network, whatever the layers are called."""
        return not (self.removed or self.added or self.fields or self.changed or self.reshaped)

    def __bool__(self) -> bool:
        """Whether there are any differences, names included."""
        return bool(self.renamed) or not self.is_same_network

    def __repr__(self) -> str:
        counts: dict[str, Sequence[object]] = {
            "same": self.same,
            "renamed": self.renamed,
            "reshaped": self.reshaped,
            "changed": self.changed,
            "removed": self.removed,
            "added": self.added,
        }
        return f"<Differences: {', '.join(f'{len(found)} {what}' for what, found in counts.items() if found)}>"
