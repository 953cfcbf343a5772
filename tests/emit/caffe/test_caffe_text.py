"""The text of a prototxt, read back with protobuf's own parser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from caffe_schema import CaffeSchema
from example_nets import EXAMPLES, FOLDER

from netgen.diag import Source
from netgen.emit import caffe
from netgen.formats.textproto import quote
from netgen.ir.graph import Graph
from netgen.lang import compile_source


@pytest.fixture(scope="module")
def schema(shared: Path) -> CaffeSchema:
    return CaffeSchema(shared / "facts/bvlc_schema.json")


def compiled(text: str, **settings: object) -> Graph:
    return compile_source(Source("test.net", text), settings=settings)[0]


def test_peleenet_is_the_reference_field_for_field(schema: CaffeSchema, shared: Path) -> None:
    made = schema.parse(caffe.emit(compiled((FOLDER / "peleenet.net").read_text())))
    wanted = schema.parse((shared / "reference/PeleeNet.prototxt").read_text())
    assert [layer.name for layer in made.layer] == [layer.name for layer in wanted.layer]
    for ours, theirs in zip(made.layer, wanted.layer, strict=True):
        assert ours == theirs
    assert made == wanted


def test_examples_are_prototxts(schema: CaffeSchema) -> None:
    for example in EXAMPLES:
        graph = example.compile().graph
        if any(layer.spelled.fork for layer in caffe.plan(graph)):
            continue  # the schema is BVLC's
        layers = schema.parse(caffe.emit(graph)).layer
        assert {node.name for node in graph.nodes} <= {layer.name for layer in layers}


NAMES = ['a "b"', "a\nlayer { name: 'x' }", "back\\slash", "tab\t", "naïve/日本", "nul\0", "\u2028", "class", "# no"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back_as_it_was(schema: CaffeSchema, name: str) -> None:
    graph = compiled("net A() { data = input(1, 3, 8, 8)\n y = conv(data, 4, 1) }")
    graph.nodes[1].name = name
    graph.doc = f"about {name}"
    net: Any = schema.parse(caffe.emit(graph))
    assert [layer.name for layer in net.layer] == ["data", name]
    assert net.layer[1].top[0] == name


def test_comments_of_file_and_net_stand_above() -> None:
    text = "# A file.\n\nuse common: conv_block\n\n# A net.\n#\n# More.\n"
    net = "net A() { data = input(1, 3, 8, 8)\n conv_block(data, 4) }"
    assert caffe.emit(compiled(text + net)).startswith(
        '# A file.\n#\n# A net.\n#\n# More.\nname: "A"\nlayer {\n  name: "data"\n'
    )


def test_no_comment_no_header() -> None:
    assert caffe.emit(compiled("net A() { data = input(1) }")).startswith('name: "A"\n')


def test_the_layout_of_a_layer() -> None:
    call = 'conv(data, 4, [1, 3], weight_filler = gaussian(std = 0.01), share = "w")'
    text = caffe.emit(compiled(f"net A() {{ data = input(1, 3, 8, 8)\n y = {call} }}"))
    assert (
        text.partition('layer {\n  name: "y"')[2]
        == """
  type: "Convolution"
  bottom: "data"
  top: "y"
  param {
    name: "w_weight"
  }
  param {
    name: "w_bias"
  }
  convolution_param {
    num_output: 4
    bias_term: true
    kernel_h: 1
    kernel_w: 3
    stride: 1
    weight_filler {
      type: "gaussian"
      std: 0.01
    }
    bias_filler {
      type: "constant"
    }
  }
}
"""
    )


def test_ten_thousand_layers() -> None:
    graph = compiled("net A() { x = input(1, 3, 8, 8)\n for i in 1..2500 { x = conv(x, 3, 1) -> batch_norm -> relu } }")
    assert caffe.emit(graph).count("\nlayer {") == 10_001


def test_quote_leaves_letters_and_escapes_what_cannot_be_seen() -> None:
    assert quote("naïve/日本") == '"naïve/日本"'
    assert quote('a"\\\n\x7f\u2028') == r'"a\"\\\n\177\342\200\250"'
