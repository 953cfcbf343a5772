"""A net on the bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netgen.bench import Bench, Settings
from netgen.diag import NetgenError

if TYPE_CHECKING:
    from netgen.api.net import Net


def prepared(net: Net, settings: Settings) -> Bench:
    """The net with its weights, ready to be measured; without weights, with such as PyTorch begins with.

    Raises ``NetgenError`` where it cannot run here.
    """
    if net.problems:
        raise NetgenError(net.problems)
    state = net.to_torch().state_dict() if net.weights is not None else None
    return Bench(net.graph, state, settings)
