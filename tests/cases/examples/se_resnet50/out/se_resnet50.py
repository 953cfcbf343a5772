"""SE-ResNet (Hu, Shen and Sun, "Squeeze-and-Excitation Networks", 2017)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU: the usual unit.

    The convolution has no bias, since the normalisation brings one.
    """

    def __init__(
        self, in_channels: int, out: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class ConvBn(nn.Module):
    """Convolution and batch normalisation: the end of a branch that is added to
    another.
    """

    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 1, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class SqueezeExcite(nn.Module):
    """Squeeze and excitation: weighs each channel by a gate between 0 and 1.

    The gate is computed from the means of all channels, through a layer that is
    `reduction` times narrower. Hu, Shen and Sun, "Squeeze-and-Excitation Networks",
    2017.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.down = nn.Linear(in_channels, in_channels // 16)
        self.up = nn.Linear(in_channels // 16, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        means = F.adaptive_avg_pool2d(x, 1)
        down = F.relu(self.down(means.flatten(1)), inplace=True)
        up = torch.sigmoid(self.up(down))
        x = x * up[..., None, None]
        return x


class SeBottleneck(nn.Module):
    """The bottleneck with squeeze and excitation at the end of its branch.

    `width` is the width of the 3x3 convolution; four times as many channels come out.
    The first convolution takes the stride. Hu, Shen and Sun, "Squeeze-and-Excitation
    Networks", 2017.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = (
            ConvBn(in_channels, 4 * width, stride=stride)
            if in_channels != 4 * width
            else nn.Identity()
        )
        self.conv1 = ConvBlock(in_channels, width, stride=stride)
        self.conv2 = ConvBlock(width, width, kernel=3)
        self.conv3 = ConvBn(width, 4 * width)
        self.se = SqueezeExcite(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        conv3 = self.conv3(self.conv2(self.conv1(x)))
        se = self.se(conv3)
        return F.relu(shortcut + se, inplace=True)


class SEResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 64, kernel=7, stride=2)
        self.stage2 = nn.Sequential(
            SeBottleneck(64, 64), *(SeBottleneck(256, 64) for _ in range(2))
        )
        self.stage3 = nn.Sequential(
            SeBottleneck(256, 128, stride=2),
            *(SeBottleneck(512, 128) for _ in range(3)),
        )
        self.stage4 = nn.Sequential(
            SeBottleneck(512, 256, stride=2),
            *(SeBottleneck(1024, 256) for _ in range(5)),
        )
        self.stage5 = nn.Sequential(
            SeBottleneck(1024, 512, stride=2),
            *(SeBottleneck(2048, 512) for _ in range(2)),
        )
        self.classifier = nn.Linear(2048, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(data), 3, stride=2, ceil_mode=True)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.stage5(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(pool.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = SEResNet50().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
