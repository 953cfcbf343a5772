"""The network in PyTorch, ready to be called again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from netgen.bench.clock import warm_up
from netgen.bench.memory import peak_of_tensors
from netgen.emit.torch import TorchModule, emit, live
from netgen.ir.graph import Graph

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from netgen.bench.clock import Clock
    from netgen.bench.settings import Settings

Call = Callable[[], object]
GRAPH_WARM_UP = 3
"""How often a module runs before it is recorded as a CUDA graph: what is made once must not be in the record."""


class TorchRun:
    """A live module on its device, with inputs to call it on. ``state`` is the ``state_dict`` that it is to have."""

    def __init__(
        self, graph: Graph, state: Mapping[str, Tensor] | None, settings: Settings, device: torch.device
    ) -> None:
        self.graph = graph
        self.settings = settings
        self.device = device
        self.emitted = emit(graph)
        module = live.load(self.emitted)
        self._loaded = [module]
        if state is not None:
            module.load_state_dict(state)
        self.module = self._placed(module)
        self.inputs = [self._laid_out(each.to(device)) for each in inputs_of(graph)]

    def _placed(self, module: nn.Module) -> nn.Module:
        import torch

        module = module.eval().requires_grad_(False).to(self.device)
        if self.settings.channels_last:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module

    def _laid_out(self, images: Tensor) -> Tensor:
        import torch

        wanted = self.settings.channels_last and images.dim() == 4
        return images.contiguous(memory_format=torch.channels_last) if wanted else images

    def _calling(self, module: Callable[..., object]) -> Call:
        """Runs a module on the inputs, in the numbers that are wanted."""
        import torch

        kinds = {"fp16": torch.float16, "bf16": torch.bfloat16}
        half = self.settings.half

        def call() -> object:
            casting = nullcontext() if half is None else torch.autocast(self.device.type, kinds[half])
            with torch.inference_mode(), casting:
                return module(*self.inputs)

        return call

    def call(self, clock: Clock) -> tuple[Call, int | None]:
        """The call that is measured, warmed up, and the most bytes that it takes at once, where that can be told."""
        import torch

        compiled = self.settings.compile
        call = self._calling(torch.compile(self.module, dynamic=False) if compiled else self.module)
        warm_up(call, clock, self.settings)
        if self.settings.cuda_graph:
            return self._recorded(call)
        if self.device.type == "cuda":
            return call, self._peak_of_card(call)
        if compiled:  # what compiled code takes goes through no operator
            return call, None
        return call, peak_of_tensors(call, [*self.module.state_dict().values(), *self.inputs])

    def watched(self, seen: Callable[[str, object], None]) -> tuple[TorchModule, Call]:
        """A call of the same network, on the same weights, that tells when each layer is done; never compiled."""
        emitted = emit(self.graph, taps=True)
        module = self._placed(live.watched(emitted, seen))
        self._loaded.append(module)
        module.load_state_dict(self.module.state_dict(), assign=True)
        return emitted, self._calling(module)

    def close(self) -> None:
        """Forget the modules and their sources."""
        for module in self._loaded:
            live.unload(module)

    def _peak_of_card(self, call: Call) -> int:
        import torch

        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        torch.cuda.synchronize(self.device)
        return torch.cuda.max_memory_allocated(self.device)

    def _recorded(self, call: Call) -> tuple[Call, int]:
        """The call as a CUDA graph; its memory is what was taken while it was recorded."""
        import torch

        aside = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(aside):
            for _ in range(GRAPH_WARM_UP):
                call()
        torch.cuda.current_stream(self.device).wait_stream(aside)
        record = torch.cuda.CUDAGraph()

        def capture() -> None:
            with torch.cuda.graph(record):
                call()

        peak = self._peak_of_card(capture)
        return record.replay, peak


def inputs_of(graph: Graph) -> list[Tensor]:
    """Numbers by chance between 0 and 1: an image, or an index of 0 where a layer counts with them."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return [torch.rand(value.shape, generator=generator) for value in graph.inputs]


@contextmanager
def torch_set(settings: Settings, device: torch.device) -> Iterator[None]:
    """PyTorch set as it is wanted, and as it was before afterwards."""
    import torch

    threads, trials = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(settings.threads or threads)
    torch.backends.cudnn.benchmark = True  # shapes stay the same, so the fastest algorithm may be looked for
    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = trials


def release(settings: Settings, device: torch.device) -> None:
    """Give back what the last network left: compiled code, and memory of the card."""
    import gc

    import torch

    if settings.compile:
        torch.compiler.reset()
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
