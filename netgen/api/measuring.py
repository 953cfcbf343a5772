"""A net on the bench."""

from __future__ import annotations

from netgen.api.net import Net
from netgen.bench import Bench, Settings
from netgen.diag import NetgenError
from netgen.emit.torch.device import device_of


def prepared(net: Net, settings: Settings) -> Bench:
    """The net with its weights, ready to be measured; raises ``NetgenError`` where it cannot run here.

    Without weights it gets some by chance. What matters of them is that numbers keep their size on the way: processors
    are slow with those that are next to nothing.
    """
    if net.problems:
        raise NetgenError(net.problems)
    device_of(settings.device)  # in time: weights by chance take a while
    if net.weights is None:
        net = Net(net.graph, [])
        net.random_weights()
    return Bench(net.graph, net.to_torch().state_dict(), settings)
