"""Networks laid out as torchvision has them, so that their state_dicts have its keys, shapes and order.

They are written from the papers and from the keys. Only what the keys and the results depend on is there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """``layer1.0.conv1``, ``layer1.0.downsample.0`` and so on; the 3x3 convolution takes the stride."""

    def __init__(self, channels: int, width: int, stride: int, out: int, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """``conv1``, ``bn1``, ``layer1`` to ``layer4``, ``fc``. With 32 groups of 4 it is ResNeXt-50."""

    def __init__(self, blocks: tuple[int, ...] = (3, 4, 6, 3), groups: int = 1, group_width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for stage, count in enumerate(blocks):
            width, out = groups * group_width * 2**stage, 256 * 2**stage
            units = []
            for i in range(count):
                units.append(Bottleneck(channels, width, 2 if i == 0 and stage > 0 else 1, out, groups))
                channels = out
            self.add_module(f"layer{stage + 1}", nn.Sequential(*units))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        made: Tensor = self.fc(x.mean((2, 3)))
        return made


def _conv_bn(channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class InvertedResidual(nn.Module):
    """``features.2.conv.0.0`` and so on: units in a row, then a convolution and a normalisation by themselves."""

    def __init__(self, channels: int, out: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = channels * expand
        units = [nn.Sequential(*_conv_bn(channels, hidden), nn.ReLU6())] if expand != 1 else []
        units.append(nn.Sequential(*_conv_bn(hidden, hidden, 3, stride, hidden), nn.ReLU6()))
        self.conv = nn.Sequential(*units, *_conv_bn(hidden, out))
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(x)
        return x + made if self.adds else made


class MobileNetV2(nn.Module):
    """``features`` and ``classifier``, whose first is a dropout."""

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [nn.Sequential(*_conv_bn(3, 32, 3, 2), nn.ReLU6())]
        channels = 32
        plan = [
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ]
        for expand, out, count, first in plan:
            for i in range(count):
                features.append(InvertedResidual(channels, out, first if i == 0 else 1, expand))
                channels = out
        features.append(nn.Sequential(*_conv_bn(channels, 1280), nn.ReLU6()))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return made


class ShuffleUnit(nn.Module):
    """``stage2.0.branch1.0`` and so on. With stride 1 half of the channels go by, and the first branch is empty."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half = out // 2
        self.branch1 = nn.Sequential()
        if stride == 2:
            dw = _conv_bn(channels, channels, 3, 2, channels)
            self.branch1 = nn.Sequential(*dw, *_conv_bn(channels, half), nn.ReLU())
        first = _conv_bn(channels if stride == 2 else half, half)
        self.branch2 = nn.Sequential(
            *first, nn.ReLU(), *_conv_bn(half, half, 3, stride, half), *_conv_bn(half, half), nn.ReLU()
        )
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        left, right = (x, x) if self.stride == 2 else x.chunk(2, 1)
        y = torch.cat([self.branch1(left), self.branch2(right)], 1)
        batch, channels, height, width = y.shape
        return y.reshape(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(y.shape)


class ShuffleNetV2(nn.Module):
    """``conv1``, ``stage2`` to ``stage4``, ``conv5``, ``fc``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*_conv_bn(3, 24, 3, 2), nn.ReLU())
        channels = 24
        for stage, count, out in ((2, 4, 116), (3, 8, 232), (4, 4, 464)):
            units = [ShuffleUnit(channels, out, 2), *(ShuffleUnit(out, out, 1) for _ in range(count - 1))]
            self.add_module(f"stage{stage}", nn.Sequential(*units))
            channels = out
        self.conv5 = nn.Sequential(*_conv_bn(channels, 1024), nn.ReLU())
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        for stage in range(2, 5):
            x = self.get_submodule(f"stage{stage}")(x)
        made: Tensor = self.fc(self.conv5(x).mean((2, 3)))
        return made


class DenseLayer(nn.Module):
    """``norm1``, ``conv1``, ``norm2``, ``conv2``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], 1)


class DenseNet121(nn.Module):
    """``features.denseblock1.denselayer1`` and so on, ``features.transition1``, ``features.norm5``, ``classifier``."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(64))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        channels = 64
        for stage, count in enumerate([6, 12, 24, 16], 1):
            block = nn.Sequential()
            for i in range(count):
                block.add_module(f"denselayer{i + 1}", DenseLayer(channels))
                channels += 32
            self.features.add_module(f"denseblock{stage}", block)
            if stage < 4:
                transition = nn.Sequential()
                transition.add_module("norm", nn.BatchNorm2d(channels))
                transition.add_module("relu", nn.ReLU())
                transition.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
                transition.add_module("pool", nn.AvgPool2d(2))
                self.features.add_module(f"transition{stage}", transition)
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(F.relu(self.features(x)).mean((2, 3)))
        return made


class Fire(nn.Module):
    """``squeeze``, ``expand1x1``, ``expand3x3``."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, 4 * squeeze, 1)
        self.expand3x3 = nn.Conv2d(squeeze, 4 * squeeze, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class SqueezeNet(nn.Module):
    """``features`` and ``classifier``, whose second is a convolution. Its pools round up."""

    def __init__(self, older: bool = False) -> None:
        super().__init__()
        first = nn.Conv2d(3, 96, 7, 2) if older else nn.Conv2d(3, 64, 3, 2)
        channels = first.out_channels
        pools = (3, 7) if older else (2, 4)
        layers: list[nn.Module] = [first, nn.ReLU(), _pool()]
        for i, squeeze in enumerate([16, 16, 32, 32, 48, 48, 64, 64], 1):
            layers.append(Fire(channels, squeeze))
            channels = 8 * squeeze
            layers += [_pool()] if i in pools else []
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1000, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.features(x)).mean((2, 3))
        return made


class VGG16(nn.Module):
    """``features`` and ``classifier``. ``side`` is that of the last map: 7 of an image of 224x224."""

    def __init__(self, side: int = 7) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage, count in enumerate([2, 2, 3, 3, 3]):
            for _ in range(count):
                out = min(64 * 2**stage, 512)
                layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
                channels = out
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = nn.Sequential(
            *(nn.Linear(512 * side * side, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()),
            nn.Linear(4096, 1000),
        )

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return made
