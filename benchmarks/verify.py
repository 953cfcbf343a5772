"""The proof: how long ``netgen verify`` takes to run a network in several runtimes and compare all values."""

from __future__ import annotations

import statistics

from benchmarks.cold import ROOT, command
from benchmarks.measure import process
from benchmarks.table import Row, Section, duration

LIMIT = 20.0
"""Seconds on two processor cores."""
TIMES = 3
AGAINST = "torch,onnxruntime,opencv"
FAST = (("PeleeNet", "peleenet.net", LIMIT), ("ResNet-50", "resnet.net", None))


def run(quick: bool = False) -> Section:
    nets = (("Tiny", "tiny.net", None),) if quick else FAST
    return Section(
        "Verifying",
        f"`netgen verify FILE --against {AGAINST} --device cpu`, from the start of the process to its end: weights and "
        "an image by chance, all values of all layers compared. It fails if they differ.",
        [_row(name, file, limit, 1 if quick else TIMES) for name, file, limit in nets],
    )


def _row(name: str, file: str, limit: float | None, times: int) -> Row:
    path = str(ROOT / "examples" / file)
    verify = process(*command(), "verify", path, "--against", AGAINST, "--device", "cpu", "--quiet")
    seconds = statistics.median(verify() for _ in range(times))
    return Row(
        f"{name} in PyTorch, ONNX Runtime and OpenCV",
        duration(seconds),
        target=f"≤ {limit:g} s" if limit is not None else "",
        reached=seconds <= limit if limit is not None else None,
    )
