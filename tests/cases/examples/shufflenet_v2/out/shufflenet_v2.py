"""ShuffleNetV2 (Ma, Zhang, Zheng and Sun, "ShuffleNet V2: Practical Guidelines for
Efficient CNN Architecture Design", ECCV 2018, arXiv 1807.11164).

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
        self, in_channels: int, out: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
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


class UnitV2(nn.Module):
    """The unit of ShuffleNetV2: two branches, joined and shuffled.

    `out` channels come out. With `stride = 1` half of the input goes through unchanged;
    with `stride = 2` both halves of the output are computed from all of it. Ma, Zhang,
    Zheng and Sun, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
    Design", 2018.
    """

    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.with_shortcut_dw = stride != 1
        if stride != 1:
            self.shortcut_dw = DepthwiseBn(in_channels, stride=stride)
            self.shortcut = ConvBlock(in_channels, out // 2)
        else:
            self.cuts = (in_channels // 2,)
        self.conv1 = ConvBlock(
            in_channels if stride != 1 else in_channels // 2, out // 2
        )
        self.conv2 = DepthwiseBn(out // 2, stride=stride)
        self.conv3 = ConvBlock(out // 2, out // 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.with_shortcut_dw:
            shortcut_dw = self.shortcut_dw(x)
            left = self.shortcut(shortcut_dw)
            right = x
        else:
            left, right = torch.tensor_split(x, self.cuts, dim=1)
        conv3 = self.conv3(self.conv2(self.conv1(right)))
        return F.channel_shuffle(torch.cat([left, conv3], dim=1), 2)


class ShuffleNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 24, kernel=3, stride=2)
        self.stage2 = nn.Sequential(
            UnitV2(24, 116, stride=2), *(UnitV2(116, 116) for _ in range(3))
        )
        self.stage3 = nn.Sequential(
            UnitV2(116, 232, stride=2), *(UnitV2(232, 232) for _ in range(7))
        )
        self.stage4 = nn.Sequential(
            UnitV2(232, 464, stride=2), *(UnitV2(464, 464) for _ in range(3))
        )
        self.conv5 = ConvBlock(464, 1024)
        self.classifier = nn.Linear(1024, 1000)
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
        x = self.conv5(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(pool.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = ShuffleNetV2().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
