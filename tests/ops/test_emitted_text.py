"""What operators say in PyTorch is text that a formatter accepts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from spelled import function_text, module_text, spelling, with_needs
from test_torch import EXAMPLES

HEAD = '''"""Every operator, spelled."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
'''


def helpers() -> dict[str, str]:
    found = {}
    for n in EXAMPLES.values():
        found.update({helper.name: helper.source for helper in with_needs(spelling(n).helpers(n))})
    return found


def every_spelling() -> str:
    """A file of all that operators say; ``tests/emit/torch/test_torch_source.py`` has its types checked."""
    return "\n\n".join([HEAD, *(f"{source}\n" for source in helpers().values()), functions()])


def functions() -> str:
    """The expression of each example as a function, its module as a constructor."""
    parts = []
    for i, n in enumerate(EXAMPLES.values()):
        arguments = ", ".join(f"x{j}: Tensor" for j in range(len(n.inputs)))
        result = "Tensor" if len(n.outputs) == 1 else "tuple[Tensor, ...]"
        if function_text(n):
            parts.append(f"def function{i}({arguments}) -> {result}:\n    return {function_text(n)}\n")
        if module_text(n):
            parts.append(f"def module{i}() -> nn.Module:\n    return {module_text(n)}\n")
    return "\n\n".join(parts)


def test_helpers_are_laid_out_as_ruff_does(tmp_path: Path) -> None:
    file = tmp_path / "helpers.py"
    file.write_text("\n\n".join([HEAD, *(f"{source}\n" for source in helpers().values())]))
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
