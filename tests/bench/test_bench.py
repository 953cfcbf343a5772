"""The bench: what it reports, and that one figure that cannot be had does not cost the others."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

import netgen
from netgen.api.measuring import prepared
from netgen.bench import Report, Row, Settings, clock, memory, run, torch_run
from netgen.bench.settings import RUNTIMES
from netgen.bench.show import digits, duration, metric
from netgen.cli import main
from netgen.cli.arguments import bench as arguments
from netgen.cli.arguments import parse
from netgen.cli.bench import _settings
from netgen.diag import NetgenError
from netgen.passes.resize import with_batch

NET = """
net Small() {
    data = input(2, 3, 16, 16)
    first = conv(data, 8, 3, pad = 1)
    norm = batch_norm(first)
    bent = relu(norm)
    pool = max_pool(bent, 2)
    fc = linear(pool, 5)
    prob = softmax(fc)
}
"""
FEW: dict[str, Any] = {"runs": 2, "warmup": 1}


def small() -> netgen.Net:
    return netgen.compile(NET)


@pytest.fixture(scope="module")
def report() -> Report:
    """Both runtimes, two batches."""
    return small().bench(batch=(1, 4), against=("torch", "onnxruntime"), **FEW)


def test_there_is_a_row_for_each_batch_and_runtime(report: Report) -> None:
    assert [(row.batch, row.runtime) for row in report.rows] == [
        (1, "torch"), (1, "onnxruntime"), (4, "torch"), (4, "onnxruntime"),
    ]  # fmt: skip
    assert report.is_complete
    assert report.macs == small().macs // 2
    assert report.inputs == {"data": (2, 3, 16, 16)}
    for row in report.rows:
        assert len(row.seconds) == 2
        assert 0 < row.p10 <= row.median <= row.p90
        assert row.images_per_second == pytest.approx(row.batch / row.median)
        assert row.macs == report.macs * row.batch


def test_all_of_the_time_is_some_layers(report: Report) -> None:
    for row in report.rows:
        if row.runtime != "torch":
            assert not row.layers
            continue
        assert {layer.name for layer in row.layers} == {"first", "norm", "bent", "pool", "fc", "prob"}
        assert sum(layer.share for layer in row.layers) == pytest.approx(1)
        assert [layer.seconds for layer in row.layers] == sorted((each.seconds for each in row.layers), reverse=True)
        first = next(layer for layer in row.layers if layer.name == "first")
        assert (first.operator, first.macs) == ("conv", row.batch * 8 * 27 * 256)


def test_memory_grows_by_the_values_of_an_image(report: Report) -> None:
    one, four = (row.memory for row in report.rows if row.runtime == "torch")
    assert one is not None
    assert four is not None
    image, widest = 3 * 256 * 4, 8 * 256 * 4
    assert 3 * (image + widest) <= four - one <= 3 * (image + 3 * widest)


def test_the_tables_begin_with_the_machine(report: Report) -> None:
    head, on, manner, _, *tables = report.text().splitlines()
    assert head.startswith("Small (data 2x3x16x16): 2,")
    assert f"torch {torch.__version__}" in on
    assert manner == "torch: float32"
    assert tables[0].split() == "runtime batch median p10 p90 images/s MACs/s memory".split()
    assert [line.split()[:2] for line in tables[1:5]] == [[row.runtime, str(row.batch)] for row in report.rows]
    assert tables[6].split() == "layer operator batch 1 batch 4 time MACs/s".split()


def test_markdown_is_tables_of_even_columns(report: Report) -> None:
    tables = report.text(markdown=True).split("\n\n")[3:]
    assert len(tables) == 3
    for table in tables:
        assert len({(len(line), line.count("|")) for line in table.splitlines()}) == 1


def test_few_layers_are_listed_and_the_rest_summed() -> None:
    text = str(small().bench(top=2, **FEW))
    assert "4 others" in text
    assert not small().bench(top=0, **FEW).rows[0].layers


# --- how it runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, manner",
    [({"channels_last": True}, "float32, channels last"), ({"half": "bf16"}, "autocast to bfloat16")],
)
def test_layouts_and_halves(options: dict[str, Any], manner: str) -> None:
    found = small().bench(**options, **FEW)
    assert found.is_complete
    assert f"torch: {manner}\n" in str(found)


def test_a_half_is_computed_in_halves() -> None:
    settings = Settings(half="bf16", channels_last=True)
    made = torch_run.TorchRun(small().graph, None, settings, torch.device("cpu"))
    dtypes: dict[str, torch.dtype] = {}
    _, call = made.watched(lambda name, value: dtypes.update({name: value.dtype}))  # type: ignore[attr-defined]
    call()
    made.close()
    assert (dtypes["first"], dtypes["fc"]) == (torch.bfloat16, torch.bfloat16)
    assert made.inputs[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled() -> None:
    found = netgen.compile("net A() { data = input(1, 2, 4, 4)  y = relu(data) }").bench(compile=True, **FEW)
    assert [row.error for row in found.rows] == [""]
    assert found.rows[0].memory is None


def test_the_threads_are_set_and_set_back() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    bench = prepared(small(), Settings(threads=before + 1, **FEW))
    bench.run(lambda doing: seen.append(torch.get_num_threads()))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    assert bench.report.machine.threads == before + 1


def test_weights_that_were_loaded_are_those_that_run() -> None:
    net = small()
    net.random_weights(7)
    bench = prepared(net, Settings(**FEW))
    assert bench._state is not None
    assert all(torch.equal(value, bench._state[key]) for key, value in net.to_torch().state_dict().items())


def test_without_a_number_of_runs_the_time_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(clock, "perf_counter", lambda: next(ticks) / 4)
    assert len(list(clock.turns(Settings(seconds=2)))) == 7
    assert len(list(clock.turns(Settings(seconds=0.01)))) == clock.FEWEST
    assert len(list(clock.turns(Settings(runs=5)))) == 5


class Queue:
    """A clock as a card has it: calls return at once, their work is done later, a second each."""

    queues = True
    done = 0.0

    def now(self) -> float:
        return self.done

    def seconds(self, begin: float, end: float) -> float:
        return end - begin

    def work(self) -> None:
        self.done += 1


def test_time_on_a_card_is_that_between_its_events() -> None:
    queue = Queue()
    assert clock.timed(queue.work, queue) == 1
    assert clock.seconds_a_call(queue.work, queue, 10) == 1
    bench = prepared(small(), Settings(runs=3))
    row = bench._measured(Row("torch", 8), queue.work, queue)
    assert (row.seconds, row.pace, row.images_per_second) == ((1, 1, 1), 1, 8)


# --- what goes wrong ------------------------------------------------------------------------------


def _failing(kind: Callable[[str], Exception], text: str, batch: int) -> Callable[..., Any]:
    def call(self: torch_run.TorchRun, clock: object) -> Any:
        if self.graph.inputs[0].shape[0] == batch:
            raise kind(text)
        return _CALL(self, clock)  # type: ignore[arg-type]

    return call


_CALL = torch_run.TorchRun.call


@pytest.mark.parametrize(
    "kind, text, said",
    [
        (
            torch.cuda.OutOfMemoryError,
            "CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 …",
            "out of memory: CUDA out",
        ),
        (RuntimeError, "[enforce fail] DefaultCPUAllocator: not enough memory: you tried", "out of memory: [enforce"),
        (MemoryError, "", "out of memory: no reason given"),
        (NotImplementedError, "\nno kernel\nhere", "NotImplementedError: no kernel"),
    ],
)
def test_what_a_runtime_throws_is_a_row_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, kind: Callable[[str], Exception], text: str, said: str
) -> None:
    monkeypatch.setattr(torch_run.TorchRun, "call", _failing(kind, text, batch=4))
    found = small().bench(batch=(1, 4, 3), **FEW)
    assert [bool(row.error) for row in found.rows] == [False, True, False]
    assert found.rows[1].error.startswith(said)
    assert f"torch, batch 4: {said}" in str(found)
    assert not found.is_complete
    assert found.data()["rows"][1] == {"runtime": "torch", "batch": 4, "error": found.rows[1].error}  # type: ignore[index]


def test_what_would_take_more_memory_than_there_is_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = memory.needed(with_batch(small().graph, 64))
    monkeypatch.setattr(run, "available", lambda: needed - 1)
    found = small().bench(batch=(1, 64), **FEW)
    assert found.rows[1].error.startswith("out of memory: it may take 0.0 GB, and 0.0 GB are free")
    assert not found.rows[0].error
    free = memory.available()
    assert free is None or free > 0


FIXED = "net A() { data = input(2, 4, 3, 3)  flat = reshape(data, [2, -1])  fc = linear(flat, 5) }"
WHOLE = "net A() { data = input(2, 4, 3, 3)  y = data -> reshape([9, -1]) -> reshape([2, 9, 4]) }"


def test_a_net_for_one_batch_is_refused_with_the_layer() -> None:
    with pytest.raises(NetgenError) as caught:
        netgen.compile(FIXED).bench(batch=(4,), **FEW)
    text = str(caught.value)
    assert "error[NG702]: the net does not take a batch of 4" in text
    assert "the weight of `fc` is 5x36, and would be 5x72" in text
    with pytest.raises(NetgenError, match="NG702"):
        netgen.compile(WHOLE).bench(batch=(3,), **FEW)
    assert netgen.compile(WHOLE).bench(batch=(2,), **FEW).is_complete


def test_problems_of_a_prototxt_come_first() -> None:
    net = netgen.load('layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 } } }\n'
                      'layer { name: "x" type: "ReLU" bottom: "nothing" top: "x" }')  # fmt: skip
    with pytest.raises(NetgenError, match="NG530"):
        net.bench(**FEW)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"runs": 0}, "runs is 1 or more, not 0"),
        ({"warmup": -1}, "warmup is 0 or more"),
        ({"batch": (1, 0)}, "batch is 1 or more"),
        ({"seconds": 0.0}, "seconds is between"),
        ({"half": "fp8"}, "half is fp16 or bf16, not fp8"),
        ({"against": ("torch", "caffe")}, "no runtime `caffe`"),
        ({"cuda_graph": True}, "CUDA graphs are for device cuda, not for cpu"),
    ],
)
def test_settings_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**options)


def test_a_missing_runtime_is_said_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(NetgenError) as caught:
        small().bench(against=("onnxruntime",), **FEW)
    assert "error[NG703]: a runtime is missing: the package `onnxruntime`" in str(caught.value)
    assert "netgen[verify]" in str(caught.value)


# --- the command line -----------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> str:
    (tmp_path / "small.net").write_text(NET)
    return str(tmp_path / "small.net")


Capture = pytest.CaptureFixture[str]


def test_the_help_offers_every_setting_and_its_examples_are_right(capsys: Capture) -> None:
    assert main(["bench", "--help"]) == 0
    options, _, examples = capsys.readouterr().out.partition("\nexamples:\n")
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in options
    lines = re.findall(r"^  netgen (bench .*)$", examples, re.M)
    assert len(lines) >= 5
    for line in lines:
        args = parse(shlex.split(line))
        _settings(args)  # raises where they make no sense together


def test_what_the_parser_knows_by_heart_is_true() -> None:
    assert arguments.RUNTIMES == RUNTIMES
    defaults = parse(["bench", "net.net"])
    assert _settings(defaults) == Settings()


def test_json_on_the_command_line(program: str, capsys: Capture) -> None:
    assert main(["bench", program, "--batch", "1,3", "--runs", "2", "--format", "json", "--threads", "1"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["net"] == "Small"
    assert data["settings"]["batch"] == [1, 3]
    assert [row["batch"] for row in data["rows"]] == [1, 3]
    assert {"runs", "median", "p10", "p90", "images_per_second", "macs_per_second", "memory", "layers"} < data["rows"][
        0
    ].keys()
    assert data["threads"] == 1


def test_a_table_goes_to_a_file(program: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "speed.md"
    assert main(["bench", program, "--runs", "1", "--format", "markdown", "-o", str(out), "--weights", "random"]) == 0
    assert "| torch   |     2 |" in out.read_text()
    assert capsys.readouterr().out == ""


def test_an_absent_device_is_an_error(program: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    assert main(["bench", program, "--device", "cuda:1", "--cuda-graph"]) == 1
    assert "error[NG704]: the device `cuda:1` is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, said",
    [
        (["--cuda-graph"], "CUDA graphs are for device cuda"),
        (["--batch", "1,x"], "`x`"),
        (["--against", "torhc"], "did you mean `torch`"),
        (["--seconds", "inf"], "`inf` is not a number of seconds"),
    ],
)
def test_a_wrong_command_line(program: str, options: list[str], said: str, capsys: Capture) -> None:
    assert main(["bench", program, *options]) == 2
    assert said in capsys.readouterr().err


def test_what_failed_makes_it_exit_with_1(program: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_run.TorchRun, "call", _failing(MemoryError, "too much", batch=4))
    assert main(["bench", program, "--batch", "1,4", "--runs", "1"]) == 1
    assert "torch, batch 4: out of memory: too much" in capsys.readouterr().out


def test_an_interrupt_keeps_what_was_measured(program: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: torch_run.TorchRun, clock: object) -> Any:
        if self.graph.inputs[0].shape[0] == 4:
            raise KeyboardInterrupt
        return _CALL(self, clock)  # type: ignore[arg-type]

    monkeypatch.setattr(torch_run.TorchRun, "call", interrupted)
    assert main(["bench", program, "--batch", "1,4", "--runs", "1"]) == 130
    printed = capsys.readouterr()
    assert "\ntorch        1  " in printed.out
    assert "interrupted while measuring torch, batch 4" in printed.err


def test_a_prototxt_of_one_phase(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(small().to_prototxt())
    assert main(["bench", str(path), "--phase", "test", "--runs", "1", "--top", "0"]) == 0
    assert capsys.readouterr().out.startswith("Small (data 2x3x16x16)")


@pytest.mark.parametrize(
    "number, text", [(0.0, "0"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits(number: float, text: str) -> None:
    assert digits(number) == text


def test_units() -> None:
    assert [duration(each) for each in (2.5, 0.0025, 2.5e-6)] == ["2.50 s", "2.50 ms", "2.50 us"]
    assert [metric(each) for each in (2.5e12, 3e9, 4e6, 5e3, 6.0)] == ["2.50 T", "3.00 G", "4.00 M", "5.00 k", "6.00 "]
