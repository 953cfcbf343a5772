"""Published files: each is read, and written again as the same network; or its error says what it really is."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from caffe_schema import CaffeSchema

import netgen
from netgen.api import open_program
from netgen.diag import Source
from netgen.formats.message import Message
from netgen.formats.prototxt import read_prototxt
from netgen.formats.textproto import write_text

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
NO_TEXT = "syntax-error"
UPGRADED = ("input", "input_dim", "input_shape", "layers")


def _files(schema: str) -> Iterator[str]:
    """The corpus in a few portions, so that several processes share it."""
    if CORPUS.is_dir():
        with (CORPUS / "manifest.csv").open() as table:
            yield from (row["file"] for row in csv.DictReader(table) if row["schema"] == schema)


def _portions(files: list[str], number: int = 8) -> list[list[str]]:
    return [files[at::number] for at in range(number)]


def _read(text: str) -> Message:
    return read_prototxt(Source("again.prototxt", text)).message


def _unordered(value: object) -> object:
    """A message without the order of its fields, which protobuf does not keep between fields of different names."""
    if not isinstance(value, list):
        return value
    names = dict.fromkeys(name for name, _ in value)
    return {name: [_unordered(each) for other, each in value if other == name] for name in names}


READ = sorted([*_files("plain"), *_files("fork"), *_files("schema")])


@pytest.mark.parametrize("files", _portions(READ))
def test_text_to_graph_to_text(files: list[str], shared: Path) -> None:
    """What is written says the same as what was read, after Caffe's own upgrade, floats as float32."""
    for file in files:
        path = str(shared / "corpus" / file)
        again = netgen.load(path).to_prototxt()
        expected = read_prototxt(open_program(path)).message
        assert _unordered(_read(write_text(expected))) == _unordered(_read(again)), file


@pytest.fixture(scope="module")
def schema(shared: Path) -> CaffeSchema:
    return CaffeSchema(shared / "facts" / "bvlc_schema.json")


@pytest.mark.parametrize("files", _portions(sorted(_files("plain"))))
def test_protobuf_reads_the_same(files: list[str], shared: Path, schema: CaffeSchema) -> None:
    """Protobuf's own parser, with BVLC's schema, sees the same NetParameter in the text before and after."""
    for file in files:
        path = shared / "corpus" / file
        net: Any = schema.try_parse(path.read_bytes().decode("utf-8", "replace"))
        if net is None or any(len(getattr(net, name)) for name in UPGRADED):
            continue
        _upgrade_batch_norm(net)
        assert schema.parse(netgen.load(str(path)).to_prototxt()) == net, file


def _upgrade_batch_norm(net: Any) -> None:
    """Caffe's own rule: nobody trains the three blobs of a BatchNorm layer, whatever its text says."""
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for param in layer.param:
                param.lr_mult = param.decay_mult = 0


@pytest.mark.parametrize("files", _portions(READ))
def test_each_phase_is_read_and_written(files: list[str], shared: Path) -> None:
    for file in files:
        path = shared / "corpus" / file
        if b"include" not in path.read_bytes():
            continue
        for phase in ("TRAIN", "TEST"):
            net = netgen.load(str(path), phase=phase)
            text = net.to_prototxt()
            again = netgen.load(text, phase=phase)
            assert again.to_prototxt() == text, file
            assert [each.operator for each in again.layers] == [each.operator for each in net.layers], file


def test_what_is_no_prototxt_is_refused(shared: Path) -> None:
    for file in _files(NO_TEXT):
        with pytest.raises(netgen.NetgenError) as error:
            netgen.load(str(shared / "corpus" / file))
        assert all(each.code.startswith("NG51") for each in error.value.diagnostics), file
