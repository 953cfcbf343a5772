"""Caffemodels: what protobuf writes is read, and what is written protobuf, OpenCV and netgen itself read."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from caffe_files import read_caffemodel as read_otherwise
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_files import Array, caffe_net, field, floats, layer, net, numbers, read, same, shape, varint, write

import netgen
from netgen.formats import caffe_pb2
from netgen.ir.slots import LayerSlots
from netgen.weights import Entry, read_weights
from netgen.weights.caffemodel import read_caffemodel
from netgen.weights.caffemodel_writer import write_caffemodel

# --- reading --------------------------------------------------------------------------------------


def test_layers_are_read_as_protobuf_writes_them(tmp_path: Path) -> None:
    message = caffe_net()
    arrays = [np.nan_to_num(numbers(*dims)) for dims in [(8, 3, 3, 3), (8,), ()]]
    one = message.layer.add(name="conv1", type="Convolution", bottom=["data"], top=["conv1"], phase="TEST")
    one.convolution_param.num_output = 8
    for array in arrays:
        blob = one.blobs.add()
        blob.shape.dim.extend(array.shape)
        blob.data.extend(array.ravel().tolist())
        blob.diff.extend([1.0] * 3)
    message.layer.add(name="relu1", type="ReLU", bottom=["conv1"], top=["conv1"])

    file = read(tmp_path, message.SerializeToString())

    assert (file.format, file.net) == ("caffemodel", "net")
    assert [(each.name, each.type, each.bottoms, each.tops) for each in file.layers] == [
        ("conv1", "Convolution", ("data",), ("conv1",)),
        ("relu1", "ReLU", ("conv1",), ("conv1",)),
    ]
    assert list(file.entries) == ["conv1[0]", "conv1[1]", "conv1[2]"]
    for entry, array in zip(file.entries.values(), arrays, strict=True):
        assert same(entry.array(), array)


def v1(**said: Any) -> Any:
    message = caffe_net()
    message.layers.add(**said)
    return message


def v0(**said: Any) -> Any:
    message = caffe_net()
    message.layers.add(bottom=["data"], top=["conv1"]).layer.CopyFrom(caffe_pb2.V0LayerParameter(**said))
    return message


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (v1(name="conv1", type="CONVOLUTION", bottom=["data"], top=["conv1"]), "Convolution"),
        (v0(name="conv1", type="conv"), "conv"),
    ],
    ids=["v1", "v0"],
)
def test_older_generations_of_layers(tmp_path: Path, message: Any, kind: str) -> None:
    """With the shapes of their time: four numbers, of which an offset needs only the last."""
    [one] = message.layers
    blobs = one.layer.blobs if kind == "conv" else one.blobs
    blobs.add(num=4, channels=2, height=1, width=3, data=range(24))
    blobs.add(num=1, channels=1, height=1, width=4, data=range(4))
    file = read(tmp_path, message.SerializeToString())
    [found] = file.layers
    assert (found.name, found.type, found.bottoms, found.tops) == ("conv1", kind, ("data",), ("conv1",))
    assert [blob.shape for blob in found.blobs] == [(4, 2, 1, 3), (1, 1, 1, 4)]
    assert found.blobs[0].array().ravel().tolist() == list(range(24))


def blob_of(array: Array, how: str) -> bytes:
    """An array in one of the ways in which there are numbers in files."""
    dims, data = shape(*array.shape), array.tobytes()
    single = [data[at : at + 4] for at in range(0, len(data), 4)]
    unpacked = b"".join(b"\x2d" + each for each in single)
    double = np.asarray(array, np.float64)
    match how:
        case "packed":
            return dims + field(5, data)
        case "unpacked":
            return dims + unpacked
        case "in parts":
            return field(5, data[:8]) + b"\x2d" + data[8:12] + dims + field(5, b"") + field(5, data[12:])
        case "unpacked dims":
            return field(7, b"".join(b"\x08" + varint(dim) for dim in array.shape)) + field(5, data)
        case "dims in two shapes":
            return shape(*array.shape[:1]) + shape(*array.shape[1:]) + field(5, data)
        case "double":
            return dims + field(8, double.tobytes())
        case "unpacked double":
            return dims + b"".join(b"\x41" + each.tobytes() for each in double.ravel())
        case "raw float32":
            return dims + b"\x50\x01" + field(12, data)
        case "raw float64":
            return dims + b"\x50\x00" + field(12, double.tobytes())
        case "raw float16":
            return dims + b"\x50\x02" + field(12, array.astype(np.float16).tobytes())
        case "diffs and strange fields around":
            strange = b"\x98\x06\x01" + b"\xa3\x06\x08\x01\xa4\x06" + field(99, b"\xff" * 9)
            return (
                strange + unpacked.replace(b"\x2d", b"\x35", 1)[:5] + dims + field(5, data) + field(6, data) + strange
            )
    raise AssertionError(how)


WAYS = [
    "packed",
    "unpacked",
    "in parts",
    "unpacked dims",
    "dims in two shapes",
    "double",
    "unpacked double",
    "raw float32",
    "raw float64",
    "raw float16",
    "diffs and strange fields around",
]


@pytest.mark.parametrize("how", WAYS)
def test_every_way_to_write_numbers(tmp_path: Path, how: str) -> None:
    array = np.arange(60).reshape(5, 3, 4).astype(np.float32) / np.float32(8)  # exact in float16
    file = read(tmp_path, net(layer("a", blob_of(array, how), blob_of(array[:1], how))))
    first, second = file.entries.values()
    assert same(first.array(), array)
    assert same(second.array(), array[:1])
    assert first.dtype == how.rpartition(" ")[2].replace("double", "float64") or first.dtype == "float32"
    joined = np.concatenate(list(first.pieces()))
    assert same(joined, array.ravel())


def test_long_runs_of_unpacked_numbers_end_where_they_end(tmp_path: Path) -> None:
    """Runs are compared in blocks: lengths around those of a block, with other fields behind them."""
    for count in (7, 8, 9, 65535, 65536, 65537):
        array = np.arange(count, dtype=np.float32)
        rows = np.zeros((count, 5), np.uint8)
        rows[:, 0] = 0x2D
        rows[:, 1:] = array.view(np.uint8).reshape(count, 4)
        blob = shape(count + 1) + rows.tobytes() + b"\x35\0\0\0\0" + b"\x2d" + struct.pack("<f", 7)
        [entry] = read(tmp_path, net(layer("a", blob))).entries.values()
        assert entry.array().tolist() == [*range(count), 7]


def test_what_stands_several_times_is_merged_as_protobuf_merges_it(tmp_path: Path) -> None:
    one = field(1, b"wrong") + layer("right", shape(1) + floats(5)) + field(3, b"x") + field(3, b"y")
    file = read(tmp_path, field(1, b"old") + field(1, b"new") + field(100, one))
    assert caffe_pb2.NetParameter.FromString(Path(file.path).read_bytes()).layer[0].name == "right"
    assert (file.net, file.layers[0].name, file.layers[0].bottoms) == ("new", "right", ("x", "y"))


def test_numbers_of_forks_do_not_matter(tmp_path: Path) -> None:
    """Any field that a fork may have put there, of any kind, at any number that nobody reads here."""
    fields = b"".join(field(number, b"\xff\xff") for number in (8, 9, 137, 149, 8266711, 536870911))
    others = b"\x28\x01" + b"\x35" + bytes(4) + b"\x59" + bytes(8) + b"\x63\x08\x01\x6b\x6c\x64"
    file = read(tmp_path, net(others + layer("a", shape(2) + floats(1, 2)) + fields))
    assert file.entries["a[0]"].array().tolist() == [1, 2]


def test_names_in_other_encodings(tmp_path: Path) -> None:
    file = read(tmp_path, net(field(1, "卷积".encode("gbk")) + field(7, shape(1) + floats(1))))
    assert file.layers[0].name == r"\xbe\xed\xbb\xfd"


def test_the_files_of_the_oracle(shared: Path) -> None:
    paths = sorted((shared / "oracle").glob("*.caffemodel"))
    assert len(paths) > 100
    for path in paths:
        blobs = read_otherwise(path.read_bytes())
        for each in read_weights(path).layers:
            found = [blob.array() for blob in each.blobs]
            wanted = blobs[each.name]
            assert len(found) == len(wanted)
            assert all(same(one, two) for one, two in zip(found, wanted, strict=True))


# --- writing --------------------------------------------------------------------------------------


def entry(array: Array) -> Entry:
    return Entry("a", array.shape, lambda: array)


def written(*layers: tuple[str, list[Array]]) -> bytes:
    stream = BytesIO()
    slots = [
        (LayerSlots(name, "Scale", ["x", "y"], ["z"], []), [entry(each) for each in arrays]) for name, arrays in layers
    ]
    write_caffemodel(stream, "größer", slots)
    return stream.getvalue()


def test_protobuf_reads_what_is_written() -> None:
    arrays = [numbers(300, 7), numbers(2), numbers(), numbers(0, 3), numbers(1 << 7, 1)]
    message = caffe_pb2.NetParameter.FromString(written(("a/b", arrays), ("c", [])))
    assert message.name == "größer"
    assert [each.name for each in message.layer] == ["a/b", "c"]
    one = message.layer[0]
    assert (one.type, list(one.bottom), list(one.top), one.phase) == ("Scale", ["x", "y"], ["z"], caffe_pb2.TEST)
    assert [tuple(blob.shape.dim) for blob in one.blobs] == [array.shape for array in arrays]
    data = written(("a/b", arrays))
    for array in arrays:
        assert array.tobytes() in data
    assert caffe_pb2.NetParameter.FromString(data).ByteSize() == len(data)


shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
bits = st.integers(0, 2**32 - 1)


@given(st.lists(st.lists(shapes, max_size=3), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_what_is_written_is_read_bit_by_bit(layers: list[list[tuple[int, ...]]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = []
    for index, each in enumerate(layers):
        arrays = [rng.integers(0, 2**32, one, np.uint32).view(np.float32) if one else numbers() for one in each]
        wanted.append((f"layer{index}", arrays))
    file = read_caffemodel("x", written(*wanted))
    found = [(each.name, [blob.array() for blob in each.blobs]) for each in file.layers]
    assert [name for name, _ in found] == [name for name, _ in wanted]
    for (_, one), (_, two) in zip(found, wanted, strict=True):
        assert len(one) == len(two)
        assert all(same(a, b) for a, b in zip(one, two, strict=True))


ORACLE = Path(__file__).parents[1] / "data" / "oracle"
UNDIVIDED = [case for case in sorted(ORACLE.glob("*.caffemodel")) if not case.stem.startswith("BatchNorm")]
"""All but those whose statistics are divided by their count."""


@pytest.mark.parametrize("path", UNDIVIDED, ids=lambda path: path.stem)
def test_caffes_blobs_come_out_as_they_went_in(path: Path, tmp_path: Path) -> None:
    netgen.load(path.with_suffix(".prototxt"), weights=path).save_caffemodel(tmp_path / "net.caffemodel")
    saved = read_otherwise((tmp_path / "net.caffemodel").read_bytes())
    for name, blobs in read_otherwise(path.read_bytes()).items():
        assert [blob.shape for blob in saved.get(name, [])] == [blob.shape for blob in blobs]
        assert all(same(one, other) for one, other in zip(saved.get(name, []), blobs, strict=True))


def test_opencv_reads_raw_float16_as_netgen_does(tmp_path: Path) -> None:
    """A witness for the numbers of NVIDIA's fields, which BVLC's Caffe does not have."""
    cv2 = pytest.importorskip("cv2")
    array = np.arange(16).reshape(4, 4, 1, 1).astype(np.float32) / np.float32(4)
    model = write(tmp_path, net(layer("conv", blob_of(array, "raw float16"))))
    text = (
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 2 dim: 2 } } }\n'
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
        "convolution_param { num_output: 4 kernel_size: 1 bias_term: false } }"
    )
    prototxt = write(tmp_path, text.encode(), "net.prototxt")
    image = np.random.default_rng(0).standard_normal((1, 4, 2, 2)).astype(np.float32)
    caffe = cv2.dnn.readNetFromCaffe(prototxt, model)
    caffe.setInput(image)
    [found] = read_weights(model).entries.values()
    wanted = np.einsum("oi,nihw->nohw", found.array()[:, :, 0, 0], image)
    np.testing.assert_allclose(caffe.forward(), wanted, rtol=1e-5, atol=1e-6)
