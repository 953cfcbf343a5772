"""What the bench asks of a card, with one that is none: it keeps a list, and computes on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

import netgen
from netgen.bench import Settings
from netgen.bench.clock import CpuClock, CudaClock, timed
from netgen.bench.layers import layer_times
from netgen.bench.torch_run import GRAPH_WARM_UP, TorchRun

CPU = torch.device("cpu")


class Card:
    """Stands in for what ``torch.cuda`` has. Time is the number of things that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def new_stream(self, device: torch.device) -> Card:
        return self

    def current_stream(self, device: torch.device | None = None) -> Card:
        return self

    def wait_stream(self, other: Card) -> None:
        self.asked.append("wait")

    @contextmanager
    def stream(self, stream: Card) -> Iterator[None]:
        yield

    def new_graph(self) -> Card:
        return self

    @contextmanager
    def graph(self, record: Card) -> Iterator[None]:
        self.asked.append("begin")
        yield
        self.asked.append("end")

    def replay(self) -> None:
        self.asked.append("replay")

    def reset_peak_memory_stats(self, device: torch.device) -> None:
        self.asked.append("reset")

    def synchronize(self, device: torch.device | None = None) -> None:
        self.asked.append("synchronize")

    def max_memory_allocated(self, device: torch.device) -> int:
        return 12345

    def new_event(self, enable_timing: bool) -> Event:
        assert enable_timing
        return Event(self)


class Event:
    """A moment in the card's queue."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.at = -1

    def record(self) -> None:
        self.card.asked.append("event")
        self.at = len(self.card.asked)

    def synchronize(self) -> None:
        assert self.at >= 0, "an event is recorded before one waits for it"
        self.card.asked.append("wait for event")

    def elapsed_time(self, end: Event) -> float:
        assert "wait for event" in self.card.asked, "times are known once the work is done"
        return (end.at - self.at) * 1000.0


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    made = Card()
    for name, classed in (("Stream", made.new_stream), ("CUDAGraph", made.new_graph), ("Event", made.new_event)):
        monkeypatch.setattr(torch.cuda, name, classed)
    for name in ("current_stream", "stream", "graph", "reset_peak_memory_stats", "synchronize", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, getattr(made, name))
    return made


def running(card: Card, **options: Any) -> TorchRun:
    """A run that notes each pass of the network among what is asked of the card."""
    graph = netgen.compile("net A() { data = input(1, 2, 4, 4)  a = conv(data, 3, 1)  b = relu(a) }").graph
    run = TorchRun(graph, None, Settings(device="cuda", runs=2, warmup=1, **options), CPU)
    run.module.register_forward_hook(lambda *_: card.asked.append("run"))
    return run


def test_a_graph_is_recorded_once_after_runs_aside(card: Card) -> None:
    call, peak = running(card, cuda_graph=True).call(CpuClock())
    assert card.asked == [
        "run",
        "wait",
        *["run"] * GRAPH_WARM_UP,
        "wait",
        "reset",
        "begin",
        "run",
        "end",
        "synchronize",
    ]
    assert peak == 12345
    card.asked.clear()
    call()
    assert card.asked == ["replay"]


def test_memory_is_the_peak_of_one_run_after_the_warm_up(card: Card) -> None:
    run = running(card)
    assert run._peak_of_card(run._calling(run.module)) == 12345
    assert card.asked == ["reset", "run", "synchronize"]


def test_time_is_between_events_and_waits_for_the_last(card: Card) -> None:
    clock = CudaClock()
    assert timed(lambda: card.asked.extend(["work", "work"]), clock) == 3
    assert card.asked == ["event", "work", "work", "event", "wait for event"]


def test_layers_are_timed_by_events_in_the_queue(card: Card) -> None:
    run = running(card)
    found = layer_times(run, CudaClock(), run.settings)
    assert {layer.name: layer.seconds for layer in found} == {"a": 1, "b": 1}
    assert sum(layer.share for layer in found) == 1
