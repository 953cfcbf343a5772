"""PeleeNet: an efficient variant of DenseNet for mobile devices (Wang, Li and Ling,
2018).
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
        self.bn = nn.BatchNorm2d(out, eps=0.001, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Stem(nn.Module):
    """Two cheap branches before the first dense stage: a quarter of the resolution
    at little cost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.s1 = ConvBlock(3, 32, kernel=3, stride=2)
        self.a = ConvBlock(32, 16)
        self.b = ConvBlock(16, 32, kernel=3, stride=2)
        self.conv_block = ConvBlock(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        s1 = self.s1(x)
        b = self.b(self.a(s1))
        pool = F.max_pool2d(s1, 2, ceil_mode=True)
        both = torch.cat([b, pool], dim=1)
        x = self.conv_block(both)
        return x


class DenseLayer(nn.Module):
    """Two views of the input, one 3x3 deep and one two 3x3 deep, joined to it:
    growth more channels.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.a1 = ConvBlock(in_channels, 16 * width)
        self.a2 = ConvBlock(16 * width, 16, kernel=3)
        self.b1 = ConvBlock(in_channels, 16 * width)
        self.b2 = ConvBlock(16 * width, 16, kernel=3)
        self.b3 = ConvBlock(16, 16, kernel=3)

    def forward(self, x: Tensor) -> Tensor:
        a2 = self.a2(self.a1(x))
        b3 = self.b3(self.b2(self.b1(x)))
        return torch.cat([x, a2, b3], dim=1)


class Dense(nn.Sequential):
    """A run of dense layers; each sees all that came before it."""

    def __init__(self, in_channels: int, layers: int, width: int) -> None:
        super().__init__(
            *(DenseLayer(in_channels + 32 * i, width) for i in range(layers))
        )


class Transition(nn.Module):
    """Mixes the channels without changing their number, then halves the resolution."""

    def __init__(self, in_channels: int, pool: bool = True) -> None:
        super().__init__()
        self.conv_block = ConvBlock(in_channels, in_channels)
        self.pool = nn.MaxPool2d(2, ceil_mode=True) if pool else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_block(x)
        x = self.pool(x)
        return x


class PeleeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.stage1 = nn.Sequential(Dense(32, 3, 1), Transition(128))
        self.stage2 = nn.Sequential(Dense(128, 4, 2), Transition(256))
        self.stage3 = nn.Sequential(Dense(256, 8, 4), Transition(512))
        self.stage4 = nn.Sequential(Dense(512, 6, 4), Transition(704, pool=False))
        self.classifier = nn.Linear(704, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.stem(data)
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        global_pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(global_pool.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = PeleeNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
