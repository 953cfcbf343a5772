"""Nets made from others by passes that change layers and their arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from netgen.api.net import Net
from netgen.diag import NetgenError
from netgen.passes.changes import Changes
from netgen.passes.fold_bn import fold_bn as _fold_bn
from netgen.passes.fold_input import Padding, Preparation
from netgen.passes.fold_input import fold_input as _fold_input
from netgen.passes.reparam import reparam as _reparam
from netgen.passes.rewrite import Rewritten, owners
from netgen.passes.unfold_bn import unfold_bn as _unfold_bn

if TYPE_CHECKING:
    from netgen.weights import Weights


def fold_bn(net: Net) -> tuple[Net, Changes]:
    return _made(net, _fold_bn(net.graph, _arrays(net), training=net.phase == "TRAIN"))


def unfold_bn(net: Net, *, linear: bool = False) -> tuple[Net, Changes]:
    return _made(net, _unfold_bn(net.graph, _arrays(net), linear=linear))


def reparam(net: Net) -> tuple[Net, Changes]:
    return _made(net, _reparam(net.graph, _arrays(net), training=net.phase == "TRAIN"))


def preparation(
    mean: float | Sequence[float], scale: float | Sequence[float], std: float | Sequence[float], *, swap: bool
) -> Preparation:
    """What is done to an image; a lone number is for all channels."""
    return Preparation(_numbers(mean), _numbers(scale), _numbers(std), swap=swap)


def _numbers(given: float | Sequence[float]) -> Sequence[float]:
    return (given,) if isinstance(given, (int, float)) else given


def fold_input(
    net: Net, preparation: Preparation, *, inputs: Collection[str] = (), padding: Padding = "refuse"
) -> tuple[Net, Changes]:
    arrays = _arrays(net)
    if arrays is None:
        raise ValueError("the net has no weights yet: load_weights(...) takes a file or a module's state_dict()")
    return _made(net, _fold_input(net.graph, arrays, preparation, inputs=inputs, padding=padding))


def _arrays(net: Net) -> Weights | None:
    """The arrays of a net that was read without fault; raises ``NetgenError`` where they are no numbers."""
    if net.problems:
        raise NetgenError(net.problems)
    if net.weights is not None:
        from netgen.weights import check_finite

        check_finite(net.weights)
    return net.weights


def _made(net: Net, made: Rewritten) -> tuple[Net, Changes]:
    """The new net, with the arrays of the old one that it still has, and the new ones."""
    new = Net(made.graph, net.warnings, phase=net.phase)
    if net.weights is not None:
        from netgen.weights import Entry, Weights
        from netgen.weights.entry import held

        before = owners(net.graph)
        entries: dict[tuple[str, str], Entry] = {}
        for key in dict.fromkeys(owners(made.graph).values()):
            if key in made.arrays:
                entries[key] = held(".".join(key), made.arrays[key])
            elif key in before and before[key] in net.weights.entries:
                entries[key] = net.weights.entries[before[key]]
        new.weights = Weights(entries, net.weights.carried)
    return new, made.report
