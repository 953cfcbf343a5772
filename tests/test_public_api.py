"""What is public is small, listed, and typed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import netgen

ROOT = Path(__file__).parents[1]


def test_the_public_names() -> None:
    assert netgen.__all__ == [
        "Diagnostic",
        "Layer",
        "Net",
        "NetgenError",
        "Shapes",
        "__version__",
        "check",
        "compile",
        "format",
        "load",
    ]


def test_every_public_name_is_there_and_documented() -> None:
    for name in netgen.__all__:
        assert hasattr(netgen, name)
        if name != "__version__":
            assert getattr(netgen, name).__doc__, f"{name} has no docstring"


def test_what_a_net_offers() -> None:
    offered = {name for name in dir(netgen.compile("net A() { data = input(1) }")) if not name.startswith("_")}
    assert offered == {
        "bench",
        "check_dialect",
        "diff",
        "draw",
        "emit",
        "features",
        "fold_bn",
        "fold_input",
        "graph",
        "inputs",
        "layers",
        "lint",
        "load_weights",
        "macs",
        "match_weights",
        "name",
        "onnx_model",
        "other_phase",
        "outputs",
        "parameters_count",
        "phase",
        "problems",
        "random_weights",
        "reparam",
        "save",
        "save_caffemodel",
        "save_onnx",
        "save_state_dict",
        "settings",
        "shapes",
        "summary",
        "to_onnx",
        "to_prototxt",
        "to_torch",
        "torch_source",
        "unfold_bn",
        "verify",
        "warnings",
        "weights",
    }


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert netgen.__version__ == project["version"]


def test_the_package_is_typed() -> None:
    assert (Path(netgen.__file__).parent / "py.typed").exists()


def test_a_build_loads_nothing_heavy() -> None:
    script = (
        "import sys; from netgen.cli import main\n"
        f"code = main(['build', {str(ROOT / 'examples/tiny.net')!r}, '--target', 'prototxt'])\n"
        "heavy = {'torch', 'onnx', 'numpy', 'lark', 'google', 'dataclasses'} & sys.modules.keys()\n"
        "sys.exit(code or (f'loaded {heavy}' if heavy else 0))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("layer {") > 10


def test_importing_netgen_loads_nothing() -> None:
    script = "import sys, netgen; sys.exit(any(name.startswith('netgen.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
