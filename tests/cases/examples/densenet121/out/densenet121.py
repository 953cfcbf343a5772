"""DenseNet (Huang, Liu, van der Maaten and Weinberger, "Densely Connected
Convolutional Networks", 2016), named as the Caffe models that were published for
it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU: the usual unit.

    The convolution has no bias, since the normalisation brings one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(64, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class DenseLayer(nn.Module):
    """1x1 and 3x3 convolution, joined to the input: `growth` more channels.

    Normalisation and ReLU stand before each convolution. The first is `width` times as
    wide as the growth.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.x1_bn = nn.BatchNorm2d(in_channels, momentum=0.001)
        self.x1 = nn.Conv2d(in_channels, 128, 1, bias=False)
        self.x2_bn = nn.BatchNorm2d(128, momentum=0.001)
        self.x2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = F.relu(self.x1_bn(x), inplace=True)
        new = F.relu(self.x2_bn(self.x1(new)), inplace=True)
        new = self.x2(new)
        return torch.cat([x, new], dim=1)


class DenseBlock(nn.Sequential):
    """A run of dense layers; each sees all that came before it."""

    def __init__(self, in_channels: int, layers: int) -> None:
        super().__init__(*(DenseLayer(in_channels + 32 * i) for i in range(layers)))


class Transition(nn.Module):
    """Leaves the share `compression` of the channels and halves the resolution."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels, momentum=0.001)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x), inplace=True)
        return F.avg_pool2d(self.conv(x), 2, ceil_mode=True)


class DenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock()
        self.stage2 = nn.Sequential(DenseBlock(64, 6), Transition(256))
        self.stage3 = nn.Sequential(DenseBlock(128, 12), Transition(512))
        self.stage4 = nn.Sequential(DenseBlock(256, 24), Transition(1024))
        self.conv5 = DenseBlock(512, 16)
        self.conv5_blk_bn = nn.BatchNorm2d(1024, momentum=0.001)
        self.fc6 = nn.Conv2d(1024, 1000, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(data), 3, stride=2, ceil_mode=True)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.conv5(x)
        x = F.relu(self.conv5_blk_bn(x), inplace=True)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.fc6(pool), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = DenseNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
