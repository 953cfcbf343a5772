"""How one layer is written: the forms that its operator declares, filled in for one node.

A batch normalisation without an affine part and the scale behind it are two layers in Caffe and one module in
PyTorch; here they are one ``Spelled`` with two nodes.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from netgen.emit.torch.expression import text
from netgen.ir.graph import Attrs, Node
from netgen.ir.operator import Param, Refused
from netgen.ir.spell_torch import Call, Helper, Infix, Input, Inputs, Item, Name, TorchSpelling

POSITIONAL = {
    "nn.Conv2d": ("in_channels", "out_channels", "kernel_size"),
    "nn.ConvTranspose2d": ("in_channels", "out_channels", "kernel_size"),
    "nn.Linear": ("in_features", "out_features"),
    "nn.BatchNorm2d": ("num_features",),
    "nn.MaxPool2d": ("kernel_size",),
    "nn.AvgPool2d": ("kernel_size",),
    "nn.Dropout": ("p",),
    "nn.PReLU": ("num_parameters",),
    "nn.LeakyReLU": ("negative_slope",),
    "F.max_pool2d": ("input", "kernel_size"),
    "F.avg_pool2d": ("input", "kernel_size"),
    "torch.tensor_split": ("input", "cuts"),
}
"""Names of the positional arguments, for constructor arguments that have to be invented. Helpers declare theirs."""

POOLS = frozenset(["nn.MaxPool2d", "nn.AvgPool2d", "F.max_pool2d", "F.avg_pool2d"])
"""Where ``stride`` may be left out if it is the same as ``kernel_size``."""


class Spelled:
    """The PyTorch forms of one layer.

    ``module`` is the constructor call and ``function`` the expression in ``forward``; one of them may be missing.
    ``params`` says under which attribute of the module each parameter of each node is found; ``learned`` are those that
    training changes, by attribute. ``fills`` are the calls that set initial weights beside the module, by the
    parameter's attribute. ``known`` are the forms of other layers, and those of this one are noted there.
    """

    __slots__ = (
        "before",
        "defaults",
        "fills",
        "fresh",
        "function",
        "helpers",
        "learned",
        "module",
        "nodes",
        "overwrites",
        "params",
    )

    def __init__(self, node: Node, scale: Node | None, known: dict[Hashable, Forms]) -> None:
        spelling = node.op.torch
        assert isinstance(spelling, TorchSpelling), f"{node.op.name} is refused before anything is emitted"
        self.nodes = (node,) if scale is None else (node, scale)
        said = node if scale is None else _with_affine(node)
        forms = _forms(said, spelling, known)
        self.module = forms.module
        self.function = forms.function
        self.before = forms.before
        self.helpers = forms.helpers
        self.fills: dict[str, Template] = {}
        self.overwrites = spelling.overwrites
        self.fresh = spelling.fresh
        names = spelling.params
        self.params: list[tuple[Node, Param, str]] = [
            (each, param, names.get(param.name, param.name)) for each in self.nodes for param in each.params
        ]
        self.learned = {attribute: param for _, param, attribute in self.params if param.learned}

    @property
    def structure(self) -> Hashable:
        """What must be equal of two layers for one line of code to stand for both."""
        forms = (self.module, self.function, self.before, *self.fills.values())
        return (tuple(form and form.structure for form in forms), tuple(self.fills), len(self.nodes[-1].outputs))

    @property
    def type(self) -> str:
        """The name of the module's class, or an empty string."""
        return self.module.expr.function if self.module is not None and isinstance(self.module.expr, Call) else ""


class Template:
    """An expression whose constants may be replaced; ``structure`` is equal for two that differ in nothing else."""

    __slots__ = ("expr", "holes", "structure")

    def __init__(
        self, expr: object, defaults: Mapping[str, object] | None = None, helpers: Sequence[Helper] = ()
    ) -> None:
        self.expr = expr
        self.holes: list[Hole] = []
        positional = {helper.name: _parameters(helper) for helper in helpers}
        arguments = Arguments({**POSITIONAL, **positional}, defaults or {})
        self.structure: Hashable = _structure(expr, "value", Hole.NO_DEFAULT, arguments, self.holes)

    def filled(self, values: Sequence[object]) -> object:
        """The expression with other constants, less keyword arguments that are PyTorch's defaults."""
        kept = [OMIT if hole.is_default(value) else value for hole, value in zip(self.holes, values, strict=True)]
        if isinstance(self.expr, Call) and self.expr.function in POOLS:
            by_name = {hole.name: at for at, hole in enumerate(self.holes)}
            kernel, stride = by_name["kernel_size"], by_name["stride"]
            if text(values[kernel]) == text(values[stride]):
                kept[stride] = OMIT
        return _put_together(self.expr, iter(kept))


class Forms:
    """What a spelling makes of a layer's facts; layers with the same facts have it in common."""

    __slots__ = ("before", "function", "helpers", "module")

    def __init__(self, node: Node, spelling: TorchSpelling) -> None:
        self.helpers: tuple[Helper, ...] = tuple(spelling.helpers(node))
        self.module, self.function, self.before = (
            None if form is None or (expr := form(node)) is None else Template(expr, spelling.defaults, self.helpers)
            for form in (spelling.module, spelling.function, spelling.before)
        )


def _forms(node: Node, spelling: TorchSpelling, known: dict[Hashable, Forms]) -> Forms:
    facts = node.facts
    forms = known.get(facts)
    if forms is None:
        forms = known[facts] = Forms(node, spelling)
    return forms


@cache
def _parameters(helper: Helper) -> tuple[str, ...]:
    """What a function or a class that is printed calls its arguments."""
    (made,) = ast.parse(helper.source).body
    inside = made.body if isinstance(made, ast.ClassDef) else [made]
    named = [each for each in inside if isinstance(each, ast.FunctionDef) and each.name in (helper.name, "__init__")]
    return tuple(each.arg for function in named for each in function.args.args if each.arg != "self")


def fuses(norm: Node, scale: Node) -> bool:
    """Whether a normalisation and the node that reads it are what ``nn.BatchNorm2d`` computes."""
    return (
        norm.op.name == "batch_norm"
        and not norm.a.affine
        and scale.op.name == "scale"
        and len(scale.inputs) == 1
        and bool(scale.a.bias)
        and scale.a.axis == 1
        and scale.a.num_axes == 1
        and (norm.instance, norm.loops) == (scale.instance, scale.loops)
        and not isinstance(norm.op.torch, Refused)
    )


def _with_affine(norm: Node) -> Node:
    twin = Node(
        norm.op, Attrs({**norm.a, "affine": True}), norm.inputs, norm.name, instance=norm.instance, spans=norm.spans
    )
    twin.outputs = norm.outputs
    return twin


# --- trees with their constants taken out --------------------------------------------------------


class Hole:
    """A constant in an expression: what it is called, what it is, and PyTorch's default for it."""

    __slots__ = ("default", "name", "value")

    NO_DEFAULT = object()

    def __init__(self, name: str, value: object, default: object = NO_DEFAULT) -> None:
        self.name = name
        self.value = value
        self.default = default

    def is_default(self, expr: object) -> bool:
        """Whether a value is PyTorch's default for this argument."""
        return self.default is not self.NO_DEFAULT and is_literal(expr, self.default)


class Arguments(NamedTuple):
    """What is known of the arguments of functions and classes."""

    positional: Mapping[str, Sequence[str]]
    """Names of the positional ones, by function."""
    defaults: Mapping[str, object]
    """Defaults of keyword arguments."""


def _structure(expr: object, name: str, default: object, known: Arguments, holes: list[Hole]) -> Hashable:
    match expr:
        case Call():
            named = known.positional.get(expr.function, ())
            names = [*named, *[name] * (len(expr.args) - len(named))]
            none = Hole.NO_DEFAULT
            return (
                expr.function,
                *(_structure(arg, each, none, known, holes) for each, arg in zip(names, expr.args, strict=False)),
                *(
                    (key, _structure(arg, key, known.defaults.get(key, none), known, holes))
                    for key, arg in expr.kwargs.items()
                ),
            )
        case Infix():
            return (expr.symbol, *(_structure(each, name, default, known, holes) for each in expr.operands))
        case Item():
            parts = [_structure_of_index(each, known, holes) for each in expr.indices]
            return ("[]", _structure(expr.value, name, default, known, holes), *parts)
        case Input():
            return ("input", expr.index)
        case Inputs():
            return ("inputs", expr.listed)
        case Name():
            return ("name", expr.text)
        case list():
            return ("list", *(_structure(each, name, default, known, holes) for each in expr))
        case tuple() if not all(_is_plain(each) for each in expr):
            return ("tuple", *(_structure(each, name, default, known, holes) for each in expr))
        case _:
            holes.append(Hole(name, expr, default))
            return "hole"


def _structure_of_index(index: object, known: Arguments, holes: list[Hole]) -> Hashable:
    if not isinstance(index, slice):
        return _structure(index, "index", Hole.NO_DEFAULT, known, holes)
    ends = (("start", index.start), ("stop", index.stop))
    return tuple(end if end is None else _structure(end, name, Hole.NO_DEFAULT, known, holes) for name, end in ends)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _put_together(expr: object, values: Iterator[object]) -> object:
    match expr:
        case Call():
            args = [_put_together(arg, values) for arg in expr.args]
            kwargs = {key: _put_together(arg, values) for key, arg in expr.kwargs.items()}
            return Call(expr.function, *args, **{key: value for key, value in kwargs.items() if value is not OMIT})
        case Infix():
            return Infix(expr.symbol, *[_put_together(each, values) for each in expr.operands])
        case Item():
            indices = [_put_index(each, values) for each in expr.indices]
            return Item(_put_together(expr.value, values), *indices)
        case Input() | Inputs() | Name():
            return expr
        case list():
            return [_put_together(each, values) for each in expr]
        case tuple() if not all(_is_plain(each) for each in expr):
            return tuple(_put_together(each, values) for each in expr)
        case _:
            return next(values)


def _put_index(index: object, values: Iterator[object]) -> object:
    if not isinstance(index, slice):
        return _put_together(index, values)
    return slice(*(end if end is None else _put_together(end, values) for end in (index.start, index.stop)))


OMIT = object()


def is_literal(expr: object, value: object) -> bool:
    """Whether an expression is just this value; ``True`` is not 1."""
    is_plain = not isinstance(expr, (Call, Infix, Item, Name))
    return is_plain and expr == value and isinstance(expr, bool) == isinstance(value, bool)
