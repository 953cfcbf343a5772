"""Identity normalisations behind convolutions: nothing changes, and what is folded can be unfolded and folded again."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from same_numbers import TOLERANCE, apart, body, images, outputs, train, trained

import netgen

_TWO = "    a = x -> conv(8, 3, bias = false) -> relu\n    b = a -> deconv(4, 2, stride = 2) -> relu"


def test_a_normalisation_stands_behind_each_convolution() -> None:
    net, report = trained(body(f"{_TWO}\n    c = b -> conv(4, 1) -> batch_norm -> linear(3)")).unfold_bn()
    assert report.text() == "put 2 identity normalisations behind 1 convolution and 1 deconvolution"
    names = ["x", "a", "a/bn", "a/relu", "b", "b/bn", "b/relu", "c", "c/bn", "c/fc"]
    assert [layer.name for layer in net.layers] == names
    assert net.unfold_bn()[1].text() == "nothing to unfold: all convolutions have a normalisation"


def test_fully_connected_layers_are_asked_for() -> None:
    net = trained(body("    y = linear(x, 3)"))
    assert net.unfold_bn()[1].text() == "nothing to unfold: the net has no convolution"
    unfolded, report = net.unfold_bn(linear=True)
    assert report.text() == "put 1 identity normalisation behind 1 fully connected layer"
    assert apart(net, unfolded) < TOLERANCE


@given(eps=st.floats(2**-40, 0.125, width=32))
@settings(max_examples=100)
def test_the_variance_and_eps_make_exactly_one(eps: float) -> None:
    """In single precision as they are; in double precision their root is off by less than rounding to single undoes."""
    one, narrow = np.float32(1), np.float32(eps)
    variance = one - narrow
    assert variance + narrow == one
    root = 1 / np.sqrt(np.float64(variance) + eps)
    assert np.float32(root) == one
    numbers = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert ((numbers.astype(np.float64) * root).astype(np.float32) == numbers).all()


def test_the_identity_is_exact_in_each_runtime() -> None:
    """A convolution that hands on its input: whatever the normalisation changed would be seen bit by bit."""
    net = netgen.compile(body("    y = conv(x, 8, 1, groups = 8)", "1, 8, 5, 5"))
    net.load_weights({"y.weight": torch.ones(8, 1, 1, 1), "y.bias": torch.zeros(8)})
    unfolded, _ = net.unfold_bn()
    [x] = images(net)
    assert torch.equal(outputs(unfolded, x)[0], x)
    session = onnxruntime.InferenceSession(unfolded.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    [made] = session.run(None, {"x": x.numpy()})
    assert (made == x.numpy()).all()


def test_a_bias_becomes_the_offset() -> None:
    net = trained(body(_TWO))
    unfolded, _ = net.unfold_bn()
    assert net.weights is not None
    assert unfolded.weights is not None
    assert ("b", "bias") not in unfolded.weights
    assert (unfolded.weights["b/bn", "bias"] == net.weights["b", "bias"]).all()
    assert apart(net, unfolded) < TOLERANCE


def test_what_was_folded_is_unfolded_and_folded_again() -> None:
    net = trained(body("    a = x -> conv(8, 3) -> batch_norm -> relu\n    b = a -> conv(4, 1) -> batch_norm"))
    folded, _ = net.fold_bn()
    unfolded, _ = folded.unfold_bn()
    assert [layer.operator for layer in unfolded.layers] == [layer.operator for layer in net.layers]
    again, _ = unfolded.fold_bn()
    assert folded.weights is not None
    assert again.weights is not None
    assert list(folded.weights) == list(again.weights)
    assert all((folded.weights[key] == again.weights[key]).all() for key in folded.weights)


def test_without_weights_the_structure_is_unfolded() -> None:
    unfolded, _ = netgen.compile(body(_TWO)).unfold_bn()
    assert unfolded.weights is None
    assert unfolded.to_prototxt().count('type: "BatchNorm"') == 2


@pytest.mark.parametrize("top", ["conv", "relu"])
def test_a_network_of_caffe_keeps_its_blobs(top: str) -> None:
    text = f"""
    name: "n"
    layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 3 dim: 8 dim: 8 }} }} }}
    layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
      convolution_param {{ num_output: 4 kernel_size: 3 }} }}
    layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "{top}" }}
    """
    net = netgen.load(text)
    train(net)
    unfolded, _ = net.unfold_bn()
    again = netgen.load(unfolded.to_prototxt())
    assert [layer.name for layer in again.layers] == ["data", "conv", "conv/bn", "conv/scale", "relu"]
    assert unfolded.to_prototxt().count('top: "conv"\n') == (4 if top == "conv" else 3)  # in place
    assert apart(net, unfolded) < TOLERANCE
