"""LeNet as Caffe's MNIST example has it, after LeCun, Bottou, Bengio and Haffner,
"Gradient-Based Learning Applied to Document Recognition", Proceedings of the IEEE
1998.

Unlike the paper's LeNet-5 it has ReLU only once, pools by the largest value, and ends
in a softmax.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.ip1 = nn.Linear(800, 500)
        self.ip2 = nn.Linear(500, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        pool1 = F.max_pool2d(self.conv1(data), 2, ceil_mode=True)
        pool2 = F.max_pool2d(self.conv2(pool1), 2, ceil_mode=True)
        x = F.relu(self.ip1(pool2.flatten(1)), inplace=True)
        return F.softmax(self.ip2(x), dim=1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = LeNet().eval()
    data = torch.randn(64, 1, 28, 28)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
