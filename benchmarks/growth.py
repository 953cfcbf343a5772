"""Growth: how time and memory go with the number of layers."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import Row, Section, duration, significant

PROGRAM = """\
use common: conv_block

net Growth() {{
    x = input(1, 16, 32, 32)
    for i in 1..{turns} {{
        x = conv_block(x, 16, 3)
    }}
}}
"""
LAYERS_PER_TURN = 3
STEPS = (1_000, 10_000, 100_000)
TIMES = 11
MEGABYTES = 1000
TARGETS = {"prototxt": "to_prototxt", "torch": "torch_source"}

CHILD = str(Path(__file__).with_name("compile_once.py"))


class Run:
    """What one size took: the medians of a few processes."""

    __slots__ = ("layers", "megabytes", "seconds")

    def __init__(self, outcomes: list[tuple[int, float, float]]) -> None:
        layers, seconds, megabytes = zip(*outcomes, strict=True)
        self.layers: int = layers[0]
        self.seconds = statistics.median(seconds)
        self.megabytes = statistics.median(megabytes)


def run(quick: bool = False) -> Section:
    steps = tuple(step // 100 for step in STEPS) if quick else STEPS
    rounds = 1 if quick else 5
    return Section(
        "Growth",
        "A net of so many layers, made by a loop over a block, each in a fresh process: processor time without "
        "Python's start, and the process's peak memory. The peer is netgen with a tenth of the layers.",
        [row for target in TARGETS for row in _rows(target, steps, rounds)],
    )


def _rows(target: str, steps: tuple[int, ...], rounds: int) -> list[Row]:
    runs = measure(target, steps, rounds)
    rows = []
    for small, large in itertools.pairwise(runs):
        goal = large is runs[-1]
        ratio = large.seconds / small.seconds
        rows.append(
            Row(
                f"{large.layers:,} layers to {target}, time",
                duration(large.seconds),
                duration(small.seconds),
                ratio=ratio,
                target=f"≤ {TIMES} times" if goal else "",
                reached=ratio <= TIMES if goal else None,
            )
        )
    rows += [
        Row(
            f"{run.layers:,} layers to {target}, memory",
            f"{significant(run.megabytes)} MB",
            target=f"≤ {MEGABYTES} MB" if run is runs[-1] else "",
            reached=run.megabytes <= MEGABYTES if run is runs[-1] else None,
        )
        for run in runs
    ]
    return rows


def measure(target: str, steps: tuple[int, ...], rounds: int) -> list[Run]:
    """The sizes, measured in turns."""
    outcomes: dict[int, list[tuple[int, float, float]]] = {step: [] for step in steps}
    with tempfile.TemporaryDirectory() as folder:
        for step in steps:
            program = PROGRAM.format(turns=(step - 1) // LAYERS_PER_TURN)
            Path(folder, f"{step}.net").write_text(program, encoding="utf-8")
        for _ in range(rounds):
            for step in steps:
                outcomes[step].append(_compile(Path(folder, f"{step}.net"), TARGETS[target]))
    return [Run(outcomes[step]) for step in steps]


def _compile(program: Path, method: str) -> tuple[int, float, float]:
    child = [sys.executable, CHILD, str(program), method]
    layers, seconds, megabytes = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    return layers, seconds, megabytes
