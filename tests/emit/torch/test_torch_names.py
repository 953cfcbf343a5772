"""Names: nothing that a program is called breaks or changes what is emitted, and weights keep theirs."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable
from re import findall, sub

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_nets import compiled, example, net, random_inputs, source_of

from netgen.emit.torch import emit
from netgen.emit.torch.docstring import docstring, fitted
from netgen.emit.torch.live import load
from netgen.emit.torch.naming import (
    BUILTINS,
    FILE_NAMES,
    MODULE_ATTRIBUTES,
    Unique,
    attribute,
    class_name,
    identifier,
    plural,
    variable,
)


def test_all_attributes_of_modules_are_known() -> None:
    """PyTorch gains attributes; a layer must not replace one."""
    for module in (nn.Module(), nn.Sequential()):
        public = {name for name in dir(module) if not name.startswith("_")}
        assert public <= MODULE_ATTRIBUTES


@given(st.text())
def test_identifiers(name: str) -> None:
    for made in (identifier(name), variable(name), attribute(name), class_name(name)):
        assert made.isidentifier()
        assert made.isascii()
        assert not made.startswith("_")
        assert not keyword.iskeyword(made)
    assert variable(name) not in BUILTINS | FILE_NAMES
    assert attribute(name) not in MODULE_ATTRIBUTES


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("conv_bn", "ConvBn"),
        ("ResNet-50", "ResNet50"),
        ("résumé", "Resume"),
        ("3d", "Block3d"),
        ("日本", "Block"),
        ("", "Block"),
    ],
)
def test_class_names(name: str, made: str) -> None:
    assert class_name(name) == made


def test_plurals() -> None:
    assert [plural(word) for word in ("layer", "box", "entry", "day")] == ["layers", "boxes", "entries", "days"]


def test_names_are_given_once() -> None:
    names = Unique(["taken"])
    assert [names.claim(each) for each in ("taken", "conv", "conv", "conv1", "conv1", "conv2")] == [
        "taken2",
        "conv",
        "conv2",
        "conv1",
        "conv1_2",
        "conv2_2",
    ]


HOSTILE = [
    'it\'s \\"quoted\\"',
    "line\\nbreak",
    "'''",
    "import os; os.abort()",
    "a/b c",
    "__init__",
    "__class__",
    "state_dict",
    "forward",
    "training",
    "self",
    "None",
    "match",
    "1x1",
    "日本",
    "日本 2",
    "é",
    "\\\\",
    "$HOME",
    "%s{x}".replace("{", "(").replace("}", ")"),
    "x" * 300,
]


def test_hostile_layer_names() -> None:
    lines = [f'x = conv(x, 3, 1) as "{name}"' for name in HOSTILE]
    module = emit(net("\n".join(lines)))
    ast.parse(module.source)
    model = load(module)
    assert len(model.state_dict()) == 2 * len(HOSTILE)
    assert len(set(module.state.values())) == 2 * len(HOSTILE)
    assert model(*random_inputs(net("\n".join(lines)))).shape == (1, 3, 8, 8)
    assert "abort()" not in module.source


def test_hostile_block_and_variable_names() -> None:
    program = r"""
    # Ends in a quote: "so"
    #
    # Has QUOTES and \ and \n in it, and {braces} and {{ more }} and {% tags %}
    block type(x, half: int, self: int, lambda: int = 3, print: bool = true) {
        forward = conv(x, half, 1)
        training = conv(forward, self, lambda, pad = "same")
        if print { training = relu(training) }
        return training
    }
    block main(super) { return relu(super) }
    # \
    net class() {
        super = input(1, 3, 8, 8)
        tap = type(super, 4, 5)
        F = type(tap, 6, 7, lambda = 1, print = false)
        nn = main(F)
        torch = conv(nn, 3, 1)
        Tensor = conv(torch, 3, 1)
        len = add(Tensor, super)
    }
    """
    graph = compiled(program.replace("QUOTES", "\"\"\" and '''"))
    text = emit(graph).source
    nodes = list(ast.walk(ast.parse(text)))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)} - {"self"}
    assert not names & (BUILTINS | FILE_NAMES)
    assert "class Main(nn.Module):" in text
    assert load(emit(graph))(*random_inputs(graph)).shape == (1, 3, 8, 8)


def test_classes_do_not_share_names_with_each_other_or_with_helpers() -> None:
    blocks = """
    block scale_(x) { return x -> scale }
    block bias(x) { return relu(x) }
    block net_(x) { return sigmoid(x) }
    block exception(x) { return tanh(x) }
    """
    text = emit(net("x = scale_(x)\nx = bias(x)\nx = net_(x)\nx = exception(x)", blocks)).source
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert len(classes) == len(set(classes)) == 6
    assert "Net" in classes[-1:]


# --- docstrings -------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab\"'\\\n\r\t .\u2028\u202e\x00é日{}%#") | st.characters()), st.sampled_from([0, 4]))
def test_docstrings_hold_any_comment(comment: str, indent: int) -> None:
    lines = docstring(comment, indent)
    if not lines:
        return
    source = "\n".join(lines) if indent == 0 else "\n".join(["class A:", *lines])
    tree = ast.parse(source)
    owner = tree if indent == 0 else tree.body[0]
    assert isinstance(owner, (ast.Module, ast.ClassDef))
    assert len(owner.body) == 1
    assert ast.get_docstring(owner)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("comment", "lines"),
    [
        ("two branches, joined", ['"""Two branches, joined."""']),
        ("First. And second.", ['"""First.', "", "And second.", '"""']),
        ("By He et al. and others (2015).", ['"""By He et al. and others (2015)."""']),
        ("One:\n\n- a\n- b", ['"""One.', "", "- a", "- b", '"""']),
        ("", []),
        (" \n ", []),
    ],
)
def test_docstrings(comment: str, lines: list[str]) -> None:
    assert docstring(comment, 0) == lines


# --- keys of weights --------------------------------------------------------------------------------


def test_keys_follow_the_instances() -> None:
    state = emit(example("peleenet", size=64)).state
    assert state["stem1", "weight"] == "stem.s1.conv.weight"
    assert state["stage1_2/a1/bn", "mean"] == "stage1.0.1.a1.bn.running_mean"
    assert state["classifier", "bias"] == "classifier.bias"


def test_keys_of_a_normalisation_and_its_scale() -> None:
    state = emit(example("resnet", size=224)).state
    assert state["bn_conv1", "variance"] == "bn_conv1.running_var"
    assert state["scale_conv1", "bias"] == "bn_conv1.bias"


PROGRAM = """
block unit(x, out: int, stride: int = 1) { return x -> conv(out, 3, stride = stride, pad = 1) -> batch_norm -> relu }
block pair(x, width: int) {
    a = unit(x, width)
    b = unit(a, width)
    return add(a, b)
}
net N() {
    data = input(1, 3, 16, 16)
    x = unit(data, 8) as "stem"
    for stage in 1..2 { x = pair(x, 8 * stage)  x = unit(x, 8, stride = 2) }
    y = linear(x, 10)
}
"""

EDITS = {
    "another width": lambda text: text.replace("8 * stage", "12 * stage"),
    "another size": lambda text: text.replace("16, 16)", "64, 64)"),
    "a setting renamed": lambda text: sub(r"\bwidth\b", "features", text),
    "a tensor renamed": lambda text: text.replace("unit(x, out", "unit(image, out").replace(
        "x -> conv", "image -> conv"
    ),
    "a layer without weights": lambda text: text.replace("y = linear", "x = relu(x)  y = linear"),
    "a branch beside": lambda text: text.replace("y = linear", "z = conv(x, 2, 1)  y = linear"),
    "more turns": lambda text: text.replace("1..2", "1..4"),
    "another use": lambda text: text.replace("y = linear", "x = unit(x, 4, stride = 2)  y = linear"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_keys_are_stable_against_other_changes(edit: Callable[[str], str]) -> None:
    """Renaming a setting, or a change elsewhere, leaves the keys of weights alone."""
    assert edit(PROGRAM) != PROGRAM
    before, after = (set(emit(compiled(text)).state.values()) for text in (PROGRAM, edit(PROGRAM)))
    assert before <= after


def test_keys_are_the_same_for_all_instances_of_a_block() -> None:
    state = emit(compiled(PROGRAM)).state
    endings = {key.split(".", 2)[2] for key in state.values() if key.startswith("stage") and ".0.a" in key}
    assert endings == {key.split(".", 2)[2].replace("b.", "a.", 1) for key in state.values() if ".0.b" in key}


def test_the_source_is_the_same_each_time() -> None:
    assert emit(example("peleenet")).source == emit(example("peleenet")).source


def test_attributes_come_from_names_that_are_given() -> None:
    text = source_of(net('x = conv(x, 4, 1) as "first/1x1"\ny = x -> conv(4, 1) -> prelu\nx = conv(y, 4, 1)'), "Net")
    assert "self.first_1x1 = " in text
    assert "self.y_relu = nn.PReLU(4)" in text


@pytest.mark.parametrize(
    "name, attributes",
    [
        (
            'as "res{stage}_{i}"',
            ["res1", "res2_1"],
        ),  # what names have in common; one alone keeps its own
        ('as "res{stage}"', ["res1", "res2"]),
        ("", ["stage1", "unit"]),
    ],
)
def test_a_stage_is_called_as_the_program_calls_what_is_in_it(name: str, attributes: list[str]) -> None:
    program = f"""
    block unit(x, id: string) {{ return x -> conv(8, 3) as "conv{{id}}" -> relu as "relu{{id}}" }}
    net N() {{
        x = input(1, 4, 32, 32)
        for stage, count in enumerate([2, 1], 1) {{
            for i in 1..count {{
                x = unit(x, "{{stage}}{{i}}") {name}
            }}
        }}
    }}
    """
    assert findall(r"self\.(\w+) = ", source_of(compiled(program), "N")) == attributes


def test_a_comment_fits_the_class() -> None:
    comment = "A stage. `number` names its layers.\n\nOf each class the `top_k` best,\n`out` wide. `pool` ends it."
    lacking = {"number": None, "top_k": 400, "pool": True}
    assert fitted(comment, lacking) == "A stage.\n\nOf each class the 400 best, `out` wide."
    assert fitted("`number` names it.\n\nOne of:\n- `pool`\n- b", lacking) == "One of:\n- `pool`\n- b"
