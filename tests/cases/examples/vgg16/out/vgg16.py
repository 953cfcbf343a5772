"""VGG-16 and VGG-19 (Simonyan and Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition", ICLR 2015, arXiv 1409.1556), layer by layer as the
authors' Caffe models.

PyTorch's are the same networks: at sizes that are multiples of 32 nothing has to be
rounded.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Stage(nn.Module):
    """A run of 3x3 convolutions with ReLU, then half the resolution."""

    def __init__(self, in_channels: int, out: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(in_channels, out, 3, padding=1), nn.ReLU(inplace=True)
            ),
            *(
                nn.Sequential(nn.Conv2d(out, out, 3, padding=1), nn.ReLU(inplace=True))
                for _ in range(1, layers)
            ),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return F.max_pool2d(x, 2, ceil_mode=True)


class VGG16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage1 = Stage(3, 64, 2)
        self.stage2 = Stage(64, 128, 2)
        self.stage3 = Stage(128, 256, 3)
        self.stage4 = Stage(256, 512, 3)
        self.stage5 = Stage(512, 512, 3)
        self.fc6 = nn.Linear(25088, 4096)
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

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.stage5(x)
        x = F.relu(self.fc6(x.flatten(1)), inplace=True)
        x = self.drop6(x)
        x = F.relu(self.fc7(x), inplace=True)
        x = self.drop7(x)
        return F.softmax(self.fc8(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = VGG16().eval()
    x = torch.randn(1, 3, 224, 224)
    print(tuple(net(x).shape))


if __name__ == "__main__":
    main()
