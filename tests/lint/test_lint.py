"""What lint finds, and what it leaves alone. Each rule's plainest case is below cases/errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from example_nets import EXAMPLES, Example
from patience import at_most

import netgen
from netgen.cli import main
from netgen.lint import CODES_OF_LINT
from netgen.lint.rounding import NEEDED


def codes(body: str) -> list[str]:
    program = f"net Net(size: int = 8) {{\n    x = input(1, 16, size, size)\n{body}\n}}\n"
    return [warning.code for warning in netgen.compile(program).lint()]


@pytest.mark.parametrize(
    "body",
    [
        "    y = conv(x, 8, 3)\n    return batch_norm(y), y",
        "    return batch_norm(relu(conv(x, 8, 3)))",
        "    return relu(conv(relu(x), 8, 3))",
        "    return relu(add(relu(x), x))",
        "    return relu(add(relu(x), relu(x), coeff = [1, -1]))",
        "    return relu(relu(x, slope = 0.1))",
        "    return prelu(batch_norm(relu(x)))",
        "    return max_pool(x, 2, stride = 2)",
        '    return max_pool(x, 3, stride = 2, rounding = "floor")',
        "    return conv(x, 16, 3, groups = 16)",
        "    return conv(x, 32, 3, groups = 2)",
        "    silence(conv(x, 8, 3))\n    return relu(x)",
        "    return linear(dropout(relu(linear(x, 8))), 10)",
        "    return linear(dropout(global_avg_pool(relu(batch_norm(x)))), 10)",
        "    return linear(dropout(relu(batch_norm(linear(x, 8, bias = false)))), 10)",
        "    return conv(spatial_dropout(relu(batch_norm(x))), 8, 3)",
        '    return conv(x, 8, 3) as "stage1/conv-1.a:b@c"',
    ],
)
def test_nothing_is_found(body: str) -> None:
    assert codes(body) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("    return batch_norm(linear(x, 8))", "NG801"),
        ("    return prelu(sigmoid(x))", "NG802"),
        ("    return relu(add(relu(x), max_pool(abs(x), 3, stride = 1, pad = 1)))", "NG802"),
        ("    return relu(concat(relu(x), clip(x, 0, 1)))", "NG802"),
        ("    return sigmoid(sigmoid(x))", "NG803"),
        ("    return conv(x, 36, 3, groups = 2)", "NG806"),
        ("    return conv(dropout(relu(batch_norm(x))), 8, 3)", "NG807"),
        ('    return relu(x) as "größe"', "NG808"),
    ],
)
def test_it_is_found(body: str, code: str) -> None:
    assert codes(body) == [code]


FIXES = [
    ("NG801", "batch_norm(conv(x, 8, 3))", "bias = false", "batch_norm(conv(x, 8, 3, bias = false))"),
    ("NG802", "relu(max_pool(relu(x), 2))", "leave it out", "max_pool(relu(x), 2)"),
    ("NG803", "softmax(softmax(x))", "leave one of the two out", "softmax(x)"),
    ("NG805", "max_pool(x, 3, stride = 2)", 'rounding = "floor"', 'max_pool(x, 3, stride = 2, rounding = "floor")'),
    ("NG806", "conv(x, 48, 3, groups = 8)", "groups = 2 has 8 and 24", "conv(x, 48, 3, groups = 2)"),
    ("NG806", "conv(x, 12, 3, groups = 4)", "one group for each channel", "conv(x, 16, 3, groups = 16)"),
    ("NG807", "batch_norm(dropout(x))", "behind the last normalisation", "dropout(abs(batch_norm(x)))"),
    ("NG807", "dropout(relu(batch_norm(x)))", "use spatial_dropout", "spatial_dropout(relu(batch_norm(x)))"),
    ("NG807", "dropout(relu(batch_norm(x)))", "pool first", "dropout(global_avg_pool(relu(batch_norm(x))))"),
    ("NG808", 'relu(x) as "a b"', "letters, digits and _", 'relu(x) as "a_b"'),
]


@pytest.mark.parametrize(("code", "wrong", "way_out", "right"), FIXES)
def test_what_the_hint_says_is_the_way_out(code: str, wrong: str, way_out: str, right: str) -> None:
    programs = (f"net Net() {{ x = input(1, 16, 8, 8)  return {text} }}" for text in (wrong, right))
    (warning,), after = (netgen.compile(program).lint() for program in programs)
    assert (warning.code, way_out in warning.hint) == (code, True)
    assert after == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_examples_have_a_reason_for_what_is_dubious(example: Example) -> None:
    assert example.compile().lint() == []


ALLOWED = """
block head(x) {
    return batch_norm(conv(x, 8, 1))
}
net Net() {
    x = input(1, 3, 8, 8)
    x = head(x)  # NG801: as published
    x = batch_norm(conv(x, 8,
                        1))  # NG801, NG806: the line on which a call ends is its line too
    return head(x)  # NG802: which is not what is wrong here
}
"""


def test_a_comment_allows_a_code_on_its_line() -> None:
    (warning,) = netgen.compile(ALLOWED).lint()
    assert [str(frame.span).rpartition(":")[0][-2:] for frame in warning.trace] == ["10"]


def test_what_a_block_causes_often_is_told_once() -> None:
    body = "    for i in 1..4 {\n        x = batch_norm(conv(x, 8, 1))\n    }\n    return x"
    program = f"net Net() {{\n    x = input(1, 3, 8, 8)\n{body}\n}}\n"
    (warning,) = netgen.compile(program).lint()
    assert [note.text for note in warning.notes] == ["the same for 3 more layers like this one"]


@pytest.mark.parametrize(
    ("activation", "loss"), [("Softmax", "SoftmaxWithLoss"), ("Sigmoid", "SigmoidCrossEntropyLoss")]
)
def test_a_net_of_caffe_is_looked_at_too(activation: str, loss: str) -> None:
    dims = "dim: 2" if activation == "Softmax" else "dim: 2 dim: 4"
    text = f"""
    layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 3 dim: 12 dim: 12 }} }} }}
    layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param {{ num_output: 4 }} }}
    layer {{ name: "prob" type: "{activation}" bottom: "fc" top: "prob" }}
    layer {{ name: "label" type: "Input" top: "label" input_param {{ shape {{ {dims} }} }} }}
    layer {{ name: "loss" type: "{loss}" bottom: "prob" bottom: "label" top: "loss" }}
    """
    (warning,) = netgen.load(text).lint()
    assert (warning.code, f"computes the {activation.lower()} itself" in warning.label) == ("NG803", True)


def test_a_net_of_caffe_is_told_in_its_own_words() -> None:
    text = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 16 dim: 12 dim: 12 } } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
            convolution_param { num_output: 16 kernel_size: 1 group: 4 } }
    layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
    layer { name: "pool" type: "Pooling" bottom: "bn" top: "pool" pooling_param { kernel_size: 3 stride: 2 } }
    layer { name: "show" type: "Python" bottom: "pool" }
    """
    hints = {warning.code: warning.hint for warning in netgen.load(text).lint()}
    assert hints.keys() == {"NG801", "NG805", "NG806"}  # whatever `show` shows, somebody sees
    assert "bias_term: false" in hints["NG801"]
    assert "round_mode: FLOOR" in hints["NG805"]
    assert "group: 2 has 8 channels" in hints["NG806"]


SIZED = """
net Sized(size: int = 224) {
    x = input(1, 3, size, size)
    x = conv(x, 8, 7, stride = 2, pad = 3)
    return avg_pool(max_pool(x, 3, stride = 2), 3, stride = 2)
}
"""


def test_the_sizes_that_are_named_are_right_and_the_nearest() -> None:
    net = netgen.compile(SIZED)
    found = {warning.code: warning for warning in net.lint()}
    below, above = (int(each) for each in re.findall(r"(\d+)x\1", found["NG805"].hint))
    assert below < 224 < above
    for size in range(below, above + 1):
        at_ease = not netgen.compile(SIZED, size=size).lint()
        assert at_ease == (size in (below, above)), size


def test_height_and_width_are_looked_at_each_by_itself() -> None:
    program = "net Wide() { x = input(1, 3, 9, 14)  return max_pool(max_pool(x, 3, stride = 2), 3, stride = 2) }"
    (first, _) = netgen.compile(program).lint()
    assert "for inputs of 7x11 or 11x15" in first.hint


def test_what_cannot_round_down_is_not_told_to() -> None:
    """A shortcut must be as large as what it is added to, for any input."""
    program = """
    net Shortcut(size: int = 8) {
        x = input(1, 3, size, size)
        return add(conv(x, 3, 3, stride = 2, pad = 1), avg_pool(x, 3, stride = 2))
    }
    """
    (warning,) = netgen.compile(program).lint()
    assert warning.hint == NEEDED


def test_codes_can_be_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.net"
    path.write_text(SIZED)
    assert main(["check", str(path)]) == 0
    assert "[NG805]" in capsys.readouterr().out
    assert main(["check", str(path), "--strict"]) == 1
    assert main(["check", str(path), "--strict", "--ignore", "ng805"]) == 0
    assert main(["check", str(path), "--ignore", "NG999"]) == 2
    assert "no code `NG999`" in capsys.readouterr().err


def test_both_phases_of_a_prototxt_are_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train_val.prototxt"
    path.write_text("""
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
    layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 1 } } include { phase: TRAIN } }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }
    layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "prob" bottom: "label" top: "loss" include { phase: TRAIN } }
    """)
    assert main(["check", str(path)]) == 0
    assert "[NG803]" in capsys.readouterr().out
    assert main(["check", str(path), "--phase", "test"]) == 0
    assert "no problems" in capsys.readouterr().out
    assert main(["summary", str(path)]) == 0
    assert "the layers for TEST alone: --phase TRAIN" in capsys.readouterr().err


def test_a_large_net_is_not_looked_at_for_long() -> None:
    """No size nearby suits; of a net of thousands of layers just some are tried."""
    layers = "for i in 1..3000 { y = relu(y) }"
    pools = "y = max_pool(x, 3, stride = 2)\nz = max_pool(x, 2, stride = 2)"
    net = netgen.compile(f"net Deep() {{\nx = input(1, 4, 8, 8)\n{pools}\n{layers}\nreturn y, z\n}}")
    with at_most(5):
        assert any(warning.code == "NG805" for warning in net.lint())


def test_every_rule_has_a_code_of_its_own() -> None:
    assert list(CODES_OF_LINT) == sorted(set(CODES_OF_LINT))


def test_a_flat_net_is_not_told_the_same_a_hundred_times() -> None:
    body = "\n".join(f'    x = batch_norm(conv(x, 8, 1))  as "{at}"' for at in range(20))
    found = netgen.compile(f"net Net() {{\n    x = input(1, 3, 8, 8)\n{body}\n    return x\n}}\n").lint()
    assert [len(warning.notes) for warning in found] == [0, 0, 1]
    assert found[-1].notes[0].text == "the same for 17 more layers like this one"
