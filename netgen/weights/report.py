"""What became of the arrays of a net, and of those of a file: data first, then a table that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from netgen.diag import Diagnostic
from netgen.formats.files import of_file
from netgen.ir.graph import Shape
from netgen.ir.slots import Key
from netgen.weights.entry import Entry
from netgen.weights.faults import plural, shape_text

MATCHED, MISSING, MISFIT, AMBIGUOUS, SKIPPED = "matched", "missing", "misfit", "ambiguous", "skipped"
_MOST = 12
"""How many arrays of a kind an error names."""


class Row:
    """One array of the net. ``how`` it was found, or ``note`` why it was not."""

    __slots__ = ("entry", "how", "key", "note", "shape", "state")

    def __init__(
        self, key: Key, shape: Shape, state: str, *, entry: Entry | None = None, how: str = "", note: str = ""
    ) -> None:
        self.key = key
        self.shape = shape
        self.state = state
        self.entry = entry
        self.how = how
        self.note = note

    @property
    def name(self) -> str:
        """What the array is called in reports and mapping files."""
        return f"{self.key[0]}.{self.key[1]}"


class Report:
    """How the arrays of a net were found in a file.

    ``left_over`` are those of the file that no layer took, ``remarks`` what else there is to say.
    """

    __slots__ = ("left_over", "path", "remarks", "rows")

    def __init__(self, path: str, rows: Sequence[Row], left_over: Sequence[Entry], remarks: Sequence[str] = ()) -> None:
        self.path = path
        self.rows = list(rows)
        self.left_over = list(left_over)
        self.remarks = list(remarks)

    def of(self, state: str) -> list[Row]:
        return [row for row in self.rows if row.state == state]

    @property
    def problems(self) -> list[Row]:
        """The arrays that should have been found and were not."""
        return [row for row in self.rows if row.state in (MISSING, MISFIT, AMBIGUOUS)]

    @property
    def is_complete(self) -> bool:
        return not self.problems

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.summary()}>"

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """A line for each array, then those of the file that nobody took, then a sum."""
        names = max((len(row.name) for row in self.rows), default=0)
        shapes = max((len(shape_text(row.shape)) for row in self.rows), default=0)
        sources = max((len(row.entry.name) for row in self.rows if row.entry is not None), default=1)
        lines = []
        for row in self.rows:
            source = row.entry.name if row.entry is not None else "-"
            lines.append(
                f"{row.name:<{names}}  {shape_text(row.shape):<{shapes}}  {source:<{sources}}  {_verdict(row)}".rstrip()
            )
        if self.left_over:
            lines += ["", f"{plural(len(self.left_over), 'array')} of the file left over:"]
            width = max(len(entry.name) for entry in self.left_over)
            lines += [f"  {entry.name:<{width}}  {shape_text(entry.shape)}" for entry in self.left_over]
        return "\n".join([*lines, "", self.summary(), *self.remarks])

    def summary(self) -> str:
        """``12 of 14 arrays: 10 by name, 2 by order and shape``."""
        ways = Counter(row.how for row in self.of(MATCHED))
        found = ", ".join(f"{count:,} by {how}" for how, count in ways.most_common())
        return f"{sum(ways.values()):,} of {plural(len(self.rows), 'array')}{f': {found}' if found else ''}"

    def error(self) -> Diagnostic:
        """What keeps the net from being complete."""
        lines = [f"{self.summary()}; the others:"]
        for row in self.problems[:_MOST]:
            lines.append(f"{row.name} ({shape_text(row.shape)}) {_verdict(row)}")
        if len(self.problems) > _MOST:
            lines.append(f"… and {len(self.problems) - _MOST:,} more")
        if self.left_over:
            few = ", ".join(f"{entry.name} ({shape_text(entry.shape)})" for entry in self.left_over[:4])
            more = f" and {len(self.left_over) - 4:,} more" if len(self.left_over) > 4 else ""
            lines.append(f"left over in the file: {few}{more}")
        hint = (
            "say what is what in a mapping file: `netgen weights map NET FILE --save-mapping MAP` writes one to edit, "
        )
        hint += "--mapping MAP uses it; or take what fits with --partial"
        return of_file("NG604", "the weights do not fit the net", self.path, "\n".join(lines), hint)

    def warnings(self) -> list[Diagnostic]:
        """What is worth a word although the weights can be used."""
        found = [self._warning(text) for text in self.remarks]
        if self.left_over:
            few = ", ".join(entry.name for entry in self.left_over[:_MOST])
            more = f" and {len(self.left_over) - _MOST:,} more" if len(self.left_over) > _MOST else ""
            found.append(self._warning(f"{plural(len(self.left_over), 'array')} of the file left over: {few}{more}"))
        if self.problems:
            few = ", ".join(row.name for row in self.problems[:_MOST])
            more = f" and {len(self.problems) - _MOST:,} more" if len(self.problems) > _MOST else ""
            found.append(self._warning(f"{plural(len(self.problems), 'array')} of the net not in it: {few}{more}"))
        return found

    def _warning(self, label: str) -> Diagnostic:
        warning = of_file("NG609", "about these weights", self.path, label)
        warning.severity = "warning"
        return warning


def _verdict(row: Row) -> str:
    if row.state == MATCHED:
        return f"by {row.how}" + (f", {row.note}" if row.note else "")
    words = {MISSING: "is missing", MISFIT: "does not fit", AMBIGUOUS: "could be several", SKIPPED: "is left out"}
    return words[row.state] + (f": {row.note}" if row.note else "")
