"""SegNet (Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional
Encoder-Decoder Architecture for Image Segmentation", PAMI 2017, arXiv
1511.00561), named as the authors' Caffe model for CamVid.

A decoder puts each value where the encoder's pooling found the largest. The authors'
convolutions have a bias, which the batch normalisation behind each of them takes away
again; here they have none.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _max_unpool(x: Tensor, mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value where the mask of a max pooling says, among zeros."""
    flat = x.new_zeros(*x.shape[:2], size[0] * size[1])
    flat = flat.scatter(2, mask.flatten(2).long(), x.flatten(2))
    return flat.reshape(*x.shape[:2], *size)


class ConvBnRelu(nn.Module):
    """A 3x3 convolution with batch normalisation and ReLU under the published names."""

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class SegNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode1 = nn.Sequential(ConvBnRelu(3, 64), ConvBnRelu(64, 64))
        self.encode2 = nn.Sequential(ConvBnRelu(64, 128), ConvBnRelu(128, 128))
        self.encode3 = nn.Sequential(
            ConvBnRelu(128, 256), *(ConvBnRelu(256, 256) for _ in range(2))
        )
        self.encode4 = nn.Sequential(
            ConvBnRelu(256, 512), *(ConvBnRelu(512, 512) for _ in range(2))
        )
        self.encode5 = nn.Sequential(*(ConvBnRelu(512, 512) for _ in range(3)))
        self.decode5 = nn.Sequential(*(ConvBnRelu(512, 512) for _ in range(3)))
        self.decode4 = nn.Sequential(
            ConvBnRelu(512, 512), ConvBnRelu(512, 512), ConvBnRelu(512, 256)
        )
        self.decode3 = nn.Sequential(
            ConvBnRelu(256, 256), ConvBnRelu(256, 256), ConvBnRelu(256, 128)
        )
        self.decode2 = nn.Sequential(ConvBnRelu(128, 128), ConvBnRelu(128, 64))
        self.decode1 = ConvBnRelu(64, 64)
        self.conv1_1_D = nn.Conv2d(64, 11, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encode1(x)
        x, mask = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        x = self.encode2(x)
        x, mask2 = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        x = self.encode3(x)
        x, mask3 = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        x = self.encode4(x)
        x, mask4 = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        x = self.encode5(x)
        x, mask5 = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        x = _max_unpool(x, mask5, (23, 30))
        x = self.decode5(x)
        x = _max_unpool(x, mask4, (45, 60))
        x = self.decode4(x)
        x = _max_unpool(x, mask3, (90, 120))
        x = self.decode3(x)
        x = _max_unpool(x, mask2, (180, 240))
        x = self.decode2(x)
        x = _max_unpool(x, mask, (360, 480))
        x = self.decode1(x)
        return F.softmax(self.conv1_1_D(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = SegNet().eval()
    x = torch.randn(1, 3, 360, 480)
    print(tuple(net(x).shape))


if __name__ == "__main__":
    main()
