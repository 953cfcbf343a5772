"""A small residual network: the language at a glance."""

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


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut, which is projected where the shape changes."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.a = ConvBlock(in_channels, width, stride=2)
        self.b = ConvBlock(width, width, kernel=3)
        self.c = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.c_bn = nn.BatchNorm2d(4 * width, momentum=0.001)
        self.shortcut = nn.Conv2d(in_channels, 4 * width, 1, stride=2, bias=False)
        self.shortcut_bn = nn.BatchNorm2d(4 * width, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        c = self.c(self.b(self.a(x)))
        c = self.c_bn(c)
        x = self.shortcut_bn(self.shortcut(x))
        return F.relu(x + c, inplace=True)


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBlock(3, 16, kernel=3, stride=2)
        self.stage1 = Bottleneck(16, 16)
        self.stage2 = Bottleneck(64, 32)
        self.classifier = nn.Linear(128, 10)

    def forward(self, data: Tensor) -> Tensor:
        x = self.stem(data)
        x = self.stage1(x)
        x = self.stage2(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(pool.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = Tiny().eval()
    data = torch.randn(1, 3, 64, 64)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
