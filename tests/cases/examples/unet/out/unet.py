"""U-Net for segmentation (Ronneberger, Fischer and Brox, "U-Net: Convolutional
Networks for Biomedical Image Segmentation", MICCAI 2015, arXiv 1505.04597), named
as the authors' Caffe model.

The paper's convolutions eat the border, and what is joined is cut to size. Here they
are padded, so that what comes out is as large as what goes in.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DoubleConv(nn.Module):
    """Two 3x3 convolutions."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x), inplace=True)
        return F.relu(self.conv2(x), inplace=True)


class Enlarge(nn.Module):
    """Doubles the resolution and halves the channels, learned as in the paper, or
    bilinear.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(in_channels, in_channels // 2, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.deconv(x)
        return F.relu(x, inplace=True)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.d0 = DoubleConv(1, 64)
        self.d1 = DoubleConv(64, 128)
        self.d2 = DoubleConv(128, 256)
        self.d3 = DoubleConv(256, 512)
        self.d4 = DoubleConv(512, 1024)
        self.up3 = Enlarge(1024)
        self.u3 = DoubleConv(1024, 512)
        self.up2 = Enlarge(512)
        self.u2 = DoubleConv(512, 256)
        self.up1 = Enlarge(256)
        self.u1 = DoubleConv(256, 128)
        self.up0 = Enlarge(128)
        self.u0 = DoubleConv(128, 64)
        self.conv_u0d_score = nn.Conv2d(64, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        d0 = self.d0(x)
        x = F.max_pool2d(d0, 2, ceil_mode=True)
        d1 = self.d1(x)
        x = F.max_pool2d(d1, 2, ceil_mode=True)
        d2 = self.d2(x)
        x = F.max_pool2d(d2, 2, ceil_mode=True)
        d3 = self.d3(x)
        x = F.max_pool2d(d3, 2, ceil_mode=True)
        x = self.d4(x)
        x = self.up3(x)
        x = torch.cat([x, d3], dim=1)
        x = self.u3(x)
        x = self.up2(x)
        x = torch.cat([x, d2], dim=1)
        x = self.u2(x)
        x = self.up1(x)
        x = torch.cat([x, d1], dim=1)
        x = self.u1(x)
        x = self.up0(x)
        x = torch.cat([x, d0], dim=1)
        x = self.u0(x)
        return F.softmax(self.conv_u0d_score(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = UNet().eval()
    x = torch.randn(1, 1, 512, 512)
    print(tuple(net(x).shape))


if __name__ == "__main__":
    main()
