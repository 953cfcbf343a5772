"""Mean, scale and order of channels go into the layers that read an image, or a layer in front of them."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from same_numbers import TOLERANCE, images, outputs, trained
from torch import Tensor

import netgen
from netgen.cli.arguments.changes import PADDINGS
from netgen.passes.fold_input import Padding

MEAN, SCALE, STD = [104.0, 117.0, 123.0], 0.017, [0.9, 1.1, 1.2]


def net_of(first: str, shape: str = "2, 3, 12, 10") -> netgen.Net:
    return trained(f"net N() {{\n    data = input({shape})\n    y = data -> {first}\n    z = relu(y)\n}}\n")


def prepared(image: Tensor, *, swap: bool = False) -> Tensor:
    """What a net was trained on, made from what the new one takes."""
    spread = (1, 3, *[1] * (image.ndim - 2))
    mean, std = (torch.tensor(each).reshape(spread) for each in (MEAN, STD))
    return (image.flip(1) if swap else image).sub(mean).mul(SCALE).div(std)


def apart(old: netgen.Net, new: netgen.Net, *, swap: bool = False, inner: bool = False) -> float:
    """How far the new net is, on images without preparation, from the old one on images with it."""
    image = images(old)[0] * 60 + 110
    [wanted], [made] = outputs(old, prepared(image, swap=swap)), outputs(new, image)
    if inner:
        wanted, made = wanted[..., 1:-1, 1:-1], made[..., 1:-1, 1:-1]
    return float((wanted - made).abs().max() / wanted.abs().max())


FIRST = {
    "conv": "conv(8, 3, stride = 2)",
    "without bias": "conv(8, [3, 2], bias = false)",
    "groups": "conv(6, 3, groups = 3)",
    "linear": "linear(5)",
    "transposed": "linear(5, transpose = true, bias = false)",
}


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("first", FIRST)
def test_the_first_layer_prepares_the_image(first: str, swap: bool) -> None:
    if first == "groups" and swap:
        return
    net = net_of(FIRST[first])
    folded, report = net.fold_input(mean=MEAN, scale=SCALE, std=STD, swap_channels=swap)
    assert report.text().startswith("mean, scale and std of `data` went into `y`")
    assert len(folded.layers) == len(net.layers)
    assert apart(net, folded, swap=swap) < TOLERANCE


def test_a_scale_alone_goes_into_a_layer_that_pads() -> None:
    for first in ("conv(4, 3, pad = 1, bias = false)", "deconv(4, 2)"):
        net = net_of(first)
        folded, _ = net.fold_input(scale=1 / 255)
        [image] = images(net)
        assert torch.allclose(outputs(net, image / 255)[0], outputs(folded, image)[0], atol=1e-6)
        assert folded.layers[1].arguments["bias"] == net.layers[1].arguments["bias"]


def test_channels_are_swapped_whatever_is_padded() -> None:
    net = net_of("conv(4, 3, pad = 1)")
    folded, report = net.fold_input(swap_channels=True)
    assert report.text() == "`y` takes the channels of `data` in reverse order"
    [image] = images(net)
    assert torch.allclose(outputs(net, image.flip(1))[0], outputs(folded, image)[0], atol=1e-5)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("first", ["conv(4, 3, pad = 1)", "max_pool(2)", "deconv(4, 2)"])
def test_a_layer_in_front_is_exact_where_folding_is_not(first: str, swap: bool) -> None:
    if swap and first.startswith("max_pool"):
        return
    net = net_of(first)
    folded, report = net.fold_input(mean=MEAN, scale=SCALE, std=STD, padding="layer", swap_channels=swap)
    assert "became the layer `data/mean_scale`" in report.text()
    assert list(folded.inputs) == ["data"]
    assert [layer.operator for layer in folded.layers][:2] == ["input", "scale"]
    assert apart(net, folded, swap=swap) < TOLERANCE


def test_one_number_for_all_channels_needs_no_weights_in_front() -> None:
    net = net_of("max_pool(2)")
    folded, _ = net.fold_input(mean=128, scale=1 / 128, padding="layer")
    assert folded.layers[1].arguments == {"power": 1.0, "scale": 1 / 128, "shift": -1.0}
    [image] = images(net)
    assert torch.allclose(outputs(net, (image - 128) / 128)[0], outputs(folded, image)[0], atol=1e-6)


def test_the_border_may_be_accepted_as_it_is() -> None:
    net = net_of("conv(4, 3, pad = 1)")
    folded, report = net.fold_input(mean=MEAN, scale=SCALE, std=STD, padding="approximate")
    assert report.text().endswith("along the border of what comes of `y` numbers differ")
    assert apart(net, folded, inner=True) < TOLERANCE < apart(net, folded)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "padding": ("conv(4, 3, pad = 1)", {"mean": 5.0}, "`y` pads with 1: its zeros stand for the mean"),
    "operator": (
        "relu",
        {"scale": 2.0},
        "`y` (relu) reads it: only convolutions and fully connected layers take it in",
    ),
    "axis": ("linear(4, axis = 2)", {"scale": 2.0}, "`y` (linear) reads it, which does not sum over its channels"),
    "deconvolution": ("deconv(4, 2)", {"mean": 5.0}, "`y` is a deconvolution"),
    "groups": ("conv(6, 3, groups = 3)", {"swap_channels": True}, "`y` has groups, which keep channels apart"),
    "swapped operator": ("relu", {"swap_channels": True}, "`y` (relu) reads it"),
    "channels": ("conv(4, 3)", {"mean": [1.0, 2.0]}, "2 numbers as mean; the input has 3 channels"),
    "zero": ("conv(4, 3)", {"std": 0.0}, "std 0.0: nothing can be computed with that"),
    "not finite": ("conv(4, 3)", {"mean": float("nan")}, "mean nan: nothing can be computed with that"),
    "overflow": ("conv(4, 3)", {"scale": 1e300}, "`y`: its constants are not finite"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_folded_is_refused(case: str) -> None:
    first, arguments, reason = REFUSED[case]
    with pytest.raises(netgen.NetgenError) as raised:
        net_of(first).fold_input(**arguments)
    assert raised.value.diagnostics[0].code == "NG611"
    assert reason in str(raised.value)


def test_the_refusal_says_what_else_there_is() -> None:
    with pytest.raises(netgen.NetgenError) as raised:
        net_of("conv(4, 3, pad = 1)").fold_input(mean=5)
    assert str(raised.value) == (
        "error[NG611]: the input cannot be folded\n"
        "  = `y` pads with 1: its zeros stand for the mean, and would stand for black\n"
        "  = hint: let the net begin with a layer that does it: --input-padding layer; "
        "or accept other numbers along the border: --input-padding approximate"
    )


_TWINS = """
net N() {
    a = input(1, 3, 8, 8)
    b = input(1, 3, 8, 8)
    size = input(1, 3)
    x = conv(a, 4, 3, share = "w")
    y = conv(b, 4, 3, share = "w")
    return add(x, y), linear(size, 2)
}
"""


def test_layers_that_share_weights_are_folded_together_or_not_at_all() -> None:
    net = trained(_TWINS)
    folded, report = net.fold_input(mean=2, scale=3)
    assert report.done == ["x", "y"]
    a, b, size = images(net)
    for wanted, made in zip(outputs(net, (a - 2) * 3, (b - 2) * 3, size), outputs(folded, a, b, size), strict=True):
        assert torch.allclose(wanted, made, atol=1e-4)
    with pytest.raises(netgen.NetgenError, match="`x` shares its weights with `y`, which reads something else"):
        net.fold_input(mean=2, inputs=["a"])


def test_nothing_to_fold_is_said() -> None:
    net = net_of("relu")
    folded, report = net.fold_input(mean=0, scale=[1, 1, 1])
    assert report.text() == "nothing to fold: nothing is done to `data`"
    assert not report.done
    assert len(folded.layers) == len(net.layers)


def test_an_input_that_is_not_there() -> None:
    with pytest.raises(netgen.NetgenError, match="the net has no input `date`"):
        net_of("conv(4, 3)").fold_input(mean=1, inputs=["date"])
    with pytest.raises(netgen.NetgenError, match="no input has channels: `data` is 5x7"):
        net_of("linear(2)", "5, 7").fold_input(mean=1)


def test_an_output_that_is_the_input_stays_as_it_is() -> None:
    net = trained("net N() {\n    data = input(1, 3, 8, 8)\n    c = conv(data, 4, 3)\n    return c, data\n}\n")
    with pytest.raises(netgen.NetgenError, match="`data` is an output of the net too"):
        net.fold_input(mean=1)


def test_weights_are_needed() -> None:
    with pytest.raises(ValueError, match="no weights yet"):
        netgen.compile("net N() {\n    data = input(1, 3, 8, 8)\n    conv(data, 4, 3)\n}\n").fold_input(mean=1)


def test_the_command_line_has_the_same_words() -> None:
    assert get_args(Padding) == PADDINGS
