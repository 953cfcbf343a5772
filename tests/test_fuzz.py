"""No text, however broken, is worth a traceback: mutated programs compile, or end in diagnostics.

``NETGEN_FUZZ_SECONDS=3600 pytest tests/test_fuzz.py`` goes on for an hour, with another seed each time.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from patience import at_most, turns

from netgen.diag import NetgenError, Source
from netgen.emit import caffe, torch
from netgen.lang import check_source, compile_source
from netgen.lang.format import format_text

ROOT = Path(__file__).parents[1]
SEEDS = [path.read_text() for path in sorted([*ROOT.glob("examples/*.net"), *ROOT.glob("netgen/library/*.net")])]
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|\d+(?:\.\d+)?|->|\.\.|\*\*|//|[=!<>]=|\S|\s+')
WORDS = [
    *"use block net for in if then else return require default as and or not true false name x".split(),
    *"( ) [ ] { } , = == -> .. . + - * / // % ** < # \" ' : ; @ \\ \0 \u2028 é 中".split(),
    *'0 1 -1 2 99999999999999999999 1e400 0.5 "" "{name}" "{" "a" [] [1,2] data conv relu add max slice xavier'.split(),
    "\n",
    "\t",
]


def mutate(text: str, chance: random.Random) -> str:
    """The text with a few tokens removed, doubled, swapped or replaced, or cut off."""
    tokens = TOKEN.findall(text)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(tokens))
        if chance.random() < 0.7:  # mostly what still parses, so that the later stages get their share
            alike = [other for other in range(len(tokens)) if _kind(tokens[other]) == _kind(tokens[at])]
            tokens[at] = tokens[chance.choice(alike)]
            if tokens[at].isdecimal() and chance.random() < 0.5:
                tokens[at] = str(chance.choice([0, 1, 2, 3, 5, 7, 32, 1000, 2**31]))
            continue
        match chance.randrange(6):
            case 0:
                del tokens[at : at + chance.randint(1, 3)]
            case 1:
                tokens.insert(at, chance.choice(WORDS))
            case 2:
                tokens[at] = chance.choice(WORDS)
            case 3:
                other = chance.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 4:
                tokens[at] = chance.choice(tokens)
            case 5:
                tokens = tokens[: at + 1] if chance.random() < 0.1 else tokens
        if not tokens:
            return ""
    return "".join(tokens)


def _kind(token: str) -> str:
    """What a token may be exchanged for without a syntax error."""
    if token[0] == '"':
        return "string"
    if token.isdecimal():
        return "number"
    return "name" if token.isidentifier() and token not in WORDS[:20] else token


def try_all(text: str) -> None:
    """Everything that netgen does with a program; only ``NetgenError`` may come out."""
    source = Source(str(ROOT / "examples" / "fuzz.net"), text)
    try:
        format_text(source)
    except NetgenError as error:
        str(error)
    for problem in check_source(source, max_layers=2000):
        str(NetgenError([problem]))
    try:
        graph, _ = compile_source(source, max_layers=2000)
    except NetgenError:
        return
    for target in (caffe, torch):
        try:
            target.emit(graph)
        except NetgenError as error:
            str(error)


def test_mutated_programs_never_give_a_traceback() -> None:
    for turn, chance in turns(200):
        text = mutate(chance.choice(SEEDS), chance)
        try:
            with at_most(30):
                try_all(text)
        except Exception as error:
            pytest.fail(f"{turn}: {error!r} for\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "{",
        "(" * 100_000,
        "net " * 100_000,
        "net N() {" + "a = a + a\n" * 20_000,
        "#" * 1_000_000,
        "\ufeff",
    ],
    ids=["empty", "space", "nul", "brace", "parentheses", "words", "sums", "comment", "mark"],
)
def test_odd_texts(text: str) -> None:
    with at_most(20):
        try_all(text)
