"""What a verification found, as data: rows of runtimes, values of rows, and differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from netgen.diag import Diagnostic
from netgen.ir.graph import Graph, Node, Value
from netgen.ir.text import value_name

if TYPE_CHECKING:
    from netgen.verify.compare import Measure
    from netgen.verify.runtime import Runtime

REFERENCE = "reference"
AGREES = "agrees"
DIFFERS = "differs"
KNOWN = "known fault"
REFUSED = "cannot run"
FAILED = "failed"
MISSING = "missing"
LEFT_OUT = "left out"
"""The states of a row."""

BEHIND = "behind"
"""A value that differs because what its layer reads does: fed with the runtime's own numbers, the layer agrees."""
ROUNDING = "rounding"
"""A value that differs because its layer, or all layers before it together, make much of what rounding leaves."""
EXPLAINED = 4
"""For how many layers of a runtime causes are looked for."""
EXCUSE = 4
"""How many times more than rounding is seen to make a difference may be that it explains."""


class Compared:
    """One value in one runtime: how far it is from the reference's, and what that means."""

    __slots__ = ("measure", "shape", "state", "value")

    def __init__(self, value: Value, shape: tuple[int, ...], measure: Measure | None, state: str) -> None:
        self.value = value
        self.shape = shape
        """The shape that the runtime gave it."""
        self.measure = measure
        """None where it does not have the inferred shape, so that there is nothing to measure."""
        self.state = state

    @property
    def name(self) -> str:
        return value_name(self.value)

    @property
    def error(self) -> float:
        return float("inf") if self.measure is None else self.measure.error


class Difference:
    """A layer that computes something else: the first of them, or one that has nothing to do with others before it.

    ``inputs`` is how far what goes in is from the reference at most, ``own`` how far the layer is from what the
    reference makes of the very same numbers. ``cause`` says what the runtime does, if some mistake reproduces its
    numbers, of what ``kind`` that is, and ``pattern`` how the numbers differ. ``within`` is the layer that makes the
    mistake, where the runtime shows only what comes out of several. ``known`` is the fault that it is known for.
    """

    __slots__ = ("cause", "compared", "inputs", "kind", "known", "own", "pattern", "within")

    def __init__(self, compared: Compared) -> None:
        self.compared = compared
        self.inputs: float | None = None
        self.own: float | None = None
        self.kind = ""
        self.cause = ""
        self.pattern = ""
        self.known = ""
        self.within = ""

    @property
    def node(self) -> Node:
        return self.compared.value.node


class NotFinite(NamedTuple):
    """A value of the reference of whose ``size`` numbers ``strange`` are infinite, or NaN."""

    value: Value
    strange: int
    size: int

    @property
    def is_all(self) -> bool:
        """Whether it holds nothing else: it is like any other such value, and so shows nothing."""
        return self.strange == self.size


class Row:
    """What one runtime made of the network."""

    def __init__(self, runtime: Runtime, state: str) -> None:
        self.runtime = runtime
        self.state = state
        self.values: list[Compared] = []
        self.differences: list[Difference] = []
        self.reasons: list[str] = []
        """Why it did not run."""
        self.diagnostics: list[Diagnostic] = []
        """The same with places, where the network cannot be said for it."""
        self.hint = ""
        self.asked = False
        """Whether the user named it."""
        self.seconds = 0.0
        self.shown = 0
        """How many values it showed, whether the reference has them too or not."""

    @property
    def name(self) -> str:
        return self.runtime.name

    @property
    def worst(self) -> Compared | None:
        return max(self.values, key=lambda each: each.error, default=None)

    def count(self, *states: str) -> int:
        """How many values are in one of some states."""
        return sum(each.state in states for each in self.values)


class Verification:
    """What became of a network in all runtimes. It is true if they agree; ``print`` shows the table and the verdict."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.rows: list[Row] = []
        self.reference: Row | None = None
        self.not_finite: list[NotFinite] = []
        """The reference's values in which not all numbers are finite, in the network's order."""
        self.allow_known = False
        """Whether a fault that a runtime is known for still counts as agreement."""
        self.about: list[str] = []
        """What went in, and what the weights are, in words."""

    @property
    def compared(self) -> list[Row]:
        """The runtimes that were compared with the reference."""
        return [row for row in self.rows if row.state in (AGREES, DIFFERS, KNOWN) and row is not self.reference]

    @property
    def first_difference(self) -> Difference | None:
        """The first layer, in the network's order, that some runtime computes otherwise."""
        place = {node: at for at, node in enumerate(self.graph.nodes)}
        found = [each for row in self.compared for each in row.differences]
        return min(found, key=lambda each: place[each.node], default=None)

    @property
    def values_count(self) -> int:
        """How many values were compared in at least one runtime."""
        return len({each.value for row in self.compared for each in row.values})

    def is_fine(self, row: Row) -> bool:
        """Whether a row is no reason to fail: it agrees, or nobody asked for it."""
        if row.state in (AGREES, REFERENCE):
            return True
        if row.state == KNOWN:
            return self.allow_known
        return row.state in (REFUSED, MISSING, LEFT_OUT) and not row.asked

    def __bool__(self) -> bool:
        proved = self.values_count > 0 and not any(each.is_all for each in self.not_finite)
        return proved and all(map(self.is_fine, self.rows))

    def to_dict(self) -> dict[str, object]:
        """All of it as plain data."""
        from netgen.verify.report import to_dict

        return to_dict(self)

    def __str__(self) -> str:
        from netgen.verify.report import text

        return text(self)
