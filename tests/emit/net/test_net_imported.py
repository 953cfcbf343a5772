"""Networks that people published, as programs: the same network, and as short as somebody would write it."""

from __future__ import annotations

from typing import Any

import pytest
from there_and_back import facts, there_and_back

import netgen

SSD = {"inputs": {"data": (1, 3, 300, 300), "label": (1, 1, 10, 8)}, "ends": ["detection_out"]}

PUBLISHED: list[tuple[str, dict[str, Any], int]] = [
    ("yihui-he__resnet-imagenet-caffe/resnet_50__deploy.prototxt", {}, 50),
    ("akirafukui__vqa-mcb/preprocess__ResNet-152-deploy.prototxt", {}, 55),
    ("BVLC__caffe/models__bvlc_googlenet__deploy.prototxt", {}, 45),
    ("BVLC__caffe/models__bvlc_alexnet__deploy.prototxt", {}, 35),
    ("shicai__MobileNet-Caffe/mobilenet_deploy.prototxt", {}, 40),
    ("OAID__Caffe-HRT/models__SqueezeNet__SqueezeNet_v1.1__squeezenet.1.1.deploy.prototxt", {}, 40),
    ("Robert-JunWang__PeleeNet/caffe__peleenet.prototxt", {}, 55),
    ("chuanqi305__MobileNet-SSD/voc__MobileNetSSD_test.prototxt", SSD, 100),
    ("hszhao__PSPNet/examples__mnist__lenet.prototxt", {}, 15),
]


@pytest.mark.parametrize(("path", "reading", "most"), PUBLISHED, ids=[path for path, _, _ in PUBLISHED])
def test_published_network_comes_back(path: str, reading: dict[str, Any], most: int, shared: Any) -> None:
    net = netgen.load(shared / "corpus" / path, **reading)
    text, _ = there_and_back(net.graph)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert len(lines) <= most, text


@pytest.mark.parametrize("example", ["resnet", "peleenet", "inception_v3", "shufflenet_v2", "mobilenet_v3", "unet"])
def test_what_netgen_writes_for_caffe_comes_back(example: str, examples: Any) -> None:
    """Blocks and loops are found again; so the program is not many times as long as what a person wrote."""
    net = netgen.load(netgen.compile(examples / f"{example}.net").to_prototxt())
    text, again = there_and_back(net.graph)
    assert facts(netgen.load(again.to_prototxt()).graph) == facts(net.graph)
    assert len(text.splitlines()) <= 130, text
