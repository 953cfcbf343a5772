"""The values of programs: which fit a parameter, which are tensors, and which could not be computed."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.ir.filler import Filler
from netgen.ir.graph import Value
from netgen.ir.kinds import type_name, with_article
from netgen.lang import arithmetic, ast


class Broken:
    """What an expression with an error is worth. Errors that follow from it are not reported."""


BROKEN = Broken()


def documentation(comment: str) -> str:
    """A block's comment as it is carried into what is generated: without its example."""
    lines = comment.splitlines()
    for i, line in enumerate(lines):
        if line.strip().startswith(("Example:", "Input:")):
            lines = lines[:i]
            break
    return "\n".join(lines).strip()


def tensors(values: Sequence[object]) -> list[Value] | None:
    """The tensors of some values, lists of tensors spread; None where anything else is among them."""
    found: list[Value] = []
    for value in values:
        if isinstance(value, Value):
            found.append(value)
        elif isinstance(value, (list, tuple)) and all(isinstance(each, Value) for each in value):
            found.extend(value)
        else:
            return None
    return found


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "string": (str,),
    "filler": (Filler,),
    "tensor": (Value,),
}


def misfit(parameter: ast.Parameter, value: object, default: object) -> str:
    """What a parameter expects, where a value is not that; an empty string where it fits.

    ``default`` is the value of the parameter's default, which shows the type where none is written.
    """
    if parameter.type is not None:
        kind, listed = parameter.type.name, parameter.type.listed
    elif parameter.default is None:
        kind, listed = "tensor", False
    elif arithmetic.is_list(default):
        kind, listed = (type_name(default[0]) if len(default) else ""), True
    else:
        kind, listed = type_name(default), False
    if not listed:
        return "" if _is(value, kind) else f"expected {with_article(kind)}"
    if not arithmetic.is_list(value):
        return f"expected a list of {kind}s"
    return "" if not kind or all(_is(each, kind) for each in value) else f"expected a list of {kind}s"


def _is(value: object, kind: str) -> bool:
    if kind == "list":
        return arithmetic.is_list(value)
    if isinstance(value, bool):
        return kind == "bool"
    return isinstance(value, _PYTHON_TYPES.get(kind, ()))


def as_declared(parameter: ast.Parameter, value: object) -> object:
    """An int for a float parameter becomes a float; a range or tuple a list."""
    declared = parameter.type
    if declared is not None and declared.name == "float":
        if type(value) is int:
            return float(value)
        if declared.listed and arithmetic.is_list(value):
            return [float(each) if type(each) is int else each for each in value]
    if isinstance(value, (range, tuple)) and len(value) <= arithmetic.MAX_ITEMS:
        return list(value)
    return value
