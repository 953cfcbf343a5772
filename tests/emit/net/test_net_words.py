"""Words, names and literals: those of the language, and none that it cannot say."""

from __future__ import annotations

import re

import pytest
from there_and_back import there_and_back

import netgen
from netgen.diag import NetgenError
from netgen.emit import net
from netgen.emit.net.expr import FUNCTIONS, KEYWORDS, RESERVED, identifier, literal
from netgen.ir.filler import Filler
from netgen.ir.graph import UNKNOWN, Graph, Node, Origin
from netgen.lang import arithmetic, evaluate_setting
from netgen.ops import OPERATORS, bind
from netgen.resources import read


def graph(*layers: str, name: str = "Net") -> Graph:
    """A chain of ReLUs of some names behind an input."""
    made = Graph(name)
    [value] = made.add(_node(made, "input", "data", n=1, c=8, h=6, w=6))
    for layer in layers:
        [value] = made.add(_node(made, "relu", layer, value))
    made.inputs = made.nodes[0].outputs
    made.outputs = [value]
    return made


def _node(home: Graph, op: str, name: str, *inputs: object, **given: object) -> Node:
    operator = OPERATORS[op]
    return Node(operator, bind(operator, given), list(inputs), name, instance=home.root, spans={})  # type: ignore[arg-type]


def problems(made: Graph) -> str:
    with pytest.raises(NetgenError) as caught:
        net.emit(made)
    return str(caught.value)


def test_the_words_are_those_of_the_language() -> None:
    words = re.findall(r'^[A-Z]+: "([a-z]+)"$', read("grammars", "netgen.lark"), re.M)
    assert set(words) == KEYWORDS
    assert arithmetic.FUNCTIONS.keys() == FUNCTIONS


@pytest.mark.parametrize(
    "value",
    [0, -3, 1.5, 0.0, 1e-05, 2.5e20, -0.1, 1e22, True, "", 'a "b" {c} \\ \t', "層", [1, 2], [[1], [2, 3]], 3.0e-320],
)
def test_a_literal_is_read_as_it_was(value: object) -> None:
    assert evaluate_setting(literal(value)) == value


@pytest.mark.parametrize(
    "filler",
    [
        Filler("xavier"),
        Filler("msra", {"variance_norm": "fan_out"}),
        Filler("constant", {"value": 0.1}),
        Filler("uniform", {"min": -1.0}),
        Filler("gaussian", {"std": 0.010000000000000002, "mean": 1e-7, "sparse": 3}),
    ],
)
def test_a_filler_is_read_as_it_was(filler: Filler) -> None:
    assert evaluate_setting(literal(filler)) == filler


@pytest.mark.parametrize("text", ["", "3x3", "a/b", "name", "for", "xavier", "äve", "_", "-", "层", "x" * 99])
def test_an_identifier_can_be_a_variable(text: str) -> None:
    made = identifier(text, "conv")
    assert made.isidentifier()
    assert made.isascii()
    assert made not in RESERVED


@pytest.mark.parametrize("name", ["", "slice", "max", "input", "1st net", "net", "true", "Größe", 'say "a"'])
def test_any_net_has_a_name(name: str) -> None:
    there_and_back(graph("relu1", name=name))


@pytest.mark.parametrize("layer", ["name", "true", "relu", "data/relu", "data_2", "{x}", 'a "b"', "a\nb\tc", "ö", "x"])
def test_any_layer_keeps_its_name(layer: str) -> None:
    there_and_back(graph("first", layer, "last"))


def test_what_a_string_cannot_hold_is_refused() -> None:
    text = problems(graph("carriage\rreturn", "fine", "zero\0"))
    assert "error[NG404]: the language cannot say this" in text
    assert "a string cannot hold the character U+000D" in text
    assert "U+0000" in text


def test_a_number_that_is_not_finite_is_refused() -> None:
    made = graph()
    filler = Filler("constant", {"value": float("inf")})
    made.add(_node(made, "linear", "fc", made.outputs[0], out=3, weight_filler=filler))
    assert "layer `fc`: `weight_filler` holds a number that is not finite" in problems(made)


def test_sizes_that_are_not_known_are_refused_where_they_begin() -> None:
    made = graph()
    custom = _node(made, "custom", "odd", made.outputs[0], type="Odd")
    custom.origin = Origin([("name", "odd"), ("type", "Odd")], "netgen does not know the layer type `Odd`")
    [value] = made.add(custom, [UNKNOWN])
    made.add(_node(made, "relu", "relu", value), [UNKNOWN])
    text = problems(made)
    assert "layer `odd`: netgen does not know the layer type `Odd`" in text
    assert "1 layer reads what comes of this" in text
    assert "--end BLOB" in text


def test_a_layer_that_is_only_carried_keeps_its_text() -> None:
    layer = 'layer { name: "odd" type: "Odd" bottom: "relu1" odd_param { text: "{a}" size: 3 } }'
    text = f"{graph_text()}\n{layer}"
    made = netgen.load(text).graph
    program = net.emit(made)
    assert "custom(" in program
    assert 'odd_param {{ text: \\"{{a}}\\" size: 3 }}' in program
    assert netgen.compile(program).to_prototxt().count("odd_param") == 1


def graph_text() -> str:
    return netgen.compile(net.emit(graph("relu1"))).to_prototxt()


def test_an_input_that_nobody_reads_is_meant() -> None:
    made = graph("relu1")
    made.add(_node(made, "input", "a label", n=4))
    made.inputs = [node.outputs[0] for node in made.nodes if node.op.name == "input"]
    made.outputs = [value for node in made.nodes for value in node.outputs if not value.readers]
    text, _ = there_and_back(made)
    assert '_a_label = input(4) as "a label"' in text


PROGRAMS = [
    # a name of one of several results is given anew while what had it is still read
    "a, b = slice(data, [4])\n keep = a\n a, b = slice(relu(data), [4])\n y = concat(keep, a)\n z = concat(b, b)",
    "p = slice(data, [4])\n a = p[0]\n q = slice(relu(data), [4])\n keep = a\n a = q[1]\n y = concat(keep, a, p[1])",
    "p = two(data)\n q = two(add(p[0], p[1]))\n a, b = two(concat(q))\n c = concat(b, a)",
    # what is given is read too, or comes in another order
    "return data, relu(data)",
    "a = relu(data)\n b = sigmoid(a)\n c = tanh(b)\n return c, a",
    "x = own()\n y = add(x, data)",
    'x = last(data) as "n"\n y = relu(x) as "n/relu"\n n = tanh(y) as "n_2"',
]


@pytest.mark.parametrize("body", PROGRAMS)
def test_odd_programs_come_back(body: str) -> None:
    """With the same blobs, whose names follow from blocks and variables where a layer makes several."""
    blocks = """
        block two(x) { return slice(x, parts = 2) }
        block own() { x = input(1, 8, 6, 6) return relu(x) }
        block last(x) { y = relu(x) as "{name}" return tanh(y) as "{name}/tanh" }
    """
    made = netgen.compile(f"{blocks} net Odd() {{\n data = input(1, 8, 6, 6)\n {body}\n}}")
    _, again = there_and_back(made.graph)
    assert again.to_prototxt() == made.to_prototxt()
