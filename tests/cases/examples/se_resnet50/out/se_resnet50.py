"""SE-ResNet-50, -101 and -152, SE-ResNeXt-50 and -101 (Hu, Shen and Sun,
"Squeeze-and-Excitation Networks", CVPR 2018, arXiv 1709.01507), layer by layer as
the authors' Caffe models.

As in these, gates are applied and added by one `axpy`, and are computed by 1x1
convolutions.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBn(nn.Module):
    """Convolution and batch normalisation under the published names."""

    def __init__(
        self, in_channels: int, out: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class Gates(nn.Module):
    """A gate between 0 and 1 for each channel, from the means of all channels."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, in_channels // 16, 1)
        self.conv2 = nn.Conv2d(in_channels // 16, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(x, 1)
        x = F.relu(self.conv1(x), inplace=True)
        return torch.sigmoid(self.conv2(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and their gates, and the shortcut around them, projected where
    the shape changes.

    The first convolution takes the stride, or with groups the second.
    """

    def __init__(self, in_channels: int, out: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.a = ConvBn(in_channels, width, 1, stride=stride)
        self.b = ConvBn(width, width, 3)
        self.c = ConvBn(width, out, 1)
        self.gate = Gates(out)
        self.conv_bn = (
            ConvBn(in_channels, out, 1, stride=stride)
            if in_channels != out
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.a(x), inplace=True)
        b = F.relu(self.b(a), inplace=True)
        c = self.c(b)
        gate = self.gate(c)
        x = self.conv_bn(x)
        return F.relu(gate * c + x, inplace=True)


class SEResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1_7x7_s2 = ConvBn(3, 64, 7, stride=2)
        self.conv2 = nn.Sequential(
            Bottleneck(64, 256, 64), *(Bottleneck(256, 256, 64) for _ in range(2))
        )
        self.conv3 = nn.Sequential(
            Bottleneck(256, 512, 128, stride=2),
            *(Bottleneck(512, 512, 128) for _ in range(3)),
        )
        self.conv4 = nn.Sequential(
            Bottleneck(512, 1024, 256, stride=2),
            *(Bottleneck(1024, 1024, 256) for _ in range(5)),
        )
        self.conv5 = nn.Sequential(
            Bottleneck(1024, 2048, 512, stride=2),
            *(Bottleneck(2048, 2048, 512) for _ in range(2)),
        )
        self.classifier = nn.Linear(2048, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_7x7_s2(data), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = self.conv2(x)
        x = self.conv3(x)
        x = self.conv4(x)
        x = F.avg_pool2d(self.conv5(x), 7, stride=1, ceil_mode=True)
        return F.softmax(self.classifier(x.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = SEResNet50().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
