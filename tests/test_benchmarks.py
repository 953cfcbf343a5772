"""The benchmarks run and compare like with like. Nothing here asserts a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

import netgen
from benchmarks import __main__ as command
from benchmarks import devices, measure, table
from benchmarks.cold import PROGRAM, loaded
from benchmarks.peers.caffe_schema import MESSAGES, net_parameter
from benchmarks.peers.peleenet_fstrings import peleenet
from netgen.bench import Row


@pytest.mark.parametrize("name", command.NAMES)
def test_every_benchmark_runs_and_prints_its_table(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.md"
    command.main(["--quick", "--only", name, "--output", str(results)])

    printed = capsys.readouterr().out
    tables = printed[printed.index("## ") :].strip()
    rows = [line for line in tables.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    assert len({len(row) for row in rows}) == 1
    assert len({row.count("|") for row in rows}) == 1
    assert results.read_text(encoding="utf-8").strip().endswith(tables)


class Bench:
    """Stands in for a report of ``Net.bench``: a run takes 10 ms, half of that with a CUDA graph; 64 are too many."""

    def __init__(self, asked: list[dict[str, Any]], options: dict[str, Any]) -> None:
        asked.append(options)
        took = 0.005 if options.get("cuda_graph") else 0.01
        runtimes = options.get("against", ("torch",))
        self.rows = [
            Row(runtime, batch, seconds=(took,), pace=took, error="out of memory" if batch == 64 else "")
            for batch in options["batch"]
            for runtime in runtimes
        ]


def test_a_card_is_named_and_every_manner_stands_beside_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(devices, "cuda_fault", lambda: "")
    monkeypatch.setattr(devices, "describe", lambda device: f"a {device.type} card")
    monkeypatch.setattr(netgen.Net, "bench", lambda net, **options: Bench(asked, options))
    section = devices.run(quick=True)
    assert "The card is a cuda card." in section.about
    rows = {row.what: row for row in section.rows}
    assert len(rows) == len(devices.ON_CPU) + len(devices.ON_CARD) * (1 + len(devices.MANNERS))
    assert rows["Tiny, CUDA, CUDA graph, batch 8: 1,600 images/s"].cells[1:4] == ["5 ms", "10 ms", "0.5"]
    assert rows["Tiny, CUDA, batch 64: out of memory"].netgen == ""
    assert {options.get("device", "cpu") for options in asked} == {"cpu", "cuda"}


def test_a_build_of_a_prototxt_loads_nothing_heavy() -> None:
    assert loaded() == ""


def test_the_f_strings_print_the_message_that_netgen_writes() -> None:
    schema = net_parameter()
    ours = text_format.Parse(netgen.compile(PROGRAM).to_prototxt(), schema())
    theirs = text_format.Parse(peleenet(), schema())
    assert len(theirs.layer) == 482
    assert ours == theirs


def test_the_small_schema_is_caffes(shared: Path) -> None:
    whole = json.loads((shared / "facts" / "bvlc_schema.json").read_text())["messages"]
    for message, fields in MESSAGES.items():
        known = {field["name"]: field for field in whole[message]}
        for number, name, kind in (field.split() for field in fields.split(", ")):
            field = known[name]
            label = "repeated" if kind.startswith("*") else "optional"
            assert (field["number"], field["label"]) == (int(number), label), (message, name)
            assert field["type"].rpartition(".")[2] == kind.removeprefix("*"), (message, name)


def test_tasks_take_turns_and_each_is_warmed_up() -> None:
    order: list[str] = []

    def task(name: str, seconds: float) -> measure.Task:
        def run() -> float:
            order.append(name)
            return seconds

        return run

    found = measure.compare(task("a", 3.0), task("b", 2.0), measure.Effort(precision=0.1, seconds=0, fewest=3))
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert (found.ours, found.peer, found.ratio, found.noise) == (3.0, 2.0, 1.5, 0.0)


def test_measuring_goes_on_until_the_ratio_is_known() -> None:
    took = iter([1.0, *(1.0 + 0.1 * (turn % 2) for turn in range(20)), *[1.0] * 1000])
    pairs = measure.take_turns(lambda: next(took), lambda: 1.0, measure.Effort(precision=0.01, seconds=60, fewest=3))
    assert 20 < len(pairs) < 100


@pytest.mark.parametrize(
    "number, text", [(0.0076, "0.0076"), (17.857, "17.9"), (1.0123, "1.012"), (0.5559, "0.556"), (250.4, "250")]
)
def test_figures_have_three_significant_digits_and_four_near_one(number: float, text: str) -> None:
    assert table.significant(number) == text
