"""Which layers the time goes to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from netgen.bench.clock import turns
from netgen.emit.torch import TorchModule
from netgen.ir.graph import Graph, Node

if TYPE_CHECKING:
    from netgen.bench.clock import Clock
    from netgen.bench.settings import Settings
    from netgen.bench.torch_run import TorchRun

PART = 1 / 3
"""How much of the time of a figure goes into its parts."""


@dataclass(frozen=True)
class LayerTime:
    """What one layer took; those that are one module in PyTorch, such as a convolution's norm and scale, are one."""

    name: str
    operator: str
    seconds: float
    share: float
    """Of the seconds of all layers."""
    macs: int

    @property
    def macs_per_second(self) -> float:
        return self.macs / self.seconds if self.seconds else 0.0

    def data(self) -> dict[str, object]:
        """As plain data."""
        return {
            "name": self.name,
            "operator": self.operator,
            "seconds": self.seconds,
            "share": self.share,
            "macs_per_second": self.macs_per_second,
        }


def layer_times(run: TorchRun, clock: Clock, settings: Settings) -> list[LayerTime]:
    """The median seconds of each layer, the longest first.

    A layer's time is that from the end of the one before it to its own end, so that all of the run is some layer's.
    """
    moments: list[tuple[str, Any]] = []
    emitted, call = run.watched(lambda name, _: moments.append((name, clock.now())))
    call()
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in turns(settings, PART):
        moments.clear()
        before = clock.now()
        call()
        clock.seconds(before, clock.now())  # wait for the last of it
        of_this_run: dict[str, float] = defaultdict(float)
        for name, moment in moments:
            of_this_run[name] += clock.seconds(before, moment)
            before = moment
        for name, seconds in of_this_run.items():
            taken[name].append(seconds)
    return _listed({name: median(each) for name, each in taken.items()}, run.graph, emitted)


def _listed(seconds: dict[str, float], graph: Graph, emitted: TorchModule) -> list[LayerTime]:
    whole = sum(seconds.values()) or 1.0
    together = _together(graph, emitted)
    found = [
        LayerTime(
            nodes[0].name,
            " + ".join(node.op.name for node in nodes),
            each,
            each / whole,
            sum(node.op.macs(node) for node in nodes if node.is_known),
        )
        for name, each in seconds.items()
        for nodes in [together[name]]
    ]
    return sorted(found, key=lambda layer: -layer.seconds)


def _together(graph: Graph, emitted: TorchModule) -> dict[str, list[Node]]:
    """The layers whose end is told under one name."""
    by_path: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if node.name in emitted.paths:
            by_path[emitted.paths[node.name]].append(node)
    alone = {node.name: [node] for node in graph.nodes}
    return alone | {name: by_path[path] for path, name in emitted.hooks.items()}
