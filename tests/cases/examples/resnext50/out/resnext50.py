"""ResNeXt-50 and -101 (Xie, Girshick, Dollar, Tu and He, "Aggregated Residual
Transformations for Deep Neural Networks", CVPR 2017, arXiv 1611.05431).

The first pool rounds up, as in Caffe; `torchvision = true` gives it PyTorch's margin,
for PyTorch's weights.
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


class Resnext(nn.Module):
    """A bottleneck whose 3x3 convolution is split into groups.

    `out` channels come out. The 3x3 convolution has 32 groups (the paper's cardinality)
    of `group_width` channels; ResNeXt-50 32x4d begins with 32 groups of 4 and doubles
    their width with each stage. Xie, Girshick, Dollar, Tu and He, "Aggregated Residual
    Transformations for Deep Neural Networks", 2016.
    """

    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = (
            ConvBn(in_channels, out, stride=stride)
            if in_channels != out
            else nn.Identity()
        )
        self.conv1 = ConvBlock(in_channels, out // 2)
        self.conv2 = ConvBlock(out // 2, out // 2, kernel=3, stride=stride, groups=32)
        self.conv3 = ConvBn(out // 2, out)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        conv3 = self.conv3(self.conv2(self.conv1(x)))
        return F.relu(shortcut + conv3, inplace=True)


class ResNeXt50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 64, kernel=7, stride=2)
        self.stage1 = nn.Sequential(
            Resnext(64, 256), *(Resnext(256, 256) for _ in range(2))
        )
        self.stage2 = nn.Sequential(
            Resnext(256, 512, stride=2), *(Resnext(512, 512) for _ in range(3))
        )
        self.stage3 = nn.Sequential(
            Resnext(512, 1024, stride=2), *(Resnext(1024, 1024) for _ in range(5))
        )
        self.stage4 = nn.Sequential(
            Resnext(1024, 2048, stride=2), *(Resnext(2048, 2048) for _ in range(2))
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
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(pool.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = ResNeXt50().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
