"""Where a runtime parts from the reference, and why.

The runtime computes once more, and this time its numbers are kept. Each layer whose value differs is then computed
again by the reference from the runtime's own numbers. Where that gives the runtime's value, the layer is right, and
differs because of what comes before; where it does not, the layer itself is at fault. So faults are told from what
follows of them, and what stands behind a fault is verified nevertheless.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netgen.diag import NetgenError
from netgen.ir.fault import Fault
from netgen.ir.graph import Node
from netgen.verify.causes import trials_of
from netgen.verify.compare import Measure, measure, measure_rows
from netgen.verify.known import known_fault
from netgen.verify.patterns import pattern
from netgen.verify.replay import Own, Replay, TooMuchHidden
from netgen.verify.results import BEHIND, DIFFERS, EXCUSE, EXPLAINED, KNOWN, ROUNDING, Compared, Difference, Row
from netgen.verify.runtime import Runtime
from netgen.verify.subject import Subject
from netgen.verify.suspect import Suspect

if TYPE_CHECKING:
    from netgen.verify.runtime import Array

_NOISE = 1 / 20
"""How large a disturbance is rounding, as a part of what one layer may be off."""


def locate(row: Row, subject: Subject, inputs: Sequence[Array]) -> None:
    """Find the layers to blame for the values of a row that differ, and put them into its ``differences``.

    Values that differ because of others get the state ``BEHIND``, those of rounding alone ``ROUNDING``.
    """
    own = Own()
    row.runtime.run(subject, inputs, own)
    Search(row, Replay(subject, inputs, own.values)).run()


class Search:
    """Goes through the values of a row that differ, in the network's order."""

    def __init__(self, row: Row, replay: Replay) -> None:
        self.row = row
        self.runtime: Runtime = row.runtime
        self.replay = replay
        self.compared = {(each.value.node, each.value.index): each for each in row.values}

    def run(self) -> None:
        differing = dict.fromkeys(each.value.node for each in self.row.values if each.state == DIFFERS)
        order = [node for node in self.replay.subject.graph.nodes if node in differing or self._only_here(node)]
        try:
            blamed = [node for node in order if self._is_to_blame(node)]
        except TooMuchHidden:
            self._blame_first()
            return
        if differing and not (blamed and self._is_all_its_own(blamed[0])):
            blamed = [*self._drift(next(iter(differing))), *blamed]
        if not blamed:
            self._is_rounding()
        for node in blamed:
            self._report(node)

    def _only_here(self, node: Node) -> bool:
        """Whether the runtime shows a value that the reference does not, so that nobody has looked at it yet."""
        shown = any(self.replay.shown(value) is not None for value in node.outputs)
        return shown and node.inputs != [] and not any((node, at) in self.compared for at in range(len(node.outputs)))

    # --- who -------------------------------------------------------------------------------------

    def _is_to_blame(self, node: Node) -> bool:
        """Whether the layer computes something else; its values get the state that follows from that."""
        local = self._local(node)
        if local is not None and local.error <= self.runtime.step:
            self._set(node, BEHIND)
            return False
        if local is not None and self._decided_by_rounding(node, local):
            self._set(node, ROUNDING)
            return False
        return True

    def _set(self, node: Node, state: str) -> None:
        for value in node.outputs:
            compared = self.compared.get((node, value.index))
            if compared is not None and compared.state == DIFFERS:
                compared.state = state

    def _local(self, node: Node) -> Measure | None:
        if not node.inputs or (not self.replay.fits(node) and all(map(self.replay.fits_value, node.inputs))):
            return None  # of a shape that does not follow from what it reads
        try:
            return self.replay.local(node)
        except (Fault, NetgenError):
            return None

    def _decided_by_rounding(self, node: Node, local: Measure) -> bool:
        """Whether the layer makes as much of a disturbance no larger than rounding: of ties, or of nearly nothing."""
        import numpy as np

        inputs = self.replay.inputs(node)
        calm = self.replay.again(node, inputs)
        random = np.random.default_rng(0)
        noise = self.runtime.step * _NOISE
        for _ in range(3):
            disturbed = [each * (1 + noise * random.choice([-1, 1], each.shape)).astype(np.float32) for each in inputs]
            shaken = self.replay.again(node, disturbed)
            change = max(_gap(node, a, b) for a, b in zip(calm, shaken, strict=True))
            if local.error <= EXCUSE * change:
                return True
        return False

    def _is_all_its_own(self, node: Node) -> bool:
        """Whether most of a layer's difference is made by itself, and not handed on."""
        errors = [self.compared[node, at].error for at in range(len(node.outputs)) if (node, at) in self.compared]
        local = self._local(node)
        return local is None or not errors or local.error > max(errors) / 2

    def _drift(self, last: Node) -> list[Node]:
        """The first layer that is off by more than one layer may be, although its value is still within the bound."""
        before = _before(last) - {last}
        for node in self.replay.subject.graph.nodes:
            if node in before and node.inputs:
                local = self._local(node)
                if local is not None and local.error > self.runtime.step and not self._decided_by_rounding(node, local):
                    return [node]
        return []

    def _is_rounding(self) -> None:
        for each in self.row.values:
            if each.state in (DIFFERS, BEHIND):
                each.state = ROUNDING

    # --- what ------------------------------------------------------------------------------------

    def _blame_first(self) -> None:
        """All that can be said of a runtime that shows too little: what differs first of what it shows."""
        first = next(each for each in self.row.values if each.state == DIFFERS)
        self.row.differences.append(Difference(first))

    def _report(self, node: Node) -> None:
        compared = self._worst(node)
        found = Difference(compared)
        fault = known_fault(self.runtime.name, node)
        if fault is not None:
            found.known = f"{fault.fact} ({', '.join(filter(None, (fault.seen, fault.source)))})"
        compared.state = KNOWN if found.known else DIFFERS
        found.inputs = max((self.compared[key].error for key in _inputs(node) if key in self.compared), default=None)
        local = self._local(node)
        found.own = local.error if local is not None else None
        if len(self.row.differences) < EXPLAINED:
            self._explain(node, found)
        self.row.differences.append(found)

    def _worst(self, node: Node) -> Compared:
        """The value of a layer that is farthest off; of what the reference does not show, what it would make of it."""
        shown = [self.compared[node, value.index] for value in node.outputs if (node, value.index) in self.compared]
        if shown:
            return max(shown, key=lambda each: each.error)
        value = node.outputs[0]
        own = self.replay.shown(value)
        made = Compared(value, value.shape if own is None else own.shape, self._local(node), DIFFERS)
        self.row.values.append(made)
        return made

    def _explain(self, node: Node, found: Difference) -> None:
        for suspect in [node, *reversed(self.replay.hidden_before(node))]:
            if self._try(suspect, node, found):
                return
        self._describe(node, found)

    def _try(self, suspect: Node, node: Node, found: Difference) -> bool:
        """Look for the mistake that gives the runtime's numbers, made in the layer or in one that it hides."""
        made = [self.replay.shown(value) for value in suspect.outputs]
        replay = self.replay
        case = Suspect(suspect, replay.inputs(suspect), replay.arrays(suspect), made, lambda: replay.twins(suspect))
        for kind, trial in trials_of(case):
            try:
                result = replay.against(node, replay.through(suspect, trial.make(), node))
            except (Fault, NetgenError, ValueError, RuntimeError, IndexError):
                continue  # the mistake cannot be made here
            if result is not None and result.error <= self.runtime.step:
                found.kind, found.cause = kind, trial.words
                found.within = suspect.name if suspect is not node else ""
                return True
        return False

    def _describe(self, node: Node, found: Difference) -> None:
        own = self.replay.shown(found.compared.value)
        if own is None or not node.inputs:
            return
        try:
            expected = self.replay.again(node, self.replay.inputs(node))[found.compared.value.index]
        except (Fault, NetgenError):
            return
        found.pattern = pattern(expected, own, self.runtime.bound)


def _gap(node: Node, calm: Array, shaken: Array) -> float:
    if node.op.dynamic:
        return measure_rows(calm, shaken).error
    return measure(calm, shaken).error


def _inputs(node: Node) -> list[tuple[Node, int]]:
    return [(value.node, value.index) for value in node.inputs]


def _before(node: Node) -> set[Node]:
    """The node and all that it depends on."""
    found = {node}
    waiting = [node]
    for each in waiting:
        for value in each.inputs:
            if value.node not in found:
                found.add(value.node)
                waiting.append(value.node)
    return found
