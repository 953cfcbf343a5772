"""U-Net for segmentation (Ronneberger, Fischer and Brox, "U-Net: Convolutional
Networks for Biomedical Image Segmentation", MICCAI 2015, arXiv 1505.04597), named
as the authors' Caffe model.

The paper's convolutions eat the border, and what is joined is cut to size. Here they
are padded, so that what comes out is as large as what goes in.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Step(nn.Module):
    """A 3x3 convolution from one state of a level to the next: d0a-b leads from
    state a of the level d0 to its state b.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


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
        self.step1 = Step(1, 64)
        self.step2 = Step(64, 64)
        self.step3 = Step(64, 128)
        self.step4 = Step(128, 128)
        self.step5 = Step(128, 256)
        self.step6 = Step(256, 256)
        self.step7 = Step(256, 512)
        self.step8 = Step(512, 512)
        self.step9 = Step(512, 1024)
        self.step10 = Step(1024, 1024)
        self.enlarge1 = Enlarge(1024)
        self.step11 = Step(1024, 512)
        self.step12 = Step(512, 512)
        self.enlarge2 = Enlarge(512)
        self.step13 = Step(512, 256)
        self.step14 = Step(256, 256)
        self.enlarge3 = Enlarge(256)
        self.step15 = Step(256, 128)
        self.step16 = Step(128, 128)
        self.enlarge4 = Enlarge(128)
        self.step17 = Step(128, 64)
        self.step18 = Step(64, 64)
        self.conv_u0d_score = nn.Conv2d(64, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.step1(x)
        step2 = self.step2(x)
        x = F.max_pool2d(step2, 2, ceil_mode=True)
        x = self.step3(x)
        step4 = self.step4(x)
        x = F.max_pool2d(step4, 2, ceil_mode=True)
        x = self.step5(x)
        step6 = self.step6(x)
        x = F.max_pool2d(step6, 2, ceil_mode=True)
        x = self.step7(x)
        step8 = self.step8(x)
        x = F.max_pool2d(step8, 2, ceil_mode=True)
        x = self.step9(x)
        x = self.step10(x)
        x = self.enlarge1(x)
        x = torch.cat([x, step8], dim=1)
        x = self.step11(x)
        x = self.step12(x)
        x = self.enlarge2(x)
        x = torch.cat([x, step6], dim=1)
        x = self.step13(x)
        x = self.step14(x)
        x = self.enlarge3(x)
        x = torch.cat([x, step4], dim=1)
        x = self.step15(x)
        x = self.step16(x)
        x = self.enlarge4(x)
        x = torch.cat([x, step2], dim=1)
        x = self.step17(x)
        x = self.step18(x)
        return F.softmax(self.conv_u0d_score(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = UNet().eval()
    x = torch.randn(1, 1, 512, 512)
    print(tuple(net(x).shape))


if __name__ == "__main__":
    main()
