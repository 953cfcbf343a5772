"""ResNet-18 and ResNet-34 from the library's basic block (He, Zhang, Ren and Sun,
"Deep Residual Learning for Image Recognition", 2015).
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

    def __init__(
        self, in_channels: int, out: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut: the block of ResNet-18 and ResNet-34.

    `width` channels come out. He, Zhang, Ren and Sun, "Deep Residual Learning for Image
    Recognition", 2015.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = (
            ConvBn(in_channels, width, stride=stride) if stride != 1 else nn.Identity()
        )
        self.conv1 = ConvBlock(in_channels, width, kernel=3, stride=stride)
        self.conv2 = ConvBn(width, width, kernel=3)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        conv2 = self.conv2(self.conv1(x))
        return F.relu(shortcut + conv2, inplace=True)


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(3, 64, kernel=7, stride=2)
        self.stage1 = nn.Sequential(*(Basic(64, 64) for _ in range(2)))
        self.stage2 = nn.Sequential(Basic(64, 128, stride=2), Basic(128, 128))
        self.stage3 = nn.Sequential(Basic(128, 256, stride=2), Basic(256, 256))
        self.stage4 = nn.Sequential(Basic(256, 512, stride=2), Basic(512, 512))
        self.classifier = nn.Linear(512, 1000)
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
    net = ResNet18().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
