"""ResNet-18, -34, -50, -101 and -152 (He, Zhang, Ren and Sun, "Deep Residual
Learning for Image Recognition", CVPR 2016, arXiv 1512.03385), layer by layer as
the authors' Caffe models.

The authors' first pool rounds up: its windows begin at pixel 0. PyTorch's has a margin
instead, so its windows begin at pixel -1; the sizes are the same, the numbers are not.
`torchvision = true` is PyTorch's network, for its weights: that pool, no bias in conv1,
and bottlenecks whose 3x3 convolution takes the stride ("version 1.5").
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBn(nn.Module):
    """Convolution and batch normalisation under the published names: <kind><id> for
    kind in res, bn, scale.
    """

    def __init__(
        self, in_channels: int, out: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, and the shortcut around them."""

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = (
            ConvBn(in_channels, 4 * width, 1, stride=stride)
            if in_channels != 4 * width
            else nn.Identity()
        )
        self.a = ConvBn(in_channels, width, 1, stride=stride)
        self.b = ConvBn(width, width, 3)
        self.c = ConvBn(width, 4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        a = F.relu(self.a(x), inplace=True)
        b = F.relu(self.b(a), inplace=True)
        c = self.c(b)
        return F.relu(shortcut + c, inplace=True)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.bn_conv1 = nn.BatchNorm2d(64, momentum=0.001)
        self.stage2 = nn.Sequential(
            Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2))
        )
        self.stage3 = nn.Sequential(
            Bottleneck(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.stage4 = nn.Sequential(
            Bottleneck(512, 256, stride=2), *(Bottleneck(1024, 256) for _ in range(5))
        )
        self.stage5 = nn.Sequential(
            Bottleneck(1024, 512, stride=2), *(Bottleneck(2048, 512) for _ in range(2))
        )
        self.fc1000 = nn.Linear(2048, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.bn_conv1(self.conv1(data)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.stage5(x)
        pool5 = F.avg_pool2d(x, 7, stride=1, ceil_mode=True)
        return F.softmax(self.fc1000(pool5.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = ResNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
