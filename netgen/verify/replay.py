"""A runtime's own numbers, layer by layer, and what the reference would have made of them.

Behind a layer that is wrong all values differ. Whether those layers are right nevertheless is seen by giving each of
them what the runtime gave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Node, Value
from netgen.verify.compare import Measure, fits, measure, measure_rows
from netgen.verify.recompute import recompute
from netgen.verify.runtime import ValueKey
from netgen.verify.subject import Subject

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_MOST_HIDDEN = 8
"""How many layers in a row may be hidden between two values that a runtime shows."""


class Own:
    """A watcher that keeps what a runtime shows."""

    def __init__(self) -> None:
        self.values: dict[ValueKey, Array] = {}

    def wants(self, key: ValueKey) -> bool:
        return True

    def see(self, key: ValueKey, value: Array) -> None:
        import numpy as np

        self.values[key] = np.array(value)


class TooMuchHidden(Exception):
    """A runtime shows so few values that no layer can be told from the others."""


class Replay:
    """Computes layers of a network again from what a runtime showed."""

    def __init__(self, subject: Subject, inputs: Sequence[Array], own: Mapping[ValueKey, Array]) -> None:
        self.subject = subject
        self.own = own
        self._given = dict(zip(subject.graph.inputs, inputs, strict=True))
        self._hidden: dict[Value, Array] = {}

    def shown(self, value: Value) -> Array | None:
        """What the runtime made, if it shows it."""
        if value in self._given:
            return self._given[value]
        return self.own.get((value.node.name, value.index))

    def value(self, value: Value, depth: int = 0) -> Array:
        """What the runtime made; or, where it does not show that, what the reference makes of what it shows."""
        found = self.shown(value)
        if found is None:
            found = self._hidden.get(value)
        if found is None:
            if depth >= _MOST_HIDDEN:
                raise TooMuchHidden
            made = self.again(value.node, [self.value(each, depth + 1) for each in value.node.inputs])
            self._hidden.update(zip(value.node.outputs, made, strict=True))
            found = self._hidden[value]
        return found

    def inputs(self, node: Node) -> list[Array]:
        return [self.value(each) for each in node.inputs]

    def again(self, node: Node, inputs: Sequence[Array]) -> list[Array]:
        return recompute(node, inputs, self.arrays(node))

    def hidden_before(self, node: Node) -> list[Node]:
        """The layers whose values are not shown and which only the node looks at, in the program's order."""
        found: dict[Node, None] = {}
        waiting = [value.node for value in node.inputs if self.shown(value) is None]
        for each in waiting:
            found.setdefault(each)
            waiting += [value.node for value in each.inputs if self.shown(value) is None and value.node not in found]
        return [each for each in self.subject.graph.nodes if each in found]

    def through(self, start: Node, made: Sequence[Array], node: Node) -> list[Array]:
        """What the node makes if a hidden layer before it makes something else."""
        if start is node:
            return list(made)
        values = dict(zip(start.outputs, made, strict=True))
        results: list[Array] = []
        for each in [*self.hidden_before(node), node]:
            if each is not start and any(value in values for value in each.inputs):
                inputs = [values[value] if value in values else self.value(value) for value in each.inputs]
                results = self.again(each, inputs)
                values.update(zip(each.outputs, results, strict=True))
        return results

    def local(self, node: Node) -> Measure | None:
        """How far a layer is from what the reference makes of the same numbers; None where it shows nothing."""
        return self.against(node, self.again(node, self.inputs(node)))

    def against(self, node: Node, made: Sequence[Array]) -> Measure | None:
        """How far what a runtime shows of a layer is from what would be made of it; the worst of its values."""
        found: list[Measure] = []
        for value, theirs in zip(node.outputs, made, strict=True):
            own = self.shown(value)
            if own is None:
                continue
            if value.node.op.dynamic:
                found.append(measure_rows(theirs, own))
            elif own.shape != theirs.shape:
                return None
            else:
                found.append(measure(theirs, own))
        return max(found, key=lambda each: each.error, default=None)

    def fits(self, node: Node) -> bool:
        """Whether all that it shows of a layer has the inferred shape."""
        return all(map(self.fits_value, node.outputs))

    def fits_value(self, value: Value) -> bool:
        """Whether it shows a value in the inferred shape, if at all."""
        own = self.shown(value)
        return own is None or fits(own.shape, value)

    # --- arrays ---------------------------------------------------------------------------------

    @cached_property
    def _arrays(self) -> dict[str, dict[str, Array]]:
        found: dict[str, dict[str, Array]] = {}
        for (node, param), array in self.subject.arrays.items():
            found.setdefault(node, {})[param] = array
        return found

    def arrays(self, node: Node) -> dict[str, Array]:
        return self._arrays.get(node.name, {})

    def twins(self, node: Node, most: int = 12) -> Iterator[tuple[Node, Mapping[str, Array]]]:
        """Layers of the same kind whose arrays have the same shapes, those that are near first."""
        mine = {name: array.shape for name, array in self.arrays(node).items()}
        if not mine:
            return
        nodes = self.subject.graph.nodes
        at = nodes.index(node)
        for other in sorted(nodes, key=lambda each: abs(nodes.index(each) - at))[1:]:
            if other.op is node.op and {name: array.shape for name, array in self.arrays(other).items()} == mine:
                yield other, self.arrays(other)
                most -= 1
                if not most:
                    return
