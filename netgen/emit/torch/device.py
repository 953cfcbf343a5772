"""Devices on which a module may run: which there are, and why the others are not."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING

from netgen.diag import Diagnostic, NetgenError

if TYPE_CHECKING:
    import torch

    from netgen.ir.graph import Graph

_FORM = re.compile(r"cpu|cuda(:[0-9]{1,4})?")


def device_of(name: str) -> torch.device:
    """The device of a name such as ``cuda:1``; raises ``NetgenError`` where PyTorch cannot use it, with the reason."""
    if not _FORM.fullmatch(name):
        raise _absent(name, "is no device that netgen knows", "there are cpu, cuda and cuda:0, cuda:1 …")
    try:
        import torch
    except ImportError as error:
        raise NetgenError([torch_missing()]) from error
    if name.startswith("cuda"):
        _check_cuda(name)
    return torch.device(name)


def cuda_fault() -> str:
    """Why PyTorch has no CUDA device, in a few words; empty where it has one."""
    try:
        import torch
    except ImportError:
        return "PyTorch is not installed"
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        return f"PyTorch {torch.__version__} was built without CUDA"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return str(error).partition("\n")[0].rstrip(".")
    return "" if torch.cuda.device_count() else "PyTorch finds no CUDA device"


def describe(device: torch.device) -> str:
    """What the machine calls a device: the name of the card, or of the processor."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return _processor()


def check_fixed_steps(graph: Graph) -> None:
    """Raises ``NetgenError`` with each layer that keeps a network from being recorded as a CUDA graph."""
    label = "what it does next depends on the numbers, and a graph replays the same steps on all"
    problems = [
        Diagnostic("NG706", f"`{node.name}` cannot be recorded as a CUDA graph", node.span, label)
        for node in graph.nodes
        if not node.op.has_fixed_steps(node)
    ]
    if problems:
        raise NetgenError(problems)


def torch_missing() -> Diagnostic:
    """What is said where PyTorch is needed and not installed."""
    return Diagnostic("NG703", "a runtime is missing: PyTorch is not installed", hint="pip install 'netgen[torch]'")


def _check_cuda(name: str) -> None:
    fault = cuda_fault()
    if fault:
        raise _absent(name, f"is not there: {fault}", "netgen runs on the CPU too: --device cpu")
    import torch

    count = torch.cuda.device_count()
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        has = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise _absent(name, f"is not there: PyTorch finds {has}", "netgen runs on the CPU too: --device cpu")


def _absent(name: str, why: str, hint: str) -> NetgenError:
    return NetgenError([Diagnostic("NG704", f"the device `{name}` {why}", hint=hint)])


def _processor() -> str:
    """The processor's name as Linux tells it, or else what Python knows of it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
