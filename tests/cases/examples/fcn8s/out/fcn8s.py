"""FCN-8s on VGG-16 (Long, Shelhamer and Darrell, "Fully Convolutional Networks for
Semantic Segmentation", CVPR 2015, arXiv 1411.4038), layer by layer as the
authors' Caffe model for PASCAL VOC.

The image gets a margin of 100 pixels, so that the 7x7 window of fc6 fits into an image
of any size; the crops take off what is left of it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _crop(x: Tensor, like: Tensor, axis: int, offset: tuple[int, ...]) -> Tensor:
    """Cut ``x`` to the size of another tensor on all axes from ``axis`` on."""
    for dim, start in enumerate(offset, axis):
        x = x.narrow(dim, start, like.size(dim))
    return x


def bilinear_(weight: Tensor) -> None:
    """Fill the filters of a deconvolution with those of bilinear interpolation."""
    size = weight.size(-1)
    factor = (size + 1) // 2
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    ramp = 1 - (torch.arange(size) / factor - centre).abs()
    with torch.no_grad():
        weight.copy_(ramp[:, None] * ramp)


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


class Fuse(nn.Module):
    """Adds the scores of a finer map to those of a coarse one that was enlarged,
    where the two meet.
    """

    def __init__(self, finer_channels: int, offset: int) -> None:
        super().__init__()
        self.scores = nn.Conv2d(finer_channels, 21, 1)
        self.offset = (offset, offset)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        scores = self.scores(finer)
        met = _crop(scores, x, 2, self.offset)
        x = x + met
        return x


class FCN8s(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1_1 = nn.Conv2d(3, 64, 3, padding=100)
        self.conv1_2 = nn.Conv2d(64, 64, 3, padding=1)
        self.stage2 = Stage(64, 128, 2)
        self.stage3 = Stage(128, 256, 3)
        self.stage4 = Stage(256, 512, 3)
        self.stage5 = Stage(512, 512, 3)
        self.fc6 = nn.Conv2d(512, 4096, 7)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Conv2d(4096, 4096, 1)
        self.drop7 = nn.Dropout(0.5)
        self.score_fr = nn.Conv2d(4096, 21, 1)
        self.upscore2 = nn.ConvTranspose2d(21, 21, 4, stride=2, bias=False)
        self.fuse4 = Fuse(512, 5)
        self.upscore_pool4 = nn.ConvTranspose2d(21, 21, 4, stride=2, bias=False)
        self.fuse3 = Fuse(256, 9)
        self.upscore8 = nn.ConvTranspose2d(21, 21, 16, stride=8, bias=False)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                bilinear_(module.weight)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_1(data), inplace=True)
        x = F.relu(self.conv1_2(x), inplace=True)
        x = F.max_pool2d(x, 2, ceil_mode=True)
        x = self.stage2(x)
        pool3 = self.stage3(x)
        pool4 = self.stage4(pool3)
        x = self.stage5(pool4)
        x = F.relu(self.fc6(x), inplace=True)
        x = self.drop6(x)
        x = F.relu(self.fc7(x), inplace=True)
        x = self.drop7(x)
        x = self.upscore2(self.score_fr(x))
        x = self.fuse4(x, pool4)
        x = self.upscore_pool4(x)
        x = self.fuse3(x, pool3)
        upscore8 = self.upscore8(x)
        return _crop(upscore8, data, 2, (31, 31))


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = FCN8s().eval()
    data = torch.randn(1, 3, 500, 500)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
