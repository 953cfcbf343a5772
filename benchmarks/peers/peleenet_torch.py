"""PeleeNet as somebody who knows PyTorch writes it, after the paper (Wang, Li and Ling, 2018) and without netgen."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out, eps=1e-3, momentum=1e-3),
            nn.ReLU(inplace=True),
        )


class Stem(nn.Module):
    """A quarter of the resolution, by two branches."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, out, 3, stride=2)
        self.conv2a = ConvBlock(out, out // 2)
        self.conv2b = ConvBlock(out // 2, out, 3, stride=2)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.conv3 = ConvBlock(2 * out, out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        branch = self.conv2b(self.conv2a(x))
        return self.conv3(torch.cat([branch, self.pool(x)], 1))  # type: ignore[no-any-return]


class DenseLayer(nn.Module):
    """Two branches, one 3x3 deep and one two 3x3 deep, joined to their input."""

    def __init__(self, channels: int, growth: int, width: int) -> None:
        super().__init__()
        half = growth // 2
        self.branch1 = nn.Sequential(
            ConvBlock(channels, half * width),
            ConvBlock(half * width, half, 3),
        )
        self.branch2 = nn.Sequential(
            ConvBlock(channels, half * width),
            ConvBlock(half * width, half, 3),
            ConvBlock(half, half, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch1(x), self.branch2(x)], 1)


class PeleeNet(nn.Module):
    """Returns probabilities, as the Caffe network does."""

    def __init__(self, classes: int = 1000, growth: int = 32) -> None:
        super().__init__()
        channels = growth
        layers: list[nn.Module] = [Stem(channels)]
        for stage, (count, width) in enumerate([(3, 1), (4, 2), (8, 4), (6, 4)], 1):
            for _ in range(count):
                layers.append(DenseLayer(channels, growth, width))
                channels += growth
            layers.append(ConvBlock(channels, channels))
            if stage < 4:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.features(x)).flatten(1)
        return self.classifier(x).softmax(1)  # type: ignore[no-any-return]
