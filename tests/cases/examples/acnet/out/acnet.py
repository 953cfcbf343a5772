"""VGG-16 for CIFAR-10 with asymmetric convolution blocks (Ding, Guo, Ding and Han,
"ACNet: Strengthening the Kernel Skeletons for Powerful CNN via Asymmetric
Convolution Blocks", ICCV 2019, arXiv 1908.03930).

Convolution is linear, so the three convolutions of a block become one once training is
over: `deploy = true` is the network that is then left. The head is one fully connected
layer.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AcBlock(nn.Module):
    """3x3, 3x1 and 1x3 beside each other, each with its own normalisation, added up;
    then ReLU.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.square = nn.Conv2d(in_channels, out, 3, padding=1, bias=False)
        self.square_bn = nn.BatchNorm2d(out, momentum=0.001)
        self.column = nn.Conv2d(in_channels, out, (3, 1), padding=(1, 0), bias=False)
        self.column_bn = nn.BatchNorm2d(out, momentum=0.001)
        self.row = nn.Conv2d(in_channels, out, (1, 3), padding=(0, 1), bias=False)
        self.row_bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        square = self.square_bn(self.square(x))
        column = self.column_bn(self.column(x))
        row = self.row_bn(self.row(x))
        return F.relu(square + column + row, inplace=True)


class ACNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            AcBlock(3, 64), AcBlock(64, 64), nn.MaxPool2d(2, ceil_mode=True)
        )
        self.stage2 = nn.Sequential(
            AcBlock(64, 128), AcBlock(128, 128), nn.MaxPool2d(2, ceil_mode=True)
        )
        self.stage3 = nn.Sequential(
            AcBlock(128, 256),
            *(AcBlock(256, 256) for _ in range(2)),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        self.stage4 = nn.Sequential(
            AcBlock(256, 512),
            *(AcBlock(512, 512) for _ in range(2)),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        self.stage5 = nn.Sequential(
            *(AcBlock(512, 512) for _ in range(3)), nn.MaxPool2d(2, ceil_mode=True)
        )
        self.classifier = nn.Linear(512, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.stage5(x)
        return F.softmax(self.classifier(x.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = ACNet().eval()
    x = torch.randn(1, 3, 32, 32)
    print(tuple(net(x).shape))


if __name__ == "__main__":
    main()
