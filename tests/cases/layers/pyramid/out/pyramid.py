"""What is seldom used: pooling by chance, its places, windows as channels, and a
part of the batch.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _im2col(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    pad: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Tensor:
    """The windows of an image as channels, where a convolution has them."""
    ways = len(kernel)
    x = F.pad(x, [size for each in reversed(pad) for size in (each, each)])
    for axis, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True), 2):
        x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
    windows, places = range(2 + ways, 2 + 2 * ways), range(2, 2 + ways)
    return x.permute(0, 1, *windows, *places).flatten(1, 1 + ways)


def _pad_for_windows(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool,
    value: float,
) -> Tensor:
    """Pad an image so that it holds just the windows that Caffe's pooling looks at."""
    ends = []
    for axis in (0, 1):
        extent = x.shape[axis - 2]
        room = extent + 2 * pad[axis] - kernel[axis]
        last = (room + (stride[axis] - 1 if ceil else 0)) // stride[axis]
        if any(pad):  # with a pad, no window begins outside the image
            last = min(last, (extent + pad[axis] - 1) // stride[axis])
        ends.append(last * stride[axis] + kernel[axis] - extent - pad[axis])
    return F.pad(x, (pad[1], ends[1], pad[0], ends[0]), value=value)


class StochasticPool2d(nn.Module):
    """Pooling of values that are not negative: in training one of each by chance.

    Large values are the more likely. In testing it gives what is to be expected.
    """

    def __init__(
        self, kernel_size: tuple[int, int], stride: tuple[int, int], ceil: bool = True
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil = ceil

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size, self.stride
        x = _pad_for_windows(x, kernel, stride, (0, 0), self.ceil, 0.0)
        sums = F.avg_pool2d(x, kernel, stride, divisor_override=1)
        if not self.training:
            squares = F.avg_pool2d(x.square(), kernel, stride, divisor_override=1)
            return squares.where(sums > 0, 0) / sums.where(sums > 0, 1)
        windows = F.unfold(x, kernel, stride=stride)
        windows = windows.reshape(x.size(0), x.size(1), -1, *sums.shape[2:])
        limits = torch.rand_like(sums) * sums
        chosen = (windows.cumsum(2) < limits.unsqueeze(2)).sum(2, keepdim=True)
        chosen = chosen.clamp(max=windows.size(2) - 1)
        return windows.gather(2, chosen).squeeze(2)


def _caffe_max_pool(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool = True,
) -> Tensor:
    """Max pooling with Caffe's windows; one wholly outside gives the lowest number."""
    x = _pad_for_windows(x, kernel, stride, pad, ceil, torch.finfo(x.dtype).min)
    return F.max_pool2d(x, kernel, stride)


def _caffe_avg_pool(
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    ceil: bool = True,
) -> Tensor:
    """Average pooling with Caffe's windows, which count padding but nothing beyond."""
    padded = _pad_for_windows(x, kernel, stride, pad, ceil, 0.0)
    sums = F.avg_pool2d(padded, kernel, stride, divisor_override=1)
    sizes = []
    for axis in (-2, -1):
        starts = torch.arange(sums.shape[axis], device=x.device) * stride[axis]
        end = x.shape[axis] + 2 * pad[axis]
        sizes.append((starts + kernel[axis]).clamp(max=end) - starts)
    return sums / (sizes[0][:, None] * sizes[1])


def _pyramid_pool(x: Tensor, levels: int, average: bool = False) -> Tensor:
    """Pool to about 1x1, 2x2, 4x4 and so on, and join what comes out."""
    pool = _caffe_avg_pool if average else _caffe_max_pool
    height, width = x.shape[-2:]
    pooled = []
    for bins in (2**level for level in range(levels)):
        kernel = (-(-height // bins), -(-width // bins))
        pad = (
            (kernel[0] * bins - height + 1) // 2,
            (kernel[1] * bins - width + 1) // 2,
        )
        pooled.append(pool(x, kernel, kernel, pad).flatten(1))
    return torch.cat(pooled, 1)


class LearnedTensor(nn.Module):
    """A tensor that is learned by itself."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.weight.clone()  # the parameter itself is not to be written over


class DummyData(nn.Module):
    """Made-up data. Each argument is a shape, and what it is filled with each time.

    That is ``"constant", value``, ``"uniform", low, high`` or ``"normal", mean, std``.
    """

    anchor: Tensor

    def __init__(
        self,
        *results: tuple[tuple[int, ...], str, float]
        | tuple[tuple[int, ...], str, float, float],
    ) -> None:
        super().__init__()
        self.results = results
        self.register_buffer("anchor", torch.empty(0), persistent=False)

    def forward(self) -> Tensor | tuple[Tensor, ...]:
        made = tuple(self._fill(*result) for result in self.results)
        return made if len(made) > 1 else made[0]

    def _fill(
        self, shape: tuple[int, ...], kind: str, low: float, high: float = 0.0
    ) -> Tensor:
        x = self.anchor.new_empty(shape)
        if kind == "constant":
            return x.fill_(low)
        return x.uniform_(low, high) if kind == "uniform" else x.normal_(low, high)


class Pyramid(nn.Module):
    """What is seldom used: pooling by chance, its places, windows as channels, and a
    part of the batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.x_pool = StochasticPool2d((3, 3), (2, 2))
        self.offset = LearnedTensor(6, 5)
        self.noise = DummyData(((6, 5), "normal", 0.0, 0.1))

    def forward(
        self, images: Tensor, wanted: Tensor, order: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        chosen = images[wanted.flatten() != 0]
        x = _im2col(images, (3, 3), (2, 2), (1, 1), (1, 1))
        x = self.x_pool(x)
        x, places = F.max_pool2d(x, 2, stride=1, ceil_mode=True, return_indices=True)
        pyramid = _pyramid_pool(x, 2)
        pyramid = pyramid[order.long()]
        offset = self.offset()
        noise = self.noise()
        images = offset + noise
        return chosen, places, pyramid, images


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = Pyramid().eval()
    images = torch.randn(4, 3, 24, 24)
    wanted = torch.randn(4)
    order = torch.zeros(6)
    outputs = net(images, wanted, order)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
