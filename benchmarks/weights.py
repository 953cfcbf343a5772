"""Weights of the size of VGG-16's: from format to format, against copying the file and against protobuf's objects."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import netgen
from benchmarks.cold import ROOT
from benchmarks.measure import QUICK, Comparison, Effort, Task, take_turns
from benchmarks.table import Row, Section, compared, significant
from netgen.weights import Entry, Weights

CHILD = "benchmarks.weights_once"
TIMES, MEMORY = 3.0, 1.3
WAYS = (
    ("caffemodel", "safetensors"),
    ("caffemodel", "pth"),
    ("safetensors", "caffemodel"),
    ("pth", "caffemodel"),
)


def run(quick: bool = False) -> Section:
    program = ROOT / "examples" / ("squeezenet.net" if quick else "vgg16.net")
    effort = QUICK if quick else Effort(precision=0.1, seconds=30, fewest=5)
    with tempfile.TemporaryDirectory() as folder:
        files = Files(program, Path(folder))
        # Of few weights what is measured is everything else, which is not to be judged.
        rows = [row for way in WAYS for row in _conversion(files, way, effort, judged=not quick)]
        rows += _against_protobuf(files, QUICK if quick else Effort(precision=0.2, seconds=0, fewest=1))
    megabytes = f"{significant(files.megabytes)} MB"
    return Section(
        "Weights",
        f"The weights of `{program.name}`, {megabytes} of random numbers, each time in a fresh process: time without "
        "the start of Python and of PyTorch, and the process's peak memory, programs included. Copying is "
        "`shutil.copyfile`; protobuf's objects are those of netgen's own bindings.",
        rows,
    )


class Files:
    """The same weights in each format, and where what is made of them goes."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        net = netgen.compile(program)
        net.weights = _random(net)
        for name in ("caffemodel", "safetensors", "pth"):
            path = self.path(name)
            net.save_caffemodel(path) if name == "caffemodel" else net.save_state_dict(path)
        self.megabytes = 4 * sum(entry.count for entry in net.weights.entries.values()) / 1e6

    def path(self, suffix: str) -> Path:
        return self.folder / f"net.{suffix}"

    def measure(self, how: str, source: str, target: str) -> tuple[float, float]:
        """The seconds and megabytes of one process."""
        result = self.folder / f"result.{target}"
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", CHILD, how, str(self.program), str(self.path(source)), str(result)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
        seconds, megabytes = json.loads(printed)
        return seconds, megabytes


def _random(net: netgen.Net) -> Weights:
    from netgen.emit.caffe.slots import slots

    rng = np.random.default_rng(0)
    entries = {}
    for layer in slots(net.graph):
        for slot in layer.slots:
            if slot.constant is None:
                numbers = rng.standard_normal(slot.shape, dtype=np.float32)
                entries[slot.owner] = Entry(slot.param, slot.shape, lambda numbers=numbers: numbers)  # type: ignore[misc]
    return Weights(entries)


class Measured:
    """A task that keeps the most megabytes of its runs."""

    def __init__(self, action: Callable[[], tuple[float, float]]) -> None:
        self.action = action
        self.megabytes = 0.0

    def __call__(self) -> float:
        seconds, megabytes = self.action()
        self.megabytes = max(self.megabytes, megabytes)
        return seconds


def _conversion(files: Files, way: tuple[str, str], effort: Effort, judged: bool) -> list[Row]:
    source, target = way
    ours = Measured(lambda: files.measure("netgen", source, target))
    found = Comparison(take_turns(ours, _copy(files, source), effort))
    share = ours.megabytes / files.megabytes
    label = f".{source} to .{target}"
    return [
        compared(f"{label}, against copying", found, TIMES if judged else None),
        Row(
            f"{label}, peak memory, against the weights' size",
            f"{significant(ours.megabytes)} MB",
            f"{significant(files.megabytes)} MB",
            ratio=share,
            target=f"≤ {MEMORY:g}" if judged else "",
            reached=share <= MEMORY if judged else None,
        ),
    ]


def _copy(files: Files, source: str) -> Task:
    copy = files.folder / "copy"

    def task() -> float:
        copy.unlink(missing_ok=True)
        start = time.perf_counter()
        shutil.copyfile(files.path(source), copy)
        return time.perf_counter() - start

    return task


def _against_protobuf(files: Files, effort: Effort) -> list[Row]:
    rows = []
    for what, how, peer in (
        ("every number of a caffemodel read", "look", "protobuf looks"),
        ("a caffemodel read and written", "netgen", "protobuf"),
    ):
        ours = Measured(lambda how=how: files.measure(how, "caffemodel", "caffemodel"))  # type: ignore[misc]
        theirs = Measured(lambda peer=peer: files.measure(peer, "caffemodel", "caffemodel"))  # type: ignore[misc]
        rows.append(compared(f"{what}, against protobuf", Comparison(take_turns(ours, theirs, effort))))
        rows.append(
            Row(
                f"{what}, peak memory",
                f"{significant(ours.megabytes)} MB",
                f"{significant(theirs.megabytes)} MB",
                ratio=ours.megabytes / theirs.megabytes,
            )
        )
    return rows
