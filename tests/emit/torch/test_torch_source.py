"""The emitted files: lint, types, formatting, length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from runpy import run_path

import pytest
from example_nets import EXAMPLES
from random_programs import Programs
from test_emitted_text import every_spelling
from torch_nets import compiled, example, net

from netgen.cli.samples import example as sample
from netgen.emit.torch import emit
from netgen.lang import compile_source
from netgen.ops import OPERATORS

RULES = "I,E,F,W,UP,N,B,C4,SIM,D200,D201,D202,D204,D207,D208,D209,D210,D300,D301,D403,D411,D412,D414,D418,D419"
"""What is asked of emitted files, besides ruff's defaults. N812 is broken by everybody who says ``functional as F``."""

BUDGETS = [
    ("peleenet", {}, 160),
    ("resnet", {"blocks": [3, 8, 36, 3]}, 120),
    ("vgg16", {}, 100),
    ("densenet121", {}, 120),
    ("mobilenet_v2", {}, 160),
]

EVERYTHING = {
    "conv": "conv(x, 8, 3)",
    "deconv": "deconv(x, 4, 2, stride = 2)",
    "linear": "linear(x, 10, axis = 3)",
    "max_pool": "max_pool(x, 2, stride = 3)",
    "avg_pool": "avg_pool(x, 3, pad = 2)",
    "concat": "concat(x, x)",
    "slice": "slice(x, [2])[0]",
    "add": "add(x, x, coeff = [1, -0.5])",
    "mul": "mul(x, x)",
    "max": "max(x, x)",
    "crop": "crop(x, conv(x, 2, 3))",
    "scale": "scale(x, x -> global_avg_pool -> flatten, bias = true, axis = 0)",
    "bias": "bias(x)",
    "reshape": "reshape(x, [0, 2, -1])",
    "permute": "permute(x, [0, 2, 3, 1])",
    "upsample": 'upsample(x, 2, mode = "bilinear")',
    "shuffle_channels": "shuffle_channels(x, 2)",
    "clip": "clip(x, 0, 1)",
    "dropout": "dropout(x, 0.5)",
    "tile": "tile(x, 2)",
    "reduce": "reduce(x)",
    "batch_norm": "batch_norm(x, frozen = true)",
    "lrn": 'lrn(x, 3, region = "within")',
    "relu": "relu(x, 0.1)",
    "swish": "swish(x, 2.0)",
    "argmax": "argmax(x, axis = 1)",
    "power": "power(x, 2.0, scale = 0.5, shift = 1.0)",
}
"""A call of each operator that needs more than its tensor, and unusual ones of others."""


def sources(folder: Path) -> list[Path]:
    """Emitted files for all examples, all operators, and some random programs."""
    made = {each.id: emit(each.compile().graph).source for each in EXAMPLES}
    made |= {f"random_{seed}": emit(compiled(Programs(Random(seed)).program())).source for seed in range(40)}
    for name, op in OPERATORS.items():
        graph = net(f"y = {EVERYTHING[name]}", channels=4) if name in EVERYTHING else compile_source(sample(op)[1])[0]
        if graph.outputs and name != "input" and all(each.op.refuses("torch", each) is None for each in graph.nodes):
            made[f"operator_{name}"] = emit(graph).source
    for name, text in made.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return sorted(folder.glob("*.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("emitted")
    assert len(sources(made)) > 90
    return made


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_lint(folder: Path) -> None:
    assert run(folder, "ruff", "check", "--isolated", "--extend-select", RULES, "--ignore", "N812") == ""


def test_format(folder: Path) -> None:
    assert run(folder, "ruff", "format", "--isolated", "--diff") == ""


@pytest.mark.slow
def test_types(folder: Path, tmp_path: Path) -> None:
    """Of all that is emitted at once: what mypy takes long for is PyTorch."""
    spelled = tmp_path / "spelled.py"
    spelled.write_text(every_spelling(), encoding="utf-8")
    assert run(folder, "mypy", "--strict", "--config-file=", "--cache-dir=.cache", str(spelled)) == ""


def test_files_stand_alone(folder: Path) -> None:
    for path in folder.glob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import", "from"))]
        assert imports[0] == "import torch"
        assert all(line.startswith(("import torch", "from torch")) for line in imports)


@pytest.mark.parametrize(("name", "settings", "most"), BUDGETS, ids=[name for name, _, _ in BUDGETS])
def test_length(name: str, settings: dict[str, object], most: int) -> None:
    assert emit(example(name, **settings)).source.count("\n") <= most


def test_main_prints_the_shape_of_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.py"
    file.write_text(emit(example("tiny")).source)
    run_path(str(file), run_name="__main__")
    assert capsys.readouterr().out == "(1, 10)\n"


def test_main_prints_the_shapes_of_several_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "two.py"
    file.write_text(emit(net("a = conv(x, 4, 1)\nb = conv(x, 2, 3)\nreturn a, b")).source)
    run_path(str(file), run_name="__main__")
    assert capsys.readouterr().out == "[(1, 4, 8, 8), (1, 2, 6, 6)]\n"


def test_comments_become_docstrings() -> None:
    program = """
    # A file about nothing.

    # Halves.
    block half(x) { return max_pool(x, 2) }

    # The net of nets. It has one layer.
    net N() { x = input(1, 3, 8, 8)  y = half(x) }
    """
    text = emit(compiled(program)).source
    assert text.startswith('"""A file about nothing."""\n')
    assert 'class Half(nn.Module):\n    """Halves."""\n' in text
    assert 'class N(nn.Module):\n    """The net of nets.\n\n    It has one layer.\n    """\n' in text


def test_a_hundred_thousand_layers_take_no_more_than_their_number() -> None:
    """Emitting is linear: ten times the layers in not much more than ten times the steps."""
    counts = []
    for turns in (100, 1000):
        graph = net(f"for i in 1..{turns} {{ y = x -> conv(3, 1) -> batch_norm -> relu\nx = add(x, y) }}")
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            emit(graph)
        finally:
            sys.setprofile(None)
        counts.append(calls)
    assert counts[1] <= 10.5 * counts[0]
