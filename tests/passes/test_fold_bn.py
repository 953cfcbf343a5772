"""Batch normalisations folded into the layers beside them: the numbers stay, and what cannot go in says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same_numbers import TOLERANCE, apart, body, train, trained

import netgen
from netgen.passes import filters as filters_of_passes

flags = st.booleans()


@st.composite
def filters(draw: st.DrawFn) -> str:
    """A convolution, a deconvolution or a fully connected layer on 8 channels, as a call."""
    op = draw(st.sampled_from(["conv", "deconv", "linear"]))
    bias = f"bias = {str(draw(flags)).lower()}"
    if op == "linear":
        return f"linear({draw(st.sampled_from([4, 12]))}, {bias}, transpose = {str(draw(flags)).lower()})"
    groups = draw(st.sampled_from([1, 2, 4, 8]))
    kernel, stride = draw(st.sampled_from(["1", "3", "[3, 2]"])), draw(st.sampled_from([1, 2]))
    return f"{op}({draw(st.sampled_from([8, 16]))}, {kernel}, stride = {stride}, groups = {groups}, {bias}, pad = PAD)"


@st.composite
def constants(draw: st.DrawFn) -> str:
    """What multiplies and shifts channels, as links of a chain."""
    norm = f"batch_norm(affine = {str(draw(flags)).lower()}, eps = {draw(st.sampled_from([1e-5, 1e-3]))})"
    after = draw(
        st.sampled_from(["", "-> scale(bias = true)", "-> scale", "-> bias", "-> power(scale = 0.5, shift = 2)"])
    )
    return f"{norm} {after}"


@given(call=filters(), behind=constants(), pad=st.sampled_from([0, 1]))
@settings(max_examples=10)
def test_what_stands_behind_is_folded(call: str, behind: str, pad: int) -> None:
    net = trained(body(f"    y = x -> {call.replace('PAD', str(pad))} -> {behind} -> relu"))
    folded, report = net.fold_bn()
    assert not report.left
    assert [layer.operator for layer in folded.layers] == ["input", net.layers[1].operator, "relu"]
    assert apart(net, folded) < TOLERANCE


@given(call=filters(), before=constants())
@settings(max_examples=10)
def test_what_stands_in_front_is_folded_where_nothing_is_padded(call: str, before: str) -> None:
    net = trained(body(f"    y = x -> {before} -> {call.replace('PAD', '0')} -> relu"))
    folded, report = net.fold_bn()
    if call.startswith("deconv"):
        assert "as often as the kernel covers" in report.text()
        assert len(folded.layers) == len(net.layers)
        return
    assert [layer.operator for layer in folded.layers] == ["input", net.layers[-2].operator, "relu"]
    assert apart(net, folded) < TOLERANCE


def test_what_only_multiplies_goes_into_a_layer_that_pads() -> None:
    net = trained(body("    a = x -> scale -> conv(4, 3, pad = 1)\n    y = a -> power(scale = 3) -> deconv(4, 2)"))
    folded, report = net.fold_bn()
    assert report.text() == "folded 2 scales and offsets into 1 convolution"
    assert apart(net, folded) < TOLERANCE


def test_both_sides_and_a_scalar_are_folded_at_once() -> None:
    net = trained(body("    y = x -> batch_norm -> conv(4, 3) -> batch_norm -> scale(num_axes = 0)"))
    folded, report = net.fold_bn()
    assert report.text() == "folded 2 batch normalisations into 1 convolution"
    assert apart(net, folded) < TOLERANCE


def test_sequences_and_videos_are_folded() -> None:
    for shape in ("1, 4, 20", "1, 4, 5, 6, 7"):
        net = trained(body("    y = x -> conv(6, 3, pad = 1, groups = 2) -> batch_norm", shape))
        assert apart(net, net.fold_bn()[0]) < TOLERANCE


# --- what is left ---------------------------------------------------------------------------------

_CONV = "    y = x -> conv(8, 3, pad = 1) as 'c'"
LEFT = {
    "second reader": (f"{_CONV}\n    a = batch_norm(y)\n    b = add(a, y)", "a: `c` has 2 readers: `a`, `b`"),
    "output": ("    c = conv(x, 8, 3)\n    n = batch_norm(c)\n    return c, n", "n: `c` is an output of the net"),
    "statistics": (
        f"{_CONV} -> batch_norm(statistics = 'batch') as 'n'",
        "n: it normalises each batch by the statistics of that batch",
    ),
    "scale of what stays": (
        "    n = x -> batch_norm(affine = false, statistics = 'batch')\n    c = scale(n, bias = true) -> conv(8, 1)",
        "n: it normalises each batch by the statistics of that batch",
    ),
    "padding": (
        "    n = x -> batch_norm\n    c = conv(n, 8, 3, pad = 1)",
        "n: the convolution behind it pads with zeros, which it would have to shift too: `c`",
    ),
    "normalisation with its scale": (
        "    n = x -> batch_norm(affine = false)\n    s = scale(n, bias = true)\n    c = conv(s, 8, 3, pad = 1)",
        "n: the convolution behind it pads with zeros, which it would have to shift too: `c`",
    ),
    "readers behind": (
        "    n = x -> batch_norm\n    c = conv(n, 8, 1)\n    d = conv(n, 8, 1)",
        "n: `n` has 2 readers: `c`, `d`",
    ),
    "axis": (
        "    f = linear(x, 7, axis = 2)\n    n = batch_norm(f)",
        "n: it normalises axis 1, and the outputs lie on axis 2",
    ),
    "axis in front": (
        "    n = batch_norm(x)\n    f = linear(n, 7, axis = 2)",
        "n: the layer behind it does not sum over its channels: `f`",
    ),
    "axes of a scale": (
        f"{_CONV} -> scale(num_axes = 2) as 's'",
        "s: its constants are not one for each channel, on axis 1",
    ),
    "alone": (
        "    n = x -> batch_norm\n    r = relu(n)",
        "n: no convolution stands before or behind it: it reads `x` (input), and `r` (relu) reads it",
    ),
    "shared": (
        "    c = conv(x, 8, 1, share = 'w')\n    n = batch_norm(c)\n    d = conv(n -> relu, 8, 1, share = 'w')",
        "n: `c` shares its weights with `d`",
    ),
}


@pytest.mark.parametrize(("program", "reason"), LEFT.values(), ids=LEFT)
def test_what_would_not_be_exact_is_left_with_a_reason(program: str, reason: str) -> None:
    net = trained(body(program.replace("'", '"')))
    folded, report = net.fold_bn()
    assert report.text() == f"nothing was folded; left 1:\n  {reason}"
    assert [layer.name for layer in folded.layers] == [layer.name for layer in net.layers]
    assert apart(net, folded) == 0


def test_shared_weights_are_folded_where_all_are_alike() -> None:
    unit = 'conv(8, 1, share = "w", bias = false) -> batch_norm(share = "n")'
    net = trained(body(f"    a = x -> {unit} -> relu\n    b = a -> {unit} -> relu"))
    folded, report = net.fold_bn()
    assert report.text() == "folded 2 batch normalisations into 2 convolutions"
    assert folded.weights is not None
    assert sorted(folded.weights) == [("a", "bias"), ("a", "weight")]
    assert apart(net, folded) < TOLERANCE


def test_shared_weights_with_normalisations_of_their_own_are_left() -> None:
    unit = 'conv(8, 1, share = "w", bias = false) -> batch_norm'
    net = trained(body(f"    a = x -> {unit} -> relu\n    b = a -> {unit} -> relu"))
    folded, report = net.fold_bn()
    assert len(report.left) == 2
    assert apart(net, folded) == 0


def test_a_shared_normalisation_stays_where_it_cannot_go() -> None:
    """The arrays of a layer that goes are still those of another."""
    text = '    a = x -> conv(8, 1) -> batch_norm(share = "n") -> relu\n    b = a -> batch_norm(share = "n")'
    net = trained(body(text))
    folded, report = net.fold_bn()
    assert [left.name for left in report.left] == ["b"]
    assert apart(net, folded) < TOLERANCE


def _with(net: netgen.Net, layer: str, **arrays: list[float]) -> netgen.Net:
    """The net with other numbers for some arrays of a layer."""
    state = {key: tensor.clone() for key, tensor in net.to_torch().state_dict().items()}
    for name, values in arrays.items():
        state[f"{layer}.{name}"][:] = state[f"{layer}.{name}"].new_tensor(values)
    net.load_weights(state)
    return net


@pytest.mark.parametrize(
    ("arrays", "eps", "reason"),
    [
        ({"running_var": [0.0]}, 0, "its constants are not finite"),
        ({"running_var": [-1.0]}, 1e-5, "its constants are not finite"),
        ({"running_var": [1e-38], "weight": [1e30]}, 0, "its constants are not finite"),
    ],
    ids=["zero", "negative", "overflow"],
)
def test_numbers_that_cannot_be_folded_are_left(arrays: dict[str, list[float]], eps: float, reason: str) -> None:
    net = _with(trained(body(f"    c = conv(x, 2, 1)\n    n = batch_norm(c, eps = {eps})")), "n", **arrays)
    folded, report = net.fold_bn()
    assert [left.reason[: len(reason)] for left in report.left] == [reason]
    assert len(folded.layers) == len(net.layers)


def test_channels_that_have_decayed_are_folded() -> None:
    """Their factors are below what float32 holds with full precision, and so is all that comes of them."""
    net = _with(trained(body("    c = conv(x, 2, 1)\n    n = batch_norm(c)")), "n", weight=[1e-42, 1], bias=[0.0, 1])
    assert not net.fold_bn()[1].left


def test_each_fold_is_tried_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    net = trained(body("    c = conv(x, 2, 1)\n    n = batch_norm(c)"))
    exact = filters_of_passes.gathered
    monkeypatch.setattr(filters_of_passes, "gathered", lambda node, wide: exact(node, wide * 1.00001))
    folded, report = net.fold_bn()
    assert report.text().startswith("nothing was folded; left 1:\n  n: it would not be exact: output ")
    assert apart(net, folded) == 0


def test_not_finite_weights_name_the_layer() -> None:
    net = _with(trained(body("    c = conv(x, 2, 1)\n    n = batch_norm(c)")), "n", bias=[float("nan")])
    with pytest.raises(netgen.NetgenError, match=r"layer `n`: bias \(2\): 2 of 2 numbers are not finite"):
        net.fold_bn()


def test_weights_that_are_not_there_are_missed() -> None:
    net = netgen.compile(body("    c = conv(x, 2, 1)\n    n = batch_norm(c)"))
    net.load_weights({"c.weight": np.ones((2, 8, 1, 1), np.float32)}, partial=True)
    assert net.fold_bn()[1].text() == "nothing was folded; left 1:\n  n: its weights are not all there"


def test_without_weights_the_structure_is_folded() -> None:
    folded, report = netgen.compile(body("    c = conv(x, 2, 1, bias = false)\n    n = batch_norm(c)")).fold_bn()
    assert folded.weights is None
    assert report.text() == "folded 1 batch normalisation into 1 convolution"
    assert "bias_term: true" in folded.to_prototxt()


def test_arithmetic_that_stays_is_not_told_of() -> None:
    """A hard swish, as it is written for Caffe."""
    net = netgen.compile(body("    c = conv(x, 8, 1)\n    g = c -> power(shift = 3) -> relu6\n    y = mul(c, g)"))
    assert net.fold_bn()[1].text() == "nothing to fold: the net has no batch normalisation"


def test_nothing_to_fold_is_said() -> None:
    net = netgen.compile(body("    y = conv(x, 2, 1)"))
    assert net.fold_bn()[1].text() == "nothing to fold: the net has no batch normalisation"


# --- networks of Caffe ----------------------------------------------------------------------------

_CAFFE = """
name: "n"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 bias_term: false } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "TOP" batch_norm_param { eps: 1e-4 USE } }
layer { name: "scale" type: "Scale" bottom: "TOP" top: "TOP" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "TOP" top: "TOP" }
layer { name: "loss" type: "Silence" bottom: "TOP" include { phase: TRAIN } }
layer { name: "pool" type: "Pooling" bottom: "TOP" top: "pool" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
"""


@pytest.mark.parametrize("top", ["conv", "bn"])
def test_a_network_of_caffe_is_folded(top: str) -> None:
    net = netgen.load(_CAFFE.replace("TOP", top).replace("USE", ""))
    train(net)
    folded, report = net.fold_bn()
    assert report.text() == "folded 1 batch normalisation into 1 convolution"
    text = folded.to_prototxt()
    assert "BatchNorm" not in text
    assert "Scale" not in text
    again = netgen.load(text)
    assert [(layer.name, layer.inputs) for layer in again.layers] == [
        *[("data", ()), ("conv", ("data",)), ("relu", ("conv",)), ("pool", ("relu",))]
    ]
    assert apart(net, folded) < TOLERANCE


def test_in_training_the_batch_is_normalised_by_itself() -> None:
    text = _CAFFE.replace("TOP", "bn")
    _, report = netgen.load(text.replace("USE", ""), phase="TRAIN").fold_bn()
    assert "in training it normalises each batch by the statistics of that batch" in report.text()
    _, report = netgen.load(text.replace("USE", "use_global_stats: true"), phase="TRAIN").fold_bn()
    assert report.text() == "folded 1 batch normalisation into 1 convolution"
    _, report = netgen.load(text.replace("USE", "use_global_stats: false")).fold_bn()
    assert "bn: it normalises each batch by the statistics of that batch" in report.text()


def test_a_net_at_fault_is_not_folded() -> None:
    net = netgen.load(_CAFFE.replace("TOP", "bn").replace('bottom: "data"', 'bottom: "date"').replace("USE", ""))
    with pytest.raises(netgen.NetgenError, match="NG530"):
        net.fold_bn()


def test_shapes_that_are_not_known_are_said() -> None:
    custom = 'layer { name: "odd" type: "Odd" bottom: "data" top: "odd" }'
    text = (
        _CAFFE.replace("TOP", "bn")
        .replace("USE", "")
        .replace('"Convolution" bottom: "data"', '"Convolution" bottom: "odd"')
    )
    _, report = netgen.load(text.replace('layer { name: "conv"', f'{custom}\nlayer {{ name: "conv"')).fold_bn()
    assert "  bn: its shape is not known" in report.text()
