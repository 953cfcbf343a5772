"""Every example on a card: in float32, in half precision, with channels last, compiled, as a CUDA graph.

The same bodies run on the CPU with a small net, so that what a machine with a card will run has run before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
import torch
from example_nets import EXAMPLES, Example

import netgen
from netgen.bench import Options as BenchOptions
from netgen.cli import main
from netgen.verify.random_inputs import random_inputs
from netgen.verify.results import AGREES, REFUSED
from netgen.verify.run import verify
from netgen.verify.runtime import Runtime
from netgen.verify.torch_runtime import RUNTIMES


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than such small networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
SMALL = next(example for example in EXAMPLES if example.id == "tiny")
ON_EACH = [pytest.param("cpu", SMALL, id="cpu-tiny")] + [
    pytest.param("cuda", example, id=f"cuda-{example.id}", marks=pytest.mark.cuda) for example in EXAMPLES
]
"""On a card every example; here one."""


def of_device(device: str, *, compiled: bool) -> list[Runtime]:
    """The manners in which PyTorch runs there, the reference not among them."""
    return [
        each
        for each in RUNTIMES
        if each.device == device and each.name != "torch" and ("compiled" in each.name) == compiled
    ]


def check(net: netgen.Net, runtimes: Sequence[Runtime]) -> None:
    """All values agree with those of PyTorch on the CPU, in the bounds that each runtime states."""
    assert runtimes
    assert not [lacks for each in runtimes if (lacks := each.missing())]
    inputs = list(random_inputs(net.graph, 1).values())
    found = verify(net.graph, net.random_weights(), inputs, [RUNTIMES[0], *runtimes])
    for row in found.rows[1:]:
        fixed = all(node.op.has_fixed_steps(node) for node in net.graph.nodes)
        wanted = AGREES if fixed or row.name != "torch-cuda-graph" else REFUSED
        assert row.state == wanted, str(found)


@pytest.mark.parametrize("device, example", ON_EACH)
def test_an_example_computes_the_same(device: str, example: Example) -> None:
    check(example.small(), of_device(device, compiled=False))


@pytest.mark.slow
@pytest.mark.parametrize("device, example", ON_EACH)
def test_an_example_computes_the_same_compiled(device: str, example: Example) -> None:
    net = (
        example.small() if device == "cuda" else netgen.compile("net A() { data = input(1, 2, 4, 4)  y = relu(data) }")
    )
    check(net, of_device(device, compiled=True))


def test_what_float32_may_be_off_is_what_was_promised() -> None:
    """1e-4 in float32 without TensorFloat-32; halves have bounds of their own, which are stated with their reasons."""
    for each in RUNTIMES:
        is_half = each.name.endswith(("fp16", "bf16"))
        assert each.bound <= (0.25 if is_half else 1e-4), each.name
        assert each.bound_reason


MANNERS = [
    pytest.param("cpu", {"half": "bf16", "channels_last": True}),
    *(
        pytest.param("cuda", options, marks=pytest.mark.cuda)
        for options in (
            {"half": "fp16"},
            {"half": "bf16", "channels_last": True},
            {"cuda_graph": True},
            {"cuda_graph": True, "half": "fp16", "channels_last": True},
        )
    ),
]


@pytest.mark.parametrize("device, options", MANNERS)
def test_the_bench_runs_in_every_manner(device: str, options: BenchOptions) -> None:
    report = SMALL.small().bench(**(options | {"device": device, "batch": (1, 3), "runs": 3, "threads": 1}))
    assert report.is_complete, str(report)
    for row in report.rows:
        assert row.memory is not None
        assert row.memory > report.parameters * 4
        assert row.images_per_second > 0
        assert len(row.layers) > 20


@pytest.mark.cuda
@pytest.mark.slow
def test_the_bench_compiles_on_a_card() -> None:
    assert SMALL.small().bench(device="cuda", compile=True, runs=3).is_complete


@pytest.mark.cuda
def test_a_batch_that_a_card_does_not_hold_is_a_row() -> None:
    net = netgen.compile("net A() { data = input(1, 1, 4096, 4096)  y = relu(data) }")  # 64 MiB
    torch.cuda.set_per_process_memory_fraction(2**31 / torch.cuda.get_device_properties(0).total_memory)
    try:
        report = net.bench(device="cuda", batch=(1, 64, 2), runs=1, top=0)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert [row.error[:13] for row in report.rows] == ["", "out of memory", ""]


@pytest.mark.parametrize("device", DEVICES)
def test_verify_on_the_command_line(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    against = "torch" if device == "cuda" else "onnxruntime"
    assert main(["verify", str(SMALL.path), "--device", device, "--against", against, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["runtimes"]
    assert any(row["device"] == device for row in rows)


@pytest.mark.parametrize("device", DEVICES)
def test_bench_on_the_command_line(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "bench",
                str(SMALL.path),
                "--device",
                device,
                "--batch",
                "1,2",
                "--runs",
                "2",
                "--top",
                "3",
                "--threads",
                "1",
            ]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert ("TF32" in printed) == (device == "cuda")
