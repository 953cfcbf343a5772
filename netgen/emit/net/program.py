"""A program before it is text: blocks of statements, whose expressions can still be looked into."""

from __future__ import annotations

from netgen.emit.net.expr import Expr, Formula, Template, Variable

Arguments = list[tuple[str, Expr]]
"""Arguments in their order; those by position have no name."""


class Parameter(Variable):
    """A setting of a block: its type, its value for each call, and the default that calls leave out."""

    __slots__ = ("default", "type", "values")

    def __init__(self, name: str, type: str, values: list[object], default: object = None) -> None:
        super().__init__(name)
        self.type = type
        self.values = values
        self.default = default


class Link:
    """One call in a statement. ``operands`` are texts; what stands before an arrow is not among them."""

    __slots__ = ("arguments", "callee", "label", "operands")

    def __init__(self, callee: Variable, operands: list[str], arguments: Arguments) -> None:
        self.callee = callee
        self.operands = operands
        self.arguments = arguments
        self.label: Expr | None = None

    def __str__(self) -> str:
        said = [*self.operands, *(f"{name} = {value}" if name else str(value) for name, value in self.arguments)]
        call = f"{self.callee.name}({', '.join(said)})"
        return call if self.label is None else f"{call} as {quoted(self.label)}"

    def as_link(self) -> str:
        """The same behind an arrow, where parentheses with nothing in them are left out."""
        text = str(self)
        return text.replace("()", "", 1) if not self.operands and not self.arguments else text


def quoted(label: Expr) -> str:
    """A name behind ``as``, which is always a string."""
    if isinstance(label, Formula):
        label = Template(label)
    return label.quoted() if isinstance(label, Template) else str(label)


class Statement:
    """``targets = head -> link -> …``; or ``return …``, or without targets. ``head`` is a variable or empty."""

    __slots__ = ("head", "links", "notes", "returns", "targets")

    def __init__(self, targets: list[str], head: str, links: list[Link], *, returns: bool = False) -> None:
        self.targets = targets
        self.head = head
        self.links = links
        self.returns = returns
        self.notes: list[str] = []

    def __str__(self) -> str:
        parts = [self.head] if self.head else []
        parts += [str(link) if i == 0 and not self.head else link.as_link() for i, link in enumerate(self.links)]
        value = " -> ".join(parts)
        if self.returns:
            return f"return {value}"
        return f"{', '.join(self.targets)} = {value}" if self.targets else value


class Range:
    """``first..last``: what a loop counts."""

    __slots__ = ("first", "last")

    def __init__(self, first: Expr, last: Expr) -> None:
        self.first = first
        self.last = last

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


class Loop:
    """``for variables in items { … }``, with items for each variable."""

    __slots__ = ("body", "items", "variables")

    def __init__(self, variables: list[Variable], items: list[Range | Expr], body: list[Step]) -> None:
        self.variables = variables
        self.items = items
        self.body = body

    def __str__(self) -> str:
        names = ", ".join(variable.name for variable in self.variables)
        return f"for {names} in {self._source()}"

    def _source(self) -> str:
        first = self.items[0]
        if len(self.items) == 1:
            return str(first)
        if len(self.items) == 2 and isinstance(first, Range):
            begin = str(first.first)
            return f"enumerate({self.items[1]})" if begin == "0" else f"enumerate({self.items[1]}, {begin})"
        return f"zip({', '.join(map(str, self.items))})"


Step = Statement | Loop


class Block(Variable):
    """A block of the program: parameters and statements."""

    __slots__ = ("doc", "parameters", "statements", "tensors")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.doc = ""
        self.tensors: list[str] = []
        self.parameters: list[Parameter] = []
        self.statements: list[Step] = []
