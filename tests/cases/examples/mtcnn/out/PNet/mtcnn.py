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

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 3)
        self.relu = nn.PReLU(out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return x


class PNet(nn.Module):
    """Proposes: looks at every 12x12 window of an image of any size, every second
    pixel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_prelu1 = ConvPrelu(3, 10)
        self.conv_prelu2 = ConvPrelu(10, 16)
        self.conv_prelu3 = ConvPrelu(16, 32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool2d(self.conv_prelu1(data), 2, ceil_mode=True)
        x = self.conv_prelu2(x)
        x = self.conv_prelu3(x)
        box = self.conv4_2(x)
        prob1 = F.softmax(self.conv4_1(x), dim=1)
        return box, prob1


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = PNet().eval()
    data = torch.randn(1, 3, 12, 12)
    outputs = net(data)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
