"""Words that describe an image, as Caffe has it: time comes first, and `cont` says
where a sentence goes on.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _lstm_unit(cell: Tensor, gates: Tensor, cont: Tensor) -> tuple[Tensor, Tensor]:
    """The next cell and output, from the gates i, f, o and g before their curves."""
    i, f, o, g = gates.chunk(4, -1)
    cell = cont.unsqueeze(-1) * f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return cell, o.sigmoid() * cell.tanh()


class CaffeLSTM(nn.Module):
    """Caffe's LSTM over (time, stream, features), with weights as Caffe lays them out.

    A sequence goes on where ``cont`` is 1, and begins anew where it is 0. There follow:
    an input that is the same at every step, if ``static`` is how many features it has;
    the output and the cell to begin with, if ``exposed``, which then are returned too.
    As in Caffe no gradient goes from one batch to another.
    """

    weight_static: nn.Parameter

    def __init__(
        self, features: int, out: int, static: int = 0, exposed: bool = False
    ) -> None:
        super().__init__()
        self.out = out
        self.static = static
        self.exposed = exposed
        self.weight = nn.Parameter(torch.empty(4 * out, features))
        self.bias = nn.Parameter(torch.empty(4 * out))
        weight = nn.Parameter(torch.empty(4 * out, static)) if static else None
        self.register_parameter("weight_static", weight)
        self.weight_hidden = nn.Parameter(torch.empty(4 * out, out))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(out**-0.5), out**-0.5)

    def forward(
        self, x: Tensor, cont: Tensor, *given: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        inputs = F.linear(x.flatten(2), self.weight, self.bias)
        if self.static:
            inputs = inputs + F.linear(given[0].flatten(1), self.weight_static)
        hidden = cell = x.new_zeros(x.size(1), self.out)
        if self.exposed:
            hidden, cell = given[-2][0].detach(), given[-1][0].detach()
        outputs = []
        for step, on in zip(inputs, cont, strict=True):
            gates = step + F.linear(on.unsqueeze(-1) * hidden, self.weight_hidden)
            cell, hidden = _lstm_unit(cell, gates, on)
            outputs.append(hidden)
        if self.exposed:
            last = hidden.detach().unsqueeze(0), cell.detach().unsqueeze(0)
            return torch.stack(outputs), *last
        return torch.stack(outputs)


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


class Captions(nn.Module):
    """Words that describe an image, as Caffe has it: time comes first, and `cont`
    says where a sentence goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedded = nn.Embedding(8000, 100)
        self.x = CaffeLSTM(100, 200, static=2048)
        nn.init.uniform_(self.x.weight, -0.08, 0.08)
        nn.init.zeros_(self.x.bias)
        nn.init.uniform_(self.x.weight_static, -0.08, 0.08)
        nn.init.uniform_(self.x.weight_hidden, -0.08, 0.08)
        self.lstm_data = DummyData(((1, 16, 200), "constant", 0.0))
        self.lstm_data_2 = DummyData(((1, 16, 200), "constant", 0.0))
        self.lstm = CaffeLSTM(200, 200, exposed=True)
        self.scores = nn.Linear(200, 8000)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.uniform_(module.weight, -0.08, 0.08)

    def forward(
        self, words: Tensor, cont: Tensor, image: Tensor, wanted: Tensor
    ) -> Tensor:
        embedded = self.embedded(words.long())
        x = self.x(embedded, cont, image)
        x, _, _ = self.lstm(x, cont, self.lstm_data(), self.lstm_data_2())
        scores = self.scores(x)
        return _softmax_loss(scores, wanted, axis=2, ignore_label=-1)


def main() -> None:
    """Run the network once, on random numbers, and print the shape of the result."""
    net = Captions().eval()
    words = torch.zeros(20, 16)
    cont = torch.randn(20, 16)
    image = torch.randn(16, 2048)
    wanted = torch.zeros(20, 16)
    print(tuple(net(words, cont, image, wanted).shape))


if __name__ == "__main__":
    main()
