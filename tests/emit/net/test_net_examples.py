"""The examples, written anew from their graphs, compile to the same networks; some are read as goldens."""

from __future__ import annotations

from pathlib import Path

import pytest
from there_and_back import there_and_back

import netgen

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.net"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_comes_back(path: Path) -> None:
    net = netgen.compile(path)
    text, again = there_and_back(net.graph)
    assert again.to_prototxt() == net.to_prototxt()
    assert there_and_back(again.graph)[0] == text, "what is written once is written like that again"


@pytest.mark.parametrize("name", ["peleenet", "resnet"])
def test_program_of_the_contract_comes_back(name: str, shared: Path) -> None:
    net = netgen.compile(shared / "language" / f"{name}.net")
    _, again = there_and_back(net.graph)
    assert again.to_prototxt() == net.to_prototxt()
