"""Inception-v3 (Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the
Inception Architecture for Computer Vision", CVPR 2016, arXiv 1512.00567), as
TensorFlow and PyTorch have it.

The auxiliary classifier, which only training has, is left out. At 299x299 no pool has
to round, so PyTorch's weights give PyTorch's results. The first model for TensorFlow,
of 2015, takes the largest value where e2 averages.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvValid(nn.Module):
    """Convolution without padding, which eats the border; batch normalisation, ReLU."""

    def __init__(
        self, in_channels: int, out: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, kernel, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU: the usual unit.

    The convolution has no bias, since the normalisation brings one.
    """

    def __init__(self, in_channels: int, out: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class PoolProject(nn.Module):
    """Average over 3x3 pixels, then a 1x1 convolution: the pooling branch."""

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv_block = ConvBlock(in_channels, out)

    def forward(self, x: Tensor) -> Tensor:
        pool = F.avg_pool2d(x, 3, stride=1, padding=1, ceil_mode=True)
        x = self.conv_block(pool)
        return x


class InceptionA(nn.Module):
    """Module A of Inception-v3: 1x1, 5x5, two 3x3, and pooling.

    `pool` is the width of the pooling branch. Szegedy, Vanhoucke, Ioffe, Shlens and
    Wojna, "Rethinking the Inception Architecture for Computer Vision", 2015.
    """

    def __init__(self, in_channels: int, pool: int) -> None:
        super().__init__()
        self.one = ConvBlock(in_channels, 64)
        self.five_1 = ConvBlock(in_channels, 48)
        self.five_2 = ConvBlock(48, 64, kernel=5)
        self.deep_1 = ConvBlock(in_channels, 64)
        self.deep_2 = ConvBlock(64, 96, kernel=3)
        self.deep_3 = ConvBlock(96, 96, kernel=3)
        self.pooled = PoolProject(in_channels, pool)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        five_2 = self.five_2(self.five_1(x))
        deep_3 = self.deep_3(self.deep_2(self.deep_1(x)))
        pooled = self.pooled(x)
        return torch.cat([one, five_2, deep_3, pooled], dim=1)


class InceptionB(nn.Module):
    """Module B of Inception-v3: halves the resolution, from 35x35 to 17x17.

    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture
    for Computer Vision", 2015.
    """

    def __init__(self) -> None:
        super().__init__()
        self.three = ConvValid(288, 384, 3, stride=2)
        self.deep_1 = ConvBlock(288, 64)
        self.deep_2 = ConvBlock(64, 96, kernel=3)
        self.deep_3 = ConvValid(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.three(x)
        deep_3 = self.deep_3(self.deep_2(self.deep_1(x)))
        pooled = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        return torch.cat([three, deep_3, pooled], dim=1)


class ConvRect(nn.Module):
    """Convolution that is not square, batch normalisation, ReLU.

    `kernel` is [height, width].
    """

    def __init__(self, in_channels: int, out: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out,
            kernel,
            padding=(kernel[0] // 2, kernel[1] // 2),
            bias=False,
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class InceptionC(nn.Module):
    """Module C of Inception-v3: 7x7 filters taken apart into 1x7 and 7x1.

    `width` is the width of the branches in their middle. Szegedy, Vanhoucke, Ioffe,
    Shlens and Wojna, "Rethinking the Inception Architecture for Computer Vision", 2015.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = ConvBlock(768, 192)
        self.seven_1 = ConvBlock(768, width)
        self.seven_2 = ConvRect(width, width, (1, 7))
        self.seven_3 = ConvRect(width, 192, (7, 1))
        self.deep_1 = ConvBlock(768, width)
        self.deep_2 = ConvRect(width, width, (7, 1))
        self.deep_3 = ConvRect(width, width, (1, 7))
        self.deep_4 = ConvRect(width, width, (7, 1))
        self.deep_5 = ConvRect(width, 192, (1, 7))
        self.pooled = PoolProject(768, 192)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        seven_3 = self.seven_3(self.seven_2(self.seven_1(x)))
        deep_3 = self.deep_3(self.deep_2(self.deep_1(x)))
        deep_5 = self.deep_5(self.deep_4(deep_3))
        pooled = self.pooled(x)
        return torch.cat([one, seven_3, deep_5, pooled], dim=1)


class InceptionD(nn.Module):
    """Module D of Inception-v3: halves the resolution, from 17x17 to 8x8.

    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture
    for Computer Vision", 2015.
    """

    def __init__(self) -> None:
        super().__init__()
        self.three_1 = ConvBlock(768, 192)
        self.three_2 = ConvValid(192, 320, 3, stride=2)
        self.deep_1 = ConvBlock(768, 192)
        self.deep_2 = ConvRect(192, 192, (1, 7))
        self.deep_3 = ConvRect(192, 192, (7, 1))
        self.deep_4 = ConvValid(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three_2 = self.three_2(self.three_1(x))
        deep_3 = self.deep_3(self.deep_2(self.deep_1(x)))
        deep_4 = self.deep_4(deep_3)
        pooled = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        return torch.cat([three_2, deep_4, pooled], dim=1)


class InceptionE(nn.Module):
    """Module E of Inception-v3, the widest: 1x3 beside 3x1 filters.

    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture
    for Computer Vision", 2015.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.one = ConvBlock(in_channels, 320)
        self.three = ConvBlock(in_channels, 384)
        self.three_a = ConvRect(384, 384, (1, 3))
        self.three_b = ConvRect(384, 384, (3, 1))
        self.deep_1 = ConvBlock(in_channels, 448)
        self.deep_2 = ConvBlock(448, 384, kernel=3)
        self.deep_a = ConvRect(384, 384, (1, 3))
        self.deep_b = ConvRect(384, 384, (3, 1))
        self.pooled = PoolProject(in_channels, 192)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        three = self.three(x)
        three_a = self.three_a(three)
        three_b = self.three_b(three)
        deep_2 = self.deep_2(self.deep_1(x))
        deep_a = self.deep_a(deep_2)
        deep_b = self.deep_b(deep_2)
        pooled = self.pooled(x)
        return torch.cat([one, three_a, three_b, deep_a, deep_b, pooled], dim=1)


class InceptionV3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvValid(3, 32, 3, stride=2)
        self.conv2 = ConvValid(32, 32, 3)
        self.conv3 = ConvBlock(32, 64, kernel=3)
        self.conv4 = ConvValid(64, 80, 1)
        self.conv5 = ConvValid(80, 192, 3)
        self.a1 = InceptionA(192, 32)
        self.a2 = InceptionA(256, 64)
        self.a3 = InceptionA(288, 64)
        self.b = InceptionB()
        self.c1 = InceptionC(128)
        self.c2 = InceptionC(160)
        self.c3 = InceptionC(160)
        self.c4 = InceptionC(192)
        self.d = InceptionD()
        self.e1 = InceptionE(1280)
        self.e2 = InceptionE(2048)
        self.drop = nn.Dropout(0.5, inplace=True)
        self.classifier = nn.Linear(2048, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.conv1(data)
        x = self.conv2(x)
        x = F.max_pool2d(self.conv3(x), 3, stride=2, ceil_mode=True)
        x = self.conv4(x)
        x = F.max_pool2d(self.conv5(x), 3, stride=2, ceil_mode=True)
        x = self.a1(x)
        x = self.a2(x)
        x = self.a3(x)
        x = self.b(x)
        x = self.c1(x)
        x = self.c2(x)
        x = self.c3(x)
        x = self.c4(x)
        x = self.d(x)
        x = self.e1(x)
        x = self.e2(x)
        pool = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.classifier(self.drop(pool).flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = InceptionV3().eval()
    data = torch.randn(1, 3, 299, 299)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
