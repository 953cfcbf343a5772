"""The few statements that emitted functions are made of, and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netgen.emit.torch.expression import WIDTH, layout, text


class Assign:
    """``target = value``; with ``declared``, ``target: Tensor = value``."""

    __slots__ = ("declared", "target", "value")

    def __init__(self, target: str, value: object, declared: bool = False) -> None:
        self.target = target
        self.value = value
        self.declared = declared


class Do:
    """An expression that stands alone."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class Return:
    """``return value, …``"""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[object]) -> None:
        self.values = tuple(values)


class If:
    """``if test:`` with an ``else`` where ``otherwise`` has statements."""

    __slots__ = ("body", "otherwise", "test")

    def __init__(self, test: object, body: list[Statement], otherwise: list[Statement]) -> None:
        self.test = test
        self.body = body
        self.otherwise = otherwise


class ForModules:
    """``for module in self.modules():`` with an ``isinstance`` around each group of statements."""

    __slots__ = ("cases",)

    def __init__(self, cases: list[tuple[Sequence[str], list[Statement]]]) -> None:
        self.cases = cases


Statement = Assign | Do | Return | If | ForModules


def lines(statements: Iterable[Statement], indent: int) -> list[str]:
    """Statements as lines of Python."""
    return [line for statement in statements for line in _lines(statement, indent)]


def _lines(statement: Statement, indent: int) -> list[str]:
    margin = " " * indent
    match statement:
        case Assign():
            return _assign(statement, indent)
        case Do():
            return layout(statement.value, indent)
        case Return(values=(value,)):
            return layout(value, indent, "return ")
        case Return():
            flat = f"{margin}return {', '.join(map(text, statement.values))}"
            return [flat] if len(flat) <= WIDTH else layout(statement.values, indent, "return ")
        case If():
            written = [f"{margin}if {text(statement.test)}:", *lines(statement.body, indent + 4)]
            if statement.otherwise:
                written += [f"{margin}else:", *lines(statement.otherwise, indent + 4)]
            return written
        case ForModules():
            return [f"{margin}for module in self.modules():", *_cases(statement, indent + 4)]


def _assign(statement: Assign, indent: int) -> list[str]:
    declared = ": Tensor" if statement.declared else ""
    written = layout(statement.value, indent, f"{statement.target}{declared} = ")
    targets = statement.target.split(", ")
    if len(targets) == 1 or len(written[0]) <= WIDTH:
        return written
    margin = " " * indent
    listed = [f"{margin}    {target}," for target in targets]
    return [f"{margin}(", *listed, *layout(statement.value, indent, ") = ")]


def _cases(statement: ForModules, indent: int) -> list[str]:
    margin = " " * indent
    written: list[str] = []
    for types, body in statement.cases:
        word = "elif" if written else "if"
        written += [f"{margin}{word} isinstance(module, {' | '.join(types)}):", *lines(body, indent + 4)]
    return written
