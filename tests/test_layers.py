"""Imports go down: to a lower level, or within the same folder. See ARCHITECTURE.md, "The house"."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import netgen

ROOT = Path(netgen.__file__).parent
LEVELS = {
    "resources": 0,
    "diag": 0,
    "formats": 1,
    "ir": 2,
    "ops": 3,
    "lang": 4,
    "passes": 4,
    "emit": 4,
    "read": 4,
    "weights": 4,
    "verify": 5,
    "diff": 5,
    "draw": 5,
    "features": 5,
    "bench": 5,
    "lint": 5,
    "summary": 5,
    "api": 6,
    "cli": 7,
    "__main__": 8,
}
FILES = [path for path in sorted(ROOT.rglob("*.py")) if "_data" not in path.parts]
PURE = ("ops", "ir")
HEAVY = {"torch", "onnx", "google", "jinja2", "lark", "numpy"}


@cache
def _imported(path: Path) -> list[tuple[str, bool]]:
    """The modules that a file imports, and whether at its top; imports for the type checker do not count."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        top = node in tree.body
        if isinstance(node, ast.Import):
            found += [(alias.name, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path}: imports are absolute"
            found += [
                (f"{node.module}.{alias.name}" if node.module == "netgen" else node.module, top) for alias in node.names
            ]
    return found


def _home(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    home = _home(path)
    if home == "__init__":  # the public names come from everywhere
        return
    for module, _ in _imported(path):
        package, _, rest = module.partition(".")
        if package != "netgen" or not rest or rest == "__version__":
            continue
        folder = rest.partition(".")[0]
        assert folder == home or LEVELS[folder] < LEVELS[home], f"{home} ({LEVELS[home]}) imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if _home(path) in PURE], ids=lambda path: path.name)
def test_the_core_knows_no_target(path: Path) -> None:
    assert not {module.partition(".")[0] for module, _ in _imported(path)} & HEAVY


def test_only_the_grammar_imports_lark() -> None:
    users = [
        str(path.relative_to(ROOT)) for path in FILES for module, _ in _imported(path) if module.startswith("lark")
    ]
    assert set(users) <= {"lang/grammar.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_when_they_are_needed(path: Path) -> None:
    """No module loads torch, jinja2 and their kin by being imported."""
    if str(path.relative_to(ROOT)) in ("lang/grammar.py", "formats/caffe_pb2.py"):
        return
    assert not {module.partition(".")[0] for module, top in _imported(path) if top} & HEAVY


def test_every_folder_has_a_level() -> None:
    homes = {_home(path) for path in FILES} - {"__init__"}
    assert homes <= LEVELS.keys()
