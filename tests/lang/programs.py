"""Random programs that parse, and random damage to programs."""

from __future__ import annotations

import random
import re

ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
NAMES = ("x", "y", "conv", "relu", "width", "name", "_a1")
WORDS = (
    *re.findall(r"\S+", "use block net for in if then else return require default as and or not true false"),
    *re.findall(r"\S+", "( ) [ ] { } , = == != < > -> .. . + - * / // % ** : ;"),
    *("x", "f", "3", "1.5", ".5", '"a"', '"{x}"', "\n", "# comment\n"),
)
TOKEN = re.compile(r'"[^"\n]*"|\w+|->|\.\.|\*\*|//|[=!<>]=|#[^\n]*|\s+|.')


class Programs:
    """Makes programs as lists of tokens: the grammar, read from left to right."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def file(self) -> list[str]:
        tokens = []
        for _ in range(self._chance.randint(1, 3)):
            tokens += self._use() if self._chance.random() < 0.3 else self._block()
        return tokens

    def _some(self, least: int, most: int, *, of: str = "", last: bool = False) -> list[str]:
        """Some items, by the method that makes one, with commas between and perhaps one behind."""
        make = getattr(self, f"_{of}")
        count = self._chance.randint(least, most)
        tokens: list[str] = []
        for i in range(count):
            tokens += [*([","] if i else []), *make()]
        return [*tokens, ","] if last and count and self._chance.random() < 0.3 else tokens

    def _use(self) -> list[str]:
        path = self._chance.choice(["common", '"my/blocks.net"'])
        return ["use", path, ":", *self._some(1, 3, of="import", last=True)]

    def _import(self) -> list[str]:
        return [*self._name(), *(["as", *self._name()] if self._chance.random() < 0.3 else [])]

    def _block(self) -> list[str]:
        word = self._chance.choice(["block", "net"])
        return [word, *self._name(), "(", *self._some(0, 3, of="parameter", last=True), ")", *self._body(3)]

    def _parameter(self) -> list[str]:
        kind = self._chance.choice([[], [":", "int"], [":", "[", "int", "]"], [":", "tensor"]])
        return [*self._name(), *kind, *(["=", *self.expression(1)] if self._chance.random() < 0.5 else [])]

    def _body(self, depth: int) -> list[str]:
        return ["{", *(t for _ in range(self._chance.randint(0, 3)) for t in self._statement(depth - 1)), "}"]

    def _statement(self, depth: int) -> list[str]:
        chance = self._chance
        match chance.randint(0, 7 if depth > 0 else 5):
            case 0 | 1:
                return [*self._some(1, 2, of="name"), "=", *self.expression(depth)]
            case 2:
                return self._chain(depth, self._call(depth))
            case 3:
                return ["return", *self._some(1, 2, of="expression")]
            case 4:
                return ["require", *self.expression(depth), *([",", '"must be {x}"'] if chance.random() < 0.5 else [])]
            case 5:
                return ["default", *self._call(depth)]
            case 6:
                return ["for", *self._some(1, 2, of="name"), "in", *self.expression(depth), *self._body(depth)]
        return self._if(depth)

    def _if(self, depth: int) -> list[str]:
        tokens = ["if", *self.expression(depth), *self._body(depth)]
        while self._chance.random() < 0.3:
            tokens += ["else", "if", *self.expression(0), *self._body(depth)]
        return [*tokens, *(["else", *self._body(depth)] if self._chance.random() < 0.4 else [])]

    def _name(self) -> list[str]:
        return [self._chance.choice(NAMES)]

    def _call(self, depth: int) -> list[str]:
        self._depth = depth
        return [*self._name(), "(", *self._some(0, 4, of="argument", last=True), ")"]

    def _argument(self) -> list[str]:
        depth = max(0, self._depth - 1)
        keyword = [*self._name(), "="] if self._chance.random() < 0.4 else []
        tokens = [*keyword, *self.expression(depth)]
        self._depth = depth + 1
        return tokens

    def _expression(self) -> list[str]:
        return self.expression(1)

    def expression(self, depth: int) -> list[str]:
        match self._chance.randint(0, 6 if depth > 0 else 1):
            case 2:
                branches = [self.expression(depth - 1) for _ in range(3)]
                return ["if", *branches[0], "then", *branches[1], "else", *branches[2]]
            case 3 | 4:
                return self._chain(depth, self._operand(depth))
            case 5:
                return self._binary(depth)
        return self._operand(depth)

    def _chain(self, depth: int, head: list[str]) -> list[str]:
        tokens = [*head, *self._label()]
        for _ in range(self._chance.randint(0, 4)):
            link = self._call(depth - 1) if self._chance.random() < 0.7 else self._name()
            tokens += ["->", *link, *self._label()]
        return tokens

    def _label(self) -> list[str]:
        return ["as", self._string()] if self._chance.random() < 0.3 else []

    def _binary(self, depth: int) -> list[str]:
        chance = self._chance
        left, right = self._operand(depth - 1), self._operand(depth - 1)
        match chance.randint(0, 4):
            case 0:
                return [*left, chance.choice(COMPARISONS), *right]
            case 1:
                return [*left, chance.choice(["and", "or"]), *right]
            case 2:
                return ["not", *left]
            case 3:
                return [*left, "..", *right]
        tokens = left
        for _ in range(chance.randint(1, 4)):
            tokens = [*tokens, chance.choice(ARITHMETIC), *self._operand(depth - 1)]
        return tokens

    def _operand(self, depth: int) -> list[str]:
        chance = self._chance
        match chance.randint(0, 9 if depth > 0 else 4):
            case 0 | 1:
                return self._name()
            case 2:
                return [chance.choice(["1", "0.5", ".5", "1_000", "2e-3", "true", "false"])]
            case 3:
                return [self._string()]
            case 4:
                return [*self._name(), ".", *self._name()]
            case 5:
                return ["(", *self.expression(depth - 1), ")"]
            case 6:
                return ["[", *self._some(0, 3, of="expression", last=True), "]"]
            case 7:
                return [*self._name(), "[", *self.expression(depth - 1), "]"]
            case 8:
                return [chance.choice("+-"), *self._operand(depth - 1)]
        return self._call(depth)

    def _string(self) -> str:
        return self._chance.choice(
            [
                '"a"',
                "'a'",
                '"{x}"',
                "'{ x+1 }b'",
                '"a\\"b\\\'c"',
                "'it\\'s \"{{x}}\"'",
                "\"{f('y', [1])}\"",
                "'{f(\"y\")}'",
                '""',
            ]
        )


def spread(tokens: list[str], chance: random.Random, comments: bool = True) -> str:
    """Tokens with random space between them, and comments, each of them another."""
    text = ""
    for number, token in enumerate(tokens):
        text += token
        match chance.randint(0, 30):
            case 0 if comments:
                text += f" # behind {number}\n"
            case 1 if comments:
                text += f"\n  #above {number}\n\n"
            case 2 if comments:
                text += f"\n# one {number}\n# two {number}\n"
            case 3 | 4 | 5:
                text += "\n"
            case 6:
                text += "\n\n\n"
            case _:
                text += " " * chance.randint(1, 2)
    return text


def damage(text: str, chance: random.Random) -> str:
    """A text with a few tokens removed, doubled, exchanged or replaced."""
    tokens = TOKEN.findall(text)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(tokens))
        match chance.randint(0, 3):
            case 0:
                tokens[at] = ""
            case 1:
                tokens[at] += " " + tokens[chance.randrange(len(tokens))]
            case 2:
                tokens[at] = " " + chance.choice(WORDS) + " "
            case 3:
                other = chance.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
    return "".join(tokens)
