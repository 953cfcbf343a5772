"""Which arguments of a layer must be said, and which are better said once for all, by ``default``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

from netgen.formats.textproto import message_lines
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node
from netgen.ir.kinds import REQUIRED, Arg, FillerKind, Float, Kind, Listed, Optional
from netgen.ir.operator import Operator
from netgen.ops import bind

Said = dict[str, object]
"""Arguments by name, with the values that a graph has for them."""

_FIRST = frozenset(("dropout", "slice", "upsample", "power"))
"""Operators whose first argument people write without its name, though it has a default."""
_FEWEST = 3
"""How many layers must agree before it is worth a ``default``."""


def positional(op: type[Operator]) -> int:
    """How many arguments are written without their names: all of ``input``, else those that must be given."""
    if not op.operands:
        return len(op.args)
    count = 0
    while count < len(op.args) and op.args[count].default is REQUIRED:
        count += 1
    return count or int(op.name in _FIRST)


class Arguments:
    """What is said at each layer of some, and what is said for all of an operator before the first."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.defaults: dict[str, Said] = {}
        self._attrs = {node: _attrs(node) for node in nodes}
        self._said: dict[Hashable, Said] = {}
        counts: dict[type[Operator], Counter[Hashable]] = {}
        attrs: dict[Hashable, Attrs] = {}
        for node, a in self._attrs.items():
            key = _key(node.op, a)
            attrs[key] = a
            counts.setdefault(node.op, Counter())[key] += 1
        for op, found in counts.items():
            defaults = _defaults(op, [(attrs[key], count) for key, count in found.items()])
            if defaults:
                self.defaults[op.name] = defaults
            for key in found:
                self._said[key] = _fewest(op, attrs[key], defaults)

    def attrs(self, node: Node) -> Attrs:
        """All arguments of a layer."""
        return self._attrs[node]

    def of(self, node: Node) -> Said:
        """The arguments that must be said at a layer."""
        return self._said[_key(node.op, self._attrs[node])]


def _attrs(node: Node) -> Attrs:
    """A node's arguments. One that only carries a layer has them in the layer itself, if that was read."""
    if node.op.name != "custom" or node.origin is None:
        return node.a
    fields = [pair for pair in node.origin.layer if pair[0] not in ("name", "type", "bottom", "top")]
    text = " ".join(line.strip() for line in message_lines(fields))
    shapes = tuple(tuple(value.shape) for value in node.outputs)
    return Attrs({**node.a, "params": text or None, "shapes": shapes})


def _key(op: type[Operator], a: Attrs) -> Hashable:
    return (op, *a.items())


def _binds(op: type[Operator], given: Mapping[str, object], a: Attrs) -> bool:
    try:
        bound = bind(op, given)
    except Fault:
        return False
    return bound.keys() == a.keys() and all(_means(value, a[name]) for name, value in bound.items())


def _means(one: object, other: object) -> bool:
    """Whether two values are the same, or pairs and triples of one number: it stands for as many as are needed."""
    if one == other or not isinstance(one, tuple) or not isinstance(other, tuple):
        return one == other
    return len(set(one)) == 1 and set(one) == set(other) and min(len(one), len(other)) > 1


def _fewest(op: type[Operator], a: Attrs, defaults: Said) -> Said:
    """As few arguments as mean ``a`` where ``defaults`` hold."""
    said: Said = {}
    for arg in op.args:
        value = a.get(arg.name)
        if value is not None and (arg.name in defaults or not _is_default(arg, value)):
            said[arg.name] = value
    for name in reversed(list(said)):
        fewer = {each: value for each, value in said.items() if each != name}
        if _binds(op, {**defaults, **fewer}, a):
            said = fewer
    return said


def _is_default(arg: Arg, value: object) -> bool:
    return arg.default is not REQUIRED and arg.kind.accept(arg.default) == value


# --- default statements ---------------------------------------------------------------------------


def _defaults(op: type[Operator], cases: list[tuple[Attrs, int]]) -> Said:
    """What most layers of an operator agree on of how they are trained: fillers, multipliers, small numbers."""
    defaults: Said = {}
    if sum(count for _, count in cases) < _FEWEST:
        return defaults
    for arg in op.args:
        if arg.default is REQUIRED or not _is_of_training(arg.kind):
            continue
        values: Counter[Hashable] = Counter()
        for a, count in cases:
            values[a[arg.name]] += count
        value, agreed = max(values.items(), key=lambda item: item[1])
        others = sum(values.values()) - agreed
        if value is None or _is_default(arg, value) or 2 * others > agreed:
            continue
        tried = {**defaults, arg.name: value}
        if all(_binds(op, {**tried, **_all_said(op, a)}, a) for a, _ in cases):
            defaults = tried
    return defaults


def _all_said(op: type[Operator], a: Attrs) -> Said:
    return {arg.name: a[arg.name] for arg in op.args if a[arg.name] is not None}


def _is_of_training(kind: Kind) -> bool:
    if isinstance(kind, Optional):
        kind = kind.of
    if isinstance(kind, Listed):
        kind = kind.of
    return isinstance(kind, (Float, FillerKind))
