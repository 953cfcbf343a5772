"""Expressions become text as a person, and ``ruff format``, would write it."""

from __future__ import annotations

import ast
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netgen.emit.torch.expression import Conditional, Not, Repeat, bind, layout, quoted, text
from netgen.ir.spell_torch import Call, Infix, Input, Inputs, Item, Name

x, y = Name("x"), Name("y")


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (Call("F.relu", x, inplace=True), "F.relu(x, inplace=True)"),
        (Call(".flatten", x, 1), "x.flatten(1)"),
        (Call(".flatten", Infix("+", x, y), 1), "(x + y).flatten(1)"),
        (Call(".mean", Infix("**", x, 2.0), (2, 3)), "(x**2.0).mean((2, 3))"),
        (Infix("*", Infix("+", x, 1), -3), "(x + 1) * -3"),
        (Infix("-", 1, Infix("-", x, 3)), "1 - (x - 3)"),
        (Infix("+", x, Infix("+", x, y)), "x + (x + y)"),
        (Infix("**", -2, Infix("**", x, 2)), "(-2) ** x**2"),
        (Infix("//", Infix("*", x, y), 4), "x * y // 4"),
        (Infix("or", Infix("!=", x, 1), Infix("and", x, y)), "x != 1 or x and y"),
        (Item(x, slice(None), slice(None, 3), 0), "x[:, :3, 0]"),
        (Item(x, slice(Infix("+", y, 1), None)), "x[y + 1 :]"),
        (Item(x, Name("..."), None), "x[..., None]"),
        ((3,), "(3,)"),
        ([x, 1e-05, None, True], "[x, 1e-05, None, True]"),
        (Not(x), "not x"),
        (Not(Infix("==", x, 1)), "x != 1"),
        (Not(Not(x)), "x"),
        (Not(Infix("or", x, y)), "not (x or y)"),
        (Conditional(1, x, Conditional(2, y, 3)), "1 if x else 2 if y else 3"),
        (Conditional(Conditional(1, x, 2), y, 3), "(1 if x else 2) if y else 3"),
        (Call("f", Repeat(Call("g", Name("i")), "i", Name("n"), 1)), "f(*(g(i) for i in range(1, n)))"),
        (Infix("*", Conditional(1, x, 2), 3), "(1 if x else 2) * 3"),
    ],
)
def test_one_line(expr: object, said: str) -> None:
    assert text(expr) == said
    ast.parse(said if not isinstance(expr, Repeat) else "0")


def test_bind_puts_inputs_in_place() -> None:
    assert text(bind(Call("torch.cat", Inputs(), dim=1), [x, y])) == "torch.cat([x, y], dim=1)"
    assert text(bind(Call("torch.add", Inputs(listed=False)), [x, y])) == "torch.add(x, y)"
    assert text(bind(Infix("*", Input(), Item(Input(1), None)), [x, y])) == "x * y[None]"


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(TypeError, match="not an expression"):
        text(object())


@given(st.text())
def test_strings_are_quoted_whatever_they_hold(value: str) -> None:
    said = quoted(value)
    assert ast.literal_eval(said) == value
    assert said.isascii()
    assert "\n" not in said


def _number(random: Random, depth: int) -> object:
    """Arithmetic as it is in emitted code: short enough never to be broken itself."""
    if depth == 0 or random.random() < 0.5:
        return random.choice([Name("width"), Name("in_channels"), random.randrange(4096), 0.001, True, "reflect"])
    symbol = random.choice(["+", "-", "*", "//", "**"])
    return Infix(symbol, random.choice([Name("width"), 2]), random.choice([Name("kernel"), 3]))


def _call(random: Random, depth: int) -> Call:
    def argument() -> object:
        return _call(random, depth - 1) if depth and random.random() < 0.4 else _number(random, 1)

    function = random.choice(["nn.Conv2d", "ConvBlock", "nn.Sequential", "self.activation"])
    args = [argument() for _ in range(random.randrange(5))]
    if random.random() < 0.2:
        args.append(Repeat(_call(random, 0), "i", random.choice([Name("layers"), 12])))
    names = random.sample(["stride", "padding", "dilation", "bias", "groups"], random.randrange(4))
    return Call(function, *args, **{name: argument() for name in names})


def test_layout_is_what_ruff_makes_of_it() -> None:
    random = Random(0)
    exprs: list[object] = [_call(random, 2) for _ in range(600)]
    exprs += [[_call(random, 1) for _ in range(3)] for _ in range(40)]
    written = "".join("\n".join(layout(expr, 0, f"value_{i} = ")) + "\n" for i, expr in enumerate(exprs))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--stdin-filename", "x.py", "-"]
    formatted = subprocess.run(command, input=written, capture_output=True, text=True, check=True).stdout
    assert written == formatted


def test_conditions_are_broken_before_their_words() -> None:
    expr = Conditional(Call("nn.ReLU", inplace=True), Infix("==", Name("activation"), "relu"), Call("nn.Identity"))
    assert layout(expr, 40, "self.activation = ") == [
        " " * 40 + "self.activation = (",
        " " * 44 + "nn.ReLU(inplace=True)",
        " " * 44 + 'if activation == "relu"',
        " " * 44 + "else nn.Identity()",
        " " * 40 + ")",
    ]
