"""A feature pyramid network on ResNet-50 (Lin, Dollar, Girshick, He, Hariharan and
Belongie, "Feature Pyramid Networks for Object Detection", CVPR 2017, arXiv
1612.03144).

Five maps come out, of strides 4 to 64 and of one width; what reads them, a detector
brings along. Sides of the image are multiples of 32, so that each map is twice as large
as the one above it.
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


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut: the block of ResNet-50, -101 and -152.

    `width` is the width of the 3x3 convolution; four times as many channels come out.
    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015.
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

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        conv3 = self.conv3(self.conv2(self.conv1(x)))
        return F.relu(shortcut + conv3, inplace=True)


class FPN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 64, kernel=7, stride=2)
        self.res2 = nn.Sequential(
            Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2))
        )
        self.res3 = nn.Sequential(
            Bottleneck(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.res4 = nn.Sequential(
            Bottleneck(512, 256, stride=2), *(Bottleneck(1024, 256) for _ in range(5))
        )
        self.res5 = nn.Sequential(
            Bottleneck(1024, 512, stride=2), *(Bottleneck(2048, 512) for _ in range(2))
        )
        self.inner5 = nn.Conv2d(2048, 256, 1)
        self.p5 = nn.Conv2d(256, 256, 3, padding=1)
        self.inner4_lateral = nn.Conv2d(1024, 256, 1)
        self.p4 = nn.Conv2d(256, 256, 3, padding=1)
        self.inner3_lateral = nn.Conv2d(512, 256, 1)
        self.p3 = nn.Conv2d(256, 256, 3, padding=1)
        self.inner2_lateral = nn.Conv2d(256, 256, 1)
        self.p2 = nn.Conv2d(256, 256, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        x = F.max_pool2d(self.conv1(data), 3, stride=2, ceil_mode=True)
        res2 = self.res2(x)
        res3 = self.res3(res2)
        res4 = self.res4(res3)
        x = self.res5(res4)
        merged = self.inner5(x)
        p5 = self.p5(merged)
        top = F.max_pool2d(p5, 1, stride=2)
        larger = F.interpolate(merged, scale_factor=2, mode="nearest")
        lateral = self.inner4_lateral(res4)
        merged = lateral + larger
        p4 = self.p4(merged)
        larger = F.interpolate(merged, scale_factor=2, mode="nearest")
        lateral = self.inner3_lateral(res3)
        merged = lateral + larger
        p3 = self.p3(merged)
        larger = F.interpolate(merged, scale_factor=2, mode="nearest")
        lateral = self.inner2_lateral(res2)
        merged = lateral + larger
        p2 = self.p2(merged)
        return p2, p3, p4, p5, top


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = FPN().eval()
    data = torch.randn(1, 3, 256, 256)
    outputs = net(data)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
