"""A network for other inputs is the network that the program describes for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_nets import EXAMPLES, FOLDER, Example

import netgen
from netgen.diag.render import render
from netgen.emit import TARGETS
from netgen.passes.resize import with_batch, with_inputs

SIZED = [example for example in EXAMPLES if "size" in example.compile().settings]


@pytest.mark.parametrize("target", ["prototxt", "torch"])
@pytest.mark.parametrize("example", SIZED, ids=lambda example: example.id)
def test_it_is_what_the_program_makes_of_the_size(example: Example, target: str) -> None:
    net = example.compile()
    size = net.settings["size"]
    assert isinstance(size, int)
    other = example.compile(size=size + 32)
    resized = with_inputs(net.graph, other.inputs)
    assert [node.y for node in resized.nodes] == [node.y for node in other.graph.nodes]
    assert TARGETS[target].emit(resized) == TARGETS[target].emit(other.graph)


def test_nothing_is_lost_and_the_old_graph_is_left_alone() -> None:
    net = netgen.compile(FOLDER / "peleenet.net")
    before = net.to_prototxt()
    same = with_inputs(net.graph, {})
    assert [TARGETS[target].emit(same) for target in TARGETS] == [net.emit(target) for target in TARGETS]
    assert {value.shape[0] for node in with_batch(net.graph, 7).nodes for value in node.outputs} == {7}
    assert net.to_prototxt() == before


READ = """
name: "Read"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }
layer { name: "fc" type: "InnerProduct" bottom: "c" top: "fc" inner_product_param { num_output: 5 } }
"""


def test_of_what_was_read_only_the_input_is_written_anew() -> None:
    net = netgen.load(READ)
    wide = TARGETS["prototxt"].emit(with_inputs(net.graph, {"data": (2, 3, 8, 20)}))
    assert wide.split("layer {")[2:] == net.to_prototxt().split("layer {")[2:]
    assert netgen.load(wide).shapes["fc"] == (2, 5)
    assert netgen.load(wide).shapes["conv"] == (2, 4, 6, 18)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"dta": (1, 3, 8, 8)}, "error[NG701]: the net has no input `dta`\n  = hint: did you mean `data`?"),
        ({"data": (1, 3, 2, 8)}, "NG702"),
        ({"data": ()}, "NG702"),
    ],
)
def test_what_does_not_fit_is_told(shapes: dict[str, tuple[int, ...]], said: str) -> None:
    with pytest.raises(netgen.NetgenError) as caught:
        with_inputs(netgen.load(READ).graph, shapes)
    assert said in render(caught.value.diagnostics[0])


def test_an_objection_shows_the_place_and_the_input(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(READ)
    graph = netgen.load(path).graph
    with pytest.raises(netgen.NetgenError) as caught:
        with_inputs(graph, {"data": (1, 3, 2, 8)})
    text = render(caught.value.diagnostics[0])
    assert "the net does not take data=1x3x2x8" in text
    assert "layer `conv`: a 3x3 window does not fit into 2x8" in text
    assert "net.prototxt:4" in text
