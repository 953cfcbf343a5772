"""What a real Caffe computed, from its own files: prototxt and caffemodel in, the emitted PyTorch module out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netgen

HERE = Path(__file__).parents[1] / "data" / "oracle"
SHARED = Path(__file__).parents[2] / "../shared/oracle"
FOLDER = SHARED if SHARED.is_dir() else HERE
Array = np.ndarray[Any, np.dtype[Any]]
TOLERANCE = 1e-5
"""Of the largest number of a result."""


def kinds() -> list[str]:
    return sorted({case.stem.rpartition("_")[0] for case in FOLDER.glob("*.prototxt")})


@pytest.mark.parametrize("kind", kinds())
def test_the_module_computes_what_caffe_computed(kind: str) -> None:
    for case in sorted(FOLDER.glob(f"{kind}_*.prototxt")):
        compare(case)


def compare(case: Path) -> None:
    arrays = dict(np.load(case.with_suffix(".npz")))
    given = {name[4:]: array for name, array in arrays.items() if name.startswith("in__")}
    wanted = {name[5:]: array for name, array in arrays.items() if name.startswith("out__")}
    weights = case.with_suffix(".caffemodel")
    net = netgen.load(case, weights=weights if weights.exists() else None, ends=list(wanted))
    module = net.to_torch().eval()
    inputs = [torch.from_numpy(given[name].astype(np.float32)) for name in net.inputs]
    with torch.no_grad():
        made = module(*inputs)
    assert wanted
    for (blob, expected), got in zip(wanted.items(), made if isinstance(made, tuple) else (made,), strict=True):
        agree(got.numpy(), expected, f"{case.stem}: {blob}")


def agree(got: Array, expected: Array, what: str) -> None:
    assert got.shape == expected.shape, what
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite, what)
    error = np.abs(got - expected)[finite].max(initial=0)
    assert error <= TOLERANCE * np.abs(expected[finite]).max(initial=0), what
