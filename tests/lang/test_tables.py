"""The generated tables, and the small machine that runs them, against lark."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput
from programs import Programs, damage, spread

from netgen.diag import Source
from netgen.lang import _tables, parse
from netgen.lang.engine import Machine, Stacks
from netgen.lang.engine import Token as Word
from netgen.lang.grammar import compute, load_lark, render
from netgen.resources import read

ROOT = Path(__file__).parents[2]
PROGRAMS = [
    path.read_text(encoding="utf-8")
    for home in ("examples", "netgen/library")
    for path in sorted(ROOT.glob(f"{home}/*.net"))
]


def grammar() -> str:
    return read("grammars", "netgen.lark")


@cache
def lark() -> Lark:
    return load_lark(grammar())


class Refused(Exception):
    """The text is not in the language."""


def by_machine(text: str, start: str = "file") -> Any:
    """What the machine makes of a text: (node, start, end, children), tokens as texts."""
    tables, lexer = parse.load()
    source = Source("a.net", text)

    def complain(kind: str, start: int, end: int) -> None:
        raise Refused

    def refuse(stacks: Stacks, token: Word, tokens: Iterator[Word]) -> tuple[int, list[Word]]:
        raise Refused

    def builder(node: str) -> Any:
        return lambda span, *children: (node, span, list(children))

    build = {node: builder(node) for _, _, _, node in tables.rules if node}
    machine = Machine(tables, source, build, frozenset(build))
    return machine.run(start, lexer.tokens(text, 0, len(text), [], complain), refuse, 10_000)


def assert_same(ours: Any, theirs: Any, source: Source) -> None:
    if not isinstance(theirs, Tree):
        assert ours == (str(theirs) if isinstance(theirs, Token) else theirs)
        return
    node, span, children = ours
    assert node == theirs.data
    if not theirs.meta.empty:
        assert (span.start, span.end) == (theirs.meta.start_pos, theirs.meta.end_pos)
    assert len(children) == len(theirs.children), node
    for our, their in zip(children, theirs.children, strict=True):
        assert_same(our, their, source)


def compare(text: str, start: str = "file") -> bool:
    """Whether both accept a text, once they agree on it."""
    try:
        theirs = lark().parse(text, start=start)
    except UnexpectedInput:
        with pytest.raises(Refused):
            by_machine(text, start)
        return False
    assert_same(by_machine(text, start), theirs, Source("a.net", text))
    return True


def test_the_committed_tables_are_those_of_the_grammar() -> None:
    written = Path(_tables.__file__).read_text(encoding="utf-8")
    assert written == render(grammar()), "run `python -m netgen.lang.grammar`"


def test_our_programs_parse_as_by_lark() -> None:
    assert PROGRAMS
    assert all(compare(text) for text in PROGRAMS)


def test_random_programs_parse_as_by_lark() -> None:
    chance = random.Random(1)
    for _ in range(150):
        assert compare(spread(Programs(chance).file(), chance))


def test_settings_parse_as_by_lark() -> None:
    chance = random.Random(2)
    for _ in range(150):
        assert compare(spread(Programs(chance).expression(3), chance, comments=False), "expression")


def test_damaged_programs_are_refused_or_not_as_by_lark() -> None:
    chance = random.Random(3)
    accepted = [compare(damage(spread(Programs(chance).file(), chance), chance)) for _ in range(400)]
    accepted += [compare(damage(chance.choice(PROGRAMS), chance)) for _ in range(60)]
    assert 0.1 < sum(accepted) / len(accepted) < 0.9


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("1..4", True),
        ("1.5..2", True),
        ("1...5", True),
        ("1.", False),
        ("1_0", True),
        ("1_", False),
        ("3x", False),
        (".5", True),
        ("-2 ** -3 ** 2", True),
        ("a < b < c", False),
        ("a..b..c", False),
        ("not not a", True),
        ("a and not b", True),
        ("a + not b", False),
        ("f(a)(b)", False),
        ("a.b()", False),
        ("f(a,)", True),
        ("f(,)", False),
        ("if a then b else c -> d", True),
        ("a -> if b then c else d", False),
        ("a as b", False),
        ("()", False),
        ("'\"'", True),
        ("größe", False),
    ],
)
def test_small_texts(text: str, accepted: bool) -> None:
    assert compare(text, "expression") is accepted


def test_a_changed_grammar_is_used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who edits the grammar sees the effect without generating anything."""
    changed = grammar().replace('BLOCK: "block"', 'BLOCK: "unit"')
    monkeypatch.setattr(parse, "read", lambda kind, name: changed)
    parse.load.cache_clear()
    try:
        assert parse.parse(Source("a.net", "unit f(x) { return x }")).blocks[0].name.name == "f"
    finally:
        parse.load.cache_clear()


def test_missing_tables_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "_generated", lambda: None)
    parse.load.cache_clear()
    try:
        assert parse.parse(Source("a.net", "net N() { }")).blocks[0].is_net
    finally:
        parse.load.cache_clear()


def test_an_unintended_ambiguity_is_refused() -> None:
    ambiguous = grammar().replace("?operand: name", "?operand: name name | name")
    with pytest.raises(ValueError, match="conflict at"):
        compute(ambiguous)
