"""The measuring itself: each batch in each runtime, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from netgen.bench.clock import Clock, CpuClock, CudaClock, seconds_a_call, timed, turns, warm_up
from netgen.bench.layers import layer_times
from netgen.bench.memory import available, needed
from netgen.bench.onnx_run import onnx_call, require_onnxruntime
from netgen.bench.report import Machine, Report, Row
from netgen.bench.settings import Settings
from netgen.bench.torch_run import TorchRun, release, torch_set
from netgen.diag import NetgenError
from netgen.emit.torch.device import check_fixed_steps, describe, device_of
from netgen.ir.graph import Graph
from netgen.ir.text import value_name
from netgen.passes.resize import with_batch

if TYPE_CHECKING:
    from torch import Tensor

Tell = Callable[[str], object]


class Bench:
    """A network that is to be measured. ``run`` fills the ``report`` row by row.

    ``state`` is the ``state_dict`` of the network's module; without it the weights are as its constructor makes them.
    Raises ``NetgenError`` where the device, a runtime or a batch is not to be had.
    """

    def __init__(self, graph: Graph, state: Mapping[str, Tensor] | None, settings: Settings) -> None:
        self._device = device_of(settings.device)
        self._state = state
        own = graph.inputs[0].shape[0] if graph.inputs and graph.inputs[0].shape else 1
        self._settings = replace(settings, batch=tuple(dict.fromkeys(settings.batch)) or (own,))
        self._graphs = {batch: graph if batch == own else with_batch(graph, batch) for batch in self._settings.batch}
        if settings.cuda_graph:
            check_fixed_steps(graph)
        self._clock: Clock = CudaClock() if self._device.type == "cuda" else CpuClock()
        self.report = Report(
            graph.name,
            {value_name(value): value.shape for value in graph.inputs},
            sum(param.count for node in graph.nodes for param in node.params if param.learned),
            _macs(graph) // own,
            self._machine(),
            self._settings,
        )

    def run(self, tell: Tell = lambda doing: None) -> Report:
        """Measure everything; ``tell`` hears what is being done. What cannot be measured is a row with the reason."""
        with torch_set(self._settings, self._device):
            for batch, graph in self._graphs.items():
                for runtime in self._settings.against:
                    tell(f"{runtime}, batch {batch}")
                    self.report.rows.append(self._row(runtime, batch, graph))
                    release(self._settings, self._device)
        return self.report

    def _row(self, runtime: str, batch: int, graph: Graph) -> Row:
        try:
            self._check_memory(graph)
            measure = self._torch if runtime == "torch" else self._onnxruntime
            return measure(Row(runtime, batch, _macs(graph)), graph)
        except Exception as error:  # whatever a runtime throws is a fact about it
            if os.environ.get("NETGEN_DEBUG"):
                raise
            return Row(runtime, batch, error=reason(error))

    def _torch(self, row: Row, graph: Graph) -> Row:
        with closing(TorchRun(graph, self._state, self._settings, self._device)) as run:
            call, memory = run.call(self._clock)
            row = replace(self._measured(row, call, self._clock), memory=memory)
            layers = layer_times(run, self._clock, self._settings) if self._settings.top else []
            return replace(row, layers=tuple(layers))

    def _onnxruntime(self, row: Row, graph: Graph) -> Row:
        with closing(TorchRun(graph, self._state, Settings(), device_of("cpu"))) as run:
            state = run.module.state_dict()
            arrays = {key: state[name].numpy() for key, name in run.emitted.state.items()}
            call = onnx_call(graph, arrays, run.inputs, self._settings)
        clock = CpuClock()  # it has no queue of its own to look into; each call waits for its end
        warm_up(call, clock, self._settings)
        return self._measured(row, call, clock)

    def _measured(self, row: Row, call: Callable[[], object], clock: Clock) -> Row:
        seconds = tuple(timed(call, clock) for _ in turns(self._settings))
        row = replace(row, seconds=seconds)
        return replace(row, pace=seconds_a_call(call, clock, len(seconds)) if clock.queues else row.median)

    def _check_memory(self, graph: Graph) -> None:
        """A process that takes more memory than there is may be killed without a word: so it is not tried."""
        takes, free = needed(graph), available()
        if self._device.type == "cpu" and free is not None and takes > free:
            raise MemoryError(f"it may take {takes / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free")

    def _machine(self) -> Machine:
        import torch

        software = [f"torch {torch.__version__}"]
        if self._device.type == "cuda":
            software.append(f"CUDA {torch.version.cuda or torch.version.hip}")
        if "onnxruntime" in self._settings.against:
            software.append(f"onnxruntime {require_onnxruntime().__version__}")
        return Machine(describe(self._device), self._settings.threads or torch.get_num_threads(), tuple(software))


def reason(error: Exception) -> str:
    """Why there are no figures, in a line."""
    import torch

    if isinstance(error, NetgenError):
        first = error.diagnostics[0]
        return first.title + (f": {first.label}" if first.label else "")
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or "not enough memory" in line:
        return f"out of memory: {line}"
    return f"{type(error).__name__}: {line}"


def _macs(graph: Graph) -> int:
    return sum(node.op.macs(node) for node in graph.nodes if node.is_known)
