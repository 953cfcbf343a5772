"""Steps: the calls of a body. Steps in a row are one chain, which becomes one statement, as far as that reads well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netgen.emit.net.expr import Variable, is_identifier
from netgen.emit.net.program import Arguments
from netgen.ir.graph import Value
from netgen.ir.operator import Operator

_FULL = 92
"""With so many columns a chain is cut in front of a pool."""


class Step:
    """One call. ``names`` are the layer's, or the instance's, in each call of the block around; None for no name."""

    __slots__ = (
        "arguments",
        "callee",
        "hint",
        "is_heavy",
        "is_light",
        "must_label",
        "names",
        "notes",
        "op",
        "operands",
        "results",
        "takes_name",
        "variables",
    )

    def __init__(
        self, callee: Variable, operands: Sequence[Value], results: Sequence[Value], arguments: Arguments
    ) -> None:
        self.callee = callee
        self.operands = list(operands)
        self.results = list(results)
        self.arguments = arguments
        self.op: type[Operator] | None = None
        self.names: list[str] | None = None
        self.variables: list[str] = []
        """What the program that the graph comes from calls the results."""
        self.is_heavy = False
        """Whether it multiplies by weights."""
        self.is_light = False
        """Whether it is an activation or the like, which belongs to what stands before it."""
        self.must_label = False
        """Whether the instance's name must be said, since a layer's label in it is the same."""
        self.takes_name = False
        """Whether a layer of the instance has its name."""
        self.hint = ""
        """A layer's name that says what this is about."""
        self.notes: list[str] = []

    @property
    def short(self) -> str:
        """What a layer or an instance is called that has no name of its own."""
        return self.op.short if self.op is not None else self.callee.name

    @property
    def columns(self) -> int:
        """About how many columns the call takes."""
        said = sum(len(name) + len(str(value)) + 4 for name, value in self.arguments)
        return len(self.callee.name) + said + (len(self.names[0]) + 12 if self.names else 4)


class Chain:
    """Steps in a row that are one statement; ``targets`` are the variables that it assigns.

    ``saved`` are values whose variables it takes, though they are still read, with the variables that they get.
    """

    __slots__ = ("number", "operands", "returns", "saved", "steps", "targets")

    def __init__(self, number: int, steps: list[Step]) -> None:
        self.number = number
        self.steps = steps
        own = {value for step in steps for value in step.results}
        self.operands = list(dict.fromkeys(value for step in steps for value in step.operands if value not in own))
        self.targets: list[str] = []
        self.saved: list[tuple[Value, str]] = []
        self.returns = False

    @property
    def results(self) -> list[Value]:
        return self.steps[-1].results

    @property
    def is_list(self) -> bool:
        """Whether its results stay in one list: nobody named them, and a variable would."""
        step = self.steps[-1]
        if len(step.results) < 2:
            return False
        if step.op is not None:
            return not all(step.variables)
        return any(not value.variable and is_one_of_several(value) for value in step.results)


def chains(steps: Sequence[Step], outputs: Sequence[Value], *, is_net: bool) -> Iterator[Chain]:
    """Cut steps into statements: each goes on as long as nothing else reads what it has so far.

    What a net ends with stands alone, so that a variable can be called after it.
    """
    reads: dict[Value, int] = dict.fromkeys(outputs, 1)
    for step in steps:
        for value in step.operands:
            reads[value] = reads.get(value, 0) + 1
    number = columns = 0
    chain: list[Step] = []
    for step in steps:
        follows = bool(chain and chain[-1].operands) and step.operands == chain[-1].results
        follows = follows and len(step.operands) == 1 == reads[step.operands[0]]
        columns += step.columns
        ends = is_net and not any(value in reads for value in step.results)
        if chain and (not follows or _begins(step, chain, columns) or (ends and _can_be_variable(step))):
            yield Chain(number, chain)
            number += 1
            chain = []
            columns = step.columns
        chain.append(step)
    if chain:
        yield Chain(number, chain)


def is_one_of_several(value: Value) -> bool:
    """Whether Caffe's blob is called after the variable: a layer made several, and was not read from Caffe itself."""
    return len(value.node.outputs) > 1 and value.node.origin is None


def _can_be_variable(step: Step) -> bool:
    return step.names is not None and is_identifier(step.names[0])


def _begins(step: Step, chain: Sequence[Step], columns: int) -> bool:
    """Whether a step begins a statement though it could go on: what computes most does, and what a block is behind."""
    if step.op is None or step.is_heavy or (step.short == "pool" and columns > _FULL):
        return True
    return chain[-1].op is None and not step.is_light
