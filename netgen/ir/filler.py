"""How a weight is filled before training: Caffe's fillers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class Filler:
    """A filler's type and the values of its fields, defaults included.

    Equal fillers compare and hash equal. ``KINDS`` lists the types with their fields and
    Caffe's defaults (FillerParameter in caffe.proto).
    """

    __slots__ = ("kind", "values")

    KINDS: Mapping[str, Mapping[str, float | int | str]] = MappingProxyType(
        {
            "constant": {"value": 0.0},
            "uniform": {"min": 0.0, "max": 1.0},
            "gaussian": {"mean": 0.0, "std": 1.0, "sparse": -1},
            "xavier": {"variance_norm": "fan_in"},
            "msra": {"variance_norm": "fan_in"},
            "positive_unitball": {},
            "bilinear": {},
        }
    )
    VARIANCE_NORMS = ("fan_in", "fan_out", "average")

    @staticmethod
    def objection(name: str, value: float) -> str:
        """What is wrong with the value of a field, or nothing."""
        return f"must be at least 0, got {value:g}" if name == "std" and value < 0 else ""

    def __init__(self, kind: str, values: Mapping[str, float | int | str] | None = None) -> None:
        self.kind = kind
        self.values = {**self.KINDS[kind], **(values or {})}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filler) and (self.kind, self.values) == (other.kind, other.values)

    def __hash__(self) -> int:
        return hash((self.kind, tuple(self.values.items())))

    def __repr__(self) -> str:
        """The filler as the language writes it, fields at their defaults left out."""
        said = [
            f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value:g}"
            for name, value in self.values.items()
            if value != self.KINDS[self.kind][name]
        ]
        return f"{self.kind}({', '.join(said)})" if said else self.kind
