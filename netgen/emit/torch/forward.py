"""The statements of ``forward``: which calls are nested, and what the values in between are called.

The statements follow the program. A value that the program gives a name has a line of its own, unless it goes straight
into the next module: ``a = self.a2(self.a1(x))``. Links of a chain are nested as far as that reads well: calls without
further arguments go inside others, up to three deep. A value without a name takes that of the value it goes into.
A name is used again only when nobody wants its old value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

from netgen.emit.torch.body import Leaf, Step, Use, input_names
from netgen.emit.torch.classes import ClassPlan, Code
from netgen.emit.torch.expression import text
from netgen.emit.torch.fold import Chain, flat
from netgen.emit.torch.merge import Branch, Choice, Ref, Slot
from netgen.emit.torch.naming import variable
from netgen.emit.torch.statement import Assign, If, Return, Statement
from netgen.ir.spell_torch import Call, Infix, Item, Name

DEEPEST = 3
"""How many calls may be nested, besides the outermost."""
WIDEST = 66
"""How long a call that is nested may be."""
NARROW = 48
"""The same for a function that joins several values."""
FOREVER = 1 << 60


class Line:
    """One call, which becomes a statement or a part of one."""

    def __init__(
        self, code: Code, operands: Sequence[Ref], outputs: list[Ref], hints: list[str], position: int
    ) -> None:
        self.code = code
        self.operands = operands
        self.outputs = outputs
        self.hints = hints
        """The program's names for the outputs, or empty strings."""
        self.position = position
        self.side: list[Line] | None = None
        """The lines under the same condition, if it is under one."""
        self.host: Line | None = None
        """The call that this one is nested in."""
        self.depth = 1
        self.draft: object = None
        """The expression with provisional names."""

    @property
    def is_module(self) -> bool:
        return bool(self.code.attribute)

    @property
    def root(self) -> Line:
        return self.host.root if self.host is not None else self


class Fork:
    """Lines under a condition."""

    def __init__(self, branch: Branch, flag: str, position: int) -> None:
        self.branch = branch
        self.flag = flag
        self.position = position
        self.end = position
        self.lines: list[Line] = []
        self.otherwise: list[Line] = []


class Forward:
    """Writes ``forward`` of one class."""

    def __init__(self, plan: ClassPlan, taps: bool) -> None:
        self.plan = plan
        self.taps = taps
        self.skeleton = plan.skeleton
        self.inputs = input_names(plan.skeleton.bodies)
        self.maker: dict[Ref, Line] = {}
        self.readers: dict[Ref, list[Line | Fork | None]] = {}
        """Who reads a value, each as often as it does; None stands for the caller."""
        self.names: dict[Ref, str] = {}
        self.active: dict[str, int] = {}
        """Until when each name holds a value that is wanted."""
        self.forced: dict[Ref, str] = {}
        self.last: dict[Ref, int] = {}
        self._bound: dict[str, list[Ref]] = {}
        """The values that each of the program's names is given to, of those that have a line of their own."""
        self._goals: dict[Ref, str] = {}
        self._carried: set[str] = set()
        """Names that are given more than once: each such value has its own line."""

    def write(self) -> list[Statement]:
        items = self._lines()
        given = Counter(hint for line in dict.fromkeys(self.maker.values()) for hint in line.hints)
        self._carried = {*self.inputs, *(hint for hint, times in given.items() if times > 1)}
        for item in items:
            for line in [*item.lines, *item.otherwise] if isinstance(item, Fork) else [item]:
                self._nest(line)
        self._last_uses()
        for ref, line in self.maker.items():
            if line.host is None:
                self._bound.setdefault(line.hints[ref.output], []).append(ref)
        for i, name in enumerate(self.inputs):
            ref = Ref(-1, i)
            self.names[ref] = name
            self.active[name] = self.last.get(ref, -1)
        statements: list[Statement] = []
        for item in items:
            statements += self._fork(item) if isinstance(item, Fork) else self._statement(item)
        result = self._return(statements)
        return self._typed([*statements, result])

    # --- calls and who reads them ------------------------------------------------------------------

    def _lines(self) -> list[Line | Fork]:
        items: list[Line | Fork] = []
        position = 0
        for entry in self.skeleton.entries:
            position += 1
            if not isinstance(entry, Branch):
                items.append(self._line(entry, position))
                continue
            fork = Fork(entry, self.plan.flags[entry.slots[0].number], position)
            for slots, lines in ((entry.slots, fork.lines), (entry.otherwise, fork.otherwise)):
                for slot in slots:
                    position += 1
                    lines.append(self._line(slot, position))
                    lines[-1].side = lines
            fork.end = position = position + 1
            for _, *sides in entry.joins:
                for ref in sides:
                    self.readers.setdefault(ref, []).append(fork)
            items.append(fork)
        for ref in self.skeleton.outputs:
            self.readers.setdefault(ref, []).append(None)
        return items

    def _line(self, entry: Slot | Choice, position: int) -> Line:
        slot = entry if isinstance(entry, Slot) else entry.result
        operands = slot.operands if isinstance(entry, Slot) else [entry.operand]
        outputs = [Ref(slot.number, i) for i in range(len(slot.present[0].outputs))]
        hints = [self._hint(slot, i) for i in range(len(outputs))]
        line = Line(self.plan.codes[slot.number], operands, outputs, hints, position)
        for ref in outputs:
            self.maker[ref] = line
        for ref in operands:
            self.readers.setdefault(ref, []).append(line)
        return line

    def _hint(self, slot: Slot, output: int) -> str:
        """What the program calls a value, or an empty string.

        The name that a value has first is the one it got inside a block; outside it is called as the instance is.
        A value that is returned without a name gets one from the caller: that is not ours.
        """
        members = zip(slot.members, self.skeleton.bodies, strict=True)
        step, body = next((step, body) for step, body in members if step is not None)
        value = step.outputs[output]
        said = value.variable
        last = list(flat(step.parts))[-1] if isinstance(step, Chain) else step
        if isinstance(last, Use):
            said = said and (last.variable if len(step.outputs) == 1 else last.results[output])
        elif value in body.outputs and body.instance.parent is not None and said != step.variable:
            said = ""
        return variable(said) if said else ""

    # --- nesting ------------------------------------------------------------------------------------

    def _nest(self, line: Line) -> None:
        """Decide whether a line goes into the one that reads it."""
        drafts = []
        for ref in line.operands:
            maker = self.maker.get(ref)
            if maker is not None and maker.host is line:
                drafts.append(maker.draft)
                line.depth = max(line.depth, maker.depth + 1)
            else:
                drafts.append(Name(maker.hints[ref.output] or "x" if maker is not None else self.inputs[ref.output]))
        line.draft = line.code.call(drafts)
        if len(line.outputs) != 1 or len(readers := self.readers.get(line.outputs[0], [])) != 1:
            return
        reader = readers[0]
        if not isinstance(reader, Line) or reader.side is not line.side:
            return
        is_said_once = reader.code.uses(reader.operands.index(line.outputs[0])) == 1
        if is_said_once and self._reads_well(line, reader, drafts):
            line.host = reader

    def _reads_well(self, line: Line, reader: Line, drafts: list[object]) -> bool:
        """Whether a call may stand inside the one that reads it."""
        is_named = bool(line.hints[0])
        if isinstance(line.draft, Name):
            return not is_named
        is_unary = len(reader.operands) == 1
        if not line.is_module and not _is_plain(line.draft, drafts):
            joins = len(line.operands) > 1 and line.depth == 1
            return joins and is_unary and not is_named and len(text(line.draft)) <= NARROW
        if line.depth >= DEEPEST or len(text(line.draft)) > WIDEST:
            return False
        if not is_unary:
            return not is_named and line.is_module and line.depth == 1
        if not is_named:
            return True
        goes_on = line.hints == reader.hints
        return line.is_module and (not reader.is_module if goes_on else line.hints[0] not in self._carried)

    # --- names --------------------------------------------------------------------------------------

    def _last_uses(self) -> None:
        for ref, readers in self.readers.items():
            ends = [
                FOREVER if reader is None else reader.end if isinstance(reader, Fork) else reader.root.position
                for reader in readers
            ]
            self.last[ref] = max(ends)

    def _wanted(self, ref: Ref) -> str:
        """A name for a value: its own, or that of what it goes into."""
        if self.maker[ref].hints[ref.output] and self._natural(ref) and self._is_kept(ref):
            return ""
        return self._goal(ref)

    def _goal(self, ref: Ref) -> str:
        """The name of the first value with a name that a value goes into; on the way to the caller, the argument's."""
        path = [ref]
        while path[-1] not in self._goals:
            at = path[-1]
            line = self.maker[at]
            readers = [reader for reader in self.readers.get(at, []) if not isinstance(reader, Fork)]
            if line.hints[at.output]:
                self._goals[at] = line.hints[at.output]
            elif readers == [None] and self.inputs:
                self._goals[at] = self.inputs[0]
            elif len(readers) == 1 and isinstance(readers[0], Line) and len(readers[0].outputs) == 1:
                path.append(readers[0].outputs[0])
            else:
                self._goals[at] = ""
        self._goals.update(dict.fromkeys(path, self._goals[path[-1]]))
        return self._goals[ref]

    def _is_kept(self, ref: Ref) -> bool:
        """Whether a value is wanted after the program gave its name to another; the last, whether all others are."""
        line = self.maker[ref]
        same = self._bound[line.hints[ref.output]]
        following = bisect_right(same, line.position, key=lambda each: self.maker[each].position)
        if following < len(same):
            return self._last_besides(ref, Fork) > self.maker[same[following]].position
        return len(same) > 1 and all(map(self._is_kept, same[:-1]))

    def _natural(self, ref: Ref) -> str:
        """What a value is called by the module that makes it; what functions make, by the first module inside."""
        line = self.maker[ref]
        name = line.code.attribute
        inner = line
        while not line.is_module and len(inner.operands) == 1:
            inside = self.maker.get(inner.operands[0])
            if inside is None or inside.host is not inner:
                break
            inner = inside
            name = inner.code.attribute or name
        if name and len(line.outputs) > 1:
            name = f"{name}_{line.hints[ref.output] or ref.output + 1}"
        return variable(name) if name else ""

    def _name(self, ref: Ref, position: int) -> str:
        """Give a value its name, one that is free."""
        if ref in self.forced:
            name = self.forced[ref]
        elif ref not in self.readers:
            return "_"
        else:
            name = next(each for each in self._candidates(ref) if self.active.get(each, -1) <= position)
        self.names[ref] = name
        self.active[name] = max(self.last.get(ref, position), self.active.get(name, -1) if ref in self.forced else -1)
        return name

    def _candidates(self, ref: Ref) -> Iterator[str]:
        line = self.maker[ref]
        hint, wanted, natural = line.hints[ref.output], self._wanted(ref), self._natural(ref)
        short = natural if line.is_module or hint else variable(_short_name(line.code.slot.present[0]))
        if wanted:
            yield wanted
        elif len(line.operands) == 1 and line.operands[0] in self.names and not hint:
            yield self.names[line.operands[0]]
        if short:
            yield short
        base = wanted or short
        for number in count(2):
            yield f"{base}_{number}" if base[-1].isdigit() else f"{base}{number}"

    # --- statements ---------------------------------------------------------------------------------

    def _expression(self, line: Line) -> object:
        operands: list[object] = []
        for ref in line.operands:
            maker = self.maker.get(ref)
            nested = maker is not None and maker.host is line
            operands.append(self._expression(maker) if nested and maker is not None else Name(self.names[ref]))
        expr = line.code.call(operands)
        if self.taps and not line.is_module:
            return Call("tap", Name("self"), str(line.code.slot.number), expr)
        return expr

    def _statement(self, line: Line) -> list[Statement]:
        if line.host is not None:
            return []
        expr = self._expression(line)
        targets = [self._name(ref, line.position) for ref in line.outputs]
        return [Assign(", ".join(targets), expr)]

    def _fork(self, fork: Fork) -> list[Statement]:
        branch = fork.branch
        before: list[Statement] = []
        after: list[tuple[Ref, str]] = []
        for ref, yes, no in branch.joins:
            name = self.names.get(no, "")
            if branch.otherwise or not self._may_hold(name, yes, no, fork):
                name = self._free(ref, fork)
                if not branch.otherwise:
                    before.append(Assign(name, Name(self.names[no])))
            self.forced[yes] = self.forced[no] = name
            self.active[name] = FOREVER
            after.append((ref, name))
        sides = [self._side(lines, fork, at) for at, lines in ((1, fork.lines), (2, fork.otherwise))]
        for ref, name in after:
            self.names[ref] = name
            self.active[name] = self.last.get(ref, fork.end)
        return [*before, If(Name(f"self.{fork.flag}"), sides[0], sides[1] if branch.otherwise else [])]

    def _may_hold(self, name: str, yes: Ref, no: Ref, fork: Fork) -> bool:
        """Whether the name of ``no`` can be that of ``yes`` too: the condition overwrites it, and nobody misses it."""
        made = self.maker[yes].root.position
        reads = [reader.root.position for reader in self.readers[no] if isinstance(reader, Line)]
        is_read_inside = any(made < position < fork.end for position in reads)
        return self.active[name] <= fork.end and not is_read_inside and self._last_besides(no, fork) <= fork.end

    def _side(self, lines: list[Line], fork: Fork, at: int) -> list[Statement]:
        """One side of a condition; values from outside get the joint name at its end."""
        made = [statement for line in lines for statement in self._statement(line)]
        inside = {ref for line in lines for ref in line.outputs}
        if not lines:
            return made
        for join in fork.branch.joins:
            ref = join[at]
            if ref not in inside and self.names[ref] != self.forced[ref]:
                made.append(Assign(self.forced[ref], Name(self.names[ref])))
        return made

    def _last_besides(self, ref: Ref, ignored: Fork | type[Fork]) -> int:
        """When a value is read last, not counting that a condition ends: a certain one, or any."""
        ends = [-1]
        for reader in self.readers.get(ref, []):
            if reader is None:
                ends.append(FOREVER)
            elif isinstance(reader, Line):
                ends.append(reader.root.position)
            elif reader is not ignored and ignored is not Fork:
                ends.append(reader.end)
        return max(ends)

    def _free(self, ref: Ref, fork: Fork) -> str:
        """A name for what both sides of a condition make. It may be one that they still read on the way."""
        ends = [lines[-1].outputs for lines in (fork.lines, fork.otherwise) if lines]
        is_last = len(fork.branch.joins) == 1 and all([side] in ends for side in fork.branch.joins[0][1:])
        until = fork.end if is_last else fork.position
        return next(each for each in self._candidates(ref) if self.active.get(each, -1) <= until)

    # --- the result ---------------------------------------------------------------------------------

    def _return(self, statements: list[Statement]) -> Statement:
        """``return``; what the last statement makes for the caller alone is returned as it stands."""
        outputs = self.skeleton.outputs
        last = statements[-1] if statements else None
        if len(outputs) == 1 and isinstance(last, Assign) and last.target == self.names[outputs[0]]:
            maker = self.maker.get(outputs[0])
            if maker is not None and len(self.readers[outputs[0]]) == 1 and is_tensor(last.value, set(self.inputs)):
                statements.pop()
                return Return([last.value])
        return Return([Name(self.names[ref]) for ref in outputs])

    def _typed(self, statements: list[Statement]) -> list[Statement]:
        """Say that a returned variable is a tensor, where that cannot be seen: calls of modules are untyped."""
        last = statements[-1]
        if not isinstance(last, Return) or len(last.values) != 1 or not isinstance(last.values[0], Name):
            return statements
        name = last.values[0].text
        made = [each for each in _assignments(statements) if name in each.target.split(", ")]
        typed = set(self.inputs)
        if name in typed or all(is_tensor(each.value, typed) for each in made):
            return statements
        if made[0].target == name:
            made[0].declared = True
        else:
            statements[-1:] = [Assign("out", last.values[0], declared=True), Return([Name("out")])]
        return statements


def _is_plain(expr: object, operands: list[object]) -> bool:
    """Whether a call has no arguments but its operands."""
    return isinstance(expr, Call) and list(expr.args) == operands and not expr.kwargs


def is_tensor(expr: object, typed: set[str]) -> bool:
    """Whether a type checker knows that an expression is a tensor, if it knows so of the names in ``typed``."""
    match expr:
        case Call():
            if expr.function.startswith("."):
                return is_tensor(expr.args[0], typed)
            return not expr.function.startswith("self.")
        case Infix():
            return all(is_tensor(each, typed) or isinstance(each, (int, float)) for each in expr.operands)
        case Item():
            return is_tensor(expr.value, typed)
        case Name():
            return expr.text in typed
        case _:
            return False


def _assignments(statements: Sequence[Statement]) -> Iterator[Assign]:
    for statement in statements:
        if isinstance(statement, Assign):
            yield statement
        elif isinstance(statement, If):
            yield from _assignments([*statement.body, *statement.otherwise])


def _short_name(step: Step) -> str:
    return step.spelled.nodes[0].op.short if isinstance(step, Leaf) else "x"
