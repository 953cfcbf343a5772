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


class RNet(nn.Module):
    """Refines: a 24x24 picture of each proposal."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_prelu1 = ConvPrelu(3, 28, 3)
        self.conv_prelu2 = ConvPrelu(28, 48, 3)
        self.conv_prelu3 = ConvPrelu(48, 64, 2)
        self.conv4 = nn.Linear(576, 128)
        self.prelu4 = nn.PReLU(128)
        self.conv5_1 = nn.Linear(128, 2)
        self.conv5_2 = nn.Linear(128, 4)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool2d(self.conv_prelu1(data), 3, stride=2, ceil_mode=True)
        x = F.max_pool2d(self.conv_prelu2(x), 3, stride=2, ceil_mode=True)
        x = self.prelu4(self.conv4(self.conv_prelu3(x).flatten(1)))
        box = self.conv5_2(x)
        prob1 = F.softmax(self.conv5_1(x), dim=1)
        return box, prob1


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = RNet().eval()
    data = torch.randn(1, 3, 24, 24)
    outputs = net(data)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
