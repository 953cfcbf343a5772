"""Which layers of a net there are in a phase: Caffe's include and exclude rules."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.formats.message import Message, get, get_all

PHASES = ("TRAIN", "TEST")


class State:
    """What a net is built for: a phase, a level and some stages."""

    __slots__ = ("level", "phase", "stages")

    def __init__(self, phase: str = "TEST", stages: Sequence[str] = (), level: int = 0) -> None:
        self.phase = phase
        self.stages = frozenset(stages)
        self.level = level

    def meets(self, rule: Message) -> bool:
        """Whether all that a NetStateRule asks for is so."""
        phase = get(rule, "phase")
        return (
            (phase is None or phase == self.phase)
            and get(rule, "min_level", self.level) <= self.level <= get(rule, "max_level", self.level)
            and self.stages.issuperset(get_all(rule, "stage"))
            and self.stages.isdisjoint(get_all(rule, "not_stage"))
        )

    def has(self, layer: Message) -> bool:
        """Whether a layer is there. With rules of both kinds, which Caffe refuses, those to include decide."""
        include, exclude = get_all(layer, "include"), get_all(layer, "exclude")
        if include:
            return any(self.meets(rule) for rule in include)
        return not any(self.meets(rule) for rule in exclude)


def state_of(net: Message, phase: str | None, stages: Sequence[str] | None, level: int | None) -> State:
    """The state that is asked for; what is not asked for is as the net itself has it, or TEST as with Caffe.

    As there, stages that are asked for come to those that the net has.
    """
    own: Message = get(net, "state", [])
    return State(
        phase or get(own, "phase", "TEST"),
        [*get_all(own, "stage"), *(stages or [])],
        get(own, "level", 0) if level is None else level,
    )


def depends_on_phase(net: Message) -> bool:
    """Whether some layer of the net is not always there."""
    return any(name in ("include", "exclude") for layer in get_all(net, "layer") for name, _ in layer)
