"""Every operator is declared whole: a walk over the catalogue."""

from __future__ import annotations

import ast
import importlib
import pkgutil

import pytest
from spelled import with_needs

import netgen.ops
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs
from netgen.ir.kinds import REQUIRED
from netgen.ir.operator import WEIGHT_ARGS, Operator, Refused
from netgen.ir.spell_caffe import CaffeSpelling
from netgen.ir.spell_onnx import OnnxSpelling
from netgen.ir.spell_torch import TorchSpelling
from netgen.ops import OPERATORS, bind

EVERY = pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS)

EXPECTED = """
abs add argmax avg_pool batch_norm bias clip concat conv crop deconv dropout elu exp flatten global_avg_pool
global_max_pool hard_sigmoid hard_swish identity input linear log lrn max max_pool mul mvn normalize permute power
prelu reduce relu relu6 reshape scale shuffle_channels sigmoid slice softmax swish tanh tile upsample
"""
"""The operators that the language promises."""


def test_nothing_promised_is_missing() -> None:
    assert set(EXPECTED.split()) <= set(OPERATORS)


def test_every_family_is_gathered() -> None:
    """A class in any module of the folder is in the catalogue, under its own name."""
    found: dict[str, type[Operator]] = {}
    for info in pkgutil.iter_modules(netgen.ops.__path__):
        module = importlib.import_module(f"netgen.ops.{info.name}")
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Operator) and item.name:
                assert found.setdefault(item.name, item) is item
    assert found == OPERATORS


@EVERY
def test_documentation(op: type[Operator]) -> None:
    assert op.__doc__ is not None
    summary, _, rest = op.__doc__.partition("\n")
    assert summary.endswith((".", ":"))
    assert summary[0] == summary[0].upper()
    assert len(summary) <= 90
    assert not rest or rest.startswith("\n")
    assert op.shape_rule
    assert op.short.isidentifier()
    for arg in op.args:
        assert arg.doc
        assert not arg.doc.endswith(".")
        assert arg.kind.text


@EVERY
def test_arguments(op: type[Operator]) -> None:
    names = [arg.name for arg in op.args]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isidentifier()
        assert not hasattr(Attrs, name), f"{name} would hide a method of dict"
    required = [arg.default is REQUIRED for arg in op.args]
    assert required == sorted(required, reverse=True), "arguments that must be given stand first"
    for arg in op.args:
        if arg.default is not REQUIRED:
            accepted = arg.kind.accept(arg.default)
            assert arg.kind.accept(accepted) == accepted, "what was accepted is accepted again"


@EVERY
def test_training_arguments_stand_last(op: type[Operator]) -> None:
    training = {arg.name for arg in WEIGHT_ARGS}
    flags = [arg.name in training for arg in op.args]
    assert flags == sorted(flags)


@EVERY
def test_every_target_has_a_spelling_or_a_reason(op: type[Operator]) -> None:
    for spelling, kind in ((op.caffe, CaffeSpelling), (op.torch, TorchSpelling), (op.onnx, OnnxSpelling)):
        assert isinstance(spelling, (kind, Refused))
        if isinstance(spelling, Refused):
            assert spelling.reason


def test_caffe_layer_types_mean_one_operator_each() -> None:
    """Operators that share a layer type are told apart by a field of fixed value, or by how many bottoms they have."""
    by_type: dict[str, list[type[Operator]]] = {}
    for op in OPERATORS.values():
        if isinstance(op.caffe, CaffeSpelling) and op.caffe.type:
            by_type.setdefault(op.caffe.type, []).append(op)
    for kind, sharing in by_type.items():
        understood = [op for op in sharing if not isinstance(_spelling(op).read([("top", "y")]), str)]
        for bottoms in range(6):
            able = [op.name for op in understood if op.takes(bottoms)]
            assert len(able) <= 1, f"an empty {kind} layer of {bottoms} bottoms means several operators"


def _spelling(op: type[Operator]) -> CaffeSpelling:
    assert isinstance(op.caffe, CaffeSpelling)
    return op.caffe


@EVERY
def test_operands(op: type[Operator]) -> None:
    assert all(name.removesuffix("...").isidentifier() for name in op.operands)
    assert not any(name.endswith("...") for name in op.operands[:-1])
    assert op.fewest is None or op.fewest >= 0


def test_helpers_are_python_with_documentation() -> None:
    sources: dict[str, str] = {}
    for op in OPERATORS.values():
        for value in vars(importlib.import_module(op.__module__)).values():
            if type(value).__name__ == "Helper":
                for helper in with_needs([value]):
                    assert sources.setdefault(helper.name, helper.source) == helper.source
    assert sources
    for name, source in sources.items():
        [definition] = ast.parse(source).body
        assert isinstance(definition, (ast.FunctionDef, ast.ClassDef))
        assert definition.name == name
        assert ast.get_docstring(definition)
        if isinstance(definition, ast.FunctionDef):
            assert name.startswith("_"), "no variable that a program names begins so"
        assert max(map(len, source.splitlines())) <= 88


@EVERY
def test_binding_nothing_says_what_is_missing(op: type[Operator]) -> None:
    missing = [arg.name for arg in op.args if arg.default is REQUIRED]
    if missing:
        with pytest.raises(Fault) as fault:
            bind(op, {})
        assert fault.value.code == "NG203"
        assert all(f"`{name}`" in fault.value.label for name in missing)
