"""Loops become chains: turns of which each takes what the one before it made, and nobody else does.

A chain is what an ``nn.Sequential`` runs. In a block, a loop becomes one chain of its turns; in the net itself each
turn becomes a chain of its own, since there a turn is a stage that people know by name. What is no chain stays as
it is: a list of steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise

from netgen.emit.torch.body import Body, Leaf, Step, Use
from netgen.ir.graph import Loop, Value


class Turns:
    """A loop whose turns are chained. A turn is a list of parts."""

    __slots__ = ("turns",)

    def __init__(self, turns: list[list[Part]]) -> None:
        self.turns = turns


class Chain(Step):
    """Steps that a value goes through one after the other. ``stage`` is the turn of a loop that it is, if it is one."""

    __slots__ = ("parts", "stage")

    def __init__(self, parts: list[Part], loops: tuple[Loop, ...], site: object, stage: Loop | None = None) -> None:
        steps = list(flat(parts))
        first, last = steps[0], steps[-1]
        super().__init__(first.inputs, last.outputs, ("chain", site), variable=last.variable, loops=loops)
        self.parts = parts
        self.stage = stage

    @property
    def key(self) -> object:
        own = super().key
        return own if self.stage is None else (own, self.stage.turn)


Part = Step | Turns


def flat(parts: Iterable[Part]) -> Iterable[Step]:
    """The layers and instances of some parts, in order."""
    for part in parts:
        if isinstance(part, Turns):
            for turn in part.turns:
                yield from flat(turn)
        elif isinstance(part, Chain):
            yield from flat(part.parts)
        else:
            yield part


def fold(body: Body) -> list[Step]:
    """The steps of a body, its loops folded where they are chains."""
    return _Folder(body).fold(body.steps, 0, body.instance.parent is None)


class _Folder:
    def __init__(self, body: Body) -> None:
        self.readers: dict[Value, int] = dict.fromkeys(body.outputs, 2)
        for step in body.steps:
            for value in set(step.inputs):
                self.readers[value] = self.readers.get(value, 0) + 1

    def fold(self, steps: list[Step], depth: int, is_net: bool) -> list[Step]:
        """``depth`` loops around the steps are dealt with; ``is_net`` says whether turns are stages."""
        folded: list[Step] = []
        for site, group in groupby(steps, lambda step: step.loops[depth].site if len(step.loops) > depth else None):
            inside = list(group)
            folded += inside if site is None else self._loop(inside, depth, is_net)
        return folded

    def _loop(self, steps: list[Step], depth: int, is_net: bool) -> list[Step]:
        turns = [list(turn) for _, turn in groupby(steps, lambda step: step.loops[depth].turn)]
        outer = steps[0].loops[:depth]
        folded = [self.fold(turn, depth + 1, False) for turn in turns]
        is_straight = all(self._is_straight(turn) for turn in folded)
        is_chain = is_straight and self._is_chained(folded)
        has_stages = is_straight and (not is_chain or (is_net and _are_stages(folded)))
        if has_stages:
            loops = [turn[0].loops[depth] for turn in turns]
            return [step for turn, loop in zip(folded, loops, strict=True) for step in _stage(turn, outer, loop)]
        if is_chain:
            return [Chain([Turns([_parts(turn) for turn in folded])], outer, steps[0].loops[depth].site)]
        if is_net:
            folded = [self.fold(turn, depth + 1, True) for turn in turns]
        return [step for turn in folded for step in turn]

    def _is_straight(self, steps: list[Step]) -> bool:
        """Whether each step's only input is what the one before it made, and what is made is not read elsewhere."""
        return all(is_listable(step) for step in steps) and self._is_chained([[step] for step in steps])

    def _is_chained(self, turns: list[list[Step]]) -> bool:
        return all(
            after[0].inputs == before[-1].outputs and self.readers.get(before[-1].outputs[0]) == 1
            for before, after in pairwise(turns)
        )


def is_listable(step: Step) -> bool:
    """Whether a step can stand in an ``nn.Sequential``."""
    if len(step.inputs) != 1 or len(step.outputs) != 1:
        return False
    if isinstance(step, Leaf):
        return step.spelled.module is not None and step.spelled.before is None and not step.is_local
    return True


def _are_stages(turns: list[list[Step]]) -> bool:
    """Whether the turns of a loop in the net are known apart: by several steps, or by names that were given to each."""
    if any(len(turn) > 1 or isinstance(turn[0], Chain) for turn in turns):
        return True
    is_one = len(turns) > 1 and len({turn[0].name for turn in turns}) == 1
    return not is_one and not any(is_made_up(step) for (step,) in turns)


def is_made_up(step: Step) -> bool:
    """Whether a step's name comes from the program's variable alone."""
    base, _, number = step.name.rpartition("_")
    return step.variable != "" and step.variable in (step.name, base if number.isdigit() else "")


def _stage(turn: list[Step], outer: tuple[Loop, ...], loop: Loop) -> list[Step]:
    """One turn as one step; but a single module with a name keeps it, and what follows it are functions."""
    turn = [inner[0] if len(inner := list(flat([step]))) == 1 else step for step in turn]
    modules = [step for step in turn if not (isinstance(step, Leaf) and step.spelled.function is not None)]
    is_named = len(modules) == 1 and isinstance(modules[0], (Leaf, Use)) and not is_made_up(modules[0])
    if len(turn) == 1 and isinstance(turn[0], (Leaf, Use)):
        return turn
    return turn if is_named else [Chain(_parts(turn), outer, loop.site, loop)]


def _parts(steps: list[Step]) -> list[Part]:
    """Steps in a row as the parts of one chain: chains among them are dissolved."""
    parts: list[Part] = []
    for step in steps:
        parts += step.parts if isinstance(step, Chain) else [step]
    return parts
