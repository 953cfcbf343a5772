"""How much memory a run takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from weakref import finalize

from netgen.ir.graph import Graph
from netgen.passes.memory import FLOAT, peak_memory, size_of

if TYPE_CHECKING:
    from torch import Tensor


def needed(graph: Graph) -> int:
    """Bytes that a run on the CPU may take: parameters, values, and a copy in another layout of the widest layer's."""
    parameters = sum(param.count for node in graph.nodes for param in node.params) * FLOAT
    widest = max((sum(map(size_of, (*node.inputs, *node.outputs))) for node in graph.nodes), default=0)
    return parameters + peak_memory(graph) + widest


def available() -> int | None:
    """Bytes of memory that are free, or can be made so, where the system tells it."""
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name == "MemAvailable":
                    return int(rest.split()[0]) * 1024
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError, IndexError):
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
