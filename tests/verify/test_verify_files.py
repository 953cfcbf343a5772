"""Mistakes in the files that runtimes read are found in the layers that they concern: text, blobs and models."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from wrong_runtime import weights_of

import netgen
from netgen.formats.caffe_pb2 import NetParameter
from netgen.verify.caffe_files import CaffeFiles, write_caffe_files
from netgen.verify.choice import choose
from netgen.verify.inputs import prepare
from netgen.verify.random_weights import random_weights
from netgen.verify.results import AGREES, FAILED, Verification
from netgen.verify.run import verify
from netgen.weights import save_onnx

PROGRAM = """
net Files() {
    data = input(1, 3, 20, 20)
    first = data -> conv(8, 3, pad = 1)
    normed = first -> batch_norm -> relu
    pooled = normed -> max_pool(2)
    local = pooled -> lrn(3, alpha = 0.5)
    last = local -> conv(8, 3)
    return last -> softmax
}
"""

Spoil = Callable[[CaffeFiles], None]


def _verified(against: str) -> Verification:
    graph = netgen.compile(PROGRAM).graph
    weights = weights_of(random_weights(graph))
    graph, inputs = prepare(graph, {})
    return verify(graph, weights, inputs, choose([against], "torch", "cpu").taking_part)


def _text(wanted: str, other: str) -> Spoil:
    def spoil(files: CaffeFiles) -> None:
        text = Path(files.prototxt).read_text()
        assert len(re.findall(wanted, text)) == 1, text
        Path(files.prototxt).write_text(re.sub(wanted, other, text))

    return spoil


def _blobs(layer: str, change: Callable[[Any], object]) -> Spoil:
    def spoil(files: CaffeFiles) -> None:
        net = NetParameter()
        path = Path(files.caffemodel)
        net.ParseFromString(path.read_bytes())
        change(next(each for each in net.layer if each.name == layer).blobs)
        path.write_bytes(net.SerializeToString())

    return spoil


def _set(blob: int, index: int, value: float) -> Callable[[Any], object]:
    def change(blobs: Any) -> None:
        blobs[blob].data[index] = value

    return change


SPOILT: list[tuple[list[Spoil], dict[str, tuple[str, str]]]] = [
    (
        [_text("eps: .*", "eps: 0.01"), _text("alpha: .*", "alpha: 0.9"), _text("pool: MAX", "pool: AVE")],
        {
            "normed": ("eps", "computes it with `eps = 0.01`, where the net says 1e-05"),
            "pooled": ("another operator", "computes `avg_pool`, where the net says `max_pool`"),
            "local": ("argument", "computes it with `alpha = 0.9`, where the net says 0.5"),
        },
    ),
    (
        [_blobs("normed", _set(2, 0, 2.0)), _blobs("last", _set(0, 5, 40.0))],
        {
            "normed": ("BatchNorm factor", "uses mean and variance 0.5 times as large"),
            "last": ("", "only 1 of 8 channels differs: 0"),
        },
    ),
]


@pytest.mark.parametrize("spoils, expected", SPOILT, ids=["text", "blobs"])
def test_spoilt_files_of_caffe(
    spoils: list[Spoil], expected: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoil(spoils, monkeypatch)
    found = _verified("opencv")
    assert not found
    assert [each.node.name for each in found.rows[1].differences] == list(expected)
    for each, (kind, words) in zip(found.rows[1].differences, expected.values(), strict=True):
        assert each.kind == kind
        assert words in (each.cause or each.pattern)


def _spoil(spoils: list[Spoil], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be spoilt as soon as they are written."""

    def write(*args: Any) -> CaffeFiles:
        files = write_caffe_files(*args)
        for spoil in spoils:
            spoil(files)
        return files

    monkeypatch.setattr("netgen.verify.subject.write_caffe_files", write)


def test_a_text_that_opencv_cannot_read(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    _spoil([_text("pool: MAX", "pool: BEST")], monkeypatch)
    found = _verified("opencv")
    assert not found
    assert {row.state for row in found.rows[1:]} == {FAILED}
    assert 'Unknown enumeration value of "BEST"' in str(found)
    assert capfd.readouterr().err == ""


def test_a_spoilt_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(path: str, skeleton: onnx.ModelProto, *args: Any, **kwargs: Any) -> list[str]:
        other = onnx.ModelProto()
        other.CopyFrom(skeleton)
        normed = next(node for node in other.graph.node if node.op_type == "BatchNormalization")
        normed.attribute[0].f = 0.01
        return save_onnx(path, other, *args, **kwargs)

    monkeypatch.setattr("netgen.verify.onnx_runtime.save_onnx", save)
    found = _verified("onnxruntime")
    first = found.first_difference
    assert first is not None
    assert (first.node.name, first.cause) == ("normed", "computes it with `eps = 0.01`, where the net says 1e-05")
    assert "onnxruntime differs from torch first at `normed` (it computes it with `eps = 0.01`" in str(found)


def test_all_runtimes_agree_on_good_files() -> None:
    for runtime in ("onnxruntime", "opencv"):
        found = _verified(runtime)
        assert found
        assert {row.state for row in found.compared} == {AGREES}
        assert np.isfinite([each.error for row in found.compared for each in row.values]).all()


def test_mnn_agrees_and_joins_layers() -> None:
    pytest.importorskip("MNN")
    found = _verified("mnn")
    assert found
    shown = {each.value.node.name for each in found.rows[1].values}
    assert {"normed/relu", "pooled", "last"} <= shown
    assert "normed" not in shown  # joined with the convolution and the ReLU
