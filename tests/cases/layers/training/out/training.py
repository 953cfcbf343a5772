"""A classifier as it is trained: two losses, of which one only helps, and what is
printed beside them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _kept(labels: Tensor, ignore_label: int | None) -> Tensor:
    """Where labels are not the one to ignore."""
    if ignore_label is None:
        return torch.ones_like(labels, dtype=torch.bool)
    return labels.trunc() != ignore_label


def _at_least(x: Tensor, least: float) -> Tensor:
    """Values of no less than ``least``; the gradient is that of ``x`` everywhere."""
    return torch.where(x < least, least + (x - x.detach()), x)


def _average(losses: Tensor, kept: Tensor, batch: int, normalization: str) -> Tensor:
    """The sum of losses over the number of what counts, which is 1 at least."""
    if normalization == "valid":
        return losses.sum() / kept.sum().clamp(min=1)
    counts = {"full": losses.numel(), "batch_size": batch, "none": 1}
    return losses.sum() / max(counts[normalization], 1)


def _softmax_loss(
    x: Tensor,
    labels: Tensor,
    axis: int = 1,
    ignore_label: int | None = None,
    normalization: str = "valid",
) -> Tensor:
    """Cross entropy of the softmax along an axis with the right class of each place."""
    labels = labels.reshape_as(x.select(axis, 0)).unsqueeze(axis)
    kept = _kept(labels, ignore_label)
    log_p = F.log_softmax(x, axis).gather(axis, labels.long().where(kept, 0))
    losses = -_at_least(log_p, -87.336545).where(kept, 0)
    return _average(losses, kept, x.shape[:axis].numel(), normalization)


def _right(
    x: Tensor, labels: Tensor, top_k: int, axis: int, ignore_label: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Whether the right class is among the best, the classes, and which count.

    A class is among the best ``top_k`` if fewer others are as good or better.
    """
    labels = labels.reshape_as(x.select(axis, 0)).unsqueeze(axis)
    kept = _kept(labels, ignore_label)
    classes = labels.long().where(kept, 0)
    better = (x >= x.gather(axis, classes)).sum(axis, keepdim=True) - 1
    return (better < top_k) & kept, classes, kept


def _class_accuracy(
    x: Tensor,
    labels: Tensor,
    top_k: int = 1,
    axis: int = 1,
    ignore_label: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The share of places whose right class is among the best: of all, and by class."""
    right, classes, kept = _right(x, labels, top_k, axis, ignore_label)
    zeros = torch.zeros(x.size(axis), device=x.device)
    rights = zeros.index_add(0, classes.flatten(), right.flatten().float())
    totals = zeros.index_add(0, classes.flatten(), kept.flatten().float())
    return right.sum() / kept.sum().clamp(min=1), rights / totals.clamp(min=1)


def _accuracy(
    x: Tensor,
    labels: Tensor,
    top_k: int = 1,
    axis: int = 1,
    ignore_label: int | None = None,
) -> Tensor:
    """The share of places whose right class is among the best."""
    right, _, kept = _right(x, labels, top_k, axis, ignore_label)
    return right.sum() / kept.sum().clamp(min=1)


class Classifier(nn.Module):
    """A classifier as it is trained: two losses, of which one only helps, and what
    is printed beside them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.early_fc = nn.Linear(16, 10)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.scores = nn.Linear(32, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        x = F.relu(self.conv1(images), inplace=True)
        x = F.max_pool2d(x, 2, ceil_mode=True)
        early = F.adaptive_avg_pool2d(x, 1)
        early = self.early_fc(early.flatten(1))
        x = F.relu(self.conv2(x), inplace=True)
        x = F.adaptive_avg_pool2d(x, 1)
        scores = self.scores(x.flatten(1))
        loss = _softmax_loss(scores, labels)
        help_ = _softmax_loss(early, labels, ignore_label=255)
        top1, classes = _class_accuracy(scores, labels)
        top5 = _accuracy(scores, labels, top_k=5)
        return loss, help_, top1, classes, top5


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = Classifier().eval()
    images = torch.randn(8, 3, 32, 32)
    labels = torch.zeros(8)
    outputs = net(images, labels)
    print([tuple(output.shape) for output in outputs])


if __name__ == "__main__":
    main()
