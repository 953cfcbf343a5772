"""YOLOv3 (Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018, arXiv
1804.02767): Darknet-53, and boxes from three maps, each joined to the one above
it, enlarged.

For an anchor a map has x, y, width, height, the objectness and the classes, as
Darknet's network has them. With `detect = true` the boxes are found too, which only
Caffe's forks for YOLO can say.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvLeaky(nn.Module):
    """Convolution, batch normalisation and leaky ReLU."""

    def __init__(
        self, in_channels: int, out: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.bn(self.conv(x)), 0.1, inplace=True)


class Residual(nn.Module):
    """1x1 and 3x3 convolution, and the shortcut around them."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.reduce = ConvLeaky(in_channels, in_channels // 2, 1)
        self.expand = ConvLeaky(in_channels // 2, in_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        expand = self.expand(self.reduce(x))
        x = x + expand
        return x


class Neck(nn.Module):
    """Narrow and wide convolutions by turns.

    What comes out goes on to the next map.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv_leakies = nn.Sequential(
            nn.Sequential(
                ConvLeaky(in_channels, width, 1), ConvLeaky(width, 2 * width, 3)
            ),
            nn.Sequential(
                ConvLeaky(2 * width, width, 1), ConvLeaky(width, 2 * width, 3)
            ),
        )
        self.conv_leaky = ConvLeaky(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_leakies(x)
        x = self.conv_leaky(x)
        return x


class Head(nn.Module):
    """What a map says of its boxes."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.expand = ConvLeaky(in_channels, 2 * in_channels, 3)
        self.conv = nn.Conv2d(2 * in_channels, 255, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.expand(x))
        return x


class YOLOv3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvLeaky(3, 32, 3)
        self.stage1 = nn.Sequential(ConvLeaky(32, 64, 3, stride=2), Residual(64))
        self.stage2 = nn.Sequential(
            ConvLeaky(64, 128, 3, stride=2), *(Residual(128) for _ in range(2))
        )
        self.stage3 = nn.Sequential(
            ConvLeaky(128, 256, 3, stride=2), *(Residual(256) for _ in range(8))
        )
        self.stage4 = nn.Sequential(
            ConvLeaky(256, 512, 3, stride=2), *(Residual(512) for _ in range(8))
        )
        self.stage5 = nn.Sequential(
            ConvLeaky(512, 1024, 3, stride=2), *(Residual(1024) for _ in range(4))
        )
        self.neck32 = Neck(1024, 512)
        self.head32 = Head(512)
        self.up16 = ConvLeaky(512, 256, 1)
        self.neck16 = Neck(768, 256)
        self.head16 = Head(256)
        self.up8 = ConvLeaky(256, 128, 1)
        self.neck8 = Neck(384, 128)
        self.head8 = Head(128)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.conv1(data)
        x = self.stage1(x)
        x = self.stage2(x)
        stage3 = self.stage3(x)
        stage4 = self.stage4(stage3)
        x = self.stage5(stage4)
        x = self.neck32(x)
        head32 = self.head32(x)
        coarse = F.interpolate(self.up16(x), scale_factor=2, mode="nearest")
        both = torch.cat([coarse, stage4], dim=1)
        x = self.neck16(both)
        head16 = self.head16(x)
        coarse = F.interpolate(self.up8(x), scale_factor=2, mode="nearest")
        both = torch.cat([coarse, stage3], dim=1)
        x = self.neck8(both)
        head8 = self.head8(x)
        return head32, head16, head8


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = YOLOv3().eval()
    data = torch.randn(1, 3, 416, 416)
    outputs = net(data)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
