"""Pelee, the detector: SSD on PeleeNet (Wang, Li and Ling, "Pelee: A Real-Time
Object Detection System on Mobile Devices", NeurIPS 2018, arXiv 1804.06882), layer
by layer as the authors' Caffe model for PASCAL VOC.

The trunk is PeleeNet with transitions that average. The map of stride 16 is read twice,
for boxes of two sizes, and there is none of stride 8.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _boxes_around(
    x: Tensor,
    image: tuple[int, ...],
    shapes: tuple[tuple[float, float], ...],
    variance: tuple[float, ...] = (0.1,),
    step: tuple[float, float] | None = None,
    offset: float = 0.5,
    clip: bool = False,
) -> Tensor:
    """Boxes of some widths and heights around each place of a map, and their variances.

    The result is (1, 2, 4 * boxes); coordinates are parts of the image's size.
    """
    height, width = x.shape[-2:]
    if step is None:
        step = (image[0] / height, image[1] / width)
    rows = (torch.arange(height, device=x.device) + offset) * step[0]
    columns = (torch.arange(width, device=x.device) + offset) * step[1]
    center = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[:, :, None]
    half = torch.tensor(shapes, device=x.device) / 2
    boxes = torch.cat([center - half, center + half], -1)
    boxes = boxes / torch.tensor([image[1], image[0]] * 2, device=x.device)
    if clip:
        boxes = boxes.clamp(0, 1)
    variances = torch.tensor(variance, device=x.device).expand_as(boxes)
    return torch.stack([boxes.flatten(), variances.flatten()])[None]


def _prior_boxes(
    x: Tensor,
    image: tuple[int, ...],
    min_sizes: tuple[int, ...],
    max_sizes: tuple[int, ...] = (),
    ratios: tuple[float, ...] = (),
    flip: bool = True,
    variance: tuple[float, ...] = (0.1,),
    step: tuple[float, float] | None = None,
    offset: float = 0.5,
    clip: bool = False,
) -> Tensor:
    """The prior boxes of SSD: squares of two sizes and boxes of other aspect ratios.

    With ``flip`` a box of each of these ratios stands upright too.
    """
    shapes: list[tuple[float, float]] = []
    for i, size in enumerate(min_sizes):
        shapes.append((size, size))
        if max_sizes:
            between = (size * max_sizes[i]) ** 0.5
            shapes.append((between, between))
        for ratio in ratios:
            shapes.append((size * ratio**0.5, size / ratio**0.5))
            if flip:
                shapes.append((size / ratio**0.5, size * ratio**0.5))
    return _boxes_around(x, image, tuple(shapes), variance, step, offset, clip)


def _decode_centers(
    offsets: Tensor, priors: Tensor, variances: Tensor | None = None
) -> Tensor:
    """Boxes whose centres are moved from those of prior boxes and whose sizes grow."""
    priors = priors.reshape(len(priors), -1, 1, 4)
    offsets = offsets.reshape(len(offsets), priors.shape[1], -1, 4)
    if variances is not None:
        offsets = offsets * variances.reshape(1, -1, 1, 4)
    low, high = priors[..., :2], priors[..., 2:]
    center = (low + high) / 2 + offsets[..., :2] * (high - low)
    half = offsets[..., 2:].exp() * (high - low) / 2
    return torch.cat([center - half, center + half], -1).flatten(1)


def _suppress(
    boxes: Tensor,
    valid: Tensor,
    threshold: float,
    eta: float = 1.0,
    most: int = -1,
    strict: bool = False,
) -> Tensor:
    """Non-maximum suppression in each row of boxes, the best first: which are kept.

    A box goes if it overlaps a kept one by more than the threshold, or just as much
    where ``strict``. The threshold shrinks by ``eta`` with each box while it is above
    a half. At ``most`` so many are kept.
    """
    area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
    places = torch.arange(boxes.shape[1], device=boxes.device)
    limit = torch.full_like(area[:, :1], threshold)
    overlap = torch.full_like(area, -1)  # with those that were kept, the most
    kept = torch.zeros_like(valid)
    left = valid
    while most != 0 and left.any():
        most -= 1
        found = left.any(1, keepdim=True)
        best = left.int().argmax(1, keepdim=True)
        kept = kept | (found & (places == best))
        box = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        low = torch.maximum(box[..., :2], boxes[..., :2])
        high = torch.minimum(box[..., 2:], boxes[..., 2:])
        both = (high - low).clamp(min=0).prod(-1)
        union = area.gather(1, best) + area - both
        overlap = torch.maximum(overlap, torch.where(both > 0, both / union, 0))
        limit = torch.where(found & (limit > 0.5), limit * eta, limit)
        apart = overlap < limit if strict else overlap <= limit
        left = left & (places > best) & apart
    return kept


def _detections(
    boxes: Tensor,
    scores: Tensor,
    classes: int,
    background: int = 0,
    confidence_threshold: float = float("-inf"),
    nms_threshold: float = 0.3,
    eta: float = 1.0,
    top_k: int = -1,
    keep_top_k: int = -1,
) -> Tensor:
    """The best boxes of each class: rows (image, label, score, xmin, ymin, xmax, ymax).

    Without any there is a row of -1 for each image.
    """
    lowest = float("-inf")
    scores = scores.float().reshape(len(scores), -1, classes).transpose(1, 2)
    boxes = boxes.float().reshape(len(scores), scores.shape[2], -1, 4).transpose(1, 2)
    valid = scores > confidence_threshold
    if background >= 0:
        valid[:, background] = False
    most = int(valid.sum(2).max())
    most = min(most, top_k) if top_k >= 0 else most
    ranked = scores.where(valid, lowest).sort(dim=2, descending=True, stable=True)
    scores = ranked.values[..., :most]
    order = ranked.indices[..., :most, None].expand(-1, -1, -1, 4)
    boxes = boxes.expand(-1, classes, -1, -1).gather(2, order)
    rows = _suppress(
        boxes.flatten(0, 1), scores.flatten(0, 1) > lowest, nms_threshold, eta
    )
    kept = rows.view_as(scores)
    if keep_top_k >= 0:
        left = scores.where(kept, lowest).flatten(1)
        best = left.sort(dim=1, descending=True, stable=True).indices
        is_best = torch.zeros_like(left, dtype=torch.bool)
        is_best = is_best.scatter(1, best[:, :keep_top_k], True)
        kept = kept & is_best.view_as(kept)
    places = kept.nonzero()[:, :2].to(scores.dtype)
    if len(places) == 0:
        found = scores.new_full((len(scores), 7), -1)
        found[:, 0] = torch.arange(len(scores), device=scores.device)
    else:
        found = torch.cat([places, scores[kept][:, None], boxes[kept]], 1)
    return found[None, None]


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU: the usual unit.

    The convolution has no bias, since the normalisation brings one.
    """

    def __init__(
        self, in_channels: int, out: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class DenseLayer(nn.Module):
    """Two views of the input, joined to it: 32 more channels."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.branch1a = ConvBlock(in_channels, width)
        self.branch1b = ConvBlock(width, 16, kernel=3)
        self.branch2a = ConvBlock(in_channels, width)
        self.branch2b = ConvBlock(width, 16, kernel=3)
        self.branch2c = ConvBlock(16, 16, kernel=3)

    def forward(self, x: Tensor) -> Tensor:
        branch1b = self.branch1b(self.branch1a(x))
        branch2c = self.branch2c(self.branch2b(self.branch2a(x)))
        return torch.cat([x, branch1b, branch2c], dim=1)


class Dense(nn.Sequential):
    """A run of dense layers; each sees all that came before it."""

    def __init__(self, in_channels: int, layers: int, width: int) -> None:
        super().__init__(
            *(DenseLayer(in_channels + 32 * i, width) for i in range(layers))
        )


class ConvRelu(nn.Module):
    """Convolution with a bias, then ReLU: the unit of networks without
    normalisation.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


class Smaller(nn.Module):
    """Two convolutions, after which the map is smaller: at first by its stride, then
    by its border.
    """

    def __init__(self, in_channels: int, narrow: int, stride: int) -> None:
        super().__init__()
        self.conv_relu = ConvRelu(in_channels, narrow)
        self.conv = nn.Conv2d(narrow, 256, 3, stride=stride, padding=stride // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_relu(x)
        return F.relu(self.conv(x), inplace=True)


class ConvBn(nn.Module):
    """Convolution and batch normalisation: the end of a branch that is added to
    another.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 256, 1, bias=False)
        self.bn = nn.BatchNorm2d(256, eps=0.001, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x


class Residual(nn.Module):
    """What is read of a map: a residual block with a convolution as its shortcut."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.shortcut = ConvBn(in_channels)
        self.b2a = ConvBlock(in_channels, 128)
        self.b2b = ConvBlock(128, 128, kernel=3)
        self.b2c = ConvBn(128)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        b2c = self.b2c(self.b2b(self.b2a(x)))
        return F.relu(shortcut + b2c, inplace=True)


class BoxConv(nn.Module):
    """What a map says of its boxes: a convolution, laid out box after box.

    `out` is 4 times the number of boxes at each place for their offsets, or `classes`
    times that number for their scores.
    """

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(256, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        return x.flatten(1)


class Predict(nn.Module):
    """What a map says: offsets to boxes, scores of classes, and the boxes that these
    belong to.
    """

    def __init__(self, min_sizes: tuple[int], max_sizes: tuple[int]) -> None:
        super().__init__()
        self.loc = BoxConv(24)
        self.conf = BoxConv(126)
        self.min_sizes = min_sizes
        self.max_sizes = max_sizes

    def forward(self, x: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loc = self.loc(x)
        conf = self.conf(x)
        prior = _prior_boxes(
            x,
            image.size()[2:],
            self.min_sizes,
            max_sizes=self.max_sizes,
            ratios=(2.0, 3.0),
            variance=(0.1, 0.1, 0.2, 0.2),
        )
        return loc, conf, prior


class Detect(nn.Module):
    """The best boxes.

    `loc`, `conf` and `prior` are the offsets, the scores and the prior boxes of all
    maps; the background is one of the 21. Of each class the 400 best are looked at, and
    boxes that overlap a better one by more than 0.45 go.
    """

    def forward(self, loc: Tensor, conf: Tensor, prior: Tensor) -> Tensor:
        scores = conf.reshape(conf.size(0), -1, 21)
        scores = F.softmax(scores, dim=2)
        scores = scores.flatten(1)
        return _detections(
            _decode_centers(loc, prior[:, 0], prior[:, 1]),
            scores,
            classes=21,
            confidence_threshold=0.01,
            nms_threshold=0.45,
            top_k=400,
            keep_top_k=200,
        )


class PeleeSSD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem1 = ConvBlock(3, 32, kernel=3, stride=2)
        self.stem2a = ConvBlock(32, 16)
        self.stem2b = ConvBlock(16, 32, kernel=3, stride=2)
        self.stem3 = ConvBlock(64, 32)
        self.stage1 = Dense(32, 3, 16)
        self.stage1_tb = ConvBlock(128, 128)
        self.stage2 = Dense(128, 4, 32)
        self.stage2_tb = ConvBlock(256, 256)
        self.stage3 = Dense(256, 8, 64)
        self.stage3_tb = ConvBlock(512, 512)
        self.stage4 = Dense(512, 6, 64)
        self.stage4_tb = ConvBlock(704, 704)
        self.ext1_fe1 = Smaller(704, 256, 2)
        self.ext1_fe2 = Smaller(256, 128, 1)
        self.ext1_fe3 = Smaller(256, 128, 1)
        self.stage4_tb_ext_pm2 = Residual(512)
        self.stage4_tb_ext_pm3 = Residual(704)
        self.stage4_tb_ext_pm4 = Residual(256)
        self.stage4_tb_ext_pm5 = Residual(256)
        self.stage4_tb_ext_pm6 = Residual(256)
        self.ext_pm1_mbox = Predict((30,), (60,))
        self.ext_pm2_mbox = Predict((60,), (112,))
        self.ext_pm3_mbox = Predict((112,), (164,))
        self.ext_pm4_mbox = Predict((164,), (215,))
        self.ext_pm5_mbox = Predict((215,), (267,))
        self.ext_pm6_mbox = Predict((267,), (319,))
        self.detection_out = Detect()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        stem1 = self.stem1(data)
        stem2b = self.stem2b(self.stem2a(stem1))
        x = F.max_pool2d(stem1, 2, ceil_mode=True)
        x = torch.cat([x, stem2b], dim=1)
        x = self.stem3(x)
        x = self.stage1(x)
        x = F.avg_pool2d(self.stage1_tb(x), 2, ceil_mode=True)
        x = self.stage2(x)
        x = F.avg_pool2d(self.stage2_tb(x), 2, ceil_mode=True)
        x = self.stage3(x)
        stage3_tb = self.stage3_tb(x)
        x = F.avg_pool2d(stage3_tb, 2, ceil_mode=True)
        x = self.stage4(x)
        stage4_tb = self.stage4_tb(x)
        ext1_fe1 = self.ext1_fe1(stage4_tb)
        ext1_fe2 = self.ext1_fe2(ext1_fe1)
        x = self.ext1_fe3(ext1_fe2)
        stage4_tb_ext_pm2 = self.stage4_tb_ext_pm2(stage3_tb)
        stage4_tb_ext_pm3 = self.stage4_tb_ext_pm3(stage4_tb)
        stage4_tb_ext_pm4 = self.stage4_tb_ext_pm4(ext1_fe1)
        stage4_tb_ext_pm5 = self.stage4_tb_ext_pm5(ext1_fe2)
        stage4_tb_ext_pm6 = self.stage4_tb_ext_pm6(x)
        ext_pm1_mbox_loc, ext_pm1_mbox_conf, ext_pm1_mbox_prior = self.ext_pm1_mbox(
            stage4_tb_ext_pm2, data
        )
        ext_pm2_mbox_loc, ext_pm2_mbox_conf, ext_pm2_mbox_prior = self.ext_pm2_mbox(
            stage4_tb_ext_pm2, data
        )
        ext_pm3_mbox_loc, ext_pm3_mbox_conf, ext_pm3_mbox_prior = self.ext_pm3_mbox(
            stage4_tb_ext_pm3, data
        )
        ext_pm4_mbox_loc, ext_pm4_mbox_conf, ext_pm4_mbox_prior = self.ext_pm4_mbox(
            stage4_tb_ext_pm4, data
        )
        ext_pm5_mbox_loc, ext_pm5_mbox_conf, ext_pm5_mbox_prior = self.ext_pm5_mbox(
            stage4_tb_ext_pm5, data
        )
        ext_pm6_mbox_loc, ext_pm6_mbox_conf, ext_pm6_mbox_prior = self.ext_pm6_mbox(
            stage4_tb_ext_pm6, data
        )
        mbox_loc = torch.cat(
            [
                ext_pm1_mbox_loc,
                ext_pm2_mbox_loc,
                ext_pm3_mbox_loc,
                ext_pm4_mbox_loc,
                ext_pm5_mbox_loc,
                ext_pm6_mbox_loc,
            ],
            dim=1,
        )
        mbox_conf = torch.cat(
            [
                ext_pm1_mbox_conf,
                ext_pm2_mbox_conf,
                ext_pm3_mbox_conf,
                ext_pm4_mbox_conf,
                ext_pm5_mbox_conf,
                ext_pm6_mbox_conf,
            ],
            dim=1,
        )
        mbox_priorbox = torch.cat(
            [
                ext_pm1_mbox_prior,
                ext_pm2_mbox_prior,
                ext_pm3_mbox_prior,
                ext_pm4_mbox_prior,
                ext_pm5_mbox_prior,
                ext_pm6_mbox_prior,
            ],
            dim=2,
        )
        detection_out: Tensor = self.detection_out(mbox_loc, mbox_conf, mbox_priorbox)
        return detection_out


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = PeleeSSD().eval()
    data = torch.randn(1, 3, 304, 304)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
