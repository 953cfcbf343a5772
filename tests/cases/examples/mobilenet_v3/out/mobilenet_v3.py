"""MobileNetV3 (Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le
and Adam, "Searching for MobileNetV3", ICCV 2019, arXiv 1905.02244).

The widths within squeeze and excitation are rounded to multiples of 8, as in the
authors' and in PyTorch's code.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBn(nn.Module):
    """Convolution and batch normalisation: the end of a branch that is added to
    another.
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
        self.bn = nn.BatchNorm2d(out, eps=0.001, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class ConvHard(nn.Module):
    """Convolution, batch normalisation, and hard swish or, without `hard`, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        hard: bool = True,
    ) -> None:
        super().__init__()
        self.conv = ConvBn(
            in_channels, out, kernel=kernel, stride=stride, groups=groups
        )
        self.activation = nn.Hardswish(inplace=True) if hard else nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.conv(x))
        return x


class HardSqueezeExcite(nn.Module):
    """Squeeze and excitation with a hard sigmoid.

    `width` is the width of its middle.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(in_channels, width)
        self.up = nn.Linear(width, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        means = F.adaptive_avg_pool2d(x, 1)
        down = F.relu(self.down(means.flatten(1)), inplace=True)
        up = F.hardsigmoid(self.up(down), inplace=True)
        x = x * up[..., None, None]
        return x


class InvertedResidualV3(nn.Module):
    """The inverted residual of MobileNetV3.

    `expand` is the number of channels in the middle; `se` adds squeeze and excitation
    with about a quarter of them; `hard` takes hard swish in place of ReLU. Howard,
    Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le and Adam, "Searching
    for MobileNetV3", 2019.
    """

    def __init__(
        self,
        in_channels: int,
        out: int,
        expand: int,
        kernel: int = 3,
        stride: int = 1,
        se: bool = False,
        hard: bool = True,
        se_width: int = 0,
    ) -> None:
        super().__init__()
        self.expand = (
            ConvHard(in_channels, expand, hard=hard)
            if in_channels != expand
            else nn.Identity()
        )
        self.dwise = ConvHard(
            expand, expand, kernel=kernel, stride=stride, groups=expand, hard=hard
        )
        self.se = HardSqueezeExcite(expand, se_width) if se else nn.Identity()
        self.linear = ConvBn(expand, out)
        self.with_add = in_channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x)
        y = self.dwise(y)
        y = self.se(y)
        linear: Tensor = self.linear(y)
        if self.with_add:
            linear = x + linear
        return linear


class MobileNetV3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvHard(3, 16, kernel=3, stride=2)
        self.block1 = InvertedResidualV3(16, 16, 16, hard=False)
        self.block2 = InvertedResidualV3(16, 24, 64, stride=2, hard=False)
        self.block3 = InvertedResidualV3(24, 24, 72, hard=False)
        self.block4 = InvertedResidualV3(
            24, 40, 72, kernel=5, stride=2, se=True, hard=False, se_width=24
        )
        self.block5 = InvertedResidualV3(
            40, 40, 120, kernel=5, se=True, hard=False, se_width=32
        )
        self.block6 = InvertedResidualV3(
            40, 40, 120, kernel=5, se=True, hard=False, se_width=32
        )
        self.block7 = InvertedResidualV3(40, 80, 240, stride=2)
        self.block8 = InvertedResidualV3(80, 80, 200)
        self.block9 = InvertedResidualV3(80, 80, 184)
        self.block10 = InvertedResidualV3(80, 80, 184)
        self.block11 = InvertedResidualV3(80, 112, 480, se=True, se_width=120)
        self.block12 = InvertedResidualV3(112, 112, 672, se=True, se_width=168)
        self.block13 = InvertedResidualV3(
            112, 160, 672, kernel=5, stride=2, se=True, se_width=168
        )
        self.block14 = InvertedResidualV3(
            160, 160, 960, kernel=5, se=True, se_width=240
        )
        self.block15 = InvertedResidualV3(
            160, 160, 960, kernel=5, se=True, se_width=240
        )
        self.conv2 = ConvHard(160, 960)
        self.hidden = nn.Linear(960, 1280)
        self.hidden_drop = nn.Dropout(0.2)
        self.classifier = nn.Linear(1280, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.conv1(data)
        x = self.block1(x)
        x = self.block2(x)
        x = self.block3(x)
        x = self.block4(x)
        x = self.block5(x)
        x = self.block6(x)
        x = self.block7(x)
        x = self.block8(x)
        x = self.block9(x)
        x = self.block10(x)
        x = self.block11(x)
        x = self.block12(x)
        x = self.block13(x)
        x = self.block14(x)
        x = self.block15(x)
        x = self.conv2(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        hidden = F.hardswish(self.hidden(pool.flatten(1)), inplace=True)
        return F.softmax(self.classifier(self.hidden_drop(hidden)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = MobileNetV3().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
