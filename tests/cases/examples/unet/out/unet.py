"""U-Net for segmentation (Ronneberger, Fischer and Brox, "U-Net: Convolutional
Networks for Biomedical Image Segmentation", 2015), with padded convolutions, so
that what comes out is as large as what goes in.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvRelu(nn.Module):
    """Convolution with a bias, then ReLU: the unit of networks without
    normalisation.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


class DoubleConv(nn.Module):
    """Two 3x3 convolutions."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.first = ConvRelu(in_channels, width)
        self.second = ConvRelu(width, width)

    def forward(self, x: Tensor) -> Tensor:
        second: Tensor = self.second(self.first(x))
        return second


class Up(nn.Module):
    """Doubles the resolution, halves the channels, and joins what the encoder had at
    this resolution.

    The doubling is learned, as in the paper, or bilinear.
    """

    def __init__(self, x_channels: int, skip_channels: int) -> None:
        super().__init__()
        self.upconv = nn.ConvTranspose2d(x_channels, skip_channels, 2, stride=2)
        self.double_conv = DoubleConv(x_channels, skip_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.upconv(x)
        both = torch.cat([skip, x], dim=1)
        x = self.double_conv(both)
        return x


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1 = DoubleConv(1, 64)
        self.down2 = DoubleConv(64, 128)
        self.down3 = DoubleConv(128, 256)
        self.down4 = DoubleConv(256, 512)
        self.bottom = DoubleConv(512, 1024)
        self.up4 = Up(1024, 512)
        self.up3 = Up(512, 256)
        self.up2 = Up(256, 128)
        self.up1 = Up(128, 64)
        self.score = nn.Conv2d(64, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        down1 = self.down1(x)
        x = F.max_pool2d(down1, 2, ceil_mode=True)
        down2 = self.down2(x)
        x = F.max_pool2d(down2, 2, ceil_mode=True)
        down3 = self.down3(x)
        x = F.max_pool2d(down3, 2, ceil_mode=True)
        down4 = self.down4(x)
        x = F.max_pool2d(down4, 2, ceil_mode=True)
        x = self.bottom(x)
        x = self.up4(x, down4)
        x = self.up3(x, down3)
        x = self.up2(x, down2)
        x = self.up1(x, down1)
        return F.softmax(self.score(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = UNet().eval()
    x = torch.randn(1, 1, 512, 512)
    print(tuple(net(x).shape))


if __name__ == "__main__":
    main()
