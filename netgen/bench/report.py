"""What was measured, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median, quantiles

from netgen.bench.layers import LayerTime
from netgen.bench.settings import Settings


@dataclass(frozen=True)
class Machine:
    """What the figures depend on."""

    device: str
    """What the machine calls the card or the processor."""
    threads: int
    software: tuple[str, ...]
    """The runtimes with their versions."""


@dataclass(frozen=True)
class Row:
    """One network in one runtime; ``error`` says why there are no figures, where there are none."""

    runtime: str
    batch: int
    macs: int = 0
    seconds: tuple[float, ...] = ()
    """What each run took."""
    pace: float = 0.0
    """Seconds a run when the next begins as soon as it can: on a card while the last is still at work."""
    memory: int | None = None
    """The most bytes at once, where the runtime tells it."""
    layers: tuple[LayerTime, ...] = ()
    error: str = ""

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def p10(self) -> float:
        return _tenths(self.seconds)[0]

    @property
    def p90(self) -> float:
        return _tenths(self.seconds)[-1]

    @property
    def images_per_second(self) -> float:
        return self.batch / self.pace

    @property
    def macs_per_second(self) -> float:
        return self.macs / self.pace

    def data(self) -> dict[str, object]:
        """As plain data."""
        head: dict[str, object] = {"runtime": self.runtime, "batch": self.batch}
        if self.error:
            return head | {"error": self.error}
        return head | {
            "runs": len(self.seconds),
            "median": self.median,
            "p10": self.p10,
            "p90": self.p90,
            "images_per_second": self.images_per_second,
            "macs_per_second": self.macs_per_second,
            "memory": self.memory,
            "layers": [layer.data() for layer in self.layers],
        }


@dataclass
class Report:
    """The figures of one network, in the order in which they were measured."""

    net: str
    inputs: dict[str, tuple[int, ...]]
    parameters: int
    macs: int
    """Of one image."""
    machine: Machine
    settings: Settings
    rows: list[Row] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether everything could be measured."""
        wanted = len(self.settings.batch) * len(self.settings.against)
        return len(self.rows) == wanted and not any(row.error for row in self.rows)

    def data(self) -> dict[str, object]:
        """As plain data: times in seconds, memory in bytes."""
        return {
            "net": self.net,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "parameters": self.parameters,
            "macs": self.macs,
            "device": self.machine.device,
            "threads": self.machine.threads,
            "software": list(self.machine.software),
            "settings": self.settings.data(),
            "rows": [row.data() for row in self.rows],
        }

    def text(self, *, markdown: bool = False) -> str:
        """As tables for people."""
        from netgen.bench.show import show

        return show(self, markdown=markdown)

    def __str__(self) -> str:
        return self.text()


def _tenths(values: tuple[float, ...]) -> list[float]:
    return quantiles(values, n=10, method="inclusive") if len(values) > 1 else list(values)
