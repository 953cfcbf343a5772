"""The text of the emitted file, from its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from re import search
from typing import Any

from netgen.emit.templates import template
from netgen.emit.torch.classes import ClassPlan
from netgen.emit.torch.docstring import docstring, fitted
from netgen.emit.torch.expression import WIDTH, text
from netgen.emit.torch.fit import Setting, constant
from netgen.emit.torch.naming import Unique, variable
from netgen.emit.torch.paths import module_paths
from netgen.emit.torch.plan import Plan
from netgen.emit.torch.statement import Assign, Do, Statement, lines
from netgen.ir.graph import Value
from netgen.ir.operator import shared_arrays
from netgen.ir.spell_torch import Call, Name


def render(plan: Plan) -> str:
    """The whole file."""
    classes = [_class(each, plan) for each in plan.classes]
    helpers = [helper.source for helper in plan.helpers.values()]
    main = lines(_main(plan), 4)
    code = [line for each in classes for line in [*each["init"], *each["forward"]]]
    about = plan.graph.title or plan.graph.doc or f"{plan.net_class.name} in PyTorch."
    return template("torch/module.py.j2").render(
        docstring=docstring(about, 0),
        imports=_imports([*code, *main, *helpers]),
        helpers=helpers,
        classes=classes,
        main=main,
    )


def _imports(code: list[str]) -> Iterator[str]:
    def used(name: str) -> bool:
        return any(search(rf"(?<![\w.]){name}\b", line) for line in code)

    yield "import torch"
    yield f"from torch import {'Tensor, ' if used('Tensor') else ''}nn"
    if used("F"):
        yield "from torch.nn import functional as F"


# --- classes ---------------------------------------------------------------------------------------


def _class(plan: ClassPlan, whole: Plan) -> dict[str, Any]:
    instance = plan.body.instance
    comment = whole.graph.doc if instance.parent is None else fitted(instance.doc, _lacking(plan))
    is_net = plan is whole.net_class
    statements = plan.init + _endings(whole) if is_net else plan.init
    return {
        "name": plan.name,
        "base": "nn.Sequential" if plan.is_sequential else "nn.Module",
        "docstring": docstring(comment, 4),
        "init": _init(plan, statements),
        "forward": [] if plan.is_sequential else _forward(plan),
    }


def _lacking(plan: ClassPlan) -> dict[str, object]:
    """The block's settings that are no arguments of the class, with what they are in all instances, or None."""
    arguments = {setting.name for setting in plan.settings}
    found = {}
    for name, value in plan.body.instance.args.items():
        if variable(name) not in arguments:
            is_same, _ = constant([body.instance.args.get(name) for body in plan.skeleton.bodies])
            found[name] = value if is_same else None
    return found


def _init(plan: ClassPlan, statements: list[Statement]) -> list[str]:
    if not statements:
        return []
    if not plan.is_sequential:
        statements = [Do(Call("super().__init__")), *statements]
    arguments = ["self", *map(_argument, plan.settings)]
    return [*_signature("__init__", arguments, "None"), *lines(statements, 8)]


def _forward(plan: ClassPlan) -> list[str]:
    count = len(plan.skeleton.outputs)
    each = ["Tensor"] * count if count < 5 else ["Tensor", "..."]
    result = "Tensor" if count == 1 else f"tuple[{', '.join(each)}]"
    arguments = ["self", *(f"{name}: Tensor" for name in plan.inputs)]
    return [*_signature("forward", arguments, result), *lines(plan.forward, 8)]


def _signature(name: str, arguments: Sequence[str], result: str) -> list[str]:
    flat = f"    def {name}({', '.join(arguments)}) -> {result}:"
    if len(flat) <= WIDTH:
        return [flat]
    inside = f"        {', '.join(arguments)}"
    listed = [inside] if len(inside) <= WIDTH else [f"        {argument}," for argument in arguments]
    return [f"    def {name}(", *listed, f"    ) -> {result}:"]


def _argument(setting: Setting) -> str:
    default = f" = {text(setting.default)}" if setting.has_default else ""
    return f"{setting.name}: {_annotation(setting)}{default}"


_ORDER = ("bool", "int", "float", "str", "tuple")


def _annotation(setting: Setting) -> str:
    values = [*setting.values, *([setting.default] if setting.has_default else [])]
    types = {_type_of(value) for value in values}
    if len(types) > 1 and all(isinstance(value, tuple) for value in values):
        return f"tuple[{' | '.join(sorted({_type_of(each) for value in values for each in value}))}, ...]"
    if {"int", "float"} <= types:
        types.discard("int")  # an int will do wherever a float does
    return " | ".join(sorted(types, key=lambda name: _ORDER.index(name.partition("[")[0])))


def _type_of(value: object) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join(map(_type_of, value))}]"
    return type(value).__name__


# --- the net ---------------------------------------------------------------------------------------


def _endings(plan: Plan) -> list[Statement]:
    """What the net does when all its modules are there: share weights, then fill them."""
    return [*_ties(plan), *plan.weights.loop(), *_exceptions(plan)]


def _ties(plan: Plan) -> list[Statement]:
    """Layers that share weights hold the same parameters."""
    first: dict[str, str] = {}
    ties: list[Statement] = []
    paths = module_paths(plan)
    for leaf in plan.leaves:
        if not leaf.path:
            continue
        for node, param, name in leaf.spelled.params:
            shared = shared_arrays(node).get(param.name)
            if shared is None or not param.learned:
                continue
            place = f"{_module(paths[leaf.spelled.nodes[0]])}.{name}"
            source = first.setdefault(shared, place)
            if source != place:
                ties.append(Assign(place, Name(source)))
    return ties


def _module(path: str) -> str:
    """A module by its path; inside an ``nn.Sequential`` it has no name that could be written."""
    if any(part.isdigit() for part in path.split(".")):
        return f"self.get_submodule({text(path)})"
    return f"self.{path}"


def _exceptions(plan: Plan) -> list[Statement]:
    return [
        fill.of(f"self.{leaf.path}.{name}") for leaf, fills in plan.weights.exceptions for name, fill in fills.items()
    ]


def _any(value: Value) -> Call:
    """Numbers for an input: random ones, or zeros where they are numbers of classes and the like."""
    chooses = any(reader.inputs[at] is value for reader in value.readers for at in reader.op.choosing)
    return Call("torch.zeros" if chooses else "torch.randn", *value.shape)


def _main(plan: Plan) -> list[Statement]:
    inputs = plan.net_class.inputs
    names = Unique(inputs)
    net = names.claim("net")
    made: list[Statement] = [Assign(net, Call(".eval", Call(plan.net_class.name)))]
    made += [Assign(name, _any(value)) for name, value in zip(inputs, plan.graph.inputs, strict=True)]
    result = Call(net, *map(Name, inputs))
    if len(plan.graph.outputs) == 1:
        return [*made, Do(Call("print", Call("tuple", Name(f"{text(result)}.shape"))))]
    outputs = names.claim("outputs")
    shapes = Name(f"[tuple(output.shape) for output in {outputs}]")
    return [*made, Assign(outputs, result), Do(Call("print", shapes))]
