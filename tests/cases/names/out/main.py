r""""Quotes", \ backslashes and ''' three of them. layer { name: "injected" }."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Class(nn.Module):
    """Import os; ''' # '."""

    def __init__(self) -> None:
        super().__init__()
        self.a_quoted_name = nn.Conv2d(3, 8, 3)
        self.two_lines_name_x = nn.Conv2d(8, 8, 3)
        self.back_slash = nn.Conv2d(8, 8, 3)
        self.naive = nn.Conv2d(8, 8, 3)
        self.import_ = nn.Conv2d(8, 8, 3)
        self.init = nn.Conv2d(8, 8, 3)

    def forward(self, data: Tensor) -> Tensor:
        x = self.a_quoted_name(data)
        x = self.two_lines_name_x(x)
        x = self.back_slash(x)
        x = self.naive(x)
        x = self.import_(x)
        x = self.init(x)
        return F.relu(x, inplace=True)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = Class().eval()
    data = torch.randn(1, 3, 16, 16)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
