"""MTCNN: faces, and five landmarks of each, found by three small networks in a row
(Zhang, Zhang, Li and Qiao, "Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks", IEEE Signal Processing Letters 2016, arXiv
1604.02878), layer by layer as the authors' Caffe models.

Each looks closer at what the one before it let through. Of the results `prob1` is the
likelihood of a face.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvPrelu(nn.Module):
    """A convolution without padding, and a ReLU with a learned slope."""

    def __init__(self, in_channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, kernel)
        self.relu = nn.PReLU(out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return x


class ONet(nn.Module):
    """Outputs: a 48x48 picture of what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_prelu1 = ConvPrelu(3, 32, 3)
        self.conv_prelu2 = ConvPrelu(32, 64, 3)
        self.conv_prelu3 = ConvPrelu(64, 64, 3)
        self.conv_prelu4 = ConvPrelu(64, 128, 2)
        self.conv5 = nn.Linear(1152, 256)
        self.drop5 = nn.Dropout(0.25, inplace=True)
        self.prelu5 = nn.PReLU(256)
        self.conv6_1 = nn.Linear(256, 2)
        self.conv6_2 = nn.Linear(256, 4)
        self.conv6_3 = nn.Linear(256, 10)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.max_pool2d(self.conv_prelu1(data), 3, stride=2, ceil_mode=True)
        x = F.max_pool2d(self.conv_prelu2(x), 3, stride=2, ceil_mode=True)
        x = F.max_pool2d(self.conv_prelu3(x), 2, ceil_mode=True)
        x = self.drop5(self.conv5(self.conv_prelu4(x).flatten(1)))
        x = self.prelu5(x)
        box = self.conv6_2(x)
        landmarks = self.conv6_3(x)
        prob1 = F.softmax(self.conv6_1(x), dim=1)
        return box, landmarks, prob1


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = ONet().eval()
    data = torch.randn(1, 3, 48, 48)
    outputs = net(data)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
