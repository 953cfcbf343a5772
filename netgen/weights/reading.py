"""Opening a file of weights, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Mapping

from netgen.weights.caffemodel import read_caffemodel
from netgen.weights.detect import CAFFEMODEL, SAFETENSORS, TORCH, detect
from netgen.weights.entry import WeightsFile
from netgen.weights.faults import foreign, package_missing
from netgen.weights.memory import map_file
from netgen.weights.safetensors_file import read_safetensors

Source = str | os.PathLike[str] | WeightsFile | Mapping[str, object]
"""Where weights come from: a file, or the ``state_dict`` of a live module."""


def read_weights(source: Source) -> WeightsFile:
    """What a file of weights holds, by its content whatever its name; raises ``NetgenError`` where it is none.

    Numbers are read when they are asked for: a file of any size is opened at once.
    """
    if isinstance(source, WeightsFile):
        return source
    if isinstance(source, Mapping):
        from netgen.weights.torch_file import from_state

        return from_state(source)
    path = os.fspath(source)
    data = map_file(path)
    _need_numpy(path)
    what, hint = detect(data, path)
    if what == CAFFEMODEL:
        return read_caffemodel(path, data)
    if what == SAFETENSORS:
        return read_safetensors(path, data)
    if what == TORCH:
        from netgen.weights.torch_file import read_torch

        return read_torch(path)
    raise foreign(path, what, hint)


def _need_numpy(path: str) -> None:
    """Say in time what is missing: compiling takes no numpy, so it may not be there."""
    try:
        import numpy  # noqa: F401
    except ImportError:
        raise package_missing(path, "numpy", "weights") from None
