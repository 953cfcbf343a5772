"""State dicts and safetensors: read and written, against PyTorch and the package of safetensors."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_files import Array, numbers, same

from netgen.weights import Entry, read_weights
from netgen.weights.safetensors_file import write_safetensors
from netgen.weights.torch_writer import write_state_dict


def entry(array: Array) -> Entry:
    return Entry("a", array.shape, lambda: array)


def state_dict(arrays: dict[str, Array]) -> bytes:
    stream = io.BytesIO()
    write_state_dict(stream, {name: entry(array) for name, array in arrays.items()})
    return stream.getvalue()


def safetensors_of(arrays: dict[str, Array]) -> bytes:
    stream = io.BytesIO()
    write_safetensors(stream, {name: entry(array) for name, array in arrays.items()}, {"format": "pt"})
    return stream.getvalue()


ARRAYS = {
    "conv.weight": numbers(4, 3, 2, 2),
    'größe/1 "x"': numbers(7, seed=1),
    "empty": numbers(0, 3),
    "one": numbers(1, seed=2),
}

# --- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mapped", [True, False])
def test_pytorch_loads_what_is_written(tmp_path: Path, mapped: bool) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(state_dict(ARRAYS))
    loaded = torch.load(path, weights_only=True, mmap=mapped)
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == torch.float32
        assert loaded[name].is_contiguous()
        assert same(loaded[name].numpy(), array)
        assert loaded[name].data_ptr() % 64 == 0 or not mapped


def test_the_archive_is_whole_and_aligned() -> None:
    """Any program that reads zip archives finds no fault with it; storages begin where PyTorch puts them."""
    data = state_dict(ARRAYS)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            name, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
            if "/data/" in info.filename:
                assert (info.header_offset + 30 + name + extra) % 64 == 0
    assert state_dict(ARRAYS) == data


def test_names_of_one_array_share_a_storage(tmp_path: Path) -> None:
    shared = entry(numbers(1000))
    path = tmp_path / "model.pth"
    with path.open("wb") as stream:
        write_state_dict(stream, {"a": shared, "b": shared})
    assert path.stat().st_size < 6000
    loaded = torch.load(path, weights_only=True)
    assert loaded["a"].data_ptr() == loaded["b"].data_ptr()


def test_the_package_of_safetensors_loads_what_is_written() -> None:
    data = safetensors_of(ARRAYS)
    loaded = safetensors.numpy.load(data)
    assert loaded.keys() == ARRAYS.keys()
    assert all(same(loaded[name], array) for name, array in ARRAYS.items())
    size = int.from_bytes(data[:8], "little")
    assert size % 8 == 0
    assert json.loads(data[8 : 8 + size])["__metadata__"] == {"format": "pt"}


# --- reading --------------------------------------------------------------------------------------


def test_what_others_write_is_read(tmp_path: Path) -> None:
    tensors = {name: torch.from_numpy(array.copy()) for name, array in ARRAYS.items()}
    torch.save(tensors, tmp_path / "new.pth")
    torch.save(OrderedDict(tensors), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(tensors, tmp_path / "x.safetensors", {"who": "me"})
    for name in ("new.pth", "old.pth", "x.safetensors"):
        file = read_weights(tmp_path / name)
        assert file.entries.keys() == ARRAYS.keys()
        assert all(same(file.entries[key].array(), array) for key, array in ARRAYS.items())
        assert all(
            same(np.concatenate([*file.entries[key].pieces(), array[:0].ravel()]), array.ravel())
            for key, array in ARRAYS.items()
        )
    assert file.metadata == {"who": "me"}


@given(st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=4), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=40)
def test_round_trips_are_exact(tmp_path_factory: Any, shapes: list[list[int]], seed: int, zipped: bool) -> None:
    rng = np.random.default_rng(seed)
    arrays = {
        f"a{index}": np.frombuffer(rng.bytes(4 * int(np.prod(shape))), np.float32).reshape(shape)
        for index, shape in enumerate(shapes)
    }
    path = tmp_path_factory.mktemp("files") / "model"
    path.write_bytes(state_dict(arrays) if zipped and arrays else safetensors_of(arrays))
    file = read_weights(path)
    assert file.entries.keys() == arrays.keys()
    assert all(same(file.entries[name].array(), array) for name, array in arrays.items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_become_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.tensor([[1.5, -0.0, float("inf")], [1e-3, 65504.0, -2.0]]).to(dtype)
    torch.save({"a": tensor.T}, tmp_path / "a.pth")  # not in the order of C
    safetensors.torch.save_file({"a": tensor.T.contiguous()}, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        found = read_weights(tmp_path / name).entries["a"]
        assert found.dtype == str(dtype).removeprefix("torch.")
        assert same(found.array(), tensor.T.float().contiguous().numpy())
        assert same(np.concatenate(list(found.pieces())), tensor.T.float().contiguous().numpy().ravel())


@pytest.mark.parametrize(
    ("checkpoint", "within"),
    [
        (lambda state: state, ""),
        (
            lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {0: {"m": torch.ones(1)}}}},
            "state_dict",
        ),
        (lambda state: {"model": {"state_dict": state}}, "model.state_dict"),
        (lambda state: {"ema": state, "model": state}, "model"),
        (lambda state: {f"module.{key}": value for key, value in state.items()}, ""),
        (lambda state: {f"module._orig_mod.{key}": value for key, value in state.items()}, ""),
    ],
)
def test_where_a_state_dict_may_be(tmp_path: Path, checkpoint: Any, within: str) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    torch.save(checkpoint(module.state_dict()), tmp_path / "a.pth")
    file = read_weights(tmp_path / "a.pth")
    assert file.within == within
    assert list(file.entries) == list(module.state_dict())


def test_no_warnings_and_nothing_written_to(tmp_path: Path) -> None:
    """What is read from a file is the file: it cannot be changed by accident."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors_of(ARRAYS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = read_weights(path).entries["conv.weight"].array()
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 0
