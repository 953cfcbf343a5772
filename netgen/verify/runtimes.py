"""The runtimes, listed once: a module for each family, which has its runtimes in a tuple of that name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from netgen.verify.runtime import Runtime

_MODULES = "torch_runtime onnx_runtime opencv_runtime mnn_runtime"


def runtimes() -> tuple[Runtime, ...]:
    """All that netgen knows, whether they can run here or not, in the order of the table."""
    found: list[Runtime] = []
    for name in _MODULES.split():
        path = f"netgen.verify.{name}"
        if find_spec(path) is not None:
            found += import_module(path).RUNTIMES
    return tuple(found)
