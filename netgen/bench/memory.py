"""How much memory a run takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import finalize

from netgen.ir.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor

FLOAT = 4
"""Bytes of a number."""


def least(graph: Graph) -> int:
    """Bytes that a run takes at least: the parameters, and what the widest layer reads and makes."""
    known = [node for node in graph.nodes if node.is_known]
    parameters = sum(param.count for node in known for param in node.params)
    widest = max((sum(prod(shape) for shape in (*node.x, *node.y)) for node in known), default=0)
    return (parameters + widest) * FLOAT


def installed() -> int | None:
    """Bytes of memory that the machine has, where the system tells it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def peak_of_tensors(call: Callable[[], object], given: Iterable[Tensor]) -> int:
    """The most bytes of tensors at once during a call, those that are ``given`` included.

    Counted by operators of PyTorch: what a kernel takes for itself and gives back is not in it.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    storages = {each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in given}
    alive = dict(storages)
    peak = sum(alive.values())

    class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal peak
            made = function(*args, **(kwargs or {}))
            for tensor in _tensors(made):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in alive:
                    alive[key] = storage.nbytes()
                    finalize(storage, alive.pop, key, None)
            peak = max(peak, sum(alive.values()))
            return made

    with Counter():  # type: ignore[no-untyped-call]
        call()
    return peak


def _tensors(made: Any) -> Iterable[Tensor]:
    import torch
    from torch.utils._pytree import tree_leaves

    return (each for each in tree_leaves(made) if isinstance(each, torch.Tensor))
