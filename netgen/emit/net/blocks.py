"""Groups that are alike become one block, and their layers its steps: what is called, on what, with what."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.emit.net.arguments import positional
from netgen.emit.net.body import Body
from netgen.emit.net.chains import Step
from netgen.emit.net.cores import HOLE
from netgen.emit.net.expr import (
    FUNCTIONS,
    Expr,
    Formula,
    Listing,
    Literal,
    Variable,
    identifier,
    is_identifier,
    of_one_type,
    plain,
)
from netgen.emit.net.items import Group, Item, Leaf, Network, can_vary
from netgen.emit.net.lost import Lost
from netgen.emit.net.program import Arguments, Block
from netgen.emit.net.settings import Settings, stem
from netgen.formats.message import get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Node, Value
from netgen.ir.kinds import REQUIRED, Arg, Optional, Pair
from netgen.ops import OPERATORS, bind

_TENSORS = ("x", "y", "z")


class _Made:
    """A block that has been written, and its calls by number: ``names`` are the instances', where layers use them."""

    __slots__ = ("block", "gives_name", "names", "numbers", "takes_name")

    def __init__(self, block: Block, groups: Sequence[Group]) -> None:
        self.block = block
        self.numbers = {group: number for number, group in enumerate(groups)}
        self.names: list[str] | None = None
        self.gives_name = False
        """Whether a label in it is the instance's own name."""
        self.takes_name = False
        """Whether what it returns takes that name."""


class Writer:
    """Writes the blocks of a program, those first that others call."""

    def __init__(self, network: Network, lost: Lost) -> None:
        self.network = network
        self.lost = lost
        self.blocks: list[Block] = []
        self._made: dict[int, _Made] = {}
        self._taken = {*OPERATORS, *FUNCTIONS}
        self._net = self._free(identifier(network.graph.name, "Net"))
        self._layers = {node.name for node in network.graph.nodes}

    def net(self, root: list[Item], size: Variable | None) -> Block:
        """The net itself, behind all blocks that it calls; ``size`` stands for the height and width of its input."""
        for groups in _groups(root):
            self._made[groups[0].label] = self._block(groups)
        graph = self.network.graph
        block = Block(self._net)
        block.doc = graph.doc
        unread = [value for node in graph.nodes for value in node.outputs if not value.readers]
        outputs = [] if graph.outputs == unread else graph.outputs
        body = Body([""], {}, outputs, Settings(1), self._layers, is_net=True)
        steps = self._steps([root], body)
        if size is not None:
            body.reserved.add(size.name)
            _with_size(steps, size)
        block.statements = body.statements(steps)
        return block

    def _block(self, groups: list[Group]) -> _Made:
        first = groups[0]
        block = Block(self._name(first))
        block.doc = first.doc if block.name == first.block else ""
        made = _Made(block, groups)
        settings = Settings(len(groups))
        names = [stem(group.core) for group in groups]
        cut = {group.core[len(name) :] for group, name in zip(groups, names, strict=True)}
        if all(each.startswith(HOLE) for each in first.pattern) and all(names) and len(cut) == 1:
            made.names = names
            settings.known.append((Variable("name"), names))
        elif len(groups) > 1 and first.core:
            settings.identify(names if all(names) and len(cut) == 1 else [group.core for group in groups])
        block.tensors = _tensors(groups)
        tensors = dict(zip(first.inputs, block.tensors, strict=True))
        body = Body(made.names, tensors, first.outputs, settings, self._layers)
        block.statements = body.statements(self._steps([group.items for group in groups], body))
        made.gives_name, made.takes_name = body.gives_name, body.takes_name
        block.parameters = settings.parameters
        self.blocks.append(block)
        return made

    # --- steps ---------------------------------------------------------------------------------

    def _steps(self, lists: Sequence[list[Item]], body: Body) -> list[Step]:
        """The steps of a block, from the items of each of its calls."""
        steps = []
        for column in zip(*lists, strict=True):
            leaves = [item for item in column if isinstance(item, Leaf)]
            groups = [item for item in column if isinstance(item, Group)]
            steps.append(self._layer(leaves, body) if leaves else self._call(groups, body))
        return steps

    def _layer(self, leaves: list[Leaf], body: Body) -> Step:
        nodes = [leaf.node for leaf in leaves]
        first = nodes[0]
        said = [self.network.arguments.of(node) for node in nodes]
        where = body.where(first.name)
        arguments: Arguments = []
        by_position = positional(first.op)
        for i, arg in enumerate(first.op.args):
            if not any(arg.name in each for each in said):
                by_position = min(by_position, i)
                continue
            value = self._argument(arg, nodes, body, where)
            arguments.append(("" if i < by_position else arg.name, value))
        step = Step(Variable(first.op.name), leaves[0].inputs, leaves[0].outputs, arguments)
        step.op = first.op
        step.names = [node.name for node in nodes]
        step.hint = first.name
        step.is_heavy = leaves[0].is_heavy
        step.is_light = leaves[0].is_light
        step.variables = _variables(first)
        note = self.lost.note(first) if len(nodes) == 1 else ""
        step.notes = [note] if note else []
        return step

    def _argument(self, arg: Arg, nodes: list[Node], body: Body, where: str) -> Expr:
        given = [self.network.arguments.attrs(node)[arg.name] for node in nodes]
        if arg.name == "share":
            return _shared(given, body)
        values = of_one_type(arg.kind, given)
        if len(nodes) == 1 or not can_vary(arg.kind, given[0]):
            return Literal(values[0])
        if any(value != values[0] for value in values) and _is_same_pad(arg, nodes):
            return Literal("same")
        usual = None if arg.default in (REQUIRED, None) else plain(arg.kind, arg.kind.accept(arg.default))
        inputs = [node.inputs for node in nodes]
        return _channels(values, inputs, body) or body.settings.value(values, usual, arg.name, where)

    def _call(self, groups: list[Group], body: Body) -> Step:
        made = self._made[groups[0].label]
        numbers = [made.numbers[group] for group in groups]
        names = [made.names[number] for number in numbers] if made.names is not None else None
        hint = next(groups[0].nodes).name
        where = body.where(hint)
        inputs = [group.inputs for group in groups]
        arguments: Arguments = []
        for parameter in made.block.parameters:
            values = [parameter.values[number] for number in numbers]
            if parameter.default is not None and all(value == parameter.default for value in values):
                continue
            value: Expr
            if parameter.type == "string":
                value = body.settings.text([str(each) for each in values])
            else:
                value = _channels(values, inputs, body) or body.settings.value(
                    values, parameter.default, parameter.name, where
                )
            arguments.append(("" if parameter.default is None else parameter.name, value))
        step = Step(made.block, groups[0].inputs, groups[0].outputs, arguments)
        step.names = names
        step.hint = hint
        step.must_label, step.takes_name = made.gives_name, made.takes_name
        step.variables = [groups[0].variable] if is_identifier(groups[0].variable) else []
        return step

    # --- names ---------------------------------------------------------------------------------

    def _name(self, group: Group) -> str:
        is_name = is_identifier(group.block) and group.block not in OPERATORS
        return self._free(group.block if is_name else _described(group))

    def _free(self, wanted: str) -> str:
        """A name that no operator, function or block has."""
        name = wanted
        number = 2
        while name in self._taken:
            name = f"{wanted}_{number}"
            number += 1
        self._taken.add(name)
        return name


def _groups(root: list[Item]) -> list[list[Group]]:
    """All groups of a net in sets of those that are alike; what is called stands before what calls it."""
    found: dict[int, list[Group]] = {}

    def visit(items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Group):
                visit(item.items)
                found.setdefault(item.label, []).append(item)

    visit(root)
    return list(found.values())


def _tensors(groups: list[Group]) -> list[str]:
    """What a block calls its inputs: as the program did that the graph comes from, else x, y …"""
    first = groups[0].variables
    if first and all(map(is_identifier, first)) and len(set(first)) == len(first):
        return first
    count = len(groups[0].inputs)
    return [*_TENSORS[:count], *(f"x{i}" for i in range(len(_TENSORS), count))]


def _shared(names: Sequence[tuple[str, ...]], body: Body) -> Expr:
    """The name of the weights that several layers have, or the name of each array."""
    columns = [body.settings.text(column) for column in zip(*names, strict=True)]
    return columns[0] if len(columns) == 1 else Listing(columns)


def _variables(node: Node) -> list[str]:
    """What results are called where they come from: as a program's variables or, if they are several, Caffe's blobs."""
    if node.origin is None or len(node.outputs) < 2:
        return [value.variable if is_identifier(value.variable) else "" for value in node.outputs]
    names: list[str] = []
    for top in get_all(node.origin.layer, "top"):
        name = stem = identifier(top.rpartition("/")[2], node.op.short)
        number = 2
        while name in names:
            name = f"{stem}_{number}"
            number += 1
        names.append(name)
    return names


def _with_size(steps: Sequence[Step], size: Variable) -> None:
    """Put the variable into the place of the input's height and width."""
    step = next(step for step in steps if step.op is OPERATORS["input"] and len(step.arguments) == 4)
    step.arguments[2:4] = [(name, Formula(size)) for name, _ in step.arguments[2:4]]


def _is_same_pad(arg: Arg, nodes: list[Node]) -> bool:
    """Whether the word ``"same"`` says the padding of all of some layers."""
    kind = arg.kind.of if isinstance(arg.kind, Optional) else arg.kind
    if not isinstance(kind, Pair) or "same" not in kind.words:
        return False
    try:
        return all(bind(node.op, {**_given(node), arg.name: "same"}) == node.a for node in nodes)
    except Fault:
        return False


def _given(node: Node) -> dict[str, object]:
    return {name: value for name, value in node.a.items() if value is not None}


def _channels(values: list[object], inputs: Sequence[Sequence[Value]], body: Body) -> Expr | None:
    """``x.channels``, where that is the value in all calls and the block's own input is read."""
    if not inputs[0] or inputs[0][0] not in body.tensors or len(values) == 1:
        return None
    shapes = [each[0].shape for each in inputs]
    if any(len(shape) < 2 for shape in shapes) or values == values[:1] * len(values):
        return None
    if values != [shape[1] for shape in shapes]:
        return None
    return Formula(Variable(body.tensors[inputs[0][0]]), "", ".channels")


# --- names of blocks -----------------------------------------------------------------------------


def _described(group: Group) -> str:
    """A name for a block that has none: a unit is called by its operators, other blocks by their layers' names."""
    if all(isinstance(item, Leaf) for item in group.items) and len(group.items) <= 4:
        shorts = [node.op.short for node in group.nodes]
        return "_".join(short for i, short in enumerate(shorts) if short != "scale" or i == 0)
    letters = "".join(letter if letter.isalpha() else " " for letter in group.core).split()
    if group.pattern[0].startswith(HOLE) and letters and len(letters[0]) > 2 and letters[0] not in OPERATORS:
        return identifier(letters[0].lower(), "block")
    first = next(group.nodes)
    if first.a.get("groups", 1) > 1 and first.a["groups"] == first.x[0][1]:
        return "separable"
    *_, last = group.nodes
    if last.op.short == "pool":
        return "stage"
    joins = [node.op.name for node in group.nodes if len(node.inputs) > 1]
    return {"add": "residual", "concat": "branches"}.get(joins[-1] if joins else "", "unit")
