"""MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: Inverted
Residuals and Linear Bottlenecks", CVPR 2018, arXiv 1801.04381).

It has no pool that rounds, so PyTorch's weights give PyTorch's results. A Caffe model
that is often found has plain ReLU, and halves the resolution at other places.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvRelu6(nn.Module):
    """Convolution, batch normalisation, ReLU6: the unit of MobileNetV2."""

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
        return F.relu6(self.bn(self.conv(x)), inplace=True)


class ConvBn(nn.Module):
    """Convolution and batch normalisation: the end of a branch that is added to
    another.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 1, bias=False)
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class InvertedResidual(nn.Module):
    """Widens, filters each channel by itself, and narrows without an activation.

    The middle is `expand` times as wide as the input, which is added to the result
    where the shape stays. Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2:
    Inverted Residuals and Linear Bottlenecks", 2018.
    """

    def __init__(
        self, in_channels: int, out: int, stride: int = 1, expand: int = 6
    ) -> None:
        super().__init__()
        self.expand = (
            ConvRelu6(in_channels, in_channels * expand)
            if expand != 1
            else nn.Identity()
        )
        self.dwise = ConvRelu6(
            in_channels * expand,
            in_channels * expand,
            kernel=3,
            stride=stride,
            groups=in_channels * expand,
        )
        self.linear = ConvBn(in_channels * expand, out)
        self.with_add = in_channels == out

    def forward(self, x: Tensor) -> Tensor:
        linear: Tensor = self.linear(self.dwise(self.expand(x)))
        if self.with_add:
            linear = x + linear
        return linear


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvRelu6(3, 32, kernel=3, stride=2)
        self.conv2_1 = InvertedResidual(32, 16, expand=1)
        self.conv3 = nn.Sequential(
            InvertedResidual(16, 24, stride=2), InvertedResidual(24, 24)
        )
        self.conv4 = nn.Sequential(
            InvertedResidual(24, 32, stride=2),
            *(InvertedResidual(32, 32) for _ in range(2)),
        )
        self.conv5 = nn.Sequential(
            InvertedResidual(32, 64, stride=2),
            *(InvertedResidual(64, 64) for _ in range(3)),
        )
        self.conv6 = nn.Sequential(
            InvertedResidual(64, 96), *(InvertedResidual(96, 96) for _ in range(2))
        )
        self.conv7 = nn.Sequential(
            InvertedResidual(96, 160, stride=2),
            *(InvertedResidual(160, 160) for _ in range(2)),
        )
        self.conv8_1 = InvertedResidual(160, 320)
        self.conv9 = ConvRelu6(320, 1280)
        self.drop = nn.Dropout(0.2, inplace=True)
        self.classifier = nn.Linear(1280, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.conv1(data)
        x = self.conv2_1(x)
        x = self.conv3(x)
        x = self.conv4(x)
        x = self.conv5(x)
        x = self.conv6(x)
        x = self.conv7(x)
        x = self.conv8_1(x)
        x = self.conv9(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(self.drop(pool).flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = MobileNetV2().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
