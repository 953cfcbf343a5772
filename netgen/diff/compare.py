"""Compares two networks, layer by layer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from netgen.diff.pairing import as_read, pair_up
from netgen.diff.result import Differences, Field, Pair
from netgen.ir.filler import Filler
from netgen.ir.graph import UNKNOWN, Graph, Node, Shape, Value
from netgen.ir.kinds import Extents, FillerKind, Kind, Optional
from netgen.ir.operator import LEARNING_ARGS, Operator


def differences(
    before: Graph,
    after: Graph,
    *,
    ignore_names: bool = False,
    ignore_training: bool = False,
    ignore: Collection[str] = (),
) -> Differences:
    """What it takes to make ``after`` of ``before``.

    Layers are paired by their names, and by what they compute and stand beside where names do not help, or are ignored:
    then no pair differs in its name. ``ignore_training`` leaves out what only training looks at (how weights begin, and
    how fast they learn); ``ignore`` names arguments that are left out.
    """

    def arguments(node: Node) -> dict[str, object]:
        left_out = {*ignore, *(of_training(node.op) if ignore_training else ())}
        kinds = {arg.name: arg.kind for arg in node.op.args}
        return {name: _plainest(name, kinds[name], value) for name, value in node.a.items() if name not in left_out}

    found = pair_up(before, after, arguments, by_name=not ignore_names)
    pairs = []
    for node, other in found.items():
        fields = _fields(node, other, arguments(node), arguments(other), found)
        pairs.append(Pair(node, other, tuple(each for each in fields if not (ignore_names and each.name == "name"))))
    taken = set(found.values())
    return Differences(
        before,
        after,
        pairs,
        removed=[node for node in before.nodes if node not in found],
        added=[node for node in after.nodes if node not in taken],
        fields=_outputs(before, after, found),
    )


def of_training(op: type[Operator]) -> set[str]:
    """The arguments of an operator that a forward pass does not look at."""
    learning = {arg.name for arg in LEARNING_ARGS} - {"share"}
    return {arg.name for arg in op.args if arg.name in learning or _is_filler(arg.kind)}


def _plainest(name: str, kind: Kind, value: object) -> object:
    """One of the ways to say the same: no filler is that of Caffe's default, [3, 3, 3] is 3, a rate of 1 none."""
    if value is None and _is_filler(kind):
        return Filler("constant")
    if name in ("lr_mult", "decay_mult") and isinstance(value, tuple):
        said = len(value)
        while said and value[said - 1] == 1:
            said -= 1
        return value[:said] or None
    each = kind.of if isinstance(kind, Optional) else kind
    if isinstance(each, Extents) and isinstance(value, tuple) and len(set(value)) == 1:
        return (value[0], value[0])
    return value


def _is_filler(kind: object) -> bool:
    return isinstance(kind, FillerKind) or (isinstance(kind, Optional) and _is_filler(kind.of))


def _fields(
    node: Node, other: Node, mine: dict[str, object], theirs: dict[str, object], found: dict[Node, Node]
) -> Iterator[Field]:
    """What tells one layer from its counterpart."""
    if node.name != other.name:
        yield Field("name", node.name, other.name)
    if node.op is not other.op:
        yield Field("operator", node.op.name, other.op.name)
    for name in (arg.name for arg in node.op.args if arg.name in mine):
        if name in theirs and mine[name] != theirs[name]:
            yield Field(name, node.a[name], other.a[name])
    mine_there = as_read(other, [_counterpart(value, found) for value in node.inputs])
    if mine_there != as_read(other, [_place(value) for value in other.inputs]):
        yield Field("inputs", _names(node.inputs), _names(other.inputs))
    if len(node.y) != len(other.y) or any(map(_differ, node.y, other.y)):
        yield Field("shape", _shapes(node), _shapes(other))


def _differ(one: Shape, another: Shape) -> bool:
    """Whether two shapes do; of one that is not known nobody can say so."""
    return one != another and one is not UNKNOWN and another is not UNKNOWN


def _outputs(before: Graph, after: Graph, found: dict[Node, Node]) -> tuple[Field, ...]:
    if [_counterpart(value, found) for value in before.outputs] == [_place(value) for value in after.outputs]:
        return ()
    return (Field("outputs", _names(before.outputs), _names(after.outputs)),)


def _place(value: Value) -> tuple[Node | None, int]:
    return value.node, value.index


def _counterpart(value: Value, found: dict[Node, Node]) -> tuple[Node | None, int]:
    return found.get(value.node), value.index


def _names(values: Iterable[Value]) -> tuple[str, ...]:
    return tuple(f"{each.node.name}:{each.index}" if each.index else each.node.name for each in values)


def _shapes(node: Node) -> object:
    """The shape of a layer's result, or of each where it has several."""
    return node.y[0] if len(node.y) == 1 else tuple(node.y)
