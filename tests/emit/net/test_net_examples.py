"""The examples, written anew from their graphs, compile to the same networks; some are read as goldens."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_nets import EXAMPLES, Example
from there_and_back import there_and_back

import netgen


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example_comes_back(example: Example) -> None:
    net = example.compile()
    text, again = there_and_back(net.graph)
    assert again.to_prototxt() == net.to_prototxt()
    assert there_and_back(again.graph)[0] == text, "what is written once is written like that again"


@pytest.mark.parametrize("name", ["peleenet", "resnet"])
def test_program_of_the_contract_comes_back(name: str, shared: Path) -> None:
    net = netgen.compile(shared / "language" / f"{name}.net")
    _, again = there_and_back(net.graph)
    assert again.to_prototxt() == net.to_prototxt()
