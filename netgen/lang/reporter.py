"""What goes wrong while a program is elaborated: collected, said once for each place, and bounded."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.diag import Diagnostic, Frame, Note, Span
from netgen.ir.fault import Fault
from netgen.lang.values import BROKEN, Broken

MAX_PROBLEMS = 100
STEPS_PER_LAYER = 5
MIN_STEPS = 200_000


class Stop(Exception):
    """There is no point in going on: a limit was passed or too many problems were found."""


class Reporter:
    """Problems with the block calls around them, and the limits that keep a hostile program from hanging."""

    def __init__(self, max_layers: int) -> None:
        self.max_layers = max_layers
        self.steps_left = max(MIN_STEPS, STEPS_PER_LAYER * max_layers)
        self.problems: list[Diagnostic] = []
        self.errors = 0
        self.frames: list[Frame] = []
        """The block calls that are being elaborated, outermost first."""
        self._reported: set[tuple[str, Span | None, str]] = set()

    def problem(
        self, code: str, title: str, span: Span | None, label: str = "", *, hint: str = "", notes: Sequence[Note] = ()
    ) -> Broken:
        """Report an error once for its place, with the block calls around it."""
        if (code, span, title) not in self._reported:
            self._reported.add((code, span, title))
            trace = self.frames[::-1]
            self.problems.append(Diagnostic(code, title, span, label, hint=hint, notes=notes, trace=trace))
            self.errors += 1
            if self.errors >= MAX_PROBLEMS:
                raise Stop
        return BROKEN

    def warn(self, code: str, title: str, span: Span | None, label: str = "", hint: str = "") -> None:
        self.problems.append(Diagnostic(code, title, span, label, hint=hint, severity="warning"))

    def fault(self, fault: Fault, span: Span) -> Broken:
        return self.problem(fault.code, fault.title, span, fault.label, hint=fault.hint)

    def step(self, span: Span, steps: int = 1) -> None:
        self.steps_left -= steps
        if self.steps_left < 0:
            self.too_large(span, "the program takes too many steps", "loops and block calls are counted")

    def too_large(self, span: Span, title: str, label: str) -> None:
        hint = f"the limits follow from --max-layers, which is {self.max_layers}; is a loop's bound as meant?"
        self.problem("NG217", title, span, label, hint=hint)
        raise Stop
