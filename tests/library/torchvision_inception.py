"""Inception-v3 laid out as torchvision has it, so that its state_dict has its keys, shapes and order."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Branch = list[tuple[str, int, tuple[int, int]]]
"""Convolutions in a row: name, channels, kernel. Two whose names end in a and b read the same, and both are given."""


class Conv(nn.Module):
    """``conv`` and ``bn``. With stride 2, as in the stem, there is no margin."""

    def __init__(self, channels: int, out: int, kernel: tuple[int, int], stride: int = 1, margin: bool = True) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if margin and stride == 1 else 0
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side, and a pooling: averages go through a convolution, the largest halve the resolution."""

    def __init__(self, channels: int, branches: list[Branch], pooled: int = 0) -> None:
        super().__init__()
        self.branches = branches
        self.pooled = pooled
        for branch in branches:
            inside = channels
            for at, (name, out, kernel) in enumerate(branch):
                is_last = at == len(branch) - 1
                self.add_module(name, Conv(inside, out, kernel, 2 if is_last and not pooled else 1))
                inside = inside if name.endswith("a") else out
        if pooled:
            self.branch_pool = Conv(channels, pooled, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        made: list[Tensor] = []
        for branch in self.branches:
            y = x
            for name, _, _ in branch:
                z = self.get_submodule(name)(y)
                if name.endswith("a"):
                    made.append(z)
                else:
                    y = z
            made.append(y)
        pool = self.branch_pool(F.avg_pool2d(x, 3, 1, 1)) if self.pooled else F.max_pool2d(x, 3, 2)
        return torch.cat([*made, pool], 1)


def _row(name: str, *steps: tuple[int, int, int]) -> Branch:
    return [(f"{name}_{i}", out, (high, wide)) for i, (out, high, wide) in enumerate(steps, 1)]


def _a(channels: int, pooled: int) -> Mixed:
    one: Branch = [("branch1x1", 64, (1, 1))]
    five = _row("branch5x5", (48, 1, 1), (64, 5, 5))
    return Mixed(channels, [one, five, _row("branch3x3dbl", (64, 1, 1), (96, 3, 3), (96, 3, 3))], pooled)


def _c(width: int) -> Mixed:
    one: Branch = [("branch1x1", 192, (1, 1))]
    seven = _row("branch7x7", (width, 1, 1), (width, 1, 7), (192, 7, 1))
    steps = [(width, 1, 1), (width, 7, 1), (width, 1, 7), (width, 7, 1), (192, 1, 7)]
    return Mixed(768, [one, seven, _row("branch7x7dbl", *steps)], 192)


def _e(channels: int) -> Mixed:
    one: Branch = [("branch1x1", 320, (1, 1))]
    three: Branch = [("branch3x3_1", 384, (1, 1)), ("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1))]
    deep = _row("branch3x3dbl", (448, 1, 1), (384, 3, 3))
    deep += [("branch3x3dbl_3a", 384, (1, 3)), ("branch3x3dbl_3b", 384, (3, 1))]
    return Mixed(channels, [one, three, deep], 192)


class Auxiliary(nn.Module):
    """The classifier that only training has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = Conv(768, 128, (1, 1))
        self.conv1 = Conv(128, 768, (5, 5))
        self.fc = nn.Linear(768, 1000)


class InceptionV3(nn.Module):
    """``Conv2d_1a_3x3`` and so on, ``Mixed_5b`` to ``Mixed_7c``, with ``AuxLogits`` among them, ``fc``."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, (3, 3), 2)
        self.Conv2d_2a_3x3 = Conv(32, 32, (3, 3), margin=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, (3, 3))
        self.Conv2d_3b_1x1 = Conv(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = Conv(80, 192, (3, 3), margin=False)
        three: Branch = [("branch3x3", 384, (3, 3))]
        six = _row("branch3x3dbl", (64, 1, 1), (96, 3, 3), (96, 3, 3))
        seven = _row("branch7x7x3", (192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3))
        self.mixed = {
            "Mixed_5b": _a(192, 32),
            "Mixed_5c": _a(256, 64),
            "Mixed_5d": _a(288, 64),
            "Mixed_6a": Mixed(288, [three, six]),
            **{f"Mixed_6{letter}": _c(width) for letter, width in zip("bcde", [128, 160, 160, 192], strict=True)},
            "AuxLogits": Auxiliary(),
            "Mixed_7a": Mixed(768, [_row("branch3x3", (192, 1, 1), (320, 3, 3)), seven]),
            "Mixed_7b": _e(1280),
            "Mixed_7c": _e(2048),
        }
        for name, module in self.mixed.items():
            self.add_module(name, module)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for module in self.mixed.values():
            x = x if isinstance(module, Auxiliary) else module(x)
        made: Tensor = self.fc(x.mean((2, 3)))
        return made
