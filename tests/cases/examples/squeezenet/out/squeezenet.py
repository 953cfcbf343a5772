"""SqueezeNet 1.0 and 1.1 (Iandola, Han, Moskewicz, Ashraf, Dally and Keutzer,
"SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size", 2016, arXiv 1602.07360), layer by layer as the authors' Caffe models.

PyTorch's pools round up here, as Caffe's do. The authors pad conv10 of version 1.0,
which adds a border to its maps; `torchvision = true` does not, as PyTorch does not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Fire(nn.Module):
    """A few 1x1 filters, then 1x1 beside 3x3 filters, joined.

    `squeeze` is the number of the first; `expand` that of each of the others.
    """

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        s = F.relu(self.squeeze1x1(x), inplace=True)
        one = F.relu(self.expand1x1(s), inplace=True)
        three = F.relu(self.expand3x3(s), inplace=True)
        return torch.cat([one, three], dim=1)


class SqueezeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        self.fire2 = Fire(64, 16, 64)
        self.fire3 = Fire(128, 16, 64)
        self.fire4 = Fire(128, 32, 128)
        self.fire5 = Fire(256, 32, 128)
        self.fire6 = Fire(256, 48, 192)
        self.fire7 = Fire(384, 48, 192)
        self.fire8 = Fire(384, 64, 256)
        self.fire9 = Fire(512, 64, 256)
        self.drop9 = nn.Dropout(0.5, inplace=True)
        self.conv10 = nn.Conv2d(512, 1000, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.conv10.weight, std=0.01)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1(data), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = self.fire2(x)
        x = F.max_pool2d(self.fire3(x), 3, stride=2, ceil_mode=True)
        x = self.fire4(x)
        x = F.max_pool2d(self.fire5(x), 3, stride=2, ceil_mode=True)
        x = self.fire6(x)
        x = self.fire7(x)
        x = self.fire8(x)
        x = self.fire9(x)
        x = F.relu(self.conv10(self.drop9(x)), inplace=True)
        pool10 = F.adaptive_avg_pool2d(x, 1)
        return F.softmax(pool10, dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = SqueezeNet().eval()
    data = torch.randn(1, 3, 227, 227)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
