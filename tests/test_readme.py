"""What README.md shows is what netgen does: its programs compile, its excerpts stand in the real files and outputs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import netgen
from netgen.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SHOWN = re.findall(r"<!-- shows: (.+?) -->\n```\w*\n(.*?)```", README, re.DOTALL)
ELLIPSIS = "…"


def shown_text(what: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The file, or what the command prints, that an excerpt is from."""
    if not what.startswith("netgen "):
        return (ROOT / what).read_text()
    assert main(shlex.split(what)[1:]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("what, excerpt", SHOWN, ids=[what for what, _ in SHOWN])
def test_excerpts_are_real(
    what: str, excerpt: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    text = shown_text(what, capsys)
    at = 0
    for piece in excerpt.split(ELLIPSIS + "\n"):
        found = text.find(piece, at)
        assert found >= 0, f"not in {what}:\n{piece}"
        at = found + len(piece)


def test_excerpts_were_found() -> None:
    assert len(SHOWN) >= 5


def test_the_page_about_the_language_compiles(tmp_path: Path) -> None:
    (page,) = re.findall(r"## The language in one page\n\n```\n(.*?)```", README, re.DOTALL)
    folder = tmp_path / "my"
    folder.mkdir()
    (folder / "blocks.net").write_text("block head(x) {\n    return relu(x)\n}\n")
    program = tmp_path / "tiny.net"
    program.write_text(page)
    net = netgen.compile(program)
    assert net.outputs == {"prob": (1, 10)}
    assert [each.title for each in net.warnings] == ["`my_head` is imported and never used"]
    assert [layer.name for layer in net.layers][:4] == ["data", "stem", "stem/bn", "stem/relu"]


def test_the_block_to_add_compiles() -> None:
    (block,) = re.findall(r"## How to add a block.*?```\n(.*?)```", README, re.DOTALL)
    net = netgen.compile(block + "net N() {\n    data = input(1, 8, 4, 4)\n    x = squeeze_excite(data, 4)\n}\n")
    assert net.outputs == {"x": (1, 8, 4, 4)}


def test_the_python_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"## Python\n\n```python\n(.*?)```", README, re.DOTALL)
    shape = re.search(r'net\.shapes\["stage1"\]\s+# (\(.*?\))', example)
    assert shape is not None
    net = netgen.compile(ROOT / "examples/peleenet.net", growth=48)
    assert str(net.shapes["stage1"]) == shape[1]
    deploy = netgen.compile(ROOT / "examples/tiny.net")
    model = deploy.to_torch()
    deploy.load_weights(model.state_dict())
    deploy.save_caffemodel(tmp_path / "net.caffemodel")
    (tmp_path / "deploy.prototxt").write_text(deploy.to_prototxt())
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"trained": model}
    exec(example, names)
    assert {path.name for path in tmp_path.iterdir()} >= {"out.caffemodel", "out.safetensors"}


def test_the_numbers_of_lines_and_layers() -> None:
    said = re.search(r"makes (\d+) lines of PyTorch", README), re.search(r"makes (\d+) layers", README)
    assert said[0] is not None
    assert said[1] is not None
    net = netgen.compile(ROOT / "examples/peleenet.net")
    assert int(said[0][1]) == len(net.torch_source().splitlines())
    assert int(said[1][1]) == net.to_prototxt().count("\nlayer {")
