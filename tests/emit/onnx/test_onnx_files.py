"""Models as files: weights inside or beside, straight from where they lie, both files or neither."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx_nets import Array, graph_of, inputs_of, weights_of

from netgen.diag import NetgenError
from netgen.emit.onnx import OnnxModel, emit
from netgen.ir.graph import Graph
from netgen.weights import onnx_file, save_onnx
from netgen.weights.entry import Entry, held

BODY = """
    x = input(1, 8, 16, 16)
    return x -> conv(32, 3) as "first" -> batch_norm as "bn" -> linear(600) as "fc" -> linear(4) as "end"
"""


def made(body: str = BODY) -> tuple[Graph, OnnxModel, dict[str, Entry]]:
    """A graph, its model, and the arrays that go into the file."""
    graph = graph_of(body)
    arrays = weights_of(graph)
    model = emit(graph, arrays)
    return graph, model, {name: held(name, arrays[key]) for name, key in model.weights.items()}


def results(path: Path, graph: Graph) -> list[Array]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs_of(graph)))


def test_a_file_holds_what_the_model_holds(tmp_path: Path) -> None:
    _, model, arrays = made()
    path = tmp_path / "a.onnx"
    assert save_onnx(path, model.skeleton, arrays) == [str(path)]
    loaded = onnx.load(path)
    by_name = {each.name: each for each in loaded.graph.initializer}
    assert by_name == {each.name: each for each in model.proto.graph.initializer}
    for each in (loaded, whole := onnx.ModelProto.FromString(model.proto.SerializeToString())):
        each.graph.ClearField("initializer")
    assert loaded == whole
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_external_data_is_what_onnx_recommends(tmp_path: Path) -> None:
    graph, model, arrays = made()
    inside, path = tmp_path / "inside.onnx", tmp_path / "a.onnx"
    save_onnx(inside, model.skeleton, arrays)
    assert save_onnx(path, model.skeleton, arrays, external=True) == [str(path), f"{path}.data"]
    onnx.checker.check_model(str(path), full_check=True)
    tensors = onnx.load(path, load_external_data=False).graph.initializer
    outside = {
        each.name: {pair.key: pair.value for pair in each.external_data} for each in tensors if each.external_data
    }
    assert outside.keys() == {"first.weight", "fc.weight", "fc.bias", "end.weight"}
    assert all(int(each["offset"]) % 4096 == 0 and each["location"] == "a.onnx.data" for each in outside.values())
    assert int(outside["fc.weight"]["offset"]) % 65536 == 0
    assert path.stat().st_size < 10_000 < inside.stat().st_size
    np.testing.assert_array_equal(results(path, graph), results(inside, graph))


def test_what_protobuf_cannot_hold_goes_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, model, arrays = made()
    save_onnx(tmp_path / "a.onnx", model.skeleton, arrays)
    size = (tmp_path / "a.onnx").stat().st_size
    monkeypatch.setattr(onnx_file, "LIMIT", size)
    assert len(save_onnx(tmp_path / "b.onnx", model.skeleton, arrays)) == 1
    monkeypatch.setattr(onnx_file, "LIMIT", size - 1)
    assert len(save_onnx(tmp_path / "c.onnx", model.skeleton, arrays)) == 2
    np.testing.assert_array_equal(results(tmp_path / "c.onnx", graph), results(tmp_path / "a.onnx", graph))


@pytest.mark.parametrize("external", [False, True])
def test_both_files_or_none(tmp_path: Path, external: bool) -> None:
    """A fault on the way leaves what was there, and nothing beside it."""
    _, model, arrays = made()
    old = {"a.onnx": b"old model", "a.onnx.data": b"old data"}
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)

    def fails() -> Array:
        raise OSError(28, "No space left on device")

    arrays["end.weight"] = Entry("end.weight", arrays["end.weight"].shape, fails)
    with pytest.raises(NetgenError, match="no space left on device"):
        save_onnx(tmp_path / "a.onnx", model.skeleton, arrays, external=external)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


@pytest.mark.parametrize("blocked", ["a.onnx", "a.onnx.data"])
def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path, blocked: str) -> None:
    _, model, arrays = made()
    (tmp_path / blocked).mkdir()
    with pytest.raises(NetgenError, match="NG502"):
        save_onnx(tmp_path / "a.onnx", model.skeleton, arrays, external=True)
    assert [path.name for path in tmp_path.iterdir()] == [blocked]


def test_half_precision_is_written_as_float32(tmp_path: Path) -> None:
    _, model, arrays = made('return input(1, 64, 4, 4) -> conv(64, 3) as "c"')
    half = arrays["c.weight"].array().astype(np.float16)
    arrays["c.weight"] = Entry("c.weight", half.shape, lambda: half, dtype="float16")
    for external in (False, True):
        save_onnx(tmp_path / "a.onnx", model.skeleton, arrays, external=external)
        (weight, _) = onnx.load(tmp_path / "a.onnx").graph.initializer
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(weight), half.astype(np.float32))


@pytest.mark.parametrize("external", [False, True])
def test_weights_are_never_held(tmp_path: Path, external: bool) -> None:
    """A net of 16 MB is written with less, as its arrays are pieces of a mapped file."""
    _, model, arrays = made('return input(1, 2048) -> linear(2048) as "fc"')
    file = tmp_path / "weights"
    file.write_bytes(bytes(4 * arrays["fc.weight"].count))
    mapped = np.memmap(file, "<f4", "r")
    arrays["fc.weight"] = Entry("fc.weight", arrays["fc.weight"].shape, lambda: mapped)
    tracemalloc.start()
    try:
        save_onnx(tmp_path / "a.onnx", model.skeleton, arrays, external=external)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
