"""Weights into a live module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from netgen.weights.entry import Entry

if TYPE_CHECKING:
    from torch import Tensor


def fill(held: Mapping[str, Tensor], state: Mapping[str, Entry]) -> None:
    """Copy arrays, piece by piece, into the tensors of a module's ``state_dict()``."""
    import torch

    with torch.no_grad():
        for key, entry in state.items():
            flat = held[key].view(-1)
            at = 0
            for piece in entry.pieces():
                flat[at : at + piece.size] = torch.tensor(piece)
                at += piece.size
