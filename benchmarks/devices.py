"""What ``netgen bench`` measures: the emitted module on the processor beside ONNX Runtime, and on a card."""

from __future__ import annotations

import torch

import netgen
from benchmarks.cold import ROOT
from benchmarks.table import Row, Section, duration
from netgen.bench import Options
from netgen.bench import Row as Measured
from netgen.emit.torch.device import cuda_fault, describe

NETS = (("PeleeNet", "peleenet.net"), ("ResNet-50", "resnet.net"))
ON_CPU, ON_CARD = (1, 8), (1, 8, 64)
SECONDS = 2.0
MANNERS: dict[str, Options] = {
    "CUDA graph": {"cuda_graph": True},
    "float16, channels last": {"half": "fp16", "channels_last": True},
    "float16, channels last, CUDA graph": {"half": "fp16", "channels_last": True, "cuda_graph": True},
}
"""How a module runs on a card; each is compared with the plain one."""


def run(quick: bool = False) -> Section:
    nets = (("Tiny", "tiny.net"),) if quick else NETS
    common = Options(seconds=0.01 if quick else SECONDS, top=0)
    fault = cuda_fault()
    rows = [row for name, file in nets for row in _on_cpu(name, file, common)]
    if not fault:
        rows += [row for name, file in nets for row in _on_card(name, file, common)]
    card = f"There was no card: {fault}." if fault else f"The card is {describe(torch.device('cuda'))}."
    return Section(
        "Networks on devices",
        f"What `netgen bench` finds: the median of runs for {SECONDS:g} s each, on the processor with "
        f"{torch.get_num_threads()} threads. There the peer is ONNX Runtime on the same network, on a card the plain "
        f"module in float32. {card}",
        rows,
    )


def _on_cpu(name: str, file: str, common: Options) -> list[Row]:
    net = netgen.compile(ROOT / "examples" / file)
    options = common | {"batch": ON_CPU, "against": ("torch", "onnxruntime")}
    found = net.bench(**options).rows
    return [_row(f"{name}, CPU", ours, peer) for ours, peer in zip(found[::2], found[1::2], strict=True)]


def _on_card(name: str, file: str, common: Options) -> list[Row]:
    net = netgen.compile(ROOT / "examples" / file)
    net.random_weights()
    common = common | {"device": "cuda", "batch": ON_CARD}
    plain = net.bench(**common).rows
    rows = [_row(f"{name}, CUDA", ours, None) for ours in plain]
    for manner, options in MANNERS.items():
        found = net.bench(**(common | options)).rows
        rows += [_row(f"{name}, CUDA, {manner}", ours, peer) for ours, peer in zip(found, plain, strict=True)]
    return rows


def _row(what: str, ours: Measured, peer: Measured | None) -> Row:
    """A run beside its peer; where there are no figures, the reason stands in their place."""
    what = f"{what}, batch {ours.batch}"
    if ours.error:
        return Row(f"{what}: {ours.error}", "")
    what = f"{what}: {ours.images_per_second:,.0f} images/s"
    if peer is None or peer.error:
        return Row(what, duration(ours.median))
    return Row(what, duration(ours.median), duration(peer.median), ratio=ours.median / peer.median)
