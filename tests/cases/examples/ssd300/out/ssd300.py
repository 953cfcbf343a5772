"""SSD300 on VGG-16 (Liu, Anguelov, Erhan, Szegedy, Reed, Fu and Berg, "SSD: Single
Shot MultiBox Detector", ECCV 2016, arXiv 1512.02325), layer by layer as the
authors' Caffe models for PASCAL VOC and COCO.

A row of the result is (image, label, score, xmin, ymin, xmax, ymax), coordinates as
parts of the image.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Normalize(nn.Module):
    """Scales to Euclidean length 1, each place or all, then by learned factors."""

    def __init__(
        self, factors: int, across_spatial: bool = False, eps: float = 1e-10
    ) -> None:
        super().__init__()
        self.axes = (1, 2, 3) if across_spatial else (1,)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(factors))

    def forward(self, x: Tensor) -> Tensor:
        length = (x.square().sum(self.axes, keepdim=True) + self.eps).sqrt()
        return x / length * self.weight.reshape(-1, 1, 1)


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


class Extra(nn.Module):
    """A convolution with ReLU.

    With stride 2 it halves the map; else one of 3x3 takes off its border.
    """

    def __init__(
        self, in_channels: int, out: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, stride=stride, padding=stride // 2
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


class BoxConv(nn.Module):
    """What a map says of its boxes: a convolution, laid out box after box.

    `out` is 4 times the number of boxes at each place for their offsets, or `classes`
    times that number for their scores.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        return x.flatten(1)


class Predict(nn.Module):
    """What a map says: offsets to boxes, scores of classes, and the boxes that these
    belong to.
    """

    def __init__(
        self,
        x_channels: int,
        size: int,
        larger: int,
        aspects: tuple[int, ...],
        loc_out: int,
        conf_out: int,
        step: tuple[float, float],
    ) -> None:
        super().__init__()
        self.loc = BoxConv(x_channels, loc_out)
        self.conf = BoxConv(x_channels, conf_out)
        self.min_sizes = (size,)
        self.max_sizes = (larger,)
        self.ratios = aspects
        self.step = step

    def forward(self, x: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loc = self.loc(x)
        conf = self.conf(x)
        prior = _prior_boxes(
            x,
            image.size()[2:],
            self.min_sizes,
            max_sizes=self.max_sizes,
            ratios=self.ratios,
            variance=(0.1, 0.1, 0.2, 0.2),
            step=self.step,
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


class SSD300(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage1 = Stage(3, 64, 2)
        self.stage2 = Stage(64, 128, 2)
        self.stage3 = Stage(128, 256, 3)
        self.conv4_1 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv4_2 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv4_3 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5_1 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5_2 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5_3 = nn.Conv2d(512, 512, 3, padding=1)
        self.fc6 = nn.Conv2d(512, 1024, 3, padding=6, dilation=6)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.conv6_1 = Extra(1024, 256, 1)
        self.conv6_2 = Extra(256, 512, 3, stride=2)
        self.conv7_1 = Extra(512, 128, 1)
        self.conv7_2 = Extra(128, 256, 3, stride=2)
        self.conv8_1 = Extra(256, 128, 1)
        self.conv8_2 = Extra(128, 256, 3)
        self.conv9_1 = Extra(256, 128, 1)
        self.conv9_2 = Extra(128, 256, 3)
        self.conv4_3_norm = Normalize(512)
        self.conv4_3_norm_mbox = Predict(512, 30, 60, (2,), 16, 84, (8.0, 8.0))
        self.fc7_mbox = Predict(1024, 60, 111, (2, 3), 24, 126, (16.0, 16.0))
        self.conv6_2_mbox = Predict(512, 111, 162, (2, 3), 24, 126, (32.0, 32.0))
        self.conv7_2_mbox = Predict(256, 162, 213, (2, 3), 24, 126, (64.0, 64.0))
        self.conv8_2_mbox = Predict(256, 213, 264, (2,), 16, 84, (100.0, 100.0))
        self.conv9_2_mbox = Predict(256, 264, 315, (2,), 16, 84, (300.0, 300.0))
        self.detection_out = Detect()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, Normalize):
                nn.init.constant_(module.weight, 20.0)

    def forward(self, data: Tensor) -> Tensor:
        x = self.stage1(data)
        x = self.stage2(x)
        x = self.stage3(x)
        x = F.relu(self.conv4_1(x), inplace=True)
        x = F.relu(self.conv4_2(x), inplace=True)
        conv4_3 = F.relu(self.conv4_3(x), inplace=True)
        x = F.max_pool2d(conv4_3, 2, ceil_mode=True)
        x = F.relu(self.conv5_1(x), inplace=True)
        x = F.relu(self.conv5_2(x), inplace=True)
        x = F.relu(self.conv5_3(x), inplace=True)
        x = F.max_pool2d(x, 3, stride=1, padding=1, ceil_mode=True)
        x = F.relu(self.fc6(x), inplace=True)
        fc7 = F.relu(self.fc7(x), inplace=True)
        x = self.conv6_1(fc7)
        conv6 = self.conv6_2(x)
        x = self.conv7_1(conv6)
        conv7 = self.conv7_2(x)
        x = self.conv8_1(conv7)
        conv8 = self.conv8_2(x)
        x = self.conv9_1(conv8)
        conv9 = self.conv9_2(x)
        conv4 = self.conv4_3_norm(conv4_3)
        (
            conv4_3_norm_mbox_loc,
            conv4_3_norm_mbox_conf,
            conv4_3_norm_mbox_prior,
        ) = self.conv4_3_norm_mbox(conv4, data)
        fc7_mbox_loc, fc7_mbox_conf, fc7_mbox_prior = self.fc7_mbox(fc7, data)
        conv6_2_mbox_loc, conv6_2_mbox_conf, conv6_2_mbox_prior = self.conv6_2_mbox(
            conv6, data
        )
        conv7_2_mbox_loc, conv7_2_mbox_conf, conv7_2_mbox_prior = self.conv7_2_mbox(
            conv7, data
        )
        conv8_2_mbox_loc, conv8_2_mbox_conf, conv8_2_mbox_prior = self.conv8_2_mbox(
            conv8, data
        )
        conv9_2_mbox_loc, conv9_2_mbox_conf, conv9_2_mbox_prior = self.conv9_2_mbox(
            conv9, data
        )
        mbox_loc = torch.cat(
            [
                conv4_3_norm_mbox_loc,
                fc7_mbox_loc,
                conv6_2_mbox_loc,
                conv7_2_mbox_loc,
                conv8_2_mbox_loc,
                conv9_2_mbox_loc,
            ],
            dim=1,
        )
        mbox_conf = torch.cat(
            [
                conv4_3_norm_mbox_conf,
                fc7_mbox_conf,
                conv6_2_mbox_conf,
                conv7_2_mbox_conf,
                conv8_2_mbox_conf,
                conv9_2_mbox_conf,
            ],
            dim=1,
        )
        mbox_priorbox = torch.cat(
            [
                conv4_3_norm_mbox_prior,
                fc7_mbox_prior,
                conv6_2_mbox_prior,
                conv7_2_mbox_prior,
                conv8_2_mbox_prior,
                conv9_2_mbox_prior,
            ],
            dim=2,
        )
        detection_out: Tensor = self.detection_out(mbox_loc, mbox_conf, mbox_priorbox)
        return detection_out


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = SSD300().eval()
    data = torch.randn(1, 3, 300, 300)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
