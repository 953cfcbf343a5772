"""MobileNet-SSD: SSD (Liu, Anguelov, Erhan, Szegedy, Reed, Fu and Berg, "SSD: Single
Shot MultiBox Detector", ECCV 2016, arXiv 1512.02325) on MobileNet (Howard et al.,
"MobileNets", 2017, arXiv 1704.04861), layer by layer as the Caffe model for
PASCAL VOC that was published under this name.

Unlike SSD300 it has no map before stride 16, and reads its maps by 1x1 convolutions.
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
        self.bn = nn.BatchNorm2d(out, momentum=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Separable(nn.Module):
    """Depthwise 3x3 convolution, then 1x1 convolution."""

    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.dw = nn.Conv2d(
            in_channels,
            in_channels,
            3,
            stride=stride,
            padding=1,
            groups=in_channels,
            bias=False,
        )
        self.dw_bn = nn.BatchNorm2d(in_channels, momentum=0.001)
        self.conv_block = ConvBlock(in_channels, out)

    def forward(self, x: Tensor) -> Tensor:
        dw = F.relu(self.dw_bn(self.dw(x)), inplace=True)
        x = self.conv_block(dw)
        return x


class BoxConv(nn.Module):
    """What a map says of its boxes: a convolution, laid out box after box.

    `out` is 4 times the number of boxes at each place for their offsets, or `classes`
    times that number for their scores.
    """

    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        return x.flatten(1)


class Predict(nn.Module):
    """What a map says: offsets to boxes, scores of classes, and the boxes that these
    belong to.

    Without a larger size there are squares of one size, and boxes half and twice as
    wide as high.
    """

    def __init__(
        self,
        x_channels: int,
        size: int,
        loc_out: int,
        conf_out: int,
        max_sizes: tuple[int, ...],
        ratios: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.loc = BoxConv(x_channels, loc_out)
        self.conf = BoxConv(x_channels, conf_out)
        self.min_sizes = (size,)
        self.max_sizes = max_sizes
        self.ratios = ratios

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
        )
        return loc, conf, prior


class Detect(nn.Module):
    """The best boxes.

    `loc`, `conf` and `prior` are the offsets, the scores and the prior boxes of all
    maps; the background is one of the 21. Of each class the 100 best are looked at, and
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
            confidence_threshold=0.25,
            nms_threshold=0.45,
            top_k=100,
            keep_top_k=100,
        )


class MobileNetSSD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = ConvBlock(3, 32, kernel=3, stride=2)
        self.conv1 = Separable(32, 64)
        self.conv2 = Separable(64, 128, stride=2)
        self.conv3 = Separable(128, 128)
        self.conv4 = Separable(128, 256, stride=2)
        self.conv5 = Separable(256, 256)
        self.conv6 = Separable(256, 512, stride=2)
        self.conv7 = Separable(512, 512)
        self.conv8 = Separable(512, 512)
        self.conv9 = Separable(512, 512)
        self.conv10 = Separable(512, 512)
        self.conv11 = Separable(512, 512)
        self.conv12 = Separable(512, 1024, stride=2)
        self.conv13 = Separable(1024, 1024)
        self.conv14 = nn.Sequential(
            ConvBlock(1024, 256), ConvBlock(256, 512, kernel=3, stride=2)
        )
        self.conv15 = nn.Sequential(
            ConvBlock(512, 128), ConvBlock(128, 256, kernel=3, stride=2)
        )
        self.conv16 = nn.Sequential(
            ConvBlock(256, 128), ConvBlock(128, 256, kernel=3, stride=2)
        )
        self.conv17 = nn.Sequential(
            ConvBlock(256, 64), ConvBlock(64, 128, kernel=3, stride=2)
        )
        self.conv11_mbox = Predict(512, 60, 12, 63, (), (2.0,))
        self.conv13_mbox = Predict(1024, 105, 24, 126, (150,), (2.0, 3.0))
        self.conv14_2_mbox = Predict(512, 150, 24, 126, (195,), (2.0, 3.0))
        self.conv15_2_mbox = Predict(256, 195, 24, 126, (240,), (2.0, 3.0))
        self.conv16_2_mbox = Predict(256, 240, 24, 126, (285,), (2.0, 3.0))
        self.conv17_2_mbox = Predict(128, 285, 24, 126, (300,), (2.0, 3.0))
        self.detection_out = Detect()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, data: Tensor) -> Tensor:
        x = self.conv0(data)
        x = self.conv1(x)
        x = self.conv2(x)
        x = self.conv3(x)
        x = self.conv4(x)
        x = self.conv5(x)
        x = self.conv6(x)
        x = self.conv7(x)
        x = self.conv8(x)
        x = self.conv9(x)
        x = self.conv10(x)
        conv11 = self.conv11(x)
        x = self.conv12(conv11)
        conv13 = self.conv13(x)
        conv14 = self.conv14(conv13)
        conv15 = self.conv15(conv14)
        conv16 = self.conv16(conv15)
        x = self.conv17(conv16)
        conv11_mbox_loc, conv11_mbox_conf, conv11_mbox_prior = self.conv11_mbox(
            conv11, data
        )
        conv13_mbox_loc, conv13_mbox_conf, conv13_mbox_prior = self.conv13_mbox(
            conv13, data
        )
        conv14_2_mbox_loc, conv14_2_mbox_conf, conv14_2_mbox_prior = self.conv14_2_mbox(
            conv14, data
        )
        conv15_2_mbox_loc, conv15_2_mbox_conf, conv15_2_mbox_prior = self.conv15_2_mbox(
            conv15, data
        )
        conv16_2_mbox_loc, conv16_2_mbox_conf, conv16_2_mbox_prior = self.conv16_2_mbox(
            conv16, data
        )
        conv17_2_mbox_loc, conv17_2_mbox_conf, conv17_2_mbox_prior = self.conv17_2_mbox(
            x, data
        )
        mbox_loc = torch.cat(
            [
                conv11_mbox_loc,
                conv13_mbox_loc,
                conv14_2_mbox_loc,
                conv15_2_mbox_loc,
                conv16_2_mbox_loc,
                conv17_2_mbox_loc,
            ],
            dim=1,
        )
        mbox_conf = torch.cat(
            [
                conv11_mbox_conf,
                conv13_mbox_conf,
                conv14_2_mbox_conf,
                conv15_2_mbox_conf,
                conv16_2_mbox_conf,
                conv17_2_mbox_conf,
            ],
            dim=1,
        )
        mbox_priorbox = torch.cat(
            [
                conv11_mbox_prior,
                conv13_mbox_prior,
                conv14_2_mbox_prior,
                conv15_2_mbox_prior,
                conv16_2_mbox_prior,
                conv17_2_mbox_prior,
            ],
            dim=2,
        )
        detection_out: Tensor = self.detection_out(mbox_loc, mbox_conf, mbox_priorbox)
        return detection_out


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = MobileNetSSD().eval()
    data = torch.randn(1, 3, 300, 300)
    print(tuple(net(data).shape))


if __name__ == "__main__":
    main()
