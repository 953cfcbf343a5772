"""Whether two nets compute the same, by the live modules of their PyTorch source."""

from __future__ import annotations

import torch
from torch import Tensor

import netgen

TOLERANCE = 1e-4
"""Of the largest number of a result: sums are made in another order."""


def outputs(net: netgen.Net, *inputs: Tensor) -> tuple[Tensor, ...]:
    """What a net gives, in test mode."""
    with torch.no_grad():
        made = net.to_torch().eval()(*inputs)
    return made if isinstance(made, tuple) else (made,)


def images(net: netgen.Net, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in net.inputs.values()]


def apart(one: netgen.Net, other: netgen.Net) -> float:
    """How far two nets are apart on random images: of the largest number of each result, the most."""
    inputs = images(one)
    pairs = zip(outputs(one, *inputs), outputs(other, *inputs), strict=True)
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


def trained(program: str, **settings: object) -> netgen.Net:
    """A net with weights and statistics by chance."""
    return train(netgen.compile(program, **settings))  # type: ignore[arg-type]


def train(net: netgen.Net, seed: int = 0) -> netgen.Net:
    """Give a net weights with which numbers keep their size on the way, and statistics that matter."""
    generator = torch.Generator().manual_seed(seed)
    state = net.to_torch().state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var") or (name.endswith("weight") and tensor.ndim == 1):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.1, generator=generator)
    net.load_weights(state)
    return net


def body(text: str, shape: str = "2, 8, 9, 7") -> str:
    """A net of a few statements."""
    return f"net N() {{\n    x = input({shape})\n{text}\n}}\n"
