"""A layer that computes something else, with all that it takes to compute it again in some other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from netgen.ir.graph import Node
from netgen.ops import OPERATORS, bind
from netgen.verify.recompute import recompute

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Trial(NamedTuple):
    """One way to be wrong: what the runtime would then do, in words that follow its name, and what comes out."""

    words: str
    make: Callable[[], Sequence[Array]]
    kind: str = ""
    """Where it is not that of its cause."""


class Suspect:
    """A layer, the numbers that a runtime fed it, its arrays, and what the runtime made of them, if it shows that."""

    def __init__(
        self,
        node: Node,
        inputs: Sequence[Array],
        arrays: Mapping[str, Array],
        made: Sequence[Array | None],
        others: Callable[[], Iterator[tuple[Node, Mapping[str, Array]]]],
    ) -> None:
        self.node = node
        self.inputs = inputs
        self.arrays = arrays
        self.made = made
        self.others = others
        """The other layers that have arrays of the same shapes, with these."""

    def again(
        self,
        *,
        a: Mapping[str, object] | None = None,
        inputs: Sequence[Array] | None = None,
        arrays: Mapping[str, Array] | None = None,
    ) -> list[Array]:
        """Compute it, with what is given in place of its own."""
        return recompute(self.node, self.inputs if inputs is None else inputs, {**self.arrays, **(arrays or {})}, a)

    def make(
        self,
        *,
        a: Mapping[str, object] | None = None,
        inputs: Sequence[Array] | None = None,
        arrays: Mapping[str, Array] | None = None,
    ) -> Callable[[], Sequence[Array]]:
        """The same later, if it is wanted."""
        return partial(self.again, a=a, inputs=inputs, arrays=arrays)

    def as_if(self, op: str, **a: object) -> Callable[[], Sequence[Array]]:
        """Another operator in its place later, with the arguments that both have, and others."""

        def made() -> Sequence[Array]:
            other = OPERATORS[op]
            shared = {arg.name: self.node.a[arg.name] for arg in other.args if arg.name in self.node.a}
            arguments = bind(other, {**shared, **a})
            node = Node(other, arguments, self.node.inputs, self.node.name, instance=self.node.instance, spans={})
            return recompute(node, self.inputs, self.arrays)

        return made

    def gives(self, words: str, result: Array) -> Trial:
        """A trial whose result is known."""
        return Trial(words, lambda: [result])
