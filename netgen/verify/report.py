"""What a verification found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from math import isfinite

from netgen.diag.columns import table
from netgen.diag.render import to_json
from netgen.ir.graph import Node
from netgen.ir.text import describe, shape_text, value_name
from netgen.verify.results import (
    AGREES,
    BEHIND,
    DIFFERS,
    EXPLAINED,
    FAILED,
    KNOWN,
    LEFT_OUT,
    MISSING,
    REFERENCE,
    REFUSED,
    ROUNDING,
    Compared,
    Difference,
    Row,
    Verification,
)

_MOST = 8
"""How many differences of a runtime are told at length."""
_MOST_REASONS = 6


def text(found: Verification, *, layers: bool = False, color: bool = False) -> str:
    """The table, what differs, and the verdict in the last line."""
    parts = ["\n".join(_head(found))]
    if layers:
        parts.append(layer_table(found))
    parts.append(table(_rows(found, color), "lrrlrrl"))
    parts += dict.fromkeys("\n".join(lines) for row in found.rows if (lines := _about_row(found, row)))
    parts.append(_not_finite(found))
    parts.append("\n".join(_legend(found)))
    parts.append(_painted(verdict(found), color, is_fine=bool(found)))
    return "\n\n".join(part for part in parts if part)


def _head(found: Verification) -> list[str]:
    return [
        f"{found.graph.name or 'the net'}: {_many(_total(found), 'value')} in {_many(_layers(found), 'layer')}",
        *found.about,
    ]


def _total(found: Verification) -> int:
    given = set(found.graph.inputs)
    return sum(value not in given for node in found.graph.nodes for value in node.outputs)


def _layers(found: Verification) -> int:
    given = {value.node for value in found.graph.inputs}
    return sum(node not in given for node in found.graph.nodes)


# --- the table ------------------------------------------------------------------------------------


def _rows(found: Verification, color: bool) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("runtime", "values", "worst", "at", "bound", "time", "")]
    for row in found.rows:
        if row.state in (MISSING, LEFT_OUT):
            continue
        worst = row.worst
        has_values = row.state in (AGREES, DIFFERS, KNOWN) and row is not found.reference
        rows.append(
            (
                row.name,
                f"{len(row.values) if has_values else row.shown:,}" if row.state not in (REFUSED, FAILED) else "",
                _error(worst.error) if worst is not None and has_values else "",
                worst.name if worst is not None and has_values else "",
                f"{row.runtime.bound:.0e}" if has_values else "",
                f"{row.seconds:.1f} s" if row.state not in (REFUSED, FAILED) else "",
                _painted(_result(found, row), color, is_fine=found.is_fine(row)),
            )
        )
    return rows


def _result(found: Verification, row: Row) -> str:
    if row is found.reference:
        return REFERENCE
    if row.state == AGREES:
        rounded = row.count(ROUNDING)
        return f"agrees, {rounded:,} to rounding that has grown" if rounded else AGREES
    if row.state == REFUSED:
        return "cannot run it"
    if row.state in (DIFFERS, KNOWN) and row.differences:
        first = row.differences[0].compared.name
        return f"differs at {first}" if row.state == DIFFERS else f"known fault at {first}"
    return row.state


def _painted(text: str, color: bool, *, is_fine: bool) -> str:
    return f"\033[{'32' if is_fine else '1;31'}m{text}\033[0m" if color else text


def _error(error: float) -> str:
    return f"{error:.1e}" if isfinite(error) else "all"


def _legend(found: Verification) -> list[str]:
    """What the numbers are, and who is not there."""
    lines = []
    if found.compared:
        reference = found.reference.name if found.reference is not None else ""
        lines.append(f"worst: the largest difference from {reference} within a value, as a part of its largest number")
    for bound, reason in dict.fromkeys((row.runtime.bound, row.runtime.bound_reason) for row in found.compared):
        lines.append(f"bound {bound:.0e}: {reason}")
    left = [f"{_names(names)} ({reason})" for reason, names in _by_reason(found, LEFT_OUT).items()]
    if left:
        lines.append(f"left out, unless --against names it: {', '.join(left)}")
    lines += [f"not here: {_names(names)} ({reason})" for reason, names in _by_reason(found, MISSING).items()]
    return lines


def _by_reason(found: Verification, state: str) -> dict[str, list[str]]:
    """The runtimes in a state, by the reason for it."""
    reasons: dict[str, list[str]] = {}
    for row in found.rows:
        if row.state == state:
            reasons.setdefault("; ".join([*row.reasons, *filter(None, [row.hint])]), []).append(row.name)
    return reasons


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} more of its kind"


def layer_table(found: Verification) -> str:
    """Every value with its shape, and how far each runtime is from the reference."""
    rows = [row for row in found.compared if any(True for _ in row.values)]
    errors = [{each.value: each for each in row.values} for row in rows]
    lines: list[Sequence[str]] = [("value", "operator", "shape", *(row.name for row in rows))]
    given = set(found.graph.inputs)
    for node in found.graph.nodes:
        for value in node.outputs:
            if value not in given:
                cells = [_cell(each.get(value)) for each in errors]
                lines.append((value_name(value), node.op.name, shape_text(value.shape), *cells))
    return table(lines, "lllr")


def _cell(compared: Compared | None) -> str:
    if compared is None:
        return "-"
    mark = {DIFFERS: " !", KNOWN: " k", BEHIND: " <", ROUNDING: " ~"}.get(compared.state, "  ")
    return (shape_text(compared.shape) if compared.measure is None else _error(compared.error)) + mark


def _not_finite(found: Verification) -> str:
    """Where numbers stop being numbers: they are equal everywhere, and show nothing."""
    if not found.not_finite or found.reference is None:
        return ""
    (value, strange, size), *others = found.not_finite
    more = f", and {_many(len(others), 'more value')} in part or wholly" if others else ""
    return (
        f"not finite in {found.reference.name}: {strange:,} of {_many(size, 'number')} of `{value_name(value)}`"
        f"{_place(value.node)}{more}"
    )


# --- what differs ---------------------------------------------------------------------------------


def _about_row(found: Verification, row: Row) -> list[str]:
    """What there is to say about a runtime beside its line in the table."""
    if row.state in (REFUSED, FAILED):
        same = [each.name for each in found.rows if each.state == row.state and each.reasons == row.reasons]
        return [f"{_all_of(same)} {'cannot run it' if row.state == REFUSED else row.state}:", *_reasons(row)]
    lines = []
    for number, each in enumerate(row.differences[:_MOST]):
        lines += [*([""] if number else []), *_about(found, row, each)]
    if len(row.differences) > _MOST:
        names = ", ".join(f"`{each.compared.name}`" for each in row.differences[_MOST:][:_MOST])
        lines += ["", f"{row.name} differs by itself in {len(row.differences) - _MOST:,} more layers: {names} …"]
    return [*lines, *_consequences(row)]


def _reasons(row: Row) -> list[str]:
    """Why a runtime did not run, where that stands in the source, and the ways out."""
    places = [f"  ({each.span})" if each.span is not None else "" for each in row.diagnostics]
    said = [f"  {reason}{place}" for reason, place in zip_longest(row.reasons, places, fillvalue="")]
    more = len(said) - _MOST_REASONS
    rest = [f"  … and {more:,} more"] if more > 0 else []
    hints = dict.fromkeys(each.hint for each in row.diagnostics if each.hint)
    return [*said[:_MOST_REASONS], *rest, *(f"  hint: {hint}" for hint in [*hints][:_MOST_REASONS])]


def _about(found: Verification, row: Row, each: Difference) -> list[str]:
    compared, node = each.compared, each.node
    reference = found.reference.name if found.reference is not None else "the reference"
    lines = [f"{row.name} differs at `{compared.name}`{_by_how_much(compared)}"]
    lines.append(f"  layer:  {describe(node)} -> {shape_text(compared.value.shape)}{_place(node)}")
    if compared.measure is None:
        lines.append(
            f"  shape:  {shape_text(compared.shape)} in {row.name}, inferred is {shape_text(compared.value.shape)}"
        )
    else:
        at = ", ".join(map(str, compared.measure.at))
        first, second = compared.measure.first, compared.measure.second
        lines.append(f"  where:  at [{at}] {reference} has {first:.6g}, {row.name} {second:.6g}")
    lines.append(f"  before: {_before(row, each)}")
    if each.known:
        lines.append(f"  known:  {each.known}")
    lines += _why(row, each)
    return lines


def _by_how_much(compared: Compared) -> str:
    if compared.measure is None:
        return ": its shape is another"
    error, rms = compared.error, compared.measure.rms
    if not isfinite(error):
        return ": numbers are not finite" if compared.measure.strange else ": rows are missing or too many"
    return f" by {error:.2g} of its largest number ({rms:.2g} on average)"


def _place(node: Node) -> str:
    return f"  ({node.span})" if node.span is not None else ""


def _before(row: Row, each: Difference) -> str:
    if each.own is None and each.inputs is None and each.node.inputs:
        return "nothing that it shows"
    if each.inputs is None:
        return "it reads inputs of the net alone" if each.own is not None else "nothing that could be compared"
    if each.inputs <= row.runtime.bound:
        reads = f"what it reads agrees, to {each.inputs:.1e}"
    else:
        reads = f"what it reads differs too{f', by {each.inputs:.1e}' if isfinite(each.inputs) else ''}"
    if each.own is not None and isfinite(each.own):
        return f"{reads}; from the very same numbers it is {each.own:.2g} apart"
    return reads


def _why(row: Row, each: Difference) -> list[str]:
    if each.cause:
        within = f" in `{each.within}`, behind which it shows nothing" if each.within else ""
        return [
            f"  cause:  {row.name} {each.cause}{within}",
            f"          ({each.kind}{_proof(row)})",
        ]
    if each.pattern:
        unknown = "" if row.runtime.only_outputs else "; no known mistake gives these numbers"
        return [f"  how:    {each.pattern}{unknown}"]
    if each in row.differences[EXPLAINED:]:
        return [f"  cause:  not looked for beyond the first {EXPLAINED} layers of a runtime"]
    return []


def _proof(row: Row) -> str:
    return "" if row.runtime.only_outputs else f"; computed so, the layer gives {row.name}'s numbers"


def _consequences(row: Row) -> list[str]:
    lines = []
    behind, rounded = row.count(BEHIND), row.count(ROUNDING)
    if behind and row.differences:
        lines.append(
            f"{_many(behind, 'more value')} of {row.name} differ{'s' if behind == 1 else ''} because of that: given "
            "its own numbers, their layers agree"
        )
    if rounded:
        layers = f"given its own numbers, every layer agrees to {row.runtime.step:.0e}, or cannot tell them apart"
        outputs = "layer by layer, rounding alone makes as much of a difference there"
        lines.append(
            f"{_many(rounded, 'value')} of {row.name} differ{'s' if rounded == 1 else ''} by more than the bound and "
            f"{'is' if rounded == 1 else 'are'} right: {outputs if row.runtime.only_outputs else layers}"
        )
    return ["", *lines] if lines and row.differences else lines


# --- the verdict ----------------------------------------------------------------------------------


def verdict(found: Verification) -> str:
    """All of it in one line."""
    name = found.graph.name or "the net"
    compared = found.compared
    wrong = [row for row in compared if row.state == DIFFERS]
    if wrong:
        return _parting(found, wrong)
    if found.reference is None:
        return f"Nothing was compared: no runtime could run {name}."
    if not found.values_count and compared:
        why = f"no two show the same value of {name}" if _layers(found) else f"{name} has no layers"
        return f"Nothing was compared: {why}."
    if not compared:
        others = [row.name for row in found.rows if row.state in (REFUSED, FAILED)]
        why = f"{_all_of(others)} cannot run {name}" if others else f"{found.reference.name} is alone"
        return f"Nothing was compared: {why}."
    known = [row for row in compared if row.state == KNOWN]
    failed = [row for row in found.rows if row.state == FAILED or (row.state == REFUSED and row.asked)]
    right = len(compared) - len(known) + 1
    said = f"{right} runtimes agree on {_many(found.values_count, 'value')}"
    hollow = [each.value for each in found.not_finite if each.is_all]
    if hollow:
        more = f" and {_many(len(hollow) - 1, 'more value')}" if hollow[1:] else ""
        return (
            f"{said}, but nothing in `{value_name(hollow[0])}`{more} is a finite number: it proves nothing of {name}."
        )
    if known:
        names = _all_of([f"{row.name} differs at `{row.differences[0].compared.name}`" for row in known])
        return f"{said if right > 1 else 'Nothing else was compared'}; {names} by a known fault of its own."
    if failed:
        names = _all_of([row.name for row in failed])
        return f"{said}; {names} could not run {name}."
    every = f"Both {said.removeprefix('2 ')}" if right == 2 else f"All {said}"
    if any(row.state == REFUSED for row in found.rows):
        return f"{every} where they can run it: there {name} computes the same."
    return f"{every}: {name} computes the same everywhere."


def _parting(found: Verification, wrong: Sequence[Row]) -> str:
    reference = found.reference.name if found.reference is not None else "what is inferred"
    place = {node: at for at, node in enumerate(found.graph.nodes)}
    said = []
    shown = {row.runtime.family for row in wrong if not row.runtime.only_outputs}
    for row in wrong:
        if row.runtime.only_outputs and row.runtime.family in shown:
            continue  # its other half says it better
        firsts = [each for each in row.differences if not each.known]
        first = min(firsts, key=lambda each: place[each.node])
        cause = f" (it {first.cause})" if first.cause else ""
        said.append(f"{row.name} differs from {reference} first at `{first.compared.name}`{cause}")
    return "; ".join(said) + "."


def _all_of(names: Sequence[str]) -> str:
    """Names in a sentence: one, two and three."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# --- for programs ---------------------------------------------------------------------------------


def to_dict(found: Verification) -> dict[str, object]:
    """All of it as plain data, every value included."""
    first = found.first_difference
    return {
        "net": found.graph.name,
        "agrees": bool(found),
        "verdict": verdict(found),
        "reference": found.reference.name if found.reference is not None else None,
        "values": found.values_count,
        "not_finite": [
            {"value": value_name(each.value), "numbers": each.strange, "of": each.size} for each in found.not_finite
        ],
        "first_difference": _difference_data(first) if first is not None else None,
        "runtimes": [_row_data(row) for row in found.rows],
    }


def _row_data(row: Row) -> dict[str, object]:
    return {
        "runtime": row.name,
        "about": row.runtime.about,
        "device": row.runtime.device,
        "state": row.state,
        "reasons": row.reasons,
        "diagnostics": to_json(row.diagnostics),
        "hint": row.hint,
        "bound": row.runtime.bound,
        "bound_reason": row.runtime.bound_reason,
        "seconds": round(row.seconds, 3),
        "shown": row.shown,
        "differences": [_difference_data(each) for each in row.differences],
        "values": [_value_data(each) for each in row.values],
    }


def _value_data(each: Compared) -> dict[str, object]:
    found = each.measure
    return {
        "value": each.name,
        "layer": each.value.node.name,
        "output": each.value.index,
        "operator": each.value.node.op.name,
        "inferred": list(each.value.shape) if each.value.is_known else None,
        "shape": list(each.shape),
        "state": each.state,
        "error": _finite(found.error) if found is not None else None,
        "rms": _finite(found.rms) if found is not None else None,
        "at": list(found.at) if found is not None else None,
        "reference": _finite(found.first) if found is not None else None,
        "runtime": _finite(found.second) if found is not None else None,
        "not_finite": found.strange if found is not None else None,
    }


def _difference_data(each: Difference) -> dict[str, object]:
    return {
        **_value_data(each.compared),
        "place": str(each.node.span) if each.node.span is not None else None,
        "reads": [value_name(value) for value in each.node.inputs],
        "inputs_error": _finite(each.inputs),
        "own_error": _finite(each.own),
        "kind": each.kind or None,
        "cause": each.cause or None,
        "within": each.within or None,
        "pattern": each.pattern or None,
        "known_fault": each.known or None,
    }


def _finite(number: float | None) -> float | None:
    """A number that JSON has."""
    return number if number is not None and isfinite(number) else None
