"""ONNX: the network as a model, written with ``onnx`` itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netgen.diag import Diagnostic, NetgenError
from netgen.emit.onnx.model import OnnxModel
from netgen.emit.onnx.opsets import OLDEST, newest, opset_fault
from netgen.ir.graph import Graph
from netgen.ir.slots import Key

if TYPE_CHECKING:
    import numpy as np

__all__ = ["OLDEST", "OnnxModel", "emit", "newest", "opset_fault", "require_onnx"]


def emit(
    graph: Graph,
    arrays: Mapping[Key, np.ndarray[Any, Any]] | None = None,
    *,
    opset: int | None = None,
    others: Sequence[Graph] = (),
) -> OnnxModel:
    """The network as a model; raises ``NetgenError`` with all that ONNX, or the opset, cannot say.

    A parameter that ``arrays`` does not have is an input of the model. Layers that nothing depends on are left out.
    ``others`` are the same network for inputs of other shapes: the model is then one for all of them, and what keeps it
    from that is raised likewise.
    """
    require_onnx()
    from netgen.emit.onnx.whole import Whole

    if opset is not None and opset_fault(opset):
        raise ValueError(opset_fault(opset))
    return Whole(graph, arrays or {}, opset, others).model()


def require_onnx() -> None:
    """Say in time that the package is missing."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        title = "a runtime is missing: the package `onnx` is not installed"
        raise NetgenError([Diagnostic("NG703", title, hint="pip install 'netgen[onnx]'")]) from None
