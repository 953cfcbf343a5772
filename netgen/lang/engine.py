"""The LALR(1) machine: tokens in, what the builders make of them out. It knows neither the language nor its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from netgen.diag import Source, Span

Token = tuple[str, str, int, int]
"""Terminal, text, start, end. The last one is ``END``."""

END = "$END"

RuleRow = tuple[str, int, "tuple[int | None, ...] | None", str]
"""Origin, length, kept children, node.

A kept child is an index, the complement of an index whose list is spliced in, or None for an optional part that was
left out; without any, the rule passes its only child on. Without a node, the children are a list to be spliced.
"""

Builder = Callable[..., Any]
"""Takes a rule's span and kept children."""

Recovery = Callable[["Stacks", Token, Iterator[Token]], "tuple[int, list[Token]]"]
"""Called at a token that cannot follow. May take further tokens; says how many symbols to keep, and what to put in
front of the remaining tokens."""

_Rule = tuple[int, dict[int, int], int, "tuple[int | None, ...] | None", "Builder | None", int]
"""The usual next state, the others by the state before, length, kept children, builder, levels of nesting it adds."""

_NONE = -1_000_000
"""No action."""


class Tables:
    """What lark computed from the grammar; see grammar.py.

    The actions come packed, since states repeat each other: a state is the number of its row of ``shifts`` (terminal
    to next state), then pairs of a rule and the number of the ``lookaheads`` that call for it. A nonterminal's entry in
    ``gotos`` is the state that mostly follows it, and the exceptions by the state before it.
    """

    __slots__ = ("actions", "ends", "fingerprint", "gotos", "pattern", "rules", "space", "starts", "words")

    def __init__(
        self,
        *,
        fingerprint: int,
        space: str,
        pattern: str,
        words: dict[str, str],
        starts: dict[str, int],
        ends: dict[str, int],
        rules: tuple[RuleRow, ...],
        shifts: tuple[dict[str, int], ...],
        lookaheads: tuple[str, ...],
        states: tuple[tuple[int, ...], ...],
        gotos: dict[str, tuple[int, dict[int, int]]],
    ) -> None:
        self.fingerprint = fingerprint
        self.space = space
        self.pattern = pattern
        self.words = words
        self.starts = starts
        self.ends = ends
        self.rules = rules
        self.gotos = gotos
        terminals = [line.split() for line in lookaheads]
        self.actions: list[dict[str, int]] = []
        """For each state, by terminal: the next state, or the complement of the rule to reduce by."""
        for shift, *reductions in states:
            row = shifts[shift]
            for rule, number in zip(reductions[::2], reductions[1::2], strict=True):
                row = {**row, **dict.fromkeys(terminals[number], ~rule)}
            self.actions.append(row)


class TooDeep(Exception):
    """The nesting at ``start``..``end`` is deeper than the machine was told to bear."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(start, end)
        self.start = start
        self.end = end


class Stacks:
    """Where the machine stands: ``states`` has one entry more than the others.

    ``values`` holds what was built, or a token's text; ``begins`` where it begins in the source; ``heights`` how deep
    it nests, of which ``depth`` is the limit. ``last`` is where the last token ended.
    """

    __slots__ = ("begins", "depth", "heights", "last", "states", "values")

    def __init__(self, state: int, depth: int) -> None:
        self.states = [state]
        self.values: list[Any] = []
        self.begins: list[int] = []
        self.heights: list[int] = []
        self.depth = depth
        self.last = 0

    def keep(self, count: int) -> None:
        """Drop all but the first symbols."""
        del self.states[count + 1 :], self.values[count:], self.begins[count:], self.heights[count:]


class Machine:
    """Runs the tables over the tokens of one source.

    ``build`` has a builder for each node; a node without one becomes the list of its children. ``flat`` are the nodes
    that do not count as nesting.
    """

    # No level of nesting keeps more symbols open than this: `for a in b { x = f(y, z = ...`.
    _SYMBOLS_PER_LEVEL = 8

    def __init__(self, tables: Tables, source: Source, build: Mapping[str, Builder], flat: frozenset[str]) -> None:
        self._tables = tables
        self._source = source
        self._rules: list[_Rule] = [
            (*tables.gotos[origin], count, kept, build.get(node), 0 if node in flat or node not in build else 1)
            for origin, count, kept, node in tables.rules
        ]

    def run(self, start: str, tokens: Iterator[Token], recover: Recovery, depth: int) -> Any:
        """What was built for the start rule.

        Whoever walks the tree recurses, so beyond ``depth`` levels of nesting `TooDeep` is raised.
        """
        rules, actions = self._rules, self._tables.actions
        accepting = self._tables.ends[start]
        stacks = Stacks(self._tables.starts[start], depth)
        states, values, begins, heights = stacks.states, stacks.values, stacks.begins, stacks.heights
        most = depth * self._SYMBOLS_PER_LEVEL

        coming = tokens
        while True:
            for token in coming:
                kind, text, begin, end = token
                while (action := actions[states[-1]].get(kind, _NONE)) < 0:
                    if action == _NONE:
                        break
                    rule = rules[~action]
                    if rule[3] is None:  # passes its only child on: only the state changes
                        states[-1] = rule[1].get(states[-2], rule[0])
                    else:
                        self._reduce(stacks, rule, begin)
                else:
                    states.append(action)
                    values.append(text)
                    begins.append(begin)
                    heights.append(0)
                    stacks.last = end
                    if len(states) > most:
                        raise TooDeep(begin, end)
                    continue
                if kind == END and states[-1] == accepting:
                    return values[0]
                keep, instead = recover(stacks, token, tokens)
                stacks.keep(keep)
                coming = chain(instead, tokens)
                break

    def _reduce(self, stacks: Stacks, rule: _Rule, begin: int) -> None:
        """Replace the symbols of a rule by what is built from them. ``begin`` is where an empty rule stands."""
        goto, exceptions, count, kept, builder, level = rule
        states, values, begins, heights = stacks.states, stacks.values, stacks.begins, stacks.heights
        base = len(values) - count
        children: list[Any] = []
        for index in kept or ():
            if index is None:
                children.append(None)
            elif index >= 0:
                children.append(values[base + index])
            elif children:
                children += values[base + ~index]
            else:  # the list of a left recursion goes on growing
                children = values[base + ~index]
        height = level
        if count:
            begin = begins[base]
            height += max(heights[base:])
            if height > stacks.depth:
                raise TooDeep(begin, stacks.last)
            del states[-count:], values[base:], begins[base:], heights[base:]
        states.append(exceptions.get(states[-1], goto))
        values.append(children if builder is None else builder(Span(self._source, begin, stacks.last), *children))
        begins.append(begin)
        heights.append(height)

    def accepts(self, states: list[int], kind: str) -> bool:
        """Whether a terminal can follow. The reductions that it calls for are tried, not done."""
        tables = self._tables
        states = list(states)
        while (action := tables.actions[states[-1]].get(kind, _NONE)) < 0:
            if action == _NONE:
                return kind == END and states[-1] in tables.ends.values()
            goto, exceptions, count, *_ = self._rules[~action]
            del states[len(states) - count :]
            states.append(exceptions.get(states[-1], goto))
        return True
