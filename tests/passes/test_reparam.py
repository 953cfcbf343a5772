"""Parallel convolutions whose results are added become one, which computes the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same_numbers import TOLERANCE, apart, body, train, trained

import netgen
from netgen.passes import branches

flags = st.booleans()
ENDS = st.sampled_from(
    [
        "",
        " -> batch_norm",
        " -> batch_norm(affine = false) -> scale(bias = true)",
        " -> bias",
        " -> power(scale = -0.5)",
    ]
)


@st.composite
def sums(draw: st.DrawFn) -> tuple[str, int]:
    """A sum of branches whose kernels have one centre, and how many there are."""
    groups, stride = draw(st.sampled_from([1, 2, 8])), draw(st.sampled_from([1, 1, 2]))
    dilation = draw(st.sampled_from([1, 1, 2]))
    kernels = [(3, 3), *draw(st.lists(st.sampled_from([(1, 1), (3, 1), (1, 3), (3, 3)]), max_size=2))]
    found = []
    for height, width in kernels:
        pad = f"[{dilation * (height // 2)}, {dilation * (width // 2)}]"
        ways = f"stride = {stride}, pad = {pad}, dilation = {dilation}, groups = {groups}"
        bias = f"bias = {str(draw(flags)).lower()}"
        found.append(f"(x -> conv(8, [{height}, {width}], {ways}, {bias}){draw(ENDS)})")
    if stride == 1 and (draw(flags) or len(found) == 1):
        found.append(draw(st.sampled_from(["x", "(x -> batch_norm)"])))
    if len(found) == 1:
        found.append(found[0])
    coeff = [draw(st.sampled_from([1, -2, 0.5])) for _ in found] if draw(flags) else None
    order = draw(st.permutations(found))
    return f"add({', '.join(order)}{f', coeff = {coeff}' if coeff else ''})", len(found)


@given(case=sums())
@settings(max_examples=10)
def test_branches_are_merged(case: tuple[str, int]) -> None:
    text, count = case
    net = trained(body(f"    y = {text} -> relu"))
    merged, report = net.reparam()
    assert report.text() == f"merged {count} branches into 1 convolution"
    assert [layer.operator for layer in merged.layers] == ["input", "conv", "relu"]
    assert merged.layers[1].arguments["kernel"] == (3, 3)
    assert apart(net, merged) < TOLERANCE


EXACT = {
    "even kernels": ("add(conv(x, 8, 2, stride = 2), conv(x, 8, 1, stride = 2))", (2, 2)),
    "pads": ("add(conv(x, 8, 4, stride = 3, pad = 2), conv(x, 8, 1, stride = 3))", (4, 4)),
    "a skeleton alone": ("add(conv(x, 8, [1, 3], pad = [0, 1]), conv(x, 8, [1, 5], pad = [0, 2]), x)", (1, 5)),
    "a point": ("add(conv(x, 8, 1), x, coeff = [1, -1])", (1, 1)),
    "dilations": ("add(conv(x, 8, 3, pad = 2, dilation = 2), conv(x, 8, 1, dilation = 7))", (3, 3)),
    "sums of sums": ("add(add(conv(x, 8, 1), x, coeff = [2, 1]), conv(x, 8, 3, pad = 1), coeff = [3, 1])", (3, 3)),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_is_exact_is_merged(case: str) -> None:
    text, kernel = EXACT[case]
    net = trained(body(f"    y = {text}", "2, 8, 8, 8"))
    merged, report = net.reparam()
    assert not report.left
    [conv] = [layer for layer in merged.layers if layer.operator == "conv"]
    assert conv.arguments["kernel"] == kernel
    assert len(merged.layers) == 2
    assert apart(net, merged) < TOLERANCE


def test_sequences_and_videos_are_merged() -> None:
    for shape in ("2, 8, 20", "2, 8, 5, 6, 7"):
        net = trained(body("    y = add(conv(x, 8, 3, pad = 1), conv(x, 8, 1), x)", shape))
        merged, _ = net.reparam()
        assert len(merged.layers) == 2
        assert apart(net, merged) < TOLERANCE


def test_what_is_added_is_merged_before_the_residual() -> None:
    text = "    a = conv(x, 8, 1)\n    b = add(conv(a, 8, 3, pad = 1), conv(a, 8, 1))\n    y = add(b, x)"
    net = trained(body(text))
    merged, report = net.reparam()
    assert report.text().startswith(
        "merged 2 branches into 1 convolution; left 1:\n  y: the branches begin at different"
    )
    assert apart(net, merged) < TOLERANCE


_DIFFERENT = "the branches begin at different layers"
LEFT = {
    "reader": (
        "    a = conv(x, 8, 3, pad = 1)\n    b = conv(x, 8, 1)\n    r = relu(a)\n    y = add(a, b, r)",
        f"{_DIFFERENT}: `a` has 2 readers: `r`, `y`",
    ),
    "output": (
        "    a = conv(x, 8, 3, pad = 1)\n    b = conv(x, 8, 1)\n    y = add(a, b)\n    return y, b",
        f"{_DIFFERENT}: `b` is an output of the net",
    ),
    "activation": (
        "    a = conv(x, 8, 3, pad = 1)\n    b = x -> conv(8, 1) -> relu\n    y = add(a, b)",
        f"{_DIFFERENT}: `b/relu` (relu) stands between",
    ),
    "inputs": (
        "    r = relu(x)\n    a = conv(x, 8, 1)\n    b = conv(r, 8, 1)\n    y = add(a, b)",
        f"{_DIFFERENT}: `x` and `r`",
    ),
    "statistics": (
        '    a = conv(x, 8, 1)\n    b = x -> conv(8, 1) -> batch_norm(statistics = "batch")\n    y = add(a, b)',
        f"{_DIFFERENT}: `b/bn`: it normalises each batch by the statistics of that batch",
    ),
    "groups": (
        "    a = conv(x, 8, 1)\n    b = conv(x, 8, 1, groups = 2)\n    y = add(a, b)",
        "the convolutions have different groups: `a` 1, `b` 2",
    ),
    "strides": (
        "    a = conv(x, 8, 1, stride = 2)\n    b = conv(x, 8, 1, stride = [1, 2])\n    y = add(a, b)",
        "the convolutions have different strides: `a` 2, `b` 1x2",
    ),
    "stride and identity": (
        "    a = conv(x, 8, 1, stride = 2)\n    y = add(a, x)",
        "a branch is the input itself, and the convolutions have a stride",
    ),
    "cost": (
        "    a = conv(x, 8, [1, 7], pad = [0, 3])\n    b = conv(x, 8, [7, 1], pad = [3, 0])\n    y = add(a, b)",
        "the merged kernel, 7x7, would cost more: the branches have 14 taps",
    ),
    "shared": (
        '    a = conv(x, 8, 1, share = "w")\n    b = conv(x, 8, 1)\n    y = add(a, b)\n'
        '    z = conv(y, 8, 1, share = "w")',
        "weights of the convolutions are shared: by `a`, `z`",
    ),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_cannot_be_merged_is_left_with_a_reason(case: str) -> None:
    text, reason = LEFT[case]
    net = trained(body(text, "2, 8, 1, 1" if "stride" in case else "2, 8, 9, 7"))
    merged, report = net.reparam()
    assert report.text() == f"no branches were merged; left 1:\n  y: {reason}"
    assert len(merged.layers) == len(net.layers)
    assert apart(net, merged) == 0


def test_a_sum_without_convolutions_is_no_matter() -> None:
    net = netgen.compile(body("    y = add(relu(x), x)"))
    assert net.reparam()[1].text() == "nothing to merge: the net adds no results of parallel convolutions"


def test_numbers_that_cannot_be_merged_are_left() -> None:
    net = trained(body("    a = conv(x, 8, 1)\n    b = batch_norm(x, eps = 0)\n    y = add(a, b)"))
    state = {key: tensor.clone() for key, tensor in net.to_torch().state_dict().items()}
    state["b.running_var"][:] = 0
    net.load_weights(state)
    assert "y: its constants are not finite" in net.reparam()[1].text()


def test_each_merge_is_tried_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    net = trained(body("    y = add(conv(x, 8, 1), x)"))
    exact = branches._kernel
    monkeypatch.setattr(branches, "_kernel", lambda *args: exact(*args) * 1.00001)
    assert "y: it would not be exact: output " in net.reparam()[1].text()


def test_weights_that_are_not_there_are_missed() -> None:
    net = netgen.compile(body("    y = add(conv(x, 8, 1), x)"))
    net.load_weights({}, partial=True)
    assert net.reparam()[1].text() == "no branches were merged; left 1:\n  y: its weights are not all there"


def test_a_network_of_caffe_is_merged_and_keeps_its_blobs() -> None:
    net = netgen.load("""
    name: "n"
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 8 dim: 8 } } }
    layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 4 kernel_size: 1 } }
    layer { name: "b" type: "Convolution" bottom: "data" top: "b"
      convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
    layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" bottom: "data" top: "sum" }
    layer { name: "relu" type: "ReLU" bottom: "sum" top: "sum" }
    """)
    train(net)
    merged, report = net.reparam()
    assert report.done == ["b"]
    again = netgen.load(merged.to_prototxt())
    assert [(layer.name, layer.inputs) for layer in again.layers] == [
        *[("data", ()), ("b", ("data",)), ("relu", ("b",))]
    ]
    assert apart(net, merged) < TOLERANCE
