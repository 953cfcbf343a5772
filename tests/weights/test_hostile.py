"""Truncated, hostile and wrong files: an error that says where and why, no crash, and no memory taken on their word."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from weight_files import complaint, field, floats, layer, net, shape, varint, write

from netgen.diag import NetgenError
from netgen.formats import caffe_pb2
from netgen.weights import read_weights

GOOD = net(layer("conv1", shape(2, 3) + floats(*range(6)), shape(2) + floats(8, 9)), layer("fc", shape(1) + floats(1)))


def huge_length(number: int = 100) -> bytes:
    return varint(number << 3 | 2) + varint(0xFFFFFFFF)


DAMAGED: dict[str, tuple[bytes, str]] = {
    "cut off in numbers": (
        GOOD[:70],
        "in layer `conv1`, blob 1: a field of 15 bytes is announced, and only 6 are left",
    ),
    "4 GB layer": (GOOD + huge_length(), "4,294,967,295 bytes is announced, and only 0 are left"),
    "4 GB name": (field(1, b"net") + huge_length(1), "at byte 5: a field of 4,294,967,295 bytes"),
    "4 GB blob": (net(layer("a") + huge_length(7)), "in layer `a`, blob 0: a field of 4,294,967,295 bytes"),
    "4 GB of numbers": (net(layer("a", shape(1) + huge_length(5))), "in layer `a`, blob 0: a field of 4,294,967,295"),
    "length of 64 bits": (field(1, b"net") + b"\xa2\x06" + b"\xff" * 9 + b"\x01", "18,446,744,073,709,551,615 bytes"),
    "number without end": (field(1, b"net") + b"\xff" * 11, "a number has more than ten bytes"),
    "number cut off": (net(layer("a")) + b"\xff", "behind 1 layer: a number is cut off"),
    "field number 0": (net(layer("a")) + b"\x00\x00", "a field cannot have the number 0"),
    "wire type 7": (net(layer("a")) + b"\x0f", "there is no wire type 7"),
    "end of no group": (net(layer("a")) + b"\x0c", "a group ends that did not begin"),
    "wrong end of a group": (net(layer("a")) + b"\x0b\x14", "a group ends that did not begin"),
    "group without end": (net(layer("a")) + b"\x0b", "a group does not end"),
    "a million groups": (net(layer("a")) + b"\x0b" * 1_000_000, "groups are nested more than 100 deep"),
    "too few numbers": (net(layer("a", shape(2, 2) + floats(1, 2, 3))), "its shape is 2x2, which is 4, and it has 3"),
    "no numbers": (net(layer("a", shape(64, 3))), "its shape is 64x3, which is 192, and it has no numbers"),
    "no shape": (net(layer("a", floats(1, 2))), "its shape is scalar, which is 1, and it has 2 numbers"),
    "huge dims": (net(layer("a", shape(1 << 31, 1 << 31, 1 << 31) + floats(1))), "and it has 1 number"),
    "negative dims": (net(layer("a", shape((1 << 64) - 2, (1 << 64) - 1) + floats(1, 2))), "its shape is -2x-1"),
    "a thousand dims": (net(layer("a", shape(*[1] * 1000) + floats(1))), "a shape of 1,000 axes"),
    "three bytes of floats": (net(layer("a", shape(1) + field(5, b"abc"))), "3 bytes of numbers are no multiple of 4"),
    "raw integers": (net(layer("a", shape(1) + b"\x50\x03" + field(12, bytes(4)))), "raw numbers are int32"),
    "a name of a megabyte": (net(field(1, b"x" * 1_000_000)), "a name of 1,000,000 bytes"),
}


@pytest.mark.parametrize(("data", "words"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_caffemodels(tmp_path: Path, data: bytes, words: str) -> None:
    code, text = complaint(tmp_path, data)
    assert code == "NG601"
    assert words in text


def test_what_is_cut_off_says_how_much_is_missing(tmp_path: Path) -> None:
    _, text = complaint(tmp_path, GOOD[:70])
    assert text == (
        "error[NG601]: damaged file of weights\n"
        " --> net.caffemodel\n"
        "  = at byte 62, in layer `conv1`, blob 1: a field of 15 bytes is announced, and only 6 are left\n"
        "    the file ends after 70 bytes; at least 9 are missing\n"
        "  = hint: it is cut off: download it or copy it again"
    )


def solverstate() -> bytes:
    state = caffe_pb2.SolverState(iter=7, learned_net="net.caffemodel")
    state.history.add().data.extend([1.0, 2.0])
    data: bytes = state.SerializeToString()
    return data


def mean_image() -> bytes:
    data: bytes = caffe_pb2.BlobProto(num=1, channels=3, height=1, width=1, data=[1, 2, 3]).SerializeToString()
    return data


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return stream.getvalue()


FOREIGN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is empty"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), ".caffemodel.h5"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "`git lfs pull`"),
    "page": (b"\n<!DOCTYPE html><html>", "it is a web page"),
    "prototxt": (b'# a net\nname: "LeNet"\nlayer {\n', "it is a prototxt: a net without its weights"),
    "solver": (b'net: "train.prototxt"\nbase_lr: 0.01\n', "the text of a solver"),
    "text": (b"404: not found\n", "it is a text"),
    "gzip": (b"\x1f\x8b\x08\0\0", "it is compressed with gzip"),
    "zip": (archive(a_dot_txt=b"a"), "a zip archive of 1 file, and not one of PyTorch's"),
    "npz": (archive(a_dot_npy=b"a"), "numpy's arrays (.npz)"),
    "torchscript": (archive(m__constants_dot_pkl=b"a", m__data_dot_pkl=b"b"), "it is a TorchScript program"),
    "solverstate": (solverstate(), "it is a solverstate"),
    "mean image": (mean_image(), "a single blob, such as a mean image"),
    "noise": (bytes(range(255, 0, -1)), "it begins with the bytes ff fe fd"),
    "a message of others": (field(1, b"abc") + field(3, b"data"), "there is no layer of Caffe in it"),
}


@pytest.mark.parametrize(("data", "words"), FOREIGN.values(), ids=FOREIGN)
def test_files_that_are_something_else(tmp_path: Path, data: bytes, words: str) -> None:
    code, text = complaint(tmp_path, data)
    assert code == "NG602"
    assert words in text


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "net.caffemodel").write_bytes(GOOD)
    for name, code, words in [
        ("nett.caffemodel", "NG213", "did you mean `net.caffemodel`"),
        (".", "NG501", "it is a folder"),
        ("a\0b", "NG501", "null"),
    ]:
        with pytest.raises(NetgenError) as caught:
            read_weights(f"{tmp_path}/{name}")
        assert caught.value.diagnostics[0].code == code
        assert words in str(caught.value)


@pytest.mark.parametrize(("package", "extra"), [("numpy", "weights"), ("torch", "torch")])
def test_packages_that_are_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "model.pth")
    monkeypatch.setitem(sys.modules, package, None)
    code, text = complaint(tmp_path, (tmp_path / "model.pth").read_bytes(), "model.pth")
    assert code == "NG608"
    assert f"it takes the package `{package}`, which is not installed" in text
    assert f"pip install 'netgen[{extra}]'" in text


# --- safetensors ----------------------------------------------------------------------------------


def safetensors(header: object, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def one(dtype: str = "F32", dims: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": dims, "data_offsets": offsets}


SAFETENSORS: dict[str, tuple[bytes, str]] = {
    "cut off": (safetensors({"a": one(dims=[4], offsets=[0, 16])}, bytes(15)), "of a file of"),
    "header cut off": (safetensors({"a": one()})[:20], "its header claims"),
    "no json": (safetensors(b"{oh", b""), "not right JSON"),
    "deep json": (safetensors(b'{"a":' * 100_000), "not right JSON"),
    "a name twice": (safetensors(b'{"a": 1, "a": 2}'), "a name stands there twice"),
    "no facts": (safetensors({"a": 1}), "does not say its dtype"),
    "negative dims": (safetensors({"a": one(dims=[-1])}, bytes(4)), "no counts"),
    "huge dims": (safetensors({"a": one(dims=[1 << 62, 1 << 62])}, bytes(4)), "which takes"),
    "huge offsets": (safetensors({"a": one(offsets=[1 << 70, (1 << 70) + 4])}, bytes(4)), "no counts"),
    "strange dtype": (safetensors({"a": one("F3")}, bytes(4)), "there is no dtype `F3`"),
    "overlap": (safetensors({"a": one(), "b": one()}, bytes(4)), "array `b` begins at byte"),
    "gap": (safetensors({"a": one(), "b": one(offsets=[8, 12])}, bytes(12)), "array `b` begins at byte"),
    "rest": (safetensors({"a": one()}, bytes(5)), "its arrays end at byte"),
}


@pytest.mark.parametrize(("data", "words"), SAFETENSORS.values(), ids=SAFETENSORS)
def test_damaged_safetensors(tmp_path: Path, data: bytes, words: str) -> None:
    code, text = complaint(tmp_path, data, "model.safetensors")
    assert code == "NG601"
    assert words in text


# --- pickles --------------------------------------------------------------------------------------


class Evil:
    """A pickle of it makes a folder when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("inside", ["alone", "in a state", "in a zip"])
def test_pickles_with_code_are_not_run(tmp_path: Path, inside: str) -> None:
    mark = tmp_path / "executed"
    path = tmp_path / "model.pth"
    if inside == "alone":
        path.write_bytes(pickle.dumps(Evil(mark)))
    else:
        new = inside == "in a zip"
        torch.save({"a": torch.ones(1), "b": Evil(mark)}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(NetgenError) as caught:
        read_weights(path)
    assert not mark.exists()
    [problem] = caught.value.diagnostics
    assert problem.code == "NG603"
    assert "`posix.mkdir`" in problem.label
    assert "torch.save(model.state_dict()" in problem.hint
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists(), "it does what it is said to do"


def test_a_whole_model_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(NetgenError, match=r"torch\.nn\.modules\.linear\.Linear(.|\n)*state_dict\(\)"):
        read_weights(path)


def test_compressed_archives_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    """A bomb: ten megabytes of zeros, which take ten kilobytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data.pkl", bytes(10_000_000))
    code, text = complaint(tmp_path, stream.getvalue(), "model.pth")
    assert code == "NG601"
    assert "`archive/data.pkl` in it is compressed" in text


def test_tensors_that_repeat_one_number_are_not_blown_up(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"a": torch.zeros(1).expand(1 << 40)}, path)
    with pytest.raises(NetgenError, match="`a` claims 1,099,511,627,776 numbers, and there are fewer"):
        read_weights(path)


def test_what_no_layer_can_have(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"a": torch.ones(2, 2).to_sparse()}, path)
    with pytest.raises(NetgenError, match=r"NG606(.|\n)*sparse or quantised"):
        read_weights(path)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ([1, 2], "it holds a list"),
        ({"epoch": 3, "optimizer": {"lr": 0.1}}, "it holds a dict of epoch, optimizer"),
        ({"generator": {"a": torch.ones(1)}, "critic": {"a": torch.ones(1)}}, "several state_dicts: generator, critic"),
    ],
)
def test_checkpoints_without_a_state_dict(tmp_path: Path, state: object, words: str) -> None:
    path = tmp_path / "model.pth"
    torch.save(state, path)
    with pytest.raises(NetgenError, match=words):
        read_weights(path)


# --- mutations ------------------------------------------------------------------------------------


def mutations(data: bytes, count: int, seed: int) -> list[bytes]:
    """Copies with some bytes changed, most of them near the beginning, where the structure is; some are cut off."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            copy[rng.randrange(min(len(copy), rng.choice((64, 1000, len(copy)))))] = rng.randrange(256)
        found.append(bytes(copy[: rng.randrange(len(copy))] if rng.random() < 0.3 else copy))
    return found


def samples() -> dict[str, bytes]:
    state = {"conv.weight": torch.randn(4, 3, 3, 3), "bn.running_mean": torch.zeros(4), "n": torch.tensor(3)}
    stream, old = io.BytesIO(), io.BytesIO()
    torch.save(state, stream)
    torch.save(state, old, _use_new_zipfile_serialization=False)
    header = {"a": one(dims=[2, 2], offsets=[0, 16]), "b": one("F16", [3], [16, 22])}
    return {
        "net.caffemodel": GOOD + net(layer("raw", shape(2) + b"\x50\x02" + field(12, bytes(4)))),
        "model.pth": stream.getvalue(),
        "old.pth": old.getvalue(),
        "model.safetensors": safetensors(header, bytes(22)),
    }


@pytest.mark.parametrize("name", samples())
def test_mutations_end_in_arrays_or_an_error(tmp_path: Path, name: str) -> None:
    data = samples()[name]
    path = Path(write(tmp_path, data, name))
    refused = 0
    for mutation in mutations(data, 1000 if name == "net.caffemodel" else 200, seed=0):
        path.unlink()  # what is mapped stays as it was
        path.write_bytes(mutation)
        try:
            entries = read_weights(path).entries.values()
        except NetgenError:
            refused += 1
            continue
        for entry in entries:
            if entry.is_usable:
                assert np.asarray(entry.array()).shape == entry.shape
    assert refused > 50


def test_every_truncation_of_a_caffemodel_is_seen(tmp_path: Path) -> None:
    ends = {len(net()), len(net(layer("conv1", shape(2, 3) + floats(*range(6)), shape(2) + floats(8, 9))))}
    for size in range(1, len(GOOD)):
        if size not in ends:
            code, text = complaint(tmp_path, GOOD[:size])
            assert code in ("NG601", "NG602"), size
            assert "at least" in text or size < 5, size


def test_no_memory_is_taken_for_what_is_only_claimed(tmp_path: Path) -> None:
    """With room for little more than the program, all of these still end in their own error."""
    with open("/proc/self/statm") as statm:
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + (64 << 20), before[1]))
    try:
        for data, words in DAMAGED.values():
            code, text = complaint(tmp_path, data)
            assert code == "NG601"
            assert words in text
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
