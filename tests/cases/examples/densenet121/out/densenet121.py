"""DenseNet-121, -161, -169 and -201 (Huang, Liu, van der Maaten and Weinberger,
"Densely Connected Convolutional Networks", CVPR 2017, arXiv 1608.06993), layer by
layer as the Caffe models that were published for it.

In Caffe the first pool rounds up in spite of its margin, so the maps of the published
models are 57, 29, 15 and 8 wide instead of the paper's 56, 28, 14 and 7. `torchvision =
true` rounds down, as the paper and PyTorch do, and ends in a fully connected layer.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BnReluConv(nn.Module):
    """Batch normalisation and ReLU, then the convolution, under the published names."""

    def __init__(self, in_channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels, momentum=0.001)
        self.conv = nn.Conv2d(in_channels, out, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x), inplace=True)
        x = self.conv(x)
        return x


class DenseLayer(nn.Module):
    """1x1 and 3x3 convolution, joined to the input: 32 more channels."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.reduced = BnReluConv(in_channels, 128, 1)
        self.new = BnReluConv(128, 32, 3)

    def forward(self, x: Tensor) -> Tensor:
        new = self.new(self.reduced(x))
        return torch.cat([x, new], dim=1)


class DenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.conv1_bn = nn.BatchNorm2d(64, momentum=0.001)
        self.stage2 = nn.Sequential(
            *(DenseLayer(64 + 32 * i) for i in range(6)),
            BnReluConv(256, 128, 1),
            nn.AvgPool2d(2, ceil_mode=True),
        )
        self.stage3 = nn.Sequential(
            *(DenseLayer(128 + 32 * i) for i in range(12)),
            BnReluConv(512, 256, 1),
            nn.AvgPool2d(2, ceil_mode=True),
        )
        self.stage4 = nn.Sequential(
            *(DenseLayer(256 + 32 * i) for i in range(24)),
            BnReluConv(1024, 512, 1),
            nn.AvgPool2d(2, ceil_mode=True),
        )
        self.stage5 = nn.Sequential(*(DenseLayer(512 + 32 * i) for i in range(16)))
        self.conv5_blk_bn = nn.BatchNorm2d(1024, momentum=0.001)
        self.fc6 = nn.Conv2d(1024, 1000, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_bn(self.conv1(data)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.stage5(x)
        x = F.relu(self.conv5_blk_bn(x), inplace=True)
        x = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(self.fc6(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = DenseNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
