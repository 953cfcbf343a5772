"""MobileNet (Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto and Adam,
"MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017), named as the Caffe model that was published for it.
"""

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


class DepthwiseBlock(nn.Module):
    """Depthwise convolution, batch normalisation, ReLU.

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
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Separable(nn.Module):
    """Depthwise 3x3 convolution, then 1x1 convolution: the unit of MobileNet.

    Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto and Adam, "MobileNets:
    Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
    """

    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.dw = DepthwiseBlock(in_channels, stride=stride)
        self.sep = ConvBlock(in_channels, out)

    def forward(self, x: Tensor) -> Tensor:
        sep: Tensor = self.sep(self.dw(x))
        return sep


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 32, kernel=3, stride=2)
        self.conv2_1 = Separable(32, 64)
        self.conv2_2 = Separable(64, 128, stride=2)
        self.conv3_1 = Separable(128, 128)
        self.conv3_2 = Separable(128, 256, stride=2)
        self.conv4_1 = Separable(256, 256)
        self.conv4_2 = Separable(256, 512, stride=2)
        self.conv5_1 = Separable(512, 512)
        self.conv5_2 = Separable(512, 512)
        self.conv5_3 = Separable(512, 512)
        self.conv5_4 = Separable(512, 512)
        self.conv5_5 = Separable(512, 512)
        self.conv5_6 = Separable(512, 1024, stride=2)
        self.conv6 = Separable(1024, 1024)
        self.fc7 = nn.Conv2d(1024, 1000, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.conv1(data)
        x = self.conv2_1(x)
        x = self.conv2_2(x)
        x = self.conv3_1(x)
        x = self.conv3_2(x)
        x = self.conv4_1(x)
        x = self.conv4_2(x)
        x = self.conv5_1(x)
        x = self.conv5_2(x)
        x = self.conv5_3(x)
        x = self.conv5_4(x)
        x = self.conv5_5(x)
        x = self.conv5_6(x)
        x = self.conv6(x)
        pool6 = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.fc7(pool6), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = MobileNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
