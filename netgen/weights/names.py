"""Names of arrays as different programs give them, brought into one form."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ROLES = {
    "weight": "weight",
    "weights": "weight",
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "biases": "bias",
    "beta": "bias",
    "running_mean": "mean",
    "moving_mean": "mean",
    "mean": "mean",
    "running_var": "variance",
    "moving_variance": "variance",
    "variance": "variance",
    "var": "variance",
}
"""The last part of a name says what an array is for."""

UNCOUNTED = ("num_batches_tracked",)
"""Arrays that PyTorch counts with and no net computes with."""

_WORDS = (
    (re.compile(r"\bbatch\.?norm(alization)?\b"), "bn"),
    (re.compile(r"\bconvolution\b"), "conv"),
    (re.compile(r"\b(inner\.?product|linear)\b"), "fc"),
)
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def split(name: str) -> tuple[str, str]:
    """A name as that of a module and that of the array in it: ``("features.0", "weight")``."""
    module, _, last = name.rpartition(".")
    return module, last


def role(last: str) -> str:
    """What an array is for, by the last part of its name; that part itself, if it does not say."""
    return _ROLES.get(last.lower(), last)


def normal(name: str) -> str:
    """The name of a layer or module without what programs differ in: case, separators, the words for common layers."""
    text = _SEPARATORS.sub(".", name.lower()).strip(".")
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    return text


def common_prefix(names: Sequence[str]) -> str:
    """The first part that all names have in common, with its separator: ``"backbone."``."""
    first = names[0].partition(".")[0] + "." if names else ""
    return first if len(names) > 1 and all(name.startswith(first) for name in names) else ""
