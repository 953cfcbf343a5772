"""One class: constructor arguments, attributes, and the calls that ``forward`` is made of.

A skeleton says which steps its instances have; here every constant of theirs becomes a literal, an expression of the
constructor's arguments, or an argument of its own. The block's settings and the channels of its inputs are the
arguments to choose from (``fit``); those that are not needed are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from re import findall
from typing import Any, NamedTuple

from netgen.emit.torch.attributes import Attributes
from netgen.emit.torch.body import Body, Leaf, Step, Use, input_names
from netgen.emit.torch.expression import Conditional, Not, Repeat, bind, uses
from netgen.emit.torch.fit import ABSENT, Setting, Table, constant, names_in, plus_times
from netgen.emit.torch.fold import Chain, Part, Turns
from netgen.emit.torch.merge import Branch, Choice, Ref, Skeleton, Slot
from netgen.emit.torch.naming import Unique, variable
from netgen.emit.torch.spelling import Template, is_literal
from netgen.emit.torch.statement import Assign, Do, If, Statement
from netgen.ir.spell_torch import Call, Infix, Name

LOOP_VARIABLES = ("i", "j", "k")


class Unfit(Exception):
    """The turns of a loop have no common rule."""


class Cell(NamedTuple):
    """A step in one instance (row) and, inside loops, one turn of each."""

    row: int
    turns: tuple[int, ...]
    step: Step | None


class Code:
    """How ``forward`` calls a slot: a module by its attribute, or a function.

    ``function`` is bound to the operands; ``before`` is what a module's operands go through first.
    """

    __slots__ = ("attribute", "before", "function", "slot")

    def __init__(self, slot: Slot, attribute: str = "", function: object = None, before: object = None) -> None:
        self.slot = slot
        self.attribute = attribute
        self.function = function
        self.before = before

    def call(self, operands: Sequence[object]) -> object:
        if not self.attribute:
            return bind(self.function, operands)
        given = operands if self.before is None else [bind(self.before, operands)]
        return Call(f"self.{self.attribute}", *given)

    def uses(self, operand: int) -> int:
        """How often the call names one of its operands."""
        expr = self.before if self.attribute else self.function
        return 1 if expr is None else uses(expr, operand)


class ClassPlan:
    """A class, all but its text."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.name = ""
        self.skeleton = skeleton
        self.row_of = {body: row for row, body in enumerate(skeleton.bodies)}
        self.settings: list[Setting] = []
        """The constructor's arguments, those without a default first."""
        self.init: list[Statement] = []
        self.forward: list[Statement] = []
        self.inputs: list[str] = []
        """Names of the arguments of ``forward``."""
        self.is_sequential = False
        """Whether it derives from ``nn.Sequential``; then ``init`` is the call of its constructor."""
        self.codes: dict[int, Code] = {}
        """By slot number; slots of a choice share the choice's."""
        self.flags: dict[int, str] = {}
        """By the number of a branch's first slot, the attribute that decides."""

    @property
    def body(self) -> Body:
        return self.skeleton.bodies[0]


class Builder:
    """Makes one ``ClassPlan``. ``plan_of`` has the classes of the instances inside, made before."""

    def __init__(
        self,
        plan: ClassPlan,
        plan_of: dict[Body, ClassPlan],
        structure: Callable[[Part], Hashable],
        taps: bool,
    ) -> None:
        self.plan = plan
        self.skeleton = plan.skeleton
        self.plan_of = plan_of
        self.structure = structure
        self.taps = taps
        self.bodies = plan.skeleton.bodies
        self.is_single = len(self.bodies) == 1
        self.table = Table()
        self.names = Unique()
        self._add_settings()
        self.loops = [name for name in LOOP_VARIABLES if name not in self.names]
        self.attributes = Attributes(plan.skeleton)
        self.conditions: dict[frozenset[int], object] = {}
        """By the forms that they hold for."""

    def build(self) -> ClassPlan:
        plan = self.plan
        self._decide()
        entries = self.skeleton.entries
        if len(entries) == 1 and isinstance(entries[0], Slot) and self._is_sequential(entries[0]):
            plan.is_sequential = True
            plan.init = [Do(Call("super().__init__", *self._sequence(entries[0], "")))]
        else:
            for entry in entries:
                plan.init += self._entry(entry)
        used = [setting for setting in self.table.settings if setting.is_used]
        plan.settings = sorted(used, key=lambda setting: setting.has_default)
        return plan

    # --- settings --------------------------------------------------------------------------------

    def _add_settings(self) -> None:
        """The channels of each input and the block's own settings, as far as they differ between instances."""
        bodies = self.bodies
        first = bodies[0]
        names = input_names(bodies)
        for i, name in enumerate(names):
            channels = [body.inputs[i].shape[1] if len(body.inputs[i].shape) > 1 else 0 for body in bodies]
            alone = "in_channels" if len(first.inputs[i].shape) > 2 else "in_features"
            self._add(alone if len(names) == 1 else f"{name}_channels", channels)
        for name, value in first.instance.args.items():
            if isinstance(value, (bool, int, float, str)) or _is_list_of_numbers(value):
                values = [_hashable(body.instance.args.get(name)) for body in bodies]
                defaults = [body.instance.defaults.get(name, Setting.NO_DEFAULT) for body in bodies]
                same, default = constant(defaults)
                self._add(variable(name), values, default if same else Setting.NO_DEFAULT)

    def _add(self, name: str, values: list[Any], default: object = Setting.NO_DEFAULT) -> Setting:
        setting = Setting(self.names.claim(name), values, default)
        self.table.settings.append(setting)
        return setting

    def _invent(self, values: Sequence[Any], name: str) -> object:
        """A new argument for values that no expression gives. Rows that lack it take a default."""
        given = [value for value in values if value is not ABSENT]
        default: Any = Setting.NO_DEFAULT
        if len(given) < len(values):
            default = type(given[0])() if isinstance(given[0], (bool, int, float)) else given[0]
        filled = [default if value is ABSENT else value for value in values]
        setting = self._add(variable(name), filled, default)
        return self.table.use(Name(setting.name))

    # --- constants -------------------------------------------------------------------------------

    def _constants(self, cells: Sequence[Cell], values: list[Any], argument: str, owner: str) -> object:
        """The expression for one constant of some cells. ``owner`` prefixes the name of an invented argument."""
        is_same, value = constant(values)
        if is_same:
            return self._literal(cells, value, argument)
        if not cells[0].turns:
            return self._column(self._by_row(cells, values), cells[0].step, argument, owner)
        return self._along_turns(cells, values, argument, owner)

    def _literal(self, cells: Sequence[Cell], value: object, argument: str) -> object:
        """A constant that all cells share; but where only some instances have it, the argument it came from."""
        setting = self.table.find(argument)
        rows = {cell.row for cell in cells}
        if setting is None or len(rows) == len(self.bodies) or constant(setting.values)[0]:
            return value
        is_passed = all(setting.values[row] == value for row in rows)
        return self.table.use(Name(setting.name)) if is_passed else value

    def _by_row(self, cells: Sequence[Cell], values: Sequence[Any]) -> list[Any]:
        column = [ABSENT] * len(self.bodies)
        for cell, value in zip(cells, values, strict=True):
            column[cell.row] = value
        return column

    def _column(self, column: list[Any], step: Step | None, argument: str, owner: str) -> object:
        found = self.table.fit(column, argument, _words(step) if step is not None else ())
        return found if found is not None else self._invent(column, f"{owner}_{argument}" if owner else argument)

    def _along_turns(self, cells: Sequence[Cell], values: list[Any], argument: str, owner: str) -> object:
        """``base + step * i``, where base and step are the same in all turns of an instance."""
        axes = len(cells[0].turns)
        by_row: dict[int, list[tuple[tuple[int, ...], Any]]] = {}
        for cell, value in zip(cells, values, strict=True):
            by_row.setdefault(cell.row, []).append((cell.turns, value))
        columns = [[ABSENT] * len(self.bodies) for _ in range(axes + 1)]
        for row, points in by_row.items():
            for column, value in zip(columns, _affine(points, axes), strict=True):
                column[row] = value
        expr: object = None
        for axis, column in enumerate(columns):
            is_same, value = constant(column)
            if axis and is_same and value in (None, 0):
                continue
            if axis and all(len(points) < 3 for points in by_row.values()):
                raise Unfit
            part = value if is_same else self._column(column, cells[0].step, argument, owner)
            expr = part if axis == 0 else _stepped(expr, part, Name(self.loops[axis - 1]))
        return expr

    # --- calls of constructors -------------------------------------------------------------------

    def _module(self, cells: Sequence[Cell], owner: str = "") -> Call:
        """The constructor's call for corresponding steps: layers, or instances of one class."""
        step = cells[0].step
        if isinstance(step, Use):
            return self._instance(cells, owner)
        assert isinstance(step, Leaf)
        assert step.spelled.module is not None
        templates = [cell.step.spelled.module for cell in cells if isinstance(cell.step, Leaf)]
        call = self._filled(cells, [each for each in templates if each is not None], owner)
        assert isinstance(call, Call)
        if not self.taps and all(isinstance(cell.step, Leaf) and cell.step.overwrites for cell in cells):
            return Call(call.function, *call.args, **call.kwargs, inplace=True)
        return call

    def _filled(self, cells: Sequence[Cell], templates: Sequence[Template], owner: str) -> object:
        values = []
        for holes in zip(*(template.holes for template in templates), strict=True):
            values.append(self._constants(cells, [hole.value for hole in holes], holes[0].name, owner))
        return templates[0].filled(values)

    def _instance(self, cells: Sequence[Cell], owner: str) -> Call:
        bodies = [cell.step.body for cell in cells if isinstance(cell.step, Use)]
        plan = self.plan_of[bodies[0]]
        rows = [plan.row_of[body] for body in bodies]
        args: list[object] = []
        kwargs: dict[str, Any] = {}
        for setting in plan.settings:
            values = [setting.values[row] for row in rows]
            expr = self._constants(cells, values, setting.name, owner)
            if setting.has_default and is_literal(expr, setting.default):
                continue
            if setting.has_default or kwargs or isinstance(setting.values[0], bool):
                kwargs[setting.name] = expr
            else:
                args.append(expr)
        return Call(plan.name, *args, **kwargs)

    # --- sequences -------------------------------------------------------------------------------

    def _is_sequential(self, slot: Slot) -> bool:
        """Whether the class is nothing but one chain."""
        is_block = self.bodies[0].instance.parent is not None
        is_chain = all(isinstance(step, Chain) for step in slot.present)
        return is_block and is_chain and self.skeleton.outputs == [Ref(slot.number, 0)]

    def _sequence(self, slot: Slot, prefix: str) -> list[object]:
        """The arguments of the ``nn.Sequential`` for the chains of a slot."""
        rows = [(row, (), chain.parts) for row, chain in enumerate(slot.members) if isinstance(chain, Chain)]
        owner = prefix.partition(".")[0]
        if self.is_single:
            return self._list(rows[0][2], prefix, owner)
        for _, _, parts in rows:
            _number(parts, prefix)
        return self._parts(rows, owner)

    def _parts(self, rows: Sequence[tuple[int, tuple[int, ...], list[Part]]], owner: str) -> list[object]:
        """Corresponding parts of several instances or turns, position by position."""
        exprs: list[object] = []
        for position in range(len(rows[0][2])):
            column = [(row, turns, parts[position]) for row, turns, parts in rows]
            loops = [(row, turns, part) for row, turns, part in column if isinstance(part, Turns)]
            cells = [Cell(row, turns, part) for row, turns, part in column if isinstance(part, Step)]
            exprs += self._loop(loops, owner) if loops else [self._module(cells, owner)]
        return exprs

    def _loop(self, loops: Sequence[tuple[int, tuple[int, ...], Turns]], owner: str) -> list[object]:
        """Turns as one generator; or the first by itself and the others as one; or all by themselves."""
        counts = {len(part.turns) for _, _, part in loops}
        for first in (0, 1):
            settings, used = len(self.table.settings), [setting.is_used for setting in self.table.settings]
            try:
                return self._generator(loops, first, owner)
            except Unfit:
                del self.table.settings[settings:]
                for setting, was_used in zip(self.table.settings, used, strict=True):
                    setting.is_used = was_used
        if len(counts) > 1:
            raise Unfit
        return [self._turn(loops, [turn], owner, is_loop=False) for turn in range(counts.pop())]

    def _generator(self, loops: Sequence[tuple[int, tuple[int, ...], Turns]], first: int, owner: str) -> list[object]:
        """``first`` turns by themselves, and the others as one generator. Raises ``Unfit``."""
        depth = len(loops[0][1])
        rests = {self._turn_structure(turn) for _, _, part in loops for turn in part.turns[first:]}
        fewest = min(len(part.turns) for _, _, part in loops)
        if len(rests) != 1 or fewest < first or depth >= len(self.loops):
            raise Unfit
        counts = [len(part.turns) for _, _, part in loops]
        alone = [self._turn(loops, [turn], owner, is_loop=False) for turn in range(first)]
        most = max(counts)
        if most == first + 1 and fewest == most:
            return [*alone, self._turn(loops, [first], owner, is_loop=False)]
        element = self._turn(loops, range(first, most), owner, is_loop=True)
        cells = [Cell(row, turns, None) for row, turns, _ in loops]
        stop = self._constants(cells, counts, "count", owner)
        name = self.loops[depth]
        if name not in names_within(element):
            name = "_"
            if isinstance(stop, int):
                stop, first = stop - first, 0
        return [*alone, Repeat(element, name, stop, first)]

    def _turn(
        self, loops: Sequence[tuple[int, tuple[int, ...], Turns]], turns: Iterable[int], owner: str, *, is_loop: bool
    ) -> object:
        """The module for one turn, or in a loop for any of ``turns``."""
        wanted = list(turns)
        rows = [
            (row, (*outer, turn) if is_loop else outer, part.turns[turn])
            for row, outer, part in loops
            for turn in wanted
            if turn < len(part.turns)
        ]
        if len({self._turn_structure(parts) for _, _, parts in rows}) > 1:
            raise Unfit
        exprs = self._parts(rows, owner)
        return exprs[0] if _is_alone(rows[0][2]) else Call("nn.Sequential", *exprs)

    def _turn_structure(self, turn: list[Part]) -> Hashable:
        return tuple(map(self.structure, turn))

    def _list(self, parts: list[Part], prefix: str, owner: str) -> list[object]:
        """The parts of the only instance: loops as generators where their turns are alike, else laid out."""
        exprs: list[object] = []
        count = 0
        for part in parts:
            if isinstance(part, Step):
                part.path = f"{prefix}{count}"
                exprs.append(self._module([Cell(0, (), part)], owner))
                count += 1
                continue
            found = self._short(part, owner)
            if found is not None:
                count = _number([part], prefix, count)
                exprs += found
                continue
            steps = _laid_out(part)
            for at, step in enumerate(steps, count):
                step.path = f"{prefix}{at}"
            exprs += [self._module([Cell(0, (), step)], owner) for step in steps]
            count += len(steps)
        return exprs

    def _short(self, part: Turns, owner: str) -> list[object] | None:
        """A loop as a generator, where that is shorter than its turns in a row."""
        if not all(_is_alone(turn) for turn in part.turns) and len(part.turns) < 4:
            return None
        for first in (0, 1):
            try:
                return self._generator([(0, (), part)], first, owner)
            except Unfit:
                continue
        return None

    # --- entries ---------------------------------------------------------------------------------

    def _entry(self, entry: Slot | Choice | Branch) -> list[Statement]:
        if isinstance(entry, Slot):
            return self._slot(entry)
        return self._choice(entry) if isinstance(entry, Choice) else self._branch(entry)

    def _slot(self, slot: Slot) -> list[Statement]:
        cells = [Cell(row, (), step) for row, step in enumerate(slot.members) if step is not None]
        first = cells[0].step
        if isinstance(first, Chain):
            name = self.attributes.of([slot])
            self.plan.codes[slot.number] = Code(slot, name)
            return [Assign(f"self.{name}", Call("nn.Sequential", *self._sequence(slot, f"{name}.")))]
        if isinstance(first, Leaf) and slot.is_function:
            return self._function(slot, cells, first)
        name = self.attributes.of([slot])
        for step in slot.present:
            step.path = name
        before = self._before(cells) if isinstance(first, Leaf) else None
        self.plan.codes[slot.number] = Code(slot, name, before=before)
        made: list[Statement] = [Assign(f"self.{name}", self._module(cells, name if isinstance(first, Use) else ""))]
        return made + (self._fills(cells, first, name) if isinstance(first, Leaf) else [])

    def _before(self, cells: list[Cell]) -> object:
        templates = [cell.step.spelled.before for cell in cells if isinstance(cell.step, Leaf)]
        present = [template for template in templates if template is not None]
        return self._filled(cells, present, "") if present else None

    def _fills(self, cells: list[Cell], first: Leaf, name: str) -> list[Statement]:
        """What sets the layer's initial weights, if it does that itself."""
        made: list[Statement] = []
        for param in first.spelled.fills:
            templates = [cell.step.spelled.fills[param] for cell in cells if isinstance(cell.step, Leaf)]
            made.append(Do(bind(self._filled(cells, templates, name), [Name(f"self.{name}.{param}")])))
        return made

    def _function(self, slot: Slot, cells: list[Cell], first: Leaf) -> list[Statement]:
        """A function. Constants that are no literals are kept in attributes."""
        templates = [cell.step.spelled.function for cell in cells if isinstance(cell.step, Leaf)]
        present = [template for template in templates if template is not None]
        made: list[Statement] = []
        values: list[object] = []
        for holes in zip(*(template.holes for template in present), strict=True):
            is_same, expr = constant(hole.value for hole in holes)
            if not is_same:
                expr = self._constants(cells, [hole.value for hole in holes], holes[0].name, "")
                name = self.attributes.plain(holes[0].name)
                made.append(Assign(f"self.{name}", expr))
                expr = Name(f"self.{name}")
            values.append(expr)
        function = present[0].filled(values)
        may_overwrite = all(isinstance(cell.step, Leaf) and cell.step.overwrites for cell in cells)
        if may_overwrite and not self.taps and isinstance(function, Call):
            function = Call(function.function, *function.args, **function.kwargs, inplace=True)
        self.plan.codes[slot.number] = Code(slot, function=function)
        return made

    # --- what only some instances have -----------------------------------------------------------

    def _decide(self) -> None:
        """Find the conditions first: constants may depend on them."""
        for entry in self.skeleton.entries:
            if isinstance(entry, Branch):
                self._condition(entry.forms, self.attributes.flag_base(entry))
            elif isinstance(entry, Choice):
                name = self.attributes.of([slot for option in entry.options for slot in option.slots])
                for option in entry.options if entry.passes else entry.options[:-1]:
                    self._condition(option.forms, f"with_{name}")

    def _condition(self, forms: frozenset[int], name: str) -> object:
        if forms not in self.conditions:
            truths = self.skeleton.rows_with(forms)
            found = self.table.fit_truth(truths)
            self.conditions[forms] = found if found is not None else self._invent(truths, name)
            self.table.conditions.append(self.conditions[forms])
        return self.conditions[forms]

    def _choice(self, choice: Choice) -> list[Statement]:
        slots = [slot for option in choice.options for slot in option.slots]
        name = self.attributes.of(slots)
        conditional = [*choice.options] if choice.passes else choice.options[:-1]
        conditions = [self.conditions[option.forms] for option in conditional]
        exprs = [self._option(option.slots, name) for option in choice.options]
        expr: object = Call("nn.Identity") if choice.passes else exprs.pop()
        for condition, each in zip(reversed(conditions), reversed(exprs), strict=True):
            expr = Conditional(each, condition, expr)
        for slot in slots:
            self.plan.codes[slot.number] = Code(slot, name)
        return [Assign(f"self.{name}", expr)]

    def _option(self, slots: list[Slot], name: str) -> object:
        """A chain of slots as one module."""
        exprs = []
        for number, slot in enumerate(slots):
            path = name if len(slots) == 1 else f"{name}.{number}"
            if isinstance(slot.present[0], Chain):
                exprs.append(Call("nn.Sequential", *self._sequence(slot, f"{path}.")))
                continue
            cells = [Cell(row, (), step) for row, step in enumerate(slot.members) if step is not None]
            for step in slot.present:
                step.path = path
            exprs.append(self._module(cells, name if isinstance(cells[0].step, Use) else ""))
        return exprs[0] if len(exprs) == 1 else Call("nn.Sequential", *exprs)

    def _branch(self, branch: Branch) -> list[Statement]:
        condition = self.conditions[branch.forms]
        name = self.attributes.plain(
            condition.text if isinstance(condition, Name) else self.attributes.flag_base(branch)
        )
        self.plan.flags[branch.slots[0].number] = name
        body = [statement for slot in branch.slots for statement in self._slot(slot)]
        otherwise = [statement for slot in branch.otherwise for statement in self._slot(slot)]
        made: list[Statement] = [Assign(f"self.{name}", condition)]
        if body:
            return [*made, If(condition, body, otherwise)]
        return [*made, If(Not(condition), otherwise, [])] if otherwise else made


def _is_list_of_numbers(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(type(each) in (int, float) for each in value)


def _hashable(value: object) -> object:
    return tuple(value) if _is_list_of_numbers(value) and isinstance(value, list) else value


def names_within(expr: object) -> set[str]:
    """The names in an expression, however deep."""
    match expr:
        case Call():
            return {name for each in (*expr.args, *expr.kwargs.values()) for name in names_within(each)}
        case Repeat():
            return names_within(expr.element) | names_within(expr.stop)
        case _:
            return set(names_in(expr))


def _affine(points: list[tuple[tuple[int, ...], Any]], axes: int) -> list[Any]:
    """Base and steps of values over the turns of loops; a step that cannot be told is absent. Raises ``Unfit``."""
    origin, first = points[0]
    if all(type(value) is type(first) and value == first for _, value in points):
        return [first, *[0] * axes]
    if any(type(value) is not int for _, value in points):
        raise Unfit
    steps: list[Any] = [ABSENT] * axes
    for turns, value in points:
        moved = [axis for axis in range(axes) if turns[axis] != origin[axis]]
        if len(moved) == 1 and steps[moved[0]] is ABSENT:
            step, rest = divmod(value - first, turns[moved[0]] - origin[moved[0]])
            if rest:
                raise Unfit
            steps[moved[0]] = step
    known = [0 if step is ABSENT else step for step in steps]
    base = first - sum(step * turn for step, turn in zip(known, origin, strict=True))
    if any(base + sum(s * t for s, t in zip(known, turns, strict=True)) != value for turns, value in points):
        raise Unfit
    return [base, *steps]


def _stepped(base: object, step: object, turn: Name) -> object:
    """``base + step * turn``; what begins with one step is a multiple."""
    if isinstance(base, Name) and isinstance(step, Name) and base.text == step.text:
        return Infix("*", base, Infix("+", turn, 1))
    return plus_times(base, step, turn)


def _words(step: Step) -> set[str]:
    """The words in the source text of a call."""
    span = step.spelled.nodes[0].span if isinstance(step, Leaf) else None
    if isinstance(step, Use):
        span = step.body.instance.span
    return set(findall(r"[A-Za-z_]\w*", span.text)) if span is not None else set()


def _is_alone(turn: list[Part]) -> bool:
    """Whether a turn is one module."""
    return len(turn) == 1 and isinstance(turn[0], Step)


def _number(parts: list[Part], prefix: str, start: int = 0) -> int:
    """Write where each module stands in an ``nn.Sequential`` into its step; gives the next free place."""
    count = start
    for part in parts:
        if isinstance(part, Step):
            part.path = f"{prefix}{count}"
            count += 1
            continue
        for turn in part.turns:
            if _is_alone(turn):
                _number(turn, prefix, count)
            else:
                _number(turn, f"{prefix}{count}.")
            count += 1
    return count


def _laid_out(part: Turns) -> list[Step]:
    steps: list[Step] = []
    for turn in part.turns:
        for each in turn:
            steps += _laid_out(each) if isinstance(each, Turns) else [each]
    return steps
