"""The network as it was before a pass changed it, as one more runtime: what comes out must be the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netgen.ir.graph import Graph
from netgen.verify.runtime import Runtime, ValueKey, Watcher
from netgen.verify.subject import Subject
from netgen.weights import Weights

if TYPE_CHECKING:
    from netgen.verify.runtime import Array


class Before(Runtime):
    """Computes another graph, in some runtime, and shows its outputs as those of the subject."""

    name = "before"
    family = "before"
    about = "the net before it was changed: outputs only"
    extra = ""
    only_outputs = True
    bound_reason = "float32: folded weights are rounded once more"

    def __init__(self, runtime: Runtime, graph: Graph, weights: Weights) -> None:
        self.runtime = runtime
        self.graph = graph
        self.weights = weights

    def missing(self) -> str | None:
        return self.runtime.missing()

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        called = {
            (old.node.name, old.index): (new.node.name, new.index)
            for old, new in zip(self.graph.outputs, subject.graph.outputs, strict=True)
        }
        with Subject(self.graph, self.weights) as own:
            self.runtime.run(own, inputs, _Renamed(watcher, called))


class _Renamed:
    """Shows values under other names, and only those that have one."""

    def __init__(self, watcher: Watcher, called: dict[ValueKey, ValueKey]) -> None:
        self.watcher = watcher
        self.called = called

    def wants(self, key: ValueKey) -> bool:
        return key in self.called and self.watcher.wants(self.called[key])

    def see(self, key: ValueKey, value: Array) -> None:
        if key in self.called:
            self.watcher.see(self.called[key], value)
