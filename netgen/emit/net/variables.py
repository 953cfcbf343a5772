"""Which variables the results of a body's statements get.

The main line of a body is called ``x`` again and again: what is read before anything else that is still to be read,
and is done with before the line goes on. What is kept for later has a name of its own.
What branches off it is called after its layers, in a block most of all where that gives the layers their names.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netgen.emit.net.chains import Chain, is_one_of_several
from netgen.emit.net.cores import SEPARATORS, prefix
from netgen.emit.net.expr import identifier, is_identifier
from netgen.ir.graph import Value

if TYPE_CHECKING:
    from netgen.emit.net.body import Body

_MAIN = "x"
_END = 1 << 30
"""The number of what stands behind the last statement: what is given is read there."""
_TELLING = 3
"""So many letters tell what a branch is about."""


class _Run:
    """Chains in a row, each of which reads nothing but the one before: they may share a variable."""

    __slots__ = ("chains", "is_main")

    def __init__(self, chain: Chain) -> None:
        self.chains = [chain]
        self.is_main = False

    @property
    def first(self) -> int:
        return self.chains[0].number

    @property
    def last(self) -> Chain:
        return self.chains[-1]


class Variables:
    """Chooses the variables of one body."""

    def __init__(self, body: Body, chains: Sequence[Chain]) -> None:
        self.body = body
        self.chains = chains
        self._readers: dict[Value, list[int]] = {}
        for chain in chains:
            for value in chain.operands:
                self._readers.setdefault(value, []).append(chain.number)
        if not any(chain.returns for chain in chains):
            for value in body.outputs:
                self._readers.setdefault(value, []).append(_END)
        self._held = {name: self._last(value) for value, name in body.tensors.items()}
        """Until when each variable holds what somebody will read."""
        self._values = {name: value for value, name in body.tensors.items()}
        """What it holds."""
        self._settled = {name for chain in chains for name in _settled(chain)}
        """Variables by which targets call one of several results: nothing else is called like that."""

    def choose(self) -> None:
        runs = self._runs()
        self._find_main_line(runs)
        mains = [run.first for run in runs if run.is_main]
        for run in runs:
            after = bisect_right(mains, run.last.number)
            last = self._last(run.last.results[0]) if run.last.results else -1
            is_kept = after < len(mains) and mains[after] < last
            for chain in run.chains:
                chain.targets = self._targets(chain, run, is_main=run.is_main and not (is_kept and chain is run.last))
                self.body.taken.update(chain.targets)

    def _last(self, value: Value) -> int:
        return self._readers.get(value, [-1])[-1]

    def _is_read(self, value: Value) -> bool:
        return value in self._readers

    # --- the main line -------------------------------------------------------------------------

    def _runs(self) -> list[_Run]:
        runs: list[_Run] = []
        for chain in self.chains:
            before = runs[-1].last if runs else None
            goes_on = before is not None and chain.operands == before.results and self._ends(before, chain.number)
            goes_on = goes_on and bool(before and before.operands)
            if goes_on and not self._ends(chain, _END) and any(map(self._is_read, chain.results)):
                runs[-1].chains.append(chain)
            else:
                runs.append(_Run(chain))
        return runs

    def _ends(self, chain: Chain, place: int) -> bool:
        """Whether the only thing that reads a chain's result stands at a place."""
        return [self._readers.get(value) for value in chain.results] == [[place]]

    def _find_main_line(self, runs: Sequence[_Run]) -> None:
        """A result is of the main line if it is read before whatever else comes from where it comes from.

        What is older than that is no other branch: it only waits, as the input of a loss does or what U-Nets skip to.
        """
        alive: list[Value] = list(self.body.tensors)
        places = dict.fromkeys(alive, -1)
        for run in runs:
            end = run.last.number
            alive = [value for value in alive if self._last(value) > end]
            results = [value for value in run.last.results if self._is_read(value)]
            if len(results) == 1 == len(run.last.results) and run.last.operands:
                first = self._next(results[0], end)
                sources = run.chains[0].operands
                oldest = min(places[value] for value in sources)
                branches = [value for value in alive if places[value] > oldest or value in sources]
                run.is_main = first != _END and all(self._next(value, end) > first for value in branches)
            for chain in run.chains:
                places.update(dict.fromkeys(chain.results, chain.number if chain.operands else -1))
            alive += results

    def _next(self, value: Value, place: int) -> int:
        readers = self._readers[value]
        return readers[bisect_right(readers, place)]

    # --- names -----------------------------------------------------------------------------------

    def _targets(self, chain: Chain, run: _Run, *, is_main: bool) -> list[str]:
        if chain.returns or not chain.results:
            return []
        for name, value in zip(_settled(chain), chain.results, strict=False):
            self._settle(chain, name, value)
        if chain.is_list:
            return [
                self._hold(
                    chain, self._wishes(chain, run, is_main), max(map(self._last, chain.results)), chain.results[0]
                )
            ]
        if len(chain.results) > 1:
            return self._several(chain)
        [value] = chain.results
        if self._is_read(value):
            return [self._hold(chain, self._wishes(chain, run, is_main), self._last(value), value)]
        if not self.body.is_net:
            return []
        own = self.body.relative(chain.steps[0].names)
        step = chain.steps[0]
        if step.op is not None and step.op.name == "input" and len(self.chains) > 1:  # left unread on purpose
            own = f"_{identifier(self.body.where(value.node.name), value.node.op.short)}"
        return [self._hold(chain, iter([own]), chain.number, value)] if own else []

    def _several(self, chain: Chain) -> list[str]:
        """A name for each of several results; what the program that the graph comes from said is a must."""
        if settled := _settled(chain):
            return settled
        step = chain.steps[-1]
        targets: list[str] = []
        for i, value in enumerate(chain.results):
            said = step.variables[i] if step.op is not None else self.body.where(value.node.name)
            wishes = iter([identifier(said, value.node.op.short)])
            targets.append(self._hold(chain, wishes, max(self._last(value), chain.number + 1), value))
        return targets

    def _settle(self, chain: Chain, name: str, value: Value) -> None:
        """Give a result the name that it must have; who has it and is still read, gets another."""
        if not name:
            return
        if self._held.get(name, -1) > chain.number:
            before = self._values[name]
            saved = self._hold(chain, iter([f"{name}_2"]), self._held[name], before)
            self.body.taken.add(saved)
            chain.saved.append((before, saved))
        self._held[name] = self._last(value)
        self._values[name] = value

    def _wishes(self, chain: Chain, run: _Run, is_main: bool) -> Iterator[str]:
        """What a chain's result would best be called, in this order."""
        step = chain.steps[-1]
        own = self.body.relative(chain.steps[0].names)
        if own and not (self.body.is_net and chain.operands):
            yield own
        yield from step.variables[:1]
        if own and not is_main:
            yield own
        if is_main:
            yield _MAIN
        yield self._described(chain, run)

    def _described(self, chain: Chain, run: _Run) -> str:
        """A name for a branch: what the names of its layers begin with, or the name of this one."""
        tails = [self.body.where(chain.steps[0].hint) for chain in run.chains]
        together = prefix(tails).strip(SEPARATORS)
        text = together if len(together) >= _TELLING else tails[run.chains.index(chain)]
        return identifier(text, chain.steps[0].short)

    def _hold(self, chain: Chain, wishes: Iterator[str], until: int, value: Value) -> str:
        """The first wish that is free, or the last with a number."""
        name = ""
        for name in wishes:
            if self._is_free(name, chain.number):
                break
        stem, number = name, 2
        while not self._is_free(name, chain.number):
            name = f"{stem}_{number}"
            number += 1
        self._held[name] = until
        self._values[name] = value
        return name

    def _is_free(self, name: str, place: int) -> bool:
        if not is_identifier(name) or name in self._settled or name in self.body.reserved:
            return False
        return self._held.get(name, -1) <= place


def _settled(chain: Chain) -> list[str]:
    """The names that several results must have, since Caffe's blobs are called after them; empty for none."""
    step = chain.steps[-1]
    if step.op is None or len(chain.results) < 2 or not is_one_of_several(chain.results[0]):
        return []
    return step.variables if any(step.variables) else []
