"""The wheel has all that netgen needs: grammar, templates, library, types. Away from the checkout, it compiles."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("netgen-*.whl")
    return built


@pytest.mark.slow
def test_what_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "netgen/py.typed" in names
    for folder, place in (("grammars", "netgen/_data/grammars"), ("templates", "netgen/_data/templates")):
        for path in (ROOT / folder).rglob("*"):
            assert path.is_dir() or f"{place}/{path.relative_to(ROOT / folder).as_posix()}" in names
    for path in (ROOT / "netgen/library").glob("*.net"):
        assert f"netgen/library/{path.name}" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "examples/"))]


@pytest.mark.slow
def test_unpacked_elsewhere_it_compiles(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    example = tmp_path / "peleenet.net"
    example.write_text((ROOT / "examples/peleenet.net").read_text())
    monkeypatch.setenv("PYTHONPATH", str(site))  # comes before an installed checkout
    assert run(sys.executable, "-c", "import netgen; print(netgen.__file__)", cwd=tmp_path).startswith(str(site))
    text = run(sys.executable, "-m", "netgen", "build", example, "--target", "prototxt", cwd=tmp_path)
    assert text.count("\nlayer {") == 482
