"""PyTorch, on the module that netgen writes: as it is, compiled, on a card, in half precision, in other layouts."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any, ClassVar

from netgen.emit.torch import emit, live
from netgen.emit.torch.device import check_fixed_steps, cuda_fault
from netgen.verify.runtime import Runtime, ValueKey, Watcher
from netgen.weights import state_of
from netgen.weights.live import fill

if TYPE_CHECKING:
    from torch import Tensor, nn

    from netgen.verify.runtime import Array
    from netgen.verify.subject import Subject


class Torch(Runtime):
    """Every value on the way, of the emitted source with taps; and what comes out of the source without them.

    So what is compared in the end is what a user runs, where activations work in place and no layer is looked at.
    """

    name = "torch"
    family = "torch"
    about = "PyTorch on the emitted module, layer by layer"
    extra = "torch"
    half: ClassVar[str] = ""
    """What autocast computes in, as PyTorch calls it; nothing for float32 throughout."""
    channels_last: ClassVar[bool] = False

    def missing(self) -> str | None:
        if find_spec("torch") is None:
            return "the package `torch` is not installed"
        fault = cuda_fault() if self.device == "cuda" else ""
        return f"there is no CUDA device: {fault}" if fault else None

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        with self._settings():
            given = self._given(inputs)
            if not self.only_outputs:
                self._watch(subject, given, watcher)
            module = subject.torch()
            try:
                made = self._call(self._placed(module), given)
            finally:
                live.unload(module)
        results = made if isinstance(made, tuple) else (made,)
        for value, result in zip(subject.graph.outputs, results, strict=True):
            _show((value.node.name, value.index), result, watcher)

    def _watch(self, subject: Subject, given: Sequence[Tensor], watcher: Watcher) -> None:
        """Show every value but those that come out, as soon as it is there."""
        outputs = {(value.node.name, value.index) for value in subject.graph.outputs}

        def seen(layer: str, value: Tensor | Sequence[Tensor]) -> None:
            for at, each in enumerate(value if isinstance(value, (tuple, list)) else (value,)):
                if (layer, at) not in outputs:
                    _show((layer, at), each, watcher)

        emitted = emit(subject.graph, taps=True)
        module = live.watched(emitted, seen, norms=True).eval()
        try:
            fill(module.state_dict(), state_of(subject.weights, subject.layers, emitted.state))
            with self._casting():
                self._placed(module)(*given)
        finally:
            live.unload(module)

    def _call(self, module: nn.Module, given: Sequence[Tensor]) -> Any:
        with self._casting():
            return module(*given)

    def _given(self, inputs: Sequence[Array]) -> list[Tensor]:
        import torch

        return [self._laid_out(torch.tensor(array, device=self.device)) for array in inputs]

    def _laid_out(self, x: Tensor) -> Tensor:
        import torch

        return x.contiguous(memory_format=torch.channels_last) if self.channels_last and x.dim() == 4 else x

    def _placed(self, module: nn.Module) -> Any:
        import torch

        placed: Any = module.to(self.device)
        return placed.to(memory_format=torch.channels_last) if self.channels_last else placed

    def _casting(self) -> Any:
        import torch

        return torch.autocast(self.device, getattr(torch, self.half)) if self.half else nullcontext()

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """Float32 means float32: no TensorFloat-32; and the same kernels in every run."""
        import torch

        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        kernels = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        try:
            with kernels, torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            torch.set_float32_matmul_precision(precision)


def _show(key: ValueKey, value: Tensor, watcher: Watcher) -> None:
    if watcher.wants(key):
        numbers = value.detach().cpu()
        watcher.see(key, (numbers.float() if numbers.is_floating_point() else numbers).contiguous().numpy())


class TorchChannelsLast(Torch):
    """With the channels innermost, which other kernels serve."""

    name = "torch-channels-last"
    about = "PyTorch with channels_last"
    channels_last = True
    slow = "layouts are looked at when they are asked for"


class TorchCompiled(Torch):
    """What ``torch.compile`` makes of the module: layers become one, so that only outputs can be seen."""

    name = "torch-compiled"
    about = "torch.compile: outputs only"
    only_outputs = True
    slow = "torch.compile takes a minute or more"
    backend: ClassVar[str | Callable[..., Any]] = "inductor"

    def missing(self) -> str | None:
        return super().missing() or _no_compiler()

    def _call(self, module: nn.Module, given: Sequence[Tensor]) -> Any:
        import torch

        torch._dynamo.reset()
        try:
            compiled: Any = torch.compile(module, dynamic=False, backend=self.backend)
            return super()._call(compiled, given)
        finally:
            torch._dynamo.reset()


def _no_compiler() -> str | None:
    """What ``torch.compile`` lacks: it writes C++, and for a card Triton."""
    if os.name == "nt":
        return None if which("cl") else "torch.compile needs a C++ compiler, and there is no `cl`"
    name = os.environ.get("CXX") or "g++"
    return None if which(name) or which("clang++") else f"torch.compile needs a C++ compiler, and there is no `{name}`"


# --- on a card ------------------------------------------------------------------------------------


class TorchCuda(Torch):
    """On a card, in float32: TensorFloat-32, which has 10 bits of 23, is off."""

    name = "torch-cuda"
    about = "PyTorch on CUDA, float32 without TensorFloat-32"
    device = "cuda"


class TorchCudaChannelsLast(TorchCuda):
    name = "torch-cuda-channels-last"
    about = "PyTorch on CUDA with channels_last"
    channels_last = True


class TorchCudaCompiled(TorchCompiled):
    name = "torch-cuda-compiled"
    about = "torch.compile on CUDA: outputs only"
    device = "cuda"

    def missing(self) -> str | None:
        lacks = None if find_spec("triton") else "the package `triton` is not installed, which torch.compile needs"
        return super().missing() or lacks


class TorchCudaGraph(TorchCuda):
    """Recorded once and replayed: what a program with the least overhead runs. Only outputs can be seen."""

    name = "torch-cuda-graph"
    about = "PyTorch as a CUDA graph: outputs only"
    only_outputs = True

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        check_fixed_steps(subject.graph)
        super().run(subject, inputs, watcher)

    def _call(self, module: nn.Module, given: Sequence[Tensor]) -> Any:
        """What the second replay makes, so that nothing is left of how it was recorded."""
        import torch

        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # kernels are chosen before anything is recorded
            super()._call(module, given)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            made = super()._call(module, given)
        graph.replay()
        graph.replay()
        torch.cuda.synchronize()
        return made


# --- in half precision ----------------------------------------------------------------------------
#
# Autocast rounds what goes into a convolution or a product, its weights and its result. Rounding changes a number by a
# part u of it at most: 2^-11 in float16, 2^-8 in bfloat16; sums are made in float32. One layer that is fed the same
# numbers is off by 3 u at most, unless it subtracts large numbers; measured are 1.1 u, hence a step of 4 u. From layer
# to layer such errors add up at random, to about u times the root of twice the number of layers; networks with narrow
# layers make up to 33 u of it in fifty layers, hence a bound of 64 u.

FLOAT16 = 2.0**-11
BFLOAT16 = 2.0**-8


class TorchBfloat16(Torch):
    name = "torch-bf16"
    about = "PyTorch with autocast to bfloat16"
    half = "bfloat16"
    bound = 64 * BFLOAT16
    bound_reason = "bfloat16: 64 times what one rounding changes, 2^-8"
    step = 4 * BFLOAT16
    slow = "half precision is looked at when it is asked for"


class TorchCudaBfloat16(TorchBfloat16):
    name = "torch-cuda-bf16"
    about = "PyTorch on CUDA with autocast to bfloat16"
    device = "cuda"
    slow = ""


class TorchCudaFloat16(TorchCuda):
    name = "torch-cuda-fp16"
    about = "PyTorch on CUDA with autocast to float16"
    half = "float16"
    bound = 64 * FLOAT16
    bound_reason = "float16: 64 times what one rounding changes, 2^-11"
    step = 4 * FLOAT16


RUNTIMES = (
    Torch(),
    TorchChannelsLast(),
    TorchCompiled(),
    TorchBfloat16(),
    TorchCuda(),
    TorchCudaChannelsLast(),
    TorchCudaCompiled(),
    TorchCudaGraph(),
    TorchCudaFloat16(),
    TorchCudaBfloat16(),
)
