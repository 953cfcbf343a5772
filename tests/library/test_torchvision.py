"""Weights of torchvision's networks load by structure, and give its results where the padding rules agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from example_nets import FOLDER
from torch import nn
from torchvision_inception import InceptionV3
from torchvision_nets import VGG16, DenseNet121, MobileNetV2, ResNet50, ShuffleNetV2, SqueezeNet

import netgen
from netgen.emit.torch.live import capture

CASES: list[tuple[type[nn.Module], dict[str, Any], str, dict[str, Any]]] = [
    (ResNet50, {}, "resnet", {"torchvision": True}),
    (ResNet50, {"groups": 32, "group_width": 4}, "resnext50", {"torchvision": True}),
    (MobileNetV2, {}, "mobilenet_v2", {}),
    (ShuffleNetV2, {}, "shufflenet_v2", {"torchvision": True}),
    (DenseNet121, {}, "densenet121", {"torchvision": True}),
    (SqueezeNet, {}, "squeezenet", {}),
    (SqueezeNet, {"older": True}, "squeezenet", {"version": "1.0", "torchvision": True}),
    (VGG16, {"side": 2}, "vgg16", {}),
]
"""A network, and the example that is meant to be it."""

PARAMETERS = [
    (ResNet50, 25_557_032),
    (MobileNetV2, 3_504_872),
    (ShuffleNetV2, 2_278_604),
    (DenseNet121, 7_978_856),
    (SqueezeNet, 1_235_496),
    (VGG16, 138_357_544),
    (InceptionV3, 27_161_264),
]
"""What torchvision's documentation gives."""

SIZE = 64


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than such small images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _sensible(module: nn.Module) -> nn.Module:
    """Random weights with which numbers keep their size on the way, in test mode."""
    torch.manual_seed(3)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("num_batches_tracked"):
            value.fill_(7)
        elif value.dim() > 1:
            nn.init.kaiming_normal_(value, nonlinearity="relu")
        else:
            value.normal_(1.0 if name.endswith("weight") else 0.0, 0.1)
    return module.eval()


def _difference(module: nn.Module, net: netgen.Net) -> float:
    """Of what the two make of one image, relative to the largest number: of what the example's softmax reads."""
    image = torch.randn(net.graph.inputs[0].shape)
    with torch.no_grad():
        wanted = module(image)
    (result,) = net.graph.outputs
    got = capture(net.graph, image, state=net.to_torch().state_dict())[result.node.inputs[0].node.name]
    assert isinstance(got, torch.Tensor)
    return float((got.flatten(1) - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("theirs, arguments, example, settings", CASES)
def test_weights_load_by_structure_and_give_the_same(
    theirs: type[nn.Module], arguments: dict[str, Any], example: str, settings: dict[str, Any]
) -> None:
    module = _sensible(theirs(**arguments))
    net = netgen.compile(FOLDER / f"{example}.net", size=SIZE, **settings)
    report = net.load_weights(module.state_dict())
    assert report.is_complete
    assert not report.left_over
    assert not report.warnings()
    assert _difference(module, net) < 1e-5


def test_the_auxiliary_classifier_of_inception_v3_is_left_over() -> None:
    module = _sensible(InceptionV3())
    net = netgen.compile(FOLDER / "inception_v3.net", size=107)
    report = net.load_weights(module.state_dict())
    assert report.is_complete
    assert {entry.name.partition(".")[0] for entry in report.left_over} == {"AuxLogits"}
    assert _difference(module, net) < 1e-5


def test_the_setting_is_needed() -> None:
    """Without it the first pool rounds up, and the numbers are others, as the page says."""
    module = _sensible(ResNet50(blocks=(1, 1, 1, 1)))
    settings: dict[str, Any] = {"blocks": [1, 1, 1, 1], "size": SIZE}
    for torchvision in (True, False):
        net = netgen.compile(FOLDER / "resnet.net", torchvision=torchvision, **settings)
        net.load_weights(module.state_dict(), partial=True)
        assert (_difference(module, net) < 1e-5) == torchvision


@pytest.mark.parametrize("theirs, count", PARAMETERS)
def test_these_are_the_networks_that_torchvision_documents(theirs: type[nn.Module], count: int) -> None:
    with torch.device("meta"):
        module = theirs()
    assert sum(value.numel() for value in module.parameters()) == count
