"""What a target cannot say is found before anything is written, for every target in the same way."""

from __future__ import annotations

import pytest

from netgen.diag import NetgenError, Source
from netgen.emit.refusals import raise_refusals
from netgen.ir.graph import Node
from netgen.ir.operator import Refused
from netgen.lang import compile_source
from netgen.ops import OPERATORS

TEXT = """
block twice(x) {
    return x -> sigmoid -> sigmoid
}

net A() {
    data = input(1, 3)
    x = twice(data)
    y = twice(x)
    z = tanh(y)
}
"""
TARGETS = [("caffe", "NG401"), ("torch", "NG402"), ("onnx", "NG403")]


@pytest.mark.parametrize(("target", "code"), TARGETS)
def test_all_refusals_at_once_and_each_place_once(target: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["sigmoid"], target, Refused("it has no sigmoid", "use tanh"))
    monkeypatch.setattr(OPERATORS["tanh"], target, Refused("it has no tanh either"))
    graph, _ = compile_source(Source("a.net", TEXT))
    with pytest.raises(NetgenError) as caught:
        raise_refusals(graph, target, code, "it cannot say this")
    first, second, third = caught.value.diagnostics
    assert [problem.code for problem in caught.value.diagnostics] == [code] * 3
    assert first.label == "layer `x`: it has no sigmoid"
    assert first.hint == second.hint == "use tanh"
    assert [frame.block for frame in first.trace] == ["twice"]
    assert [note.text for note in first.notes] == ["the same for 1 more layer made here"]
    assert third.label == "layer `z`: it has no tanh either"
    assert not third.notes


def test_a_graph_without_refusals_passes() -> None:
    graph, _ = compile_source(Source("a.net", TEXT))
    for target, code in TARGETS:
        raise_refusals(graph, target, code, "it cannot say this")


def test_an_operator_may_refuse_some_nodes_only() -> None:
    def picky(node: Node) -> Refused | None:
        return Refused("too wide") if node.a["out"] > 8 else None

    graph, _ = compile_source(
        Source("a.net", "net A() { data = input(1, 3, 8, 8)\n conv(data, 8, 1)\n conv(data, 9, 1) }")
    )
    conv = OPERATORS["conv"]
    spelling = conv.caffe
    assert not isinstance(spelling, Refused)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spelling, "refuses", picky)
        with pytest.raises(NetgenError) as caught:
            raise_refusals(graph, "caffe", "NG401", "Caffe cannot say this")
    (problem,) = caught.value.diagnostics
    assert problem.span is not None
    assert problem.span.text == "conv(data, 9, 1)"
