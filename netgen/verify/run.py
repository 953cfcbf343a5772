"""One network in every runtime: the reference first, then each of the others, value by value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from netgen.diag import Diagnostic, NetgenError
from netgen.ir.graph import Graph, Value
from netgen.verify.compare import fits, measure, measure_rows
from netgen.verify.results import (
    AGREES,
    DIFFERS,
    EXCUSE,
    FAILED,
    KNOWN,
    REFERENCE,
    REFUSED,
    ROUNDING,
    Compared,
    Difference,
    NotFinite,
    Row,
    Verification,
)
from netgen.verify.runtime import Runtime, ValueKey
from netgen.verify.subject import Subject
from netgen.weights import Weights

if TYPE_CHECKING:
    from netgen.verify.runtime import Array

Progress = Callable[[str], None]
_CANNOT_SAY = frozenset(("NG401", "NG402", "NG403", "NG405"))
"""What emitters refuse: a layer and the reason are in the label."""


def verify(
    graph: Graph,
    weights: Weights,
    inputs: Sequence[Array],
    runtimes: Sequence[Runtime],
    *,
    progress: Progress = lambda said: None,
) -> Verification:
    """Compute a network in some runtimes, which are all here, and compare them with the first of them that runs it.

    Where that is not the very first, it is one that shows all values, if there is one.
    """
    found = Verification(graph)
    with Subject(graph, weights) as subject:
        keeper = _Keeper(subject)
        rows: dict[Runtime, Row] = {}
        for runtime in sorted(runtimes, key=lambda each: each.only_outputs and each is not runtimes[0]):
            progress(f"running {runtime.name}")
            if found.reference is None:
                keeper = _Keeper(subject)
                row = rows[runtime] = _reference(runtime, subject, inputs, keeper)
                found.reference = row if row.state == REFERENCE else None
            else:
                rows[runtime] = _compared(runtime, subject, inputs, keeper.values, progress)
    found.rows = [rows[runtime] for runtime in runtimes]
    place = {node: at for at, node in enumerate(graph.nodes)}
    found.not_finite = sorted(keeper.not_finite, key=lambda each: place[each.value.node])
    _tell_of_fusion(found)
    return found


def _tell_of_fusion(found: Verification) -> None:
    """What a runtime gets wrong that shows outputs only, and that layer by layer agrees, comes of joining layers."""
    whole = {row.runtime.family: row for row in found.rows if not row.runtime.only_outputs}
    for row in found.compared:
        other = whole.get(row.runtime.family)
        if not row.runtime.only_outputs or other is None:
            continue
        _excuse_what_grows(row, other)
        for each in row.differences:
            if other.state in (AGREES, REFERENCE):
                each.kind = "optimisation"
                each.cause = f"computes something else once it joins layers: `{other.name}`, layer by layer, agrees"
            elif other.differences:
                each.pattern = f"it shows outputs only; see `{other.name}`, which shows every layer"


def _excuse_what_grows(row: Row, other: Row) -> None:
    """Where rounding grows in a network, it does so in a run that shows outputs only too.

    How far it grows is seen in the other run, in which every layer was found right by itself.
    """
    grown = {
        each.value: each.error for each in other.values if other.state == AGREES and each.error > row.runtime.bound
    }
    for each in list(row.differences):
        if each.compared.error <= EXCUSE * grown.get(each.compared.value, 0):
            each.compared.state = ROUNDING
            row.differences.remove(each)
    row.state = _state(row)


# --- one run --------------------------------------------------------------------------------------


class _Keeper:
    """Keeps the reference's values, and looks at their shapes, and whether they are numbers."""

    def __init__(self, subject: Subject) -> None:
        self.values: dict[ValueKey, Array] = {}
        self.of = _by_key(subject.graph)
        self.odd: list[Compared] = []
        self.not_finite: list[NotFinite] = []

    def wants(self, key: ValueKey) -> bool:
        return key in self.of

    def see(self, key: ValueKey, value: Array) -> None:
        import numpy as np

        self.values[key] = np.array(value)
        if not fits(value.shape, self.of[key]):
            self.odd.append(Compared(self.of[key], value.shape, None, DIFFERS))
        strange = value.size - int(np.isfinite(value).sum())
        if strange:
            self.not_finite.append(NotFinite(self.of[key], strange, value.size))


class _Comparer:
    """Compares values with the reference's as they come."""

    def __init__(self, subject: Subject, reference: dict[ValueKey, Array], row: Row) -> None:
        self.of = _by_key(subject.graph)
        self.reference = reference
        self.row = row

    def wants(self, key: ValueKey) -> bool:
        return key in self.of

    def see(self, key: ValueKey, value: Array) -> None:
        self.row.shown += 1
        expected, of = self.reference.get(key), self.of[key]
        if not fits(value.shape, of) or (
            expected is not None and not of.node.op.dynamic and value.shape != expected.shape
        ):
            self.row.values.append(Compared(of, value.shape, None, DIFFERS))
        elif expected is not None:
            found = measure_rows(expected, value) if of.node.op.dynamic else measure(expected, value)
            state = AGREES if found.error <= self.row.runtime.bound else DIFFERS
            self.row.values.append(Compared(of, value.shape, found, state))


def _by_key(graph: Graph) -> dict[ValueKey, Value]:
    """The values that are computed; what goes in is the same everywhere."""
    given = set(graph.inputs)
    return {(node.name, value.index): value for node in graph.nodes for value in node.outputs if value not in given}


def _reference(runtime: Runtime, subject: Subject, inputs: Sequence[Array], keeper: _Keeper) -> Row:
    row = Row(runtime, REFERENCE)
    _run(row, lambda: runtime.run(subject, inputs, keeper))
    row.shown = len(keeper.values)
    if row.state == REFERENCE and keeper.odd:
        row.values, row.state = keeper.odd, DIFFERS
        row.differences = [Difference(each) for each in keeper.odd]
    return row


def _compared(
    runtime: Runtime, subject: Subject, inputs: Sequence[Array], reference: dict[ValueKey, Array], progress: Progress
) -> Row:
    row = Row(runtime, AGREES)
    _run(row, lambda: runtime.run(subject, inputs, _Comparer(subject, reference, row)))
    if row.state != AGREES:
        return row
    place = {node: at for at, node in enumerate(subject.graph.nodes)}
    row.values.sort(key=lambda each: (place[each.value.node], each.value.index))
    if any(each.state == DIFFERS for each in row.values):
        progress(f"looking where {runtime.name} differs")
        _locate(row, subject, inputs)
    row.state = _state(row)
    return row


def _run(row: Row, work: Callable[[], None]) -> None:
    """Run, and take the time; what the runtime throws is what the row says."""
    start = perf_counter()
    try:
        work()
    except NetgenError as error:
        row.state = REFUSED
        row.diagnostics = error.diagnostics
        row.reasons = [_reason(each) for each in error.diagnostics]
    except Exception as error:  # whatever another program throws, it is that program's row
        row.state = FAILED
        row.reasons = [_short(error)]
    row.seconds = perf_counter() - start


def _reason(problem: Diagnostic) -> str:
    """What stands in the way, and for how many layers. That a target cannot say it, the row says itself."""
    title = "" if problem.code in _CANNOT_SAY else problem.title
    said = ": ".join(filter(None, (title, problem.label))) or problem.title
    return "; ".join([said, *(note.text for note in problem.notes)])


def _short(error: Exception) -> str:
    """What an exception says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    return said if len(said) <= 600 else said[:600] + " …"


def _locate(row: Row, subject: Subject, inputs: Sequence[Array]) -> None:
    from netgen.verify.locate import locate

    try:
        import torch  # noqa: F401 - layers are computed again in it
    except ImportError:
        row.differences = [Difference(next(each for each in row.values if each.state == DIFFERS))]
        return
    locate(row, subject, inputs)


def _state(row: Row) -> str:
    if not row.differences:
        return AGREES
    return KNOWN if all(each.known for each in row.differences) else DIFFERS
