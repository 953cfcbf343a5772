"""GoogLeNet (Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and
Rabinovich, "Going Deeper with Convolutions", CVPR 2015, arXiv 1409.4842), layer
by layer as Caffe's BVLC GoogLeNet.

The two auxiliary classifiers, which only training has, are left out. PyTorch's
GoogLeNet is another network: it has batch normalisation, and 3x3 in place of 5x5
filters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InceptionV1(nn.Module):
    """The module of GoogLeNet: 1x1, 3x3, 5x5 and pooling side by side.

    `one`, `three`, `five` and `pool` are the widths of these branches; `three_reduce`
    and `five_reduce` are those of the 1x1 convolutions before the larger ones. Szegedy,
    Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, "Going Deeper
    with Convolutions", 2014. Layers are named as in Caffe's BVLC GoogLeNet.
    """

    def __init__(
        self,
        in_channels: int,
        one: int,
        three_reduce: int,
        three: int,
        five_reduce: int,
        five: int,
        pool: int,
    ) -> None:
        super().__init__()
        self.conv_1x1 = nn.Conv2d(in_channels, one, 1)
        self.conv_3x3_reduce = nn.Conv2d(in_channels, three_reduce, 1)
        self.conv_3x3 = nn.Conv2d(three_reduce, three, 3, padding=1)
        self.conv_5x5_reduce = nn.Conv2d(in_channels, five_reduce, 1)
        self.conv_5x5 = nn.Conv2d(five_reduce, five, 5, padding=2)
        self.pool_proj = nn.Conv2d(in_channels, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.conv_1x1(x), inplace=True)
        b = F.relu(self.conv_3x3_reduce(x), inplace=True)
        b = F.relu(self.conv_3x3(b), inplace=True)
        c = F.relu(self.conv_5x5_reduce(x), inplace=True)
        c = F.relu(self.conv_5x5(c), inplace=True)
        d = F.max_pool2d(x, 3, stride=1, padding=1, ceil_mode=True)
        d = F.relu(self.pool_proj(d), inplace=True)
        return torch.cat([a, b, c, d], dim=1)


class GoogLeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1_7x7_s2 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.conv2_3x3_reduce = nn.Conv2d(64, 64, 1)
        self.conv2_3x3 = nn.Conv2d(64, 192, 3, padding=1)
        self.inception_3a = InceptionV1(192, 64, 96, 128, 16, 32, 32)
        self.inception_3b = InceptionV1(256, 128, 128, 192, 32, 96, 64)
        self.inception_4a = InceptionV1(480, 192, 96, 208, 16, 48, 64)
        self.inception_4b = InceptionV1(512, 160, 112, 224, 24, 64, 64)
        self.inception_4c = InceptionV1(512, 128, 128, 256, 24, 64, 64)
        self.inception_4d = InceptionV1(512, 112, 144, 288, 32, 64, 64)
        self.inception_4e = InceptionV1(528, 256, 160, 320, 32, 128, 128)
        self.inception_5a = InceptionV1(832, 256, 160, 320, 32, 128, 128)
        self.inception_5b = InceptionV1(832, 384, 192, 384, 48, 128, 128)
        self.pool5_drop_7x7_s1 = nn.Dropout(0.4, inplace=True)
        self.loss3_classifier = nn.Linear(1024, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0.2)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_7x7_s2(data), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = F.local_response_norm(x, 5)
        x = F.relu(self.conv2_3x3_reduce(x), inplace=True)
        x = F.relu(self.conv2_3x3(x), inplace=True)
        x = F.local_response_norm(x, 5)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = self.inception_3a(x)
        x = F.max_pool2d(self.inception_3b(x), 3, stride=2, ceil_mode=True)
        x = self.inception_4a(x)
        x = self.inception_4b(x)
        x = self.inception_4c(x)
        x = self.inception_4d(x)
        x = F.max_pool2d(self.inception_4e(x), 3, stride=2, ceil_mode=True)
        x = self.inception_5a(x)
        x = F.avg_pool2d(self.inception_5b(x), 7, stride=1, ceil_mode=True)
        x = self.pool5_drop_7x7_s1(x)
        return F.softmax(self.loss3_classifier(x.flatten(1)), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = GoogLeNet().eval()
    data = torch.randn(1, 3, 224, 224)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
