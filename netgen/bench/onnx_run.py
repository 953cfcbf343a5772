"""The network in ONNX Runtime, as a peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netgen.diag import Diagnostic, NetgenError
from netgen.emit.onnx import emit
from netgen.ir.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor

    from netgen.bench.settings import Settings
    from netgen.ir.slots import Key

    Arrays = dict[Key, Any]


def onnx_call(graph: Graph, arrays: Arrays, inputs: list[Tensor], settings: Settings) -> Callable[[], object]:
    """Runs the network's ONNX model; numbers lie on the device before it begins, and stay there."""
    ort = require_onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = settings.threads or _threads()
    session = ort.InferenceSession(
        emit(graph, arrays).proto.SerializeToString(), options, providers=[_provider(ort, settings)]
    )
    kind, _, index = settings.device.partition(":")
    binding = session.io_binding()
    for taken, tensor in zip(session.get_inputs(), inputs, strict=True):
        value = ort.OrtValue.ortvalue_from_numpy(tensor.cpu().numpy(), kind, int(index or 0))
        binding.bind_ortvalue_input(taken.name, value)
    for given in session.get_outputs():
        binding.bind_output(given.name, kind, int(index or 0))

    def call() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return call


def require_onnxruntime() -> Any:
    """The package; raises ``NetgenError`` where it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        title = "a runtime is missing: the package `onnxruntime` is not installed"
        raise NetgenError([Diagnostic("NG703", title, hint="pip install 'netgen[verify]'")]) from error
    return onnxruntime


def _provider(ort: Any, settings: Settings) -> str | tuple[str, dict[str, object]]:
    """Who computes in ONNX Runtime on the device that is wanted."""
    if not settings.on_cuda:
        return "CPUExecutionProvider"
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise RuntimeError(f"ONNX Runtime {ort.__version__} was built without CUDA: pip install onnxruntime-gpu")
    index = int(settings.device.partition(":")[2] or 0)
    return "CUDAExecutionProvider", {"device_id": index}


def _threads() -> int:
    import torch

    return torch.get_num_threads()
