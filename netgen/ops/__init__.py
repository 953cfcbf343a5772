"""Every operator of the language: one class each, gathered from the family modules of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from netgen.diag import did_you_mean
from netgen.formats.message import Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs
from netgen.ir.kinds import REQUIRED, Kind
from netgen.ir.operator import Operator
from netgen.ir.spell_caffe import CaffeSpelling

__all__ = ["OPERATORS", "bind", "read_caffe"]


_FAMILIES = """
accuracy activation batch_norm conv detection distance elementwise foreign index local loss multibox norm pool prior
proposal recurrent reduce resize roi scale shape source unpool window yolo
"""


def _gather() -> dict[str, type[Operator]]:
    """The operators that the family modules define, by name in alphabetical order; base classes have no name."""
    found = {
        item.name: item
        for family in _FAMILIES.split()
        for item in vars(import_module(f"{__name__}.{family}")).values()
        if isinstance(item, type) and issubclass(item, Operator) and item.name
    }
    return dict(sorted(found.items()))


OPERATORS: dict[str, type[Operator]] = _gather()
"""The operators by the names that programs call them by."""


def bind(op: type[Operator], given: Mapping[str, object]) -> Attrs:
    """The typed arguments of an operator, defaults filled in; raises ``Fault`` at the argument to blame."""
    kinds, defaults = _signature(op)
    a = Attrs(defaults)
    for name, value in given.items():
        kind = kinds.get(name)
        if kind is None:
            raise _unknown(op, name)
        try:
            a[name] = kind.accept(value)
        except Fault as fault:
            fault.arg = name
            raise
    if len(a) < len(kinds):
        raise _missing(op, a)
    op.check(a)
    return a


def read_caffe(layer: Message) -> tuple[type[Operator], dict[str, object]] | str:
    """The operator that one layer of Caffe means and its arguments; or, where no operator says that, why not.

    ``layer`` is a whole LayerParameter, its type, bottoms and tops included.
    """
    if not _READERS:
        _READERS.update(_readers())
    kind = get(layer, "type", "")
    readers = _READERS.get(kind)
    if readers is None:
        return f"netgen does not know the layer type `{kind}`"
    bottoms = len(get_all(layer, "bottom"))
    reasons = []
    for op, spelling in readers:
        given = spelling.read(layer) if op.takes(bottoms) else f"it has {bottoms} bottom{'s' if bottoms != 1 else ''}"
        if not isinstance(given, str):
            return op, given
        reasons.append(given)
    return _code_of(layer) if kind == "Python" else "; ".join(dict.fromkeys(reasons))


def _code_of(layer: Message) -> str:
    """What a layer in Python says of what it computes: where that stands."""
    code: Message = get(layer, "python_param", [])
    return f"what it computes is Python code, `{get(code, 'layer', '')}` in the module `{get(code, 'module', '')}`"


_READERS: dict[str, list[tuple[type[Operator], CaffeSpelling]]] = {}


def _readers() -> dict[str, list[tuple[type[Operator], CaffeSpelling]]]:
    """The spellings of each layer type; those that are more special, such as a clip from 0 to 6, come first."""
    found: dict[str, list[tuple[type[Operator], CaffeSpelling]]] = {}
    for op in OPERATORS.values():
        own = (op.caffe,) if isinstance(op.caffe, CaffeSpelling) and op.caffe.type else ()
        for spelling in (*own, *op.caffe_forks):
            for kind in (spelling.type, *spelling.also):
                found.setdefault(kind, []).append((op, spelling))
    for readers in found.values():
        readers.sort(key=lambda reader: reader[1].special, reverse=True)
    return found


_Signature = tuple[dict[str, Kind], dict[str, object]]
_SIGNATURES: dict[str, _Signature] = {}


def _signature(op: type[Operator]) -> _Signature:
    """The kinds of an operator's arguments, and the defaults as those kinds accept them; worked out once."""
    known = _SIGNATURES.get(op.name)
    if known is None:
        kinds = {arg.name: arg.kind for arg in op.args}
        defaults = {arg.name: arg.kind.accept(arg.default) for arg in op.args if arg.default is not REQUIRED}
        known = _SIGNATURES[op.name] = (kinds, defaults)
    return known


def _unknown(op: type[Operator], name: str) -> Fault:
    known = [arg.name for arg in op.args]
    hint = did_you_mean(name, known) or (f"it takes {', '.join(known)}" if known else "it takes none")
    return Fault("NG204", "unknown argument", f"`{op.name}` has no argument `{name}`", arg=name, hint=hint)


def _missing(op: type[Operator], a: Attrs) -> Fault:
    missing = [arg for arg in op.args if arg.name not in a]
    names = " and ".join(f"`{arg.name}`" for arg in missing)
    docs = "; ".join(f"`{arg.name}`: {arg.doc}" for arg in missing)
    title = "missing argument" if len(missing) == 1 else "missing arguments"
    return Fault("NG203", title, f"`{op.name}` needs {names}", hint=docs)
