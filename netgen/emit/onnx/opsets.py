"""What the versions of ONNX's operators have, and how a node of today is said in an older one.

Which version has which operator, attribute and input is what ``onnx`` itself knows. What stands here is what cannot be
looked up: the same meaning in other words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from netgen.ir.spell_onnx import Body, Const, OnnxNode

if TYPE_CHECKING:
    from onnx.defs import OpSchema

OLDEST = 13
_RUN = 26
"""The newest opset that ONNX Runtime runs."""
_RUN_AT_MOST = MappingProxyType({"MaxRoiPool": 21, "RoiAlign": 21})
"""Operators that ONNX Runtime has no newer version of, although the opset has."""


class Unsayable(Exception):
    """Why a node cannot be said in an opset."""


def newest() -> int:
    """The newest opset that can be asked for: what ``onnx`` knows."""
    from onnx import defs

    return defs.onnx_opset_version()


def opset_for(said: Iterable[OnnxNode]) -> int:
    """The newest opset in which ONNX Runtime runs all of some nodes: what is written unless one is asked for."""
    return min([_RUN, newest(), *(_RUN_AT_MOST.get(node.type, _RUN) for node in said)])


def opset_fault(opset: int) -> str:
    """What is wrong with an opset that was asked for, or nothing."""
    if OLDEST <= opset <= newest():
        return ""
    return f"opset {opset} cannot be written: there are {OLDEST} to {newest()}"


def said_in(opset: int, node: OnnxNode) -> list[OnnxNode]:
    """The nodes of an opset that compute what a node of today does; raises ``Unsayable`` where there are none."""
    rule = _RULES.get(node.type)
    nodes = rule[1](node) if rule is not None and opset < rule[0] else [node]
    return [_fitted(each, opset) for each in nodes]


@cache
def schema(type: str, opset: int) -> OpSchema | None:
    """What ONNX says of an operator in an opset, if it has it there."""
    from onnx import defs

    try:
        found = defs.get_schema(type, opset, "")
    except defs.SchemaError:
        return None
    return None if found.deprecated else found


# --- what can be looked up ------------------------------------------------------------------------

_NEUTRAL: Mapping[tuple[str, str], object] = MappingProxyType(
    {("RoiAlign", "coordinate_transformation_mode"): "output_half_pixel"}
)
"""What an operator did before it had an attribute, where that is not the attribute's default."""


def _fitted(node: OnnxNode, opset: int) -> OnnxNode:
    """A node without the attributes that its operator did not have yet, and did not need."""
    known = schema(node.type, opset)
    if known is None:
        raise Unsayable(f"ONNX has {node.type} {_since(node.type)}")
    if len(node.inputs) > known.max_input:
        raise Unsayable(f"{node.type} has {len(node.inputs)} inputs {_since_inputs(node)}")
    attributes = {}
    for name, value in node.attributes.items():
        if name in known.attributes:
            attributes[name] = _fitted_value(value, opset)
        elif value != _neutral(node.type, name):
            raise Unsayable(f"{node.type} has `{name}` {_since_attribute(node.type, name)}")
    return OnnxNode(node.type, node.inputs, node.outputs, **attributes)


def _fitted_value(value: object, opset: int) -> object:
    if not isinstance(value, Body):
        return value
    return Body(value.inputs, [fitted for each in value.nodes for fitted in said_in(opset, each)], value.outputs)


def _neutral(type: str, attribute: str) -> object:
    """The value with which an attribute changes nothing: its default, unless it is known otherwise."""
    if (type, attribute) in _NEUTRAL:
        return _NEUTRAL[type, attribute]
    from onnx import helper

    known = schema(type, newest())
    default = known.attributes[attribute].default_value if known is not None and attribute in known.attributes else None
    value = helper.get_attribute_value(default) if default is not None and default.name else None
    return value.decode() if isinstance(value, bytes) else value


def _since_attribute(type: str, attribute: str) -> str:
    def has(known: OpSchema) -> bool:
        return attribute in known.attributes

    return _since(type, has)


def _since_inputs(node: OnnxNode) -> str:
    def has(known: OpSchema) -> bool:
        return len(node.inputs) <= known.max_input

    return _since(node.type, has)


def _since(type: str, has: Callable[[OpSchema], bool] = bool) -> str:
    """From which opset on there is an operator, or one that has something."""
    for opset in range(OLDEST, newest() + 1):
        known = schema(type, opset)
        if known is not None and has(known):
            return f"from opset {opset} on"
    return f"in no opset up to {newest()}"


# --- what cannot ----------------------------------------------------------------------------------


def _axes_as_attribute(node: OnnxNode) -> list[OnnxNode]:
    """A reduction whose axes are not an input yet."""
    if len(node.inputs) < 2:
        return [node]
    x, axes = node.inputs
    if not isinstance(axes, Const):
        raise Unsayable(f"{node.type} has computed axes {_since_inputs(node)}")
    return [OnnxNode(node.type, (x,), node.outputs, axes=axes.values, **node.attributes)]


def _hard_swish(node: OnnxNode) -> list[OnnxNode]:
    gate = OnnxNode("HardSigmoid", node.inputs, ("hard_swish_gate",), alpha=1 / 6, beta=0.5)
    return [gate, OnnxNode("Mul", (*node.inputs, "hard_swish_gate"), node.outputs)]


def _mish(node: OnnxNode) -> list[OnnxNode]:
    return [
        OnnxNode("Softplus", node.inputs, ("mish_softplus",)),
        OnnxNode("Tanh", ("mish_softplus",), ("mish_gate",)),
        OnnxNode("Mul", (*node.inputs, "mish_gate"), node.outputs),
    ]


def _grid_sample(node: OnnxNode) -> list[OnnxNode]:
    """Its modes had other names."""
    words = {"linear": "bilinear", "cubic": "bicubic"}
    mode = node.attributes.get("mode", "linear")
    return [OnnxNode(node.type, node.inputs, node.outputs, **{**node.attributes, "mode": words.get(mode, mode)})]


def _resize(node: OnnxNode) -> list[OnnxNode]:
    """A resizing that has to name all axes: those before the last ones stay as they are."""
    attributes = dict(node.attributes)
    axes = attributes.pop("axes", (0,))
    if axes[0] == 0:
        return [OnnxNode(node.type, node.inputs, node.outputs, **attributes)]
    x, region, scales, *sizes = node.inputs
    if isinstance(scales, Const) and isinstance(scales.values, list):
        factors = Const([*[1.0] * axes[0], *scales.values], scales.type)
        return [OnnxNode(node.type, (x, region, factors), node.outputs, **attributes)]
    return [
        OnnxNode("Shape", (x,), ("resize_shape",)),
        OnnxNode("Slice", ("resize_shape", Const([0]), Const([axes[0]])), ("resize_kept",)),
        OnnxNode("Concat", ("resize_kept", *sizes), ("resize_sizes",), axis=0),
        OnnxNode(node.type, (x, region, "", "resize_sizes"), node.outputs, **attributes),
    ]


def _shape(node: OnnxNode) -> list[OnnxNode]:
    """A part of a shape."""
    start, end = node.attributes.get("start", 0), node.attributes.get("end", 2**31 - 1)
    return [
        OnnxNode("Shape", node.inputs, ("shape_whole",)),
        OnnxNode("Slice", ("shape_whole", Const([start]), Const([end])), node.outputs),
    ]


_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
_RULES: Mapping[str, tuple[int, Callable[[OnnxNode], list[OnnxNode]]]] = MappingProxyType(
    {
        **dict.fromkeys([f"Reduce{each}" for each in _REDUCTIONS], (18, _axes_as_attribute)),
        "GridSample": (20, _grid_sample),
        "HardSwish": (14, _hard_swish),
        "Mish": (18, _mish),
        "Resize": (18, _resize),
        "Shape": (15, _shape),
    }
)
"""By operator: before which opset it is said otherwise, and how."""
