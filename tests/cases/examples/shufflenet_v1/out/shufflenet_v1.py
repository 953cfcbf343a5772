"""ShuffleNet (Zhang, Zhou, Lin and Sun, "ShuffleNet: An Extremely Efficient
Convolutional Neural Network for Mobile Devices", CVPR 2018, arXiv 1707.01083).

Pools round up, as in Caffe, where the paper has a margin; the sizes are the paper's.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU: the usual unit.

    The convolution has no bias, since the normalisation brings one.
    """

    def __init__(
        self,
        in_channels: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class DepthwiseBn(nn.Module):
    """Depthwise convolution and batch normalisation, without an activation.

    Each channel has one filter of its own.
    """

    def __init__(self, in_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            in_channels,
            3,
            stride=stride,
            padding=1,
            groups=in_channels,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(in_channels, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class ConvBn(nn.Module):
    """Convolution and batch normalisation: the end of a branch that is added to
    another.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 1, groups=3, bias=False)
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class UnitV1(nn.Module):
    """The unit of ShuffleNet: grouped convolutions with a shuffle between them.

    `out` channels come out. With `stride = 1` the input is added to the branch, with
    `stride = 2` it is pooled and joined to it. Zhang, Zhou, Lin and Sun, "ShuffleNet:
    An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017.
    """

    def __init__(
        self, in_channels: int, out: int, reduce_groups: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.reduce = ConvBlock(in_channels, out // 4, groups=reduce_groups)
        self.filter = DepthwiseBn(out // 4, stride=stride)
        self.expand = ConvBn(out // 4, out - in_channels if stride != 1 else out)
        self.with_pool = stride != 1

    def forward(self, x: Tensor) -> Tensor:
        mixed = F.channel_shuffle(self.reduce(x), 3)
        expand = self.expand(self.filter(mixed))
        if self.with_pool:
            pool = F.avg_pool2d(x, 3, stride=2, ceil_mode=True)
            x = F.relu(torch.cat([pool, expand], dim=1), inplace=True)
        else:
            x = F.relu(x + expand, inplace=True)
        return x


class ShuffleNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 24, kernel=3, stride=2)
        self.stage2 = nn.Sequential(
            UnitV1(24, 240, 1, stride=2), *(UnitV1(240, 240, 3) for _ in range(3))
        )
        self.stage3 = nn.Sequential(
            UnitV1(240, 480, 3, stride=2), *(UnitV1(480, 480, 3) for _ in range(7))
        )
        self.stage4 = nn.Sequential(
            UnitV1(480, 960, 3, stride=2), *(UnitV1(960, 960, 3) for _ in range(3))
        )
        self.classifier = nn.Linear(960, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(data), 3, stride=2, ceil_mode=True)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(pool.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = ShuffleNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
