"""The example nets are as large, as costly and as named as the networks that were published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from published import Layer, layers

import netgen

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.net"))

# (tv) marks what torchvision's documentation gives as the number of parameters of the same architecture.
PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("resnet18", {}, 11_689_512),  # (tv) resnet18
    ("resnet18", {"blocks": [3, 4, 6, 3]}, 21_797_672),  # (tv) resnet34
    ("resnet", {}, 25_557_032 + 64),  # (tv) resnet50, and the bias of conv1 that the authors' Caffe model has
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
    ("googlenet", {}, 6_998_552),  # the sum of BVLC GoogLeNet's blobs without the branches `loss1` and `loss2`
    ("lenet", {}, 431_080),  # the sum of the blobs of Caffe's MNIST example
]

COSTS = [
    ("peleenet", 508),
    ("mobilenet_v1", 569),
    ("mobilenet_v2", 300),
    ("mobilenet_v3", 219),
    ("shufflenet_v1", 137),
    ("shufflenet_v2", 146),
]
"""Millions of multiply-accumulates, as the papers that the examples name give them. Some count a little more."""


def _compile(example: str, **settings: Any) -> netgen.Net:
    return netgen.compile(EXAMPLES / f"{example}.net", **settings)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_is_clean(path: Path) -> None:
    assert netgen.check(path) == []
    assert netgen.format(path) == path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_compiles_to_every_target(path: Path) -> None:
    """On the meta device: the module is built and run without numbers, so size costs nothing."""
    net = netgen.compile(path)
    computing = [layer for layer in net.layers if layer.operator != "input"]
    assert len(layers(net.to_prototxt())) >= len(computing)
    with torch.device("meta"):
        model = net.to_torch().eval()
        result = model(*(torch.empty(shape) for shape in net.inputs.values()))
    assert [tuple(result.shape)] == list(net.outputs.values())
    assert sum(parameter.numel() for parameter in model.parameters()) == net.parameters_count


@pytest.mark.parametrize("example, settings, count", PARAMETERS)
def test_parameters_are_as_many_as_published(example: str, settings: dict[str, Any], count: int) -> None:
    assert _compile(example, **settings).parameters_count == count


def test_squeeze_and_excitation_adds_what_the_paper_counts() -> None:
    """Hu et al., equation 5: 2 / r * sum of N * C * C over the stages; the biases of its two layers come on top."""
    stages = [(3, 256), (4, 512), (6, 1024), (3, 2048)]
    weights = sum(2 * repeats * channels * channels // 16 for repeats, channels in stages)
    biases = sum(repeats * (channels // 16 + channels) for repeats, channels in stages)
    assert _compile("se_resnet50").parameters_count == 25_557_032 + weights + biases


def test_u_net_has_the_parameters_that_its_figure_shows() -> None:
    """Ronneberger et al., figure 1: the widths of all convolutions, here with their biases."""
    widths = [64, 128, 256, 512, 1024]
    down = sum(9 * i * o + o + 9 * o * o + o for i, o in zip([1, *widths], widths, strict=False))
    up = sum(4 * 2 * o * o + o + 9 * 2 * o * o + o + 9 * o * o + o for o in widths[:-1])
    assert _compile("unet").parameters_count == down + up + (64 * 2 + 2)


@pytest.mark.parametrize("example, millions", COSTS)
def test_costs_are_what_the_papers_give(example: str, millions: int) -> None:
    assert _compile(example).macs / 1e6 == pytest.approx(millions, rel=0.015)


@pytest.mark.parametrize(
    "example, layer, shape",
    [
        ("resnet", "res5c", (1, 2048, 7, 7)),
        ("densenet121", "conv5_16", (1, 1024, 7, 7)),
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
        ("unet", "bottom", (1, 1024, 32, 32)),
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
    assert _compile(example).to_prototxt() == given.to_prototxt()


# --- layer by layer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "example, settings, published",
    [
        ("resnet", {}, "yihui-he__resnet-imagenet-caffe/resnet_50__deploy.prototxt"),
        ("resnet", {"blocks": [3, 4, 23, 3]}, "yihui-he__resnet-imagenet-caffe/resnet_101__deploy.prototxt"),
        ("resnet", {"blocks": [3, 8, 36, 3]}, "akirafukui__vqa-mcb/preprocess__ResNet-152-deploy.prototxt"),
        ("squeezenet", {}, "OAID__Caffe-HRT/models__SqueezeNet__SqueezeNet_v1.1__squeezenet.1.1.deploy.prototxt"),
        ("googlenet", {}, "BVLC__caffe/models__bvlc_googlenet__deploy.prototxt"),
        ("alexnet", {}, "BVLC__caffe/models__bvlc_alexnet__deploy.prototxt"),
        ("vgg16", {"layers": [2, 2, 4, 4, 4]}, "dividiti__ck-caffe/package__caffemodel-vgg19__deploy.prototxt"),
        ("lenet", {}, "hszhao__PSPNet/examples__mnist__lenet.prototxt"),
    ],
)
def test_layers_are_the_published_ones(example: str, settings: dict[str, Any], published: str, shared: Path) -> None:
    """Names, types, order, what reads what, and geometry of every layer."""
    theirs = layers((shared / "corpus" / published).read_text())
    assert layers(_compile(example, **settings).to_prototxt()) == theirs


@pytest.mark.parametrize(
    "example, settings, published",
    [
        ("mobilenet_v1", {}, "shicai__MobileNet-Caffe/mobilenet_deploy.prototxt"),
        (
            "densenet121",
            {"layers": [6, 12, 36, 24], "growth": 48},
            "HewlettPackard__dlcookbook-dlbs/@feature-caffe-models__models__densenet161__densenet161.inference.prototxt",
        ),
    ],
)
def test_layers_with_weights_are_the_published_ones(
    example: str, settings: dict[str, Any], published: str, shared: Path
) -> None:
    """So published weights fit by name. Layers without weights are called otherwise."""

    def learned(text: str) -> list[Layer]:
        return [layer._replace(inputs=()) for layer in layers(text) if layer.is_learned]

    theirs = learned((shared / "corpus" / published).read_text())
    assert learned(_compile(example, **settings).to_prototxt()) == theirs
