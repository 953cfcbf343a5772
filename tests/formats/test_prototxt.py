"""Files of Caffe's: what they are, their text, and protobuf's own reading of them as the witness."""

from __future__ import annotations

import csv
import gc
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from caffe_schema import CaffeSchema
from google.protobuf import text_format

from netgen.diag import NetgenError, Source
from netgen.formats import caffe_pb2
from netgen.formats.message import Double, Enum, Placed, Raw, get_all
from netgen.formats.prototxt import Prototxt, as_protobuf, read_prototxt
from netgen.formats.textproto import write_text
from netgen.formats.textproto_reader import decode_text


def read(text: str) -> Prototxt:
    return read_prototxt(Source("test.prototxt", text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('name: "n"', "net"),
        ('layer { type: "ReLU" }', "net"),
        ("layers { type: RELU }", "net"),
        ('name: "n" foo: 1 bar { } layer { }', "net"),
        ('net: "n.prototxt" base_lr: 0.1', "solver"),
        ('net_param { layer { } } type: "Adam" my_setting: 1', "solver"),
        ('item { name: "cat" label: 1 display_name: "Cat" }', "LabelMap"),
        ("crop_size: 224 mean_value: 104 mean_value: 117", "TransformationParameter"),
        ('name: "c" type: "Convolution" bottom: "x" convolution_param { num_output: 1 }', "LayerParameter"),
        ("dim: 1 dim: 3", "BlobShape"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert read(text).kind == kind


@pytest.mark.parametrize("text", ["node { } library { }", "ir_version: 8 graph { }", "foo: 1"])
def test_other_programs_files(text: str) -> None:
    with pytest.raises(NetgenError) as caught:
        read(text)
    assert [each.code for each in caught.value.diagnostics] == ["NG529"]


def test_text() -> None:
    message = [
        ("name", 'a "b"\n'),
        ("type", Enum("MAX")),
        ("float", 1e-5),
        ("double", Double(0.1)),
        ("whole", Double(3)),
        ("int", -7),
        ("bool", True),
        ("raw", Raw("1.50")),
        ("bytes", b"\xff"),
        ("message", [("empty", [])]),
    ]
    assert write_text(message) == (
        'name: "a \\"b\\"\\n"\ntype: MAX\nfloat: 1e-05\ndouble: 0.1\nwhole: 3\nint: -7\nbool: true\nraw: 1.50\n'
        'bytes: "\\377"\nmessage {\n  empty {\n  }\n}\n'
    )


def test_doubles_keep_all_their_digits() -> None:
    text = "layer {\n  st_param {\n    theta_1_1: 0.10000000149011612\n  }\n}\n"
    assert write_text(read(text).message) == text


def test_what_the_bindings_hold() -> None:
    text = """
      name: "n" unknown: 1
      layer {
        name: "p" interp_param { height: 3 } reorg_param { stride: 2 } my_param { x: 1 } include { phase: TEST }
        pooling_param { pool: MIN engine: MKLDNN kernel_size: 3 kernel_size: 4 ceil_mode: true stride: STRIDE }
        blobs { data: 1 data: 2.5 raw_data: "\\377" } param { }
      }
    """
    (layer,) = as_protobuf(read(text).message).layer
    made = caffe_pb2.LayerParameter(name="p")
    made.interp_param.height = 3
    made.include.add(phase=caffe_pb2.TEST)
    made.pooling_param.kernel_size = 4
    made.blobs.add(data=[1, 2.5], raw_data=b"\xff")
    made.param.add()
    assert layer == made


def test_inline_nets_of_solvers_stay_as_they_are() -> None:
    text = 'net_param {\n  input: "x"\n  layers {\n    type: RELU\n  }\n}\nbase_lr: 0.1\n'
    solver = read(text)
    assert (solver.kind, write_text(solver.message)) == ("solver", text)


def test_seven_thousand_lines_are_read_faster_than_by_protobuf() -> None:
    layer = """layer {{
      name: "conv{0}"
      type: "Convolution"
      bottom: "conv{1}"
      top: "conv{0}"
      param {{
        lr_mult: 1
        decay_mult: 1.0
      }}
      convolution_param {{
        num_output: {0}
        bias_term: false
        weight_filler {{
          type: "msra"
          std: 0.00{0}
        }}
      }}
    }}
    """
    text = "".join(layer.format(number, number - 1) for number in range(1, 440))

    def seconds(run: Any) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()  # others who use the processor do not count
            run()
            times.append(time.process_time() - start)
        return min(times)

    ours = seconds(lambda: read(text))
    assert ours < seconds(lambda: text_format.Parse(text, caffe_pb2.NetParameter()))


Row = dict[str, str]
PLACES = {"layer": ("input",), "input_param": ("input",), "shape": ("input_shape", "input_dim", *"0123456789")}
"""Fields of upgraded nets that stand where others stood, or the first element of a list."""


def corpus(shared: Path, schema: str = "", syntax: str = "") -> Iterator[tuple[Row, Prototxt]]:
    """All files of the corpus, or those of a kind, read one by one; but not those that are no protobuf text."""
    folder = shared / "corpus"
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["schema"] != "syntax-error"]
    for row in rows:
        if row["schema"] != (schema or row["schema"]) or row["syntax"] != (syntax or row["syntax"]):
            continue
        yield row, read_prototxt(decode_text(row["file"], (folder / row["file"]).read_bytes()))


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collection, as in a run of netgen: it would take longer than the reading."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.slow
@pytest.mark.usefixtures("uncollected")
def test_the_corpus_is_read_and_written_again(shared: Path) -> None:
    warned = []
    for row, text in corpus(shared):
        name = row["file"]
        assert text.kind == ("solver" if row["kind"] == "solver" else "net"), name
        assert text.upgraded_from == (row["syntax"] if row["syntax"] in ("v0", "v1") else text.upgraded_from), name
        assert not get_all(text.message, "layers")
        assert row["syntax"] in ("v0", "v1") or all_in_place(text.message, text.source.text), name
        written = write_text(text.message)
        again = read(written)
        assert (write_text(again.message), again.upgraded_from) == (written, ""), name
        assert row["schema"] == "fork" or row["syntax"] == "v0" or again.message == text.message, name
        if text.warnings:
            warned.append(row)
    assert len(warned) < 60, "forks are read in silence: what is warned of is what a person should look at"
    assert {row["syntax"] for row in warned if row["schema"] == "plain"} == {"v0"}


def all_in_place(message: Placed, text: str) -> bool:
    """Whether each message within a message stands where its place says."""
    return all(
        text.startswith((name, *PLACES.get(name, ())), start) and all_in_place(value, text)
        for (name, value), start in zip(message, message.starts, strict=True)
        if isinstance(value, Placed) and start >= 0
    )


@pytest.fixture(scope="session")
def bvlc(shared: Path) -> CaffeSchema:
    return CaffeSchema(shared / "facts" / "bvlc_schema.json")


def test_nets_of_today_are_what_protobuf_reads(shared: Path, bvlc: CaffeSchema) -> None:
    """By the schema of the facts, with Caffe's two upgrades of such nets done on protobuf's own objects."""
    count = 0
    for row, text in corpus(shared, "plain", "v2"):
        net = bvlc.parse(text.source.text)
        _upgrade_inputs(net)
        _upgrade_statistics(net)
        assert bvlc.parse(write_text(text.message)) == net, row["file"]
        assert as_protobuf(text.message) == caffe_pb2.NetParameter.FromString(net.SerializeToString()), row["file"]
        count += 1
    assert count > 80


def _upgrade_inputs(net: Any) -> None:
    if net.input and (net.input_shape or net.input_dim):
        rest = list(net.layer)
        del net.layer[:]
        layer = net.layer.add(name="input", type="Input", top=net.input)
        for number in range(len(net.input)):
            dims = net.input_shape[number].dim if net.input_shape else net.input_dim[4 * number : 4 * number + 4]
            layer.input_param.shape.add(dim=dims)
        net.layer.extend(rest)
    for name in ("input", "input_shape", "input_dim"):
        net.ClearField(name)


def _upgrade_statistics(net: Any) -> None:
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for param in layer.param:
                param.lr_mult = param.decay_mult = 0


def test_old_nets_keep_their_layers(shared: Path, bvlc: CaffeSchema) -> None:
    """By the schema of the facts: the upgraded text is a net of today with the same names, connections and settings."""
    count = 0
    for row, text in corpus(shared, "plain", "v1"):
        old = bvlc.parse(text.source.text)
        new = bvlc.parse(write_text(text.message))
        layers = new.layer[1:] if old.input_dim else new.layer
        assert len(layers) == len(old.layers)
        for before, after in zip(old.layers, layers, strict=True):
            for same in ("name", "bottom", "top", "include", "loss_weight", "convolution_param", "inner_product_param"):
                assert getattr(before, same) == getattr(after, same), row["file"]
            assert [param.lr_mult for param in after.param] == list(before.blobs_lr)
            word = before.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_number[before.type].name
            assert after.type.lower() in (word.replace("_", "").lower(), "softmaxwithloss")
        count += 1
    assert count == 10
