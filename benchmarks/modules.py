"""Emitted PyTorch modules against hand-written ones of the same networks."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import netgen
from benchmarks.cold import ROOT
from benchmarks.measure import QUICK, Comparison, Effort, Task, take_turns, timed
from benchmarks.peers.peleenet_torch import PeleeNet
from benchmarks.peers.resnet50_torch import ResNet50
from benchmarks.table import Row, Section, compared
from netgen.emit.torch.device import describe

NETS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "PeleeNet": ("peleenet.net", PeleeNet),
    "ResNet-50": ("resnet.net", ResNet50),
}
LIMIT = 1.02
SIZE = 224
PRECISION = 0.005
FEWEST, MOST = 3, 15
"""How often the modules are made anew: where in memory their weights come to lie makes a difference of its own."""


def run(quick: bool = False) -> Section:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
        batches = [1] if quick else [1, 8]
        card = f" The card is {describe(torch.device('cuda'))}." if "cuda" in devices else ""
        rows = [
            row for device in devices for name in NETS for batch in batches for row in _rows(name, batch, device, quick)
        ]
    finally:
        torch.set_num_threads(threads)
    return Section(
        "PyTorch modules",
        f"The module made of `examples/*.net` against one written by hand (`benchmarks/peers`), same weights, images "
        f"of {SIZE}x{SIZE}, one thread. Forward is in evaluation mode without gradients, backward in training mode."
        f"{card}",
        rows,
    )


def _rows(name: str, batch: int, device: str, quick: bool) -> list[Row]:
    image = torch.randn(batch, 3, SIZE, SIZE, device=device)
    label = f"{name}, batch {batch}, {'CPU' if device == 'cpu' else 'CUDA'}"
    return [
        compared(f"{label}, forward", _compare(name, image, forward, quick), LIMIT),
        compared(f"{label}, forward and backward", _compare(name, image, backward, quick), LIMIT),
    ]


def _compare(name: str, image: Tensor, work: Callable[[nn.Module, Tensor], Task], quick: bool) -> Comparison:
    pairs: list[tuple[float, float]] = []
    effort = QUICK if quick else Effort(precision=PRECISION, seconds=8, fewest=9)
    for turn in range(1 if quick else MOST):
        emitted, hand = modules(name, image, emitted_first=turn % 2 == 0)
        pairs += take_turns(work(emitted, image), work(hand, image), effort)
        if turn + 1 >= FEWEST and Comparison(pairs).noise <= PRECISION:
            break
    return Comparison(pairs)


def modules(name: str, image: Tensor, emitted_first: bool = True) -> tuple[nn.Module, nn.Module]:
    """The emitted and the hand-written module, with the same weights; asserts that they compute the same."""
    file, peer = NETS[name]
    net = netgen.compile(ROOT / "examples" / file)
    if emitted_first:
        emitted, hand = net.to_torch(), peer()
    else:
        hand, emitted = peer(), net.to_torch()
    emitted, hand = emitted.to(image.device), hand.to(image.device)
    _same_weights(emitted, hand)
    with torch.no_grad():
        torch.testing.assert_close(emitted.eval()(image), hand.eval()(image), rtol=1e-4, atol=1e-6)
    return emitted, hand


def _same_weights(emitted: nn.Module, hand: nn.Module) -> None:
    """Copy weights and statistics, which both have in the order of the network."""
    for kind in (nn.Module.parameters, nn.Module.buffers):
        for target, source in zip(kind(hand), kind(emitted), strict=True):
            target.data.copy_(source.data)


def forward(module: nn.Module, image: Tensor) -> Task:
    """A forward pass in evaluation mode."""
    module.eval()

    @torch.no_grad()
    def work() -> None:
        module(image)

    return on_device(work, image)


def backward(module: nn.Module, image: Tensor) -> Task:
    """A forward and a backward pass in training mode."""
    module.train()

    def work() -> None:
        module.zero_grad()
        module(image).square().sum().backward()

    return on_device(work, image)


def on_device(work: Callable[[], None], image: Tensor) -> Task:
    """The task of some work on the image's device; another device than the processor is waited for."""
    if not image.is_cuda:
        return timed(work)

    def finished() -> None:
        work()
        torch.cuda.synchronize()

    return timed(finished, time.perf_counter)
