"""What a real Caffe computed, from its own files: PyTorch, ONNX Runtime and OpenCV compute the same.

``tests/data/oracle`` holds some cases of every type, and those of rarer types and fields (numbers from 100 on);
``../shared/oracle``, where it is, has all of the others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import Array, behind_faults, compare, may_refuse, shown

import netgen
from netgen.verify.onnx_runtime import OnnxRuntime
from netgen.verify.opencv_runtime import OpenCv, OpenCvError
from netgen.verify.runtime import Runtime
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import Torch
from netgen.weights import Weights

HERE = Path(__file__).parents[1] / "data" / "oracle"
SHARED = Path(__file__).parents[2] / "../shared/oracle"
RUNTIMES: tuple[Runtime, ...] = (Torch(), OnnxRuntime(), OpenCv())
TOLERANCE = 1e-5
"""Of the largest number of a result."""


def _cases() -> list[Path]:
    found = {case.stem: case for folder in (HERE, SHARED) for case in folder.glob("*.prototxt")}
    return [found[name] for name in sorted(found)]


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.stem)
def test_runtimes_compute_what_caffe_computed(case: Path) -> None:
    arrays = dict(np.load(case.with_suffix(".npz")))
    wanted = {name[5:]: array for name, array in arrays.items() if name.startswith("out__")}
    weights = case.with_suffix(".caffemodel")
    net = netgen.load(case, weights=weights if weights.exists() else None, ends=list(wanted))
    inputs = [arrays[f"in__{name}"].astype(np.float32) for name in net.inputs]
    assert wanted
    with Subject(net.graph, net.weights or Weights({})) as subject:
        for runtime in RUNTIMES:
            compute(runtime, subject, inputs, list(wanted.values()))


def compute(runtime: Runtime, subject: Subject, inputs: list[Array], wanted: list[Array]) -> None:
    spoilt = behind_faults(subject.graph, runtime)
    try:
        seen = shown(runtime, subject, inputs)
    except OpenCvError:
        assert spoilt
        return
    assert seen is not None or (runtime.name != "torch" and may_refuse(subject.graph, runtime))
    for value, expected in zip(subject.graph.outputs, wanted, strict=True):
        if seen is not None and value.node not in spoilt and value.node.op.name != "identity":
            compare(value, seen[value.node.name, value.index], expected, runtime, TOLERANCE)
