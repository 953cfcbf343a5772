"""AlexNet (Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
Convolutional Neural Networks", NIPS 2012), layer by layer as Caffe's BVLC AlexNet
and CaffeNet.

The paper's two halves, one for each of two GPUs, are the groups of the second, fourth
and fifth convolution. The input is 227x227, of which 55x55 windows make the map that
the paper describes; its 224x224 do not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Stage(nn.Module):
    """A convolution with ReLU, then normalisation and pooling.

    CaffeNet pools first, which costs less.
    """

    def __init__(
        self,
        in_channels: int,
        out: int,
        kernel: int,
        stride: int,
        pad: int,
        groups: int,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=pad, groups=groups
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x), inplace=True)
        x = F.local_response_norm(x, 5)
        return F.max_pool2d(x, 3, stride=2, ceil_mode=True)


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage1 = Stage(3, 96, 11, 4, 0, 1)
        self.stage2 = Stage(96, 256, 5, 1, 2, 2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.005)
                nn.init.constant_(module.bias, 0.1)

    def forward(self, data: Tensor) -> Tensor:
        x = self.stage1(data)
        x = self.stage2(x)
        x = F.relu(self.conv3(x), inplace=True)
        x = F.relu(self.conv4(x), inplace=True)
        x = F.relu(self.conv5(x), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = F.relu(self.fc6(x.flatten(1)), inplace=True)
        x = self.drop6(x)
        x = F.relu(self.fc7(x), inplace=True)
        x = self.drop7(x)
        return F.softmax(self.fc8(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = AlexNet().eval()
    data = torch.randn(1, 3, 227, 227)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
