"""The places of a map in ONNX, where its size is open: what is a constant otherwise is computed from the shape."""

from __future__ import annotations

from netgen.ir.spell_onnx import Const, OnnxNode, number


def onnx_sides(x: int, made: str) -> list[OnnxNode]:
    """``made`` (2): width and height of a map or image, as floats."""
    return [
        OnnxNode("Shape", (x,), (f"{made}_extents",), start=2, end=4),
        OnnxNode("Cast", (f"{made}_extents",), (f"{made}_reversed",), to="float"),
        OnnxNode("Gather", (f"{made}_reversed", Const([1, 0])), (made,), axis=0),
    ]


def onnx_range(sides: str, at: int, made: str) -> list[OnnxNode]:
    """``made``: 0, 1 and so on, as many as one of the ``sides`` has, as floats."""
    return [
        OnnxNode("Gather", (sides, Const(at)), (f"{made}_count",), axis=0),
        OnnxNode("Range", (number(0.0), f"{made}_count", number(1.0)), (made,)),
    ]


def onnx_places(sides: str, made: str) -> list[OnnxNode]:
    """``made`` (height, width, 1, 2): the column and the row of each place of a map that has these ``sides``."""
    columns, rows = f"{made}_columns", f"{made}_rows"
    return [
        *onnx_range(sides, 0, columns),
        *onnx_range(sides, 1, rows),
        OnnxNode("Unsqueeze", (columns, Const([1, 2])), (f"{columns}_across",)),
        OnnxNode("Unsqueeze", (rows, Const([1, 2, 3])), (f"{rows}_down",)),
        OnnxNode("Mul", (f"{columns}_across", Const([1.0, 0.0], "float")), (f"{columns}_alone",)),
        OnnxNode("Mul", (f"{rows}_down", Const([0.0, 1.0], "float")), (f"{rows}_alone",)),
        OnnxNode("Add", (f"{columns}_alone", f"{rows}_alone"), (made,)),
    ]


def onnx_map_shape(x: int, first: list[int], made: str) -> list[OnnxNode]:
    """``made``: a shape that ends in height and width of a map, behind some other numbers."""
    extents = f"{made}_extents"
    return [
        OnnxNode("Shape", (x,), (extents,), start=2, end=4),
        OnnxNode("Concat", (Const(first), extents), (made,), axis=0),
    ]
