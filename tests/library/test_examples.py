"""The example nets are as large, as costly and as named as the networks that were published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from example_nets import EXAMPLES, FOLDER, Example

import netgen
from netgen.diff import differences

FILES = sorted(FOLDER.glob("*.net"))

# (tv) marks what torchvision's documentation gives as the number of parameters of the same architecture.
PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("resnet", {"bottlenecks": False, "blocks": [2, 2, 2, 2]}, 11_689_512),  # (tv) resnet18
    ("resnet", {"bottlenecks": False}, 21_797_672),  # (tv) resnet34
    ("resnet", {}, 25_557_032 + 64),  # (tv) resnet50, and the bias of conv1 that the authors' Caffe model has
    ("resnet", {"torchvision": True}, 25_557_032),  # (tv) resnet50
    ("resnet", {"blocks": [3, 4, 23, 3]}, 44_549_160),  # (tv) resnet101
    ("resnet", {"blocks": [3, 8, 36, 3]}, 60_192_808),  # (tv) resnet152
    ("resnext50", {}, 25_028_904),  # (tv) resnext50_32x4d
    ("resnext50", {"blocks": [3, 4, 23, 3], "group_width": 8}, 88_791_336),  # (tv) resnext101_32x8d
    ("densenet121", {}, 7_978_856),  # (tv) densenet121
    ("densenet121", {"layers": [6, 12, 32, 32]}, 14_149_480),  # (tv) densenet169
    ("densenet121", {"layers": [6, 12, 48, 32]}, 20_013_928),  # (tv) densenet201
    ("densenet121", {"layers": [6, 12, 36, 24], "growth": 48}, 28_681_000),  # (tv) densenet161
    ("mobilenet_v2", {}, 3_504_872),  # (tv) mobilenet_v2
    ("mobilenet_v3", {}, 5_483_032),  # (tv) mobilenet_v3_large
    ("mobilenet_v3", {"large": False}, 2_542_856),  # (tv) mobilenet_v3_small
    ("shufflenet_v2", {"widths": [48, 96, 192, 1024]}, 1_366_792),  # (tv) shufflenet_v2_x0_5
    ("shufflenet_v2", {}, 2_278_604),  # (tv) shufflenet_v2_x1_0
    ("shufflenet_v2", {"widths": [176, 352, 704, 1024]}, 3_503_624),  # (tv) shufflenet_v2_x1_5
    ("shufflenet_v2", {"widths": [244, 488, 976, 2048]}, 7_393_996),  # (tv) shufflenet_v2_x2_0
    ("squeezenet", {}, 1_235_496),  # (tv) squeezenet1_1
    ("squeezenet", {"version": "1.0"}, 1_248_424),  # (tv) squeezenet1_0
    ("vgg16", {}, 138_357_544),  # (tv) vgg16
    ("vgg16", {"layers": [2, 2, 4, 4, 4]}, 143_667_240),  # (tv) vgg19
    ("inception_v3", {}, 27_161_264 - 3_326_696),  # (tv) inception_v3 less its auxiliary classifier, `AuxLogits`
    ("se_resnet50", {}, 28_088_024),  # Hu et al.: about 2.5 million more than ResNet-50; see below
    (
        "mobilenet_v1",
        {},
        4_231_976,
    ),  # trainable ones of Keras' MobileNet; 4.2 million in the paper
    ("mobilenet_v1", {"alpha": 0.5}, 1_331_592),  # likewise; 1.3 million in the paper
    ("alexnet", {}, 60_965_224),  # Krizhevsky et al.: "60 million parameters"; the sum of BVLC AlexNet's blobs
    ("alexnet", {"caffenet": True}, 60_965_224),  # its layers are the same, in another order
    ("googlenet", {}, 6_998_552),  # the sum of BVLC GoogLeNet's blobs without the branches `loss1` and `loss2`
    ("lenet", {}, 431_080),  # the sum of the blobs of Caffe's MNIST example
    ("yolov3", {}, 61_949_149),  # trainable ones in Keras' summary of the converted network
    ("ssd300", {}, 26_285_486),  # OpenVINO's Open Model Zoo: 26.285 million; the sum of the authors' blobs
    ("fcn8s", {}, 134_489_759),  # the sum of the authors' blobs
    ("mtcnn", {"net": "PNet"}, 6_632),  # what converted networks have, of this one and the next two
    ("mtcnn", {"net": "RNet"}, 100_178),
    ("mtcnn", {"net": "ONet"}, 389_040),
]

MILLIONS = [
    ("peleenet", 2.80),  # Wang et al.
    ("pelee_ssd", 5.43),  # Wang et al.
    ("mobilenet_ssd", 5.783),  # OpenVINO's Open Model Zoo
    ("segnet", 29.46),  # Paszke et al., "ENet", 2016, which compares itself with it
]
"""Parameters, where only a rounded number was published."""

COSTS: list[tuple[str, dict[str, Any], float]] = [
    ("peleenet", {}, 508),
    ("pelee_ssd", {}, 1210),
    ("mobilenet_ssd", {}, 1150),  # of Wang et al.'s comparison with Pelee
    ("mobilenet_v1", {}, 569),
    ("mobilenet_v2", {}, 300),
    ("mobilenet_v3", {}, 219),
    ("mobilenet_v3", {"large": False}, 56),
    ("shufflenet_v1", {}, 137),
    ("shufflenet_v2", {"widths": [48, 96, 192, 1024]}, 41),
    ("shufflenet_v2", {}, 146),
    ("shufflenet_v2", {"widths": [176, 352, 704, 1024]}, 299),
    ("shufflenet_v2", {"widths": [244, 488, 976, 2048]}, 591),
    ("resnet", {"bottlenecks": False, "blocks": [2, 2, 2, 2]}, 1820),
    ("resnet", {"bottlenecks": False}, 3670),
    ("resnet", {}, 3860),
    ("resnet", {"blocks": [3, 4, 23, 3]}, 7570),
    ("resnet", {"blocks": [3, 8, 36, 3]}, 11_300),
    ("resnet", {"torchvision": True}, 4090),  # (tv) resnet50
    ("resnet", {"torchvision": True, "blocks": [3, 4, 23, 3]}, 7800),  # (tv) resnet101
    ("resnet", {"torchvision": True, "blocks": [3, 8, 36, 3]}, 11_510),  # (tv) resnet152
    ("resnext50", {}, 4230),  # (tv) resnext50_32x4d
    ("resnext50", {"blocks": [3, 4, 23, 3], "group_width": 8}, 16_410),  # (tv) resnext101_32x8d
    ("se_resnet50", {}, 3870),
    ("densenet121", {"torchvision": True}, 2830),  # (tv) densenet121
    ("densenet121", {"torchvision": True, "layers": [6, 12, 32, 32]}, 3360),  # (tv) densenet169
    ("densenet121", {"torchvision": True, "layers": [6, 12, 48, 32]}, 4290),  # (tv) densenet201
    ("densenet121", {"torchvision": True, "layers": [6, 12, 36, 24], "growth": 48}, 7730),  # (tv) densenet161
    ("inception_v3", {}, 5710),  # (tv) inception_v3
    ("squeezenet", {"size": 224}, 349),  # (tv) squeezenet1_1
    ("squeezenet", {"size": 224, "version": "1.0", "torchvision": True}, 819),  # (tv) squeezenet1_0
    ("vgg16", {}, 15_470),  # (tv) vgg16
    ("vgg16", {"layers": [2, 2, 4, 4, 4]}, 19_630),  # (tv) vgg19
    ("ssd300", {}, 62_815 / 2),  # OpenVINO's Open Model Zoo, which counts additions too
    ("yolov3", {}, 65_864 / 2),  # Darknet counts additions too
]
"""Millions of multiply-accumulates, as the papers that the examples name give them. Some count a little more.

(tv) marks what torchvision's documentation gives.
"""


def _compile(example: str, **settings: Any) -> netgen.Net:
    return netgen.compile(FOLDER / f"{example}.net", **settings)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_is_clean(path: Path) -> None:
    assert netgen.check(path) == []
    assert netgen.format(path) == path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_is_a_page(path: Path) -> None:
    """With a heading that says what it is, and where that was published."""
    text = path.read_text()
    assert text.count("\n") <= 120
    assert text.startswith("# ")
    assert path.stem == "tiny" or any(f"{year}" in text.partition("\nnet ")[0] for year in range(1998, 2020))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example_compiles_to_every_target(example: Example) -> None:
    """On the meta device: the module is built and run without numbers, so size costs nothing."""
    net = example.compile()
    assert net.to_prototxt().count("\nlayer {") >= len(net.layers)
    with torch.device("meta"):
        model = net.to_torch().eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == net.parameters_count


@pytest.mark.parametrize("example, settings, count", PARAMETERS)
def test_parameters_are_as_many_as_published(example: str, settings: dict[str, Any], count: int) -> None:
    assert _compile(example, **settings).parameters_count == count


@pytest.mark.parametrize("example, millions", MILLIONS)
def test_parameters_are_as_many_millions_as_published(example: str, millions: float) -> None:
    assert _compile(example).parameters_count / 1e6 == pytest.approx(millions, rel=0.003)


@pytest.mark.parametrize(
    "blocks, settings, without",
    [
        ([3, 4, 6, 3], {}, 25_557_032),  # (tv) resnet50
        ([3, 4, 6, 3], {"groups": 32, "group_width": 4}, 25_028_904),  # (tv) resnext50_32x4d
        ([3, 4, 23, 3], {}, 44_549_160),  # (tv) resnet101
        ([3, 8, 36, 3], {}, 60_192_808),  # (tv) resnet152
    ],
)
def test_squeeze_and_excitation_adds_what_the_paper_counts(
    blocks: list[int], settings: dict[str, Any], without: int
) -> None:
    """Hu et al., equation 5: 2 / r * sum of N * C * C over the stages; the biases of its two layers come on top."""
    stages = list(zip(blocks, [256, 512, 1024, 2048], strict=True))
    weights = sum(2 * repeats * channels * channels // 16 for repeats, channels in stages)
    biases = sum(repeats * (channels // 16 + channels) for repeats, channels in stages)
    assert _compile("se_resnet50", blocks=blocks, **settings).parameters_count == without + weights + biases


def test_u_net_has_the_parameters_that_its_figure_shows() -> None:
    """Ronneberger et al., figure 1: the widths of all convolutions, here with their biases."""
    widths = [64, 128, 256, 512, 1024]
    down = sum(9 * i * o + o + 9 * o * o + o for i, o in zip([1, *widths], widths, strict=False))
    up = sum(4 * 2 * o * o + o + 9 * 2 * o * o + o + 9 * o * o + o for o in widths[:-1])
    assert _compile("unet").parameters_count == down + up + (64 * 2 + 2)


@pytest.mark.parametrize("example, settings, millions", COSTS)
def test_costs_are_what_the_papers_give(example: str, settings: dict[str, Any], millions: float) -> None:
    assert _compile(example, **settings).macs / 1e6 == pytest.approx(millions, rel=0.015)


@pytest.mark.parametrize(
    "example, layer, shape",
    [
        ("resnet", "res5c", (1, 2048, 7, 7)),
        ("densenet121", "concat_5_16", (1, 1024, 8, 8)),
        ("mobilenet_v1", "conv6/sep", (1, 1024, 7, 7)),
        ("mobilenet_v2", "conv8_1/linear", (1, 320, 7, 7)),
        ("squeezenet", "fire9/concat", (1, 512, 14, 14)),
        ("googlenet", "inception_5b/output", (1, 1024, 7, 7)),
        ("inception_v3", "a3", (1, 288, 35, 35)),
        ("inception_v3", "c4", (1, 768, 17, 17)),
        ("inception_v3", "e2", (1, 2048, 8, 8)),
        ("shufflenet_v1", "stage4_4", (1, 960, 7, 7)),
        ("shufflenet_v2", "stage4_4", (1, 464, 7, 7)),
        ("vgg16", "pool5", (1, 512, 7, 7)),
        ("alexnet", "pool5", (1, 256, 6, 6)),
        ("unet", "relu_d4c", (1, 1024, 32, 32)),
        ("segnet", "pool5:0", (1, 512, 12, 15)),
        ("ssd300", "conv9_2", (1, 256, 1, 1)),
        ("yolov3", "stage5_4", (1, 1024, 13, 13)),
        ("fpn", "p2", (1, 256, 64, 64)),
        ("fcn8s", "score_fr", (1, 21, 16, 16)),
        ("peleenet", "stage4", (1, 704, 7, 7)),
    ],
)
def test_last_feature_maps_are_as_the_papers_tables_have_them(example: str, layer: str, shape: tuple[int, ...]) -> None:
    assert _compile(example).shapes[layer] == shape


def test_u_net_may_double_without_learning() -> None:
    net = _compile("unet", learned=False, size=64)
    assert "deconv" not in {layer.operator for layer in net.layers}
    assert list(net.outputs.values()) == [(1, 2, 64, 64)]


@pytest.mark.parametrize("example", ["peleenet", "resnet"])
def test_programs_of_the_contract_mean_what_they_meant(example: str, shared: Path) -> None:
    given = netgen.compile(shared / "language" / f"{example}.net")
    assert not differences(_compile(example).graph, given.graph)


def test_an_asymmetric_block_becomes_one_convolution() -> None:
    """Three convolutions of 3x3, 3x1 and 1x3 places, less the two that the 3x3 has already."""
    trained, deployed = _compile("acnet"), _compile("acnet", deploy=True)
    convolutions = [layer for layer in trained.layers if layer.operator == "conv"]
    assert len(convolutions) == 3 * 13
    assert len([layer for layer in deployed.layers if layer.operator == "conv"]) == 13
    assert trained.outputs == deployed.outputs
    assert deployed.macs * 15 == pytest.approx(trained.macs * 9, rel=1e-3)


def test_yolo_finds_boxes_where_it_is_asked_to() -> None:
    net = _compile("yolov3", detect=True, size=64)
    assert list(net.outputs) == ["detection_out"]
