"""Turns grammars/netgen.lark into the tables of the parser: ``python -m netgen.lang.grammar`` writes ``_tables.py``.

Importing lark takes longer than compiling a network. So lark works once, for the developer who changes the grammar,
and every run loads its results. This is the only file that imports lark.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from typing import Any, cast
from zlib import crc32

from lark import Lark
from lark.grammar import Rule, Terminal
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import IntParseTable, LALR_Analyzer, Shift

from netgen.lang.engine import RuleRow
from netgen.resources import read

STARTS = ("file", "expression")
# Behind an expression these continue it; see the head of the grammar.
SHIFTED = {"LPAR", "LSQB", "PLUS", "MINUS"}


def load_lark(text: str) -> Lark:
    """Lark's own parser: what the tables are computed from, and what the tests compare them with."""
    starts = list(STARTS)
    return Lark(text, parser="lalr", lexer="basic", start=starts, maybe_placeholders=True, propagate_positions=True)


def compute(text: str) -> dict[str, Any]:
    """The arguments of ``Tables`` for a grammar, the same on every run."""
    lark = load_lark(text)
    analysis = LALR_Analyzer(lark.parser.parser_conf)
    analysis.compute_lalr()  # type: ignore[no-untyped-call]
    _check_conflicts(analysis)
    table = cast(IntParseTable, analysis.parse_table)
    states = _number_states(table)
    rules = {rule: number for number, rule in enumerate(lark.parser.parser_conf.rules)}
    space, pattern, words = _lexing(lark)
    shifts: dict[str, dict[str, int]] = {}
    lookaheads: dict[str, None] = {}
    packed = [_pack(table.states[state], states, rules, shifts, lookaheads) for state in states]
    return {
        "fingerprint": crc32(text.encode()),
        "space": space,
        "pattern": pattern,
        "words": words,
        "starts": {start: states[table.start_states[start]] for start in STARTS},
        "ends": {start: states[table.end_states[start]] for start in STARTS},
        "rules": tuple(_row(rule) for rule in rules),
        "shifts": tuple(shifts.values()),
        "lookaheads": tuple(lookaheads),
        "states": tuple(packed),
        "gotos": _gotos(table, states),
    }


def _check_conflicts(analysis: LALR_Analyzer) -> None:
    """Lark settles a conflict by shifting and says nothing. Only the one that the grammar explains may remain."""
    for state in analysis.lr0_itemsets:
        for symbol, rules in state.lookaheads.items():
            if symbol in state.transitions and symbol.name not in SHIFTED:
                raise ValueError(f"conflict at {symbol.name}: shift it, or reduce by {sorted(map(str, rules))}")


def _lexing(lark: Lark) -> tuple[str, str, dict[str, str]]:
    """The pattern of white space, one of all tokens, and the terminals of words and signs.

    The second has a group for each terminal, in lark's order; words are names to it, and signs share the group SIGN.
    """
    patterns = {t.name: t.pattern for t in lark.parser.lexer.scanner.terminals}
    space = patterns.pop("SPACE").to_regexp()
    groups = [f"(?P<{name}>{p.to_regexp()})" for name, p in patterns.items() if not isinstance(p, PatternStr)]
    signs = "|".join(p.to_regexp() for p in patterns.values() if isinstance(p, PatternStr))
    words = {t.pattern.value: t.name for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    return space, "|".join([*groups, f"(?P<SIGN>{signs})"]), dict(sorted(words.items()))


def _number_states(table: IntParseTable) -> dict[int, int]:
    """States numbered breadth first, for lark numbers them in the order of a set."""
    numbers: dict[int, int] = {}
    waiting = deque(table.start_states[start] for start in STARTS)
    while waiting:
        state = waiting.popleft()
        if state in numbers:
            continue
        numbers[state] = len(numbers)
        row = table.states[state]
        waiting.extend(row[symbol][1] for symbol in sorted(row) if row[symbol][0] is Shift)
    return numbers


def _pack(
    row: dict[str, tuple[object, Any]],
    states: dict[int, int],
    rules: dict[Rule, int],
    shifts: dict[str, dict[str, int]],
    lookaheads: dict[str, None],
) -> tuple[int, ...]:
    """A state as ``Tables`` wants it; rows of shifts and sets of lookaheads that are new are added to the others."""
    terminals = sorted(symbol for symbol in row if _is_terminal(symbol))
    shift = {str(symbol): states[row[symbol][1]] for symbol in terminals if row[symbol][0] is Shift}
    reduce: dict[int, list[str]] = {}
    for symbol in terminals:
        if row[symbol][0] is not Shift:
            reduce.setdefault(rules[row[symbol][1]], []).append(str(symbol))
    pairs = []
    for rule, calling in sorted(reduce.items()):
        lookaheads.setdefault(" ".join(calling))
        pairs += [rule, list(lookaheads).index(" ".join(calling))]
    shifts.setdefault(repr(shift), shift)
    return (list(shifts).index(repr(shift)), *pairs)


def _gotos(table: IntParseTable, states: dict[int, int]) -> dict[str, tuple[int, dict[int, int]]]:
    """For each nonterminal the state that mostly follows it, and the exceptions by the state before it."""
    following: dict[str, dict[int, int]] = {}
    for state, number in states.items():
        for symbol, (_, argument) in table.states[state].items():
            if not _is_terminal(symbol):
                following.setdefault(str(symbol), {})[number] = states[argument]
    gotos = {}
    for symbol, row in sorted(following.items()):
        counts = Counter(row.values())
        usual = min(counts, key=lambda state: (-counts[state], state))
        gotos[symbol] = (usual, {number: state for number, state in sorted(row.items()) if state != usual})
    return gotos


def _is_terminal(symbol: str) -> bool:
    return symbol == symbol.upper()


def _row(rule: Rule) -> RuleRow:
    """A rule as the engine wants it; lark's ways of shaping its tree are spelled out."""
    passes_on = rule.options.expand1 and rule.alias is None and len(rule.expansion) == 1
    node = str(rule.alias or rule.origin.name)
    return (
        str(rule.origin.name),
        len(rule.expansion),
        None if passes_on else _kept(rule),
        "" if node.startswith("_") else node,
    )


def _kept(rule: Rule) -> tuple[int | None, ...]:
    """The children that a rule keeps: an index, the complement of one to splice in, None for what was left out."""
    kept: list[int | None] = []
    children = iter(enumerate(rule.expansion))
    for left_out in rule.options.empty_indices or [False] * len(rule.expansion):
        if left_out:
            kept.append(None)
            continue
        index, symbol = next(children)
        if isinstance(symbol, Terminal):
            kept += [] if symbol.filter_out else [index]
        else:
            kept.append(~index if symbol.name.startswith("_") else index)
    return tuple(kept)


def render(text: str) -> str:
    """The text of ``_tables.py`` for a grammar."""
    fields = "".join(f"    {name}={_literal(value)},\n" for name, value in compute(text).items())
    return (
        '"""Generated from grammars/netgen.lark by `python -m netgen.lang.grammar`: do not edit."""\n\n'
        f"from netgen.lang.engine import Tables\n\nTABLES = Tables(\n{fields})\n"
    )


def _literal(value: object) -> str:
    """A value as Python writes it, one row a line."""
    if isinstance(value, tuple):
        return "(\n" + "".join(f"        {row!r},\n" for row in value) + "    )"
    if isinstance(value, dict):
        return "{\n" + "".join(f"        {key!r}: {row!r},\n" for key, row in value.items()) + "    }"
    return repr(value)


if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(__file__), "_tables.py"), "w", encoding="utf-8", newline="\n") as output:
        output.write(render(read("grammars", "netgen.lark")))
