"""How far operators say that they look, against what they do look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as configured
from hypothesis import strategies as st
from random_nodes import nodes
from spelled import run
from suitable import MAKES_NO_TENSOR, suitable

from netgen.ir.graph import Node
from netgen.ir.operator import Refused
from netgen.ir.reach import places
from netgen.ops import OPERATORS

LOOKING = [
    name
    for name, op in OPERATORS.items()
    if op.operands and not op.dynamic and name not in MAKES_NO_TENSOR and not isinstance(op.torch, Refused)
]
ANYWHERE = {"max_unpool"}
"""Operators that look where a tensor says; what is said of them holds for the tensors that networks give them."""


def _changed(n: Node, arrays: list[np.ndarray], axis: int, place: int) -> list[torch.Tensor]:
    """What comes out once the numbers at one place of the first input are others."""
    first = arrays[0].copy()
    at = [slice(None)] * first.ndim
    at[axis] = slice(place, place + 1)
    first[tuple(at)] = first[tuple(at)] * 3 + 1
    return _run(n, [first, *arrays[1:]])


def _run(n: Node, arrays: list[np.ndarray]) -> list[torch.Tensor]:
    """What it makes of some inputs, always with the same weights."""
    torch.manual_seed(0)
    return run(n, [torch.from_numpy(array) for array in arrays])


@pytest.mark.parametrize("op", [name for name in LOOKING if name not in ANYWHERE])
@given(data=st.data())
@configured(max_examples=3)
def test_nothing_is_looked_at_from_further_away(op: str, data: st.DataObject) -> None:
    n = data.draw(nodes(op))
    if len(n.x[0]) < 3 or 0 in n.op.only_shapes or 0 in n.op.choosing or not n.outputs:
        return
    reach = n.op.reach(n)
    assert len(reach) == len(places(n.x[0]))
    if any(len(shape) != len(n.x[0]) for shape in n.y):
        return
    arrays = suitable(n)
    usual = _run(n, arrays)
    for axis, each in enumerate(reach, 2):
        seen: dict[tuple[int, int], list[int]] = {}
        for place in range(n.x[0][axis]):
            for number, (old, new) in enumerate(zip(usual, _changed(n, arrays, axis, place), strict=True)):
                least = 1e-4 * float(old.nan_to_num().abs().max()) if old.numel() else 0  # sums in another order
                differs = ~torch.isclose(old, new, rtol=1e-4, atol=least, equal_nan=True)
                for result in differs.movedim(axis, 0).flatten(1).any(1).nonzero().flatten().tolist():
                    seen.setdefault((number, result), []).append(place)
        for looked in seen.values():
            assert max(looked) - min(looked) < max(each.window, 1), (each, looked)
