"""Differences as text, in the manner of a diff, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.diff.compare import of_training
from netgen.diff.result import Differences, Field, Pair
from netgen.ir.filler import Filler
from netgen.ir.graph import Graph, Node
from netgen.ir.text import describe, shape_text, value_text

Line = tuple[str, str]
"""A sign, and a text: `` `` is the same, ``-`` removed, ``+`` added, ``~`` changed, ``@`` a gap, nothing prose."""

NAMES = 8
"""How many layers that have other names, or other shapes, are listed where not all are asked for."""
_LIST = 6
"""How many names a field shows."""


def lines(found: Differences, *, context: int = 1, everything: bool = False) -> list[Line]:
    """The comparison, a line each: the changes with so many unchanged layers around them, then a summary."""
    said: list[Line] = []
    steps = list(_steps(found))
    shown = _shown(steps, context, everything)
    last = -1
    for at, step in enumerate(steps):
        if at not in shown:
            continue
        if at != last + 1:
            said.append(("@", f"{at - last - 1} more unchanged"))
        said += _step_lines(step, everything)
        last = at
    if said and last != len(steps) - 1:
        said.append(("@", f"{len(steps) - 1 - last} more unchanged"))
    said += [("~", f"the net's {_field_text(field)}") for field in found.fields]
    if not everything:
        said += _renamed(found)
    return [*said, *([("", "")] if said else []), ("", summary(found))]


def summary(found: Differences) -> str:
    """One sentence."""
    if not found:
        return f"the same network: {_count(len(found.pairs), 'layer')}"
    if found.is_same_network:
        return f"the same network up to names: {len(found.renamed)} of {_count(len(found.pairs), 'layer')} are renamed"
    training = sum(_is_for_training(pair) for pair in found.changed)
    counts = [
        (len(found.changed), "changed" + (f" ({training} in what only training looks at)" if training else "")),
        (len(found.reshaped), "of another shape alone"),
        (len(found.removed), "removed"),
        (len(found.added), "added"),
    ]
    alike = [pair for pair in found.pairs if not (pair.is_changed or pair.is_reshaped)]
    renamed = sum(pair.is_renamed for pair in alike)
    same = f"{_count(len(alike), 'layer')} the same" + (f" ({renamed} renamed)" if renamed else "")
    return ", ".join([same, *(f"{count} {what}" for count, what in counts if count)])


def _is_for_training(pair: Pair) -> bool:
    """Whether a layer is changed in how its weights begin and learn alone."""
    itself = {field.name for field in pair.fields} - {"name", "shape"}
    return itself <= of_training(pair.before.op)


def head(graph: Graph) -> str:
    """What stands behind the name of a file: the net, its size."""
    given = ", ".join(shape_text(value.shape) for value in graph.inputs)
    return f"{graph.name or 'net'}, {_count(len(graph.nodes), 'layer')}" + (f", input {given}" if given else "")


def to_dict(found: Differences) -> dict[str, object]:
    """All of it as plain data."""
    return {
        "same_network": found.is_same_network,
        "same": len(found.same),
        "pairs": [_pair_data(pair) for pair in found.pairs if pair.fields],
        "removed": [_node_data(node) for node in found.removed],
        "added": [_node_data(node) for node in found.added],
        "outputs": [_field_data(field) for field in found.fields],
        "summary": summary(found),
    }


# --- the walk -----------------------------------------------------------------------------------------

_Step = Pair | tuple[str, Node]
"""A pair, or a layer that only one of the networks has, behind its sign."""


def _steps(found: Differences) -> Iterator[_Step]:
    """Both networks in one order: the first's, with what was added where it stands in the second."""
    pair_of = {pair.before: pair for pair in found.pairs}
    counterpart = {pair.after: pair.before for pair in found.pairs}
    done: set[Node] = set()
    rest = iter(found.after.nodes)
    for node in found.before.nodes:
        pair = pair_of.get(node)
        if pair is None:
            yield ("-", node)
            continue
        if pair.after not in done:
            for other in rest:
                if other is pair.after:
                    break
                done.add(other)
                if other not in counterpart:
                    yield ("+", other)
        yield pair
    yield from (("+", other) for other in rest if other not in counterpart)


def _shown(steps: list[_Step], context: int, everything: bool) -> set[int]:
    if everything:
        return set(range(len(steps)))
    shown: set[int] = set()
    for at, step in enumerate(steps):
        if not isinstance(step, Pair) or step.is_changed:
            shown.update(range(max(at - context, 0), min(at + context + 1, len(steps))))
    return shown


def _step_lines(step: _Step, everything: bool) -> Iterator[Line]:
    if not isinstance(step, Pair):
        sign, node = step
        yield sign, f"{_name(node)}  {describe(node)}  {_shape(node)}"
        return
    before, after = step.before, step.after
    fields = [field for field in step.fields if field.name not in ("name", "shape")]
    name = _name(before) if before.name == after.name else f"{_name(before)} -> {_name(after)}"
    shape = _shape(before) if before.y == after.y else f"{_shape(before)} -> {_shape(after)}"
    is_marked = step.is_changed or (everything and step.fields)
    yield "~" if is_marked else " ", f"{name}  {describe(before)}  {shape}"
    if step.is_changed:
        yield from (("~", f"    {_field_text(field)}") for field in fields)


def _renamed(found: Differences) -> Iterator[Line]:
    """What is the same but for its name."""
    renamed = [pair for pair in found.renamed if not pair.is_changed]
    if not renamed:
        return
    names = [f"{_name(pair.before)} -> {_name(pair.after)}" for pair in renamed[:NAMES]]
    more = f", and {len(renamed) - NAMES} more (--all lists them)" if len(renamed) > NAMES else ""
    yield "~", f"renamed: {', '.join(names)}{more}"


# --- words --------------------------------------------------------------------------------------------


def _name(node: Node) -> str:
    return node.name or "(unnamed)"


def _shape(node: Node) -> str:
    return ", ".join(map(shape_text, node.y))


def _field_text(field: Field) -> str:
    return f"{field.name}: {_value(field, field.before)} -> {_value(field, field.after)}"


def _value(field: Field, value: object) -> str:
    if field.name in ("inputs", "outputs") and isinstance(value, tuple):
        names = [str(each) or "(unnamed)" for each in value[:_LIST]]
        return ", ".join(names) + (f" and {len(value) - _LIST} more" if len(value) > _LIST else "")
    if field.name in ("name", "operator"):
        return str(value)
    return "not given" if value is None else value_text(value)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _node_data(node: Node) -> dict[str, object]:
    return {
        "name": node.name,
        "operator": node.op.name,
        "text": describe(node),
        "shapes": [list(shape) for shape in node.y],
        "place": str(node.span) if node.span is not None else "",
    }


def _pair_data(pair: Pair) -> dict[str, object]:
    return {
        "before": _node_data(pair.before),
        "after": _node_data(pair.after),
        "changed": pair.is_changed,
        "fields": [_field_data(field) for field in pair.fields],
    }


def _field_data(field: Field) -> dict[str, object]:
    return {"name": field.name, "before": _plain(field.before), "after": _plain(field.after)}


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Filler):
        return repr(value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
