"""ResNet-50 as somebody who knows PyTorch writes it, after the authors' Caffe model and without netgen.

As there, the first convolution has a bias, pools round up, and the stride of a stage is in its first 1x1 convolutions.
"""

from __future__ import annotations

from torch import Tensor, nn


class ConvNorm(nn.Sequential):
    """Convolution and batch normalisation."""

    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out),
        )


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 around a shortcut, which is projected where the shape changes."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = 4 * width
        self.shortcut = ConvNorm(channels, out, 1, stride) if channels != out else nn.Identity()
        self.conv1 = ConvNorm(channels, width, 1, stride)
        self.conv2 = ConvNorm(width, width, 3)
        self.conv3 = ConvNorm(width, out)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.conv3(x)
        x += shortcut
        return self.relu(x)  # type: ignore[no-any-return]


def stage(channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    """A run of bottlenecks, of which the first changes the shape."""
    rest = [Bottleneck(4 * width, width) for _ in range(count - 1)]
    return nn.Sequential(Bottleneck(channels, width, stride), *rest)


class ResNet50(nn.Module):
    """Returns probabilities, as the Caffe network does."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        self.stages = nn.Sequential(
            stage(64, 64, 3, stride=1),
            stage(256, 128, 4, stride=2),
            stage(512, 256, 6, stride=2),
            stage(1024, 512, 3, stride=2),
        )
        self.pool = nn.AvgPool2d(7, stride=1)
        self.classifier = nn.Linear(2048, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stages(self.stem(x))).flatten(1)
        return self.classifier(x).softmax(1)  # type: ignore[no-any-return]
