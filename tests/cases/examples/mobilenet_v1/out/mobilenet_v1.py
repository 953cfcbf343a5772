"""MobileNet (Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto and Adam,
"MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017, arXiv 1704.04861), layer by layer as the Caffe model that was
published for it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBnRelu(nn.Module):
    """Convolution, batch normalisation and ReLU under the published names."""

    def __init__(
        self, in_channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1
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


class Separable(nn.Module):
    """Depthwise 3x3 convolution, then 1x1 convolution."""

    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.dw = ConvBnRelu(
            in_channels, in_channels, 3, stride=stride, groups=in_channels
        )
        self.sep = ConvBnRelu(in_channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        sep: Tensor = self.sep(self.dw(x))
        return sep


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBnRelu(3, 32, 3, stride=2)
        self.separables = nn.Sequential(
            Separable(32, 64),
            Separable(64, 128, stride=2),
            Separable(128, 128),
            Separable(128, 256, stride=2),
            Separable(256, 256),
            Separable(256, 512, stride=2),
            Separable(512, 512),
            Separable(512, 512),
            Separable(512, 512),
            Separable(512, 512),
            Separable(512, 512),
            Separable(512, 1024, stride=2),
            Separable(1024, 1024),
        )
        self.fc7 = nn.Conv2d(1024, 1000, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.stem(data)
        x = self.separables(x)
        pool6 = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.fc7(pool6), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = MobileNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
