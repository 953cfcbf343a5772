"""AlexNet, named as Caffe's BVLC AlexNet (Krizhevsky, Sutskever and Hinton,
"ImageNet Classification with Deep Convolutional Neural Networks", 2012).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
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
        x = F.relu(self.conv1(data), inplace=True)
        x = F.local_response_norm(x, 5)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = F.relu(self.conv2(x), inplace=True)
        x = F.local_response_norm(x, 5)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
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
