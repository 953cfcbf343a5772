"""What the language reference says is so: its programs compile, and its tables agree with the compiler."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netgen
from netgen.ir.filler import Filler
from netgen.lang import evaluate_setting
from netgen.lang.arithmetic import FUNCTIONS
from netgen.lang.scope import TYPES
from netgen.ops import OPERATORS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "language.md").read_text()


def _section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _cells(section: str) -> list[list[str]]:
    """The rows of a section's tables."""
    lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def _code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_the_first_program_is_the_example() -> None:
    program = _section("At a glance").split("```")[1].lstrip()
    assert netgen.format(program) == program
    shown = netgen.compile(program)
    kept = netgen.compile(ROOT / "examples" / "tiny.net")
    assert [(layer.name, layer.operator, layer.shape) for layer in shown.layers] == [
        (layer.name, layer.operator, layer.shape) for layer in kept.layers
    ]


@pytest.mark.parametrize("row", _cells(_section("Names of layers"))[1:], ids=lambda row: row[0])
def test_the_table_of_names(row: list[str]) -> None:
    statement = _code(row[0])[0]
    wanted = {name for name in _code(row[1]) if re.match(r"s\b|s_", name)}
    body = f"{statement}\n return x"
    given = set()
    if "add(a, b)" in statement:
        body = f"a = relu(x)\n b = relu(x)\n {statement}"
        given = {"s/a", "s/b"}
    net = netgen.compile(
        f"use common: conv_block\nblock b(x) {{\n {body}\n}}\n"
        "net N() {\n data = input(1, 8, 9, 9)\n r = b(data) as 's'\n r = relu(r)\n}"
    )
    assert {layer.name for layer in net.layers} - {"data", "r"} == wanted | given


def test_every_function_type_and_filler_is_described() -> None:
    described = set(re.findall(r"`(\w+)\(", _section("Expressions")))
    assert FUNCTIONS.keys() <= described
    types = {row[0].strip("`") for row in _cells(_section("Values and types"))}
    assert set(TYPES) <= types
    fillers = re.findall(r"^\| (`.*?) \|", _section("Weights: fillers, multipliers, sharing"), re.MULTILINE)
    assert Filler.KINDS.keys() <= {name.partition("(")[0] for cell in fillers for name in _code(cell)}


def test_the_keywords_are_those_of_the_grammar() -> None:
    grammar = (ROOT / "grammars" / "netgen.lark").read_text()
    words = re.findall(r'^[A-Z]+: "([a-z]+)"', grammar, re.MULTILINE)
    listed = " ".join(TEXT.split()).partition("The words of the language are not names: ")[2].partition(". ")[0]
    assert _code(listed) == sorted(words)


def _signatures() -> list[str]:
    """The calls of the list of operators, but those that only stand for another's."""
    (paragraph,) = [text for text in _section("Operators").split("\n\n") if " · " in text]
    return [call for call in _code(paragraph) if "(…)" not in call]


@pytest.mark.parametrize("call", _signatures())
def test_the_signatures_of_operators(call: str) -> None:
    name, _, arguments = call.partition("(")
    defaults = {arg.name: arg.default for arg in OPERATORS[name].args}
    for said in re.split(r", (?![^\[]*\])", arguments.rstrip(")")):
        key, _, default = said.partition(" = ")
        if (key, default) == ("stride", "kernel"):
            assert defaults[key] is None
        elif default:
            assert defaults[key] == evaluate_setting(default)


@pytest.mark.parametrize(
    "expression, value",
    [
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("len(1..0)", 0),
        ("len(1..4)", 4),
        ("len(range(1, 4))", 3),
        ("max([1, 2])", 2),
        ("round(2.5)", 2),
        ("int(-2.5)", -2),
        ("if true then 1 else 2 + 3", 1),
        ("(if true then 1 else 2) + 3", 4),
    ],
)
def test_claims_about_expressions(expression: str, value: int) -> None:
    net = netgen.compile(f'net N() {{\n data = input(1, 1, 1, 1)\n y = relu(data) as "{{{expression}}}"\n}}')
    assert net.layers[-1].name == str(value)


def test_blocks_of_the_reference_s_own_example_keep_the_example_to_themselves() -> None:
    program = _section("Documentation and examples").split("```")[1].replace("{ … }", "{ return conv(x, out, kernel) }")
    net = netgen.compile(f"{program}\nnet N() {{\n data = input(1, 3, 8, 8)\n y = conv_block(data, 4)\n}}")
    (instance,) = [item for item in net.graph.root.items if not hasattr(item, "op")]
    assert getattr(instance, "doc", None) == "Convolution, batch normalisation, ReLU."
