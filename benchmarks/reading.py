"""Reading prototxts: text to typed and upgraded messages with places, against protobuf's own reader of text."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from google.protobuf import text_format

from benchmarks.measure import QUICK, Effort, compare, timed
from benchmarks.table import Row, Section, compared
from netgen.diag import NetgenError, Source
from netgen.formats import caffe_pb2
from netgen.formats.prototxt import read_prototxt
from netgen.formats.textproto_reader import decode_text, read_text

ROOT = Path(__file__).parents[1]
PELEENET = ROOT / "tests/cases/examples/peleenet/out/peleenet.prototxt"
CORPUS = ROOT / "../shared/corpus"
"""Published networks, which lie beside a checkout, not in it."""

MOST = 5
LIMIT = 2.0


def run(quick: bool = False) -> Section:
    effort = QUICK if quick else Effort(precision=0.01, seconds=8, fewest=15)
    peleenet = _source(PELEENET)
    rows = [_row(peleenet, "PeleeNet", effort), _row(peleenet, "PeleeNet, not typed", effort, typed=False)]
    rows += [_row(source, Path(source.path).stem.split("__")[-1], effort) for source in largest(1 if quick else MOST)]
    return Section(
        "Reading prototxts",
        "From the text of a prototxt to messages with types and places, upgraded as Caffe upgrades them, against "
        f"Google's `text_format.Parse` with the same schema: PeleeNet and the {MOST} largest published files at hand.",
        rows,
    )


def largest(number: int) -> list[Source]:
    """The largest prototxts of the corpus that netgen and protobuf both read."""
    by_size = sorted(CORPUS.rglob("*.prototxt"), key=lambda path: (-path.stat().st_size, path.name))
    return list(islice(filter(_is_read, map(_source, by_size)), number))


def _row(source: Source, name: str, effort: Effort, typed: bool = True) -> Row:
    ours = timed((lambda: read_prototxt(source)) if typed else (lambda: read_text(source)))
    found = compare(ours, timed(lambda: _parse(source)), effort)
    lines = source.text.count("\n")
    return compared(f"{name}, {len(_parse(source).layer)} layers, {lines:,} lines", found, LIMIT, f"≤ {LIMIT:g}")


def _parse(source: Source) -> caffe_pb2.NetParameter:
    return text_format.Parse(source.text, caffe_pb2.NetParameter(), allow_unknown_field=True)


def _is_read(source: Source) -> bool:
    try:
        read_prototxt(source)
        _parse(source)
    except (NetgenError, text_format.ParseError):
        return False
    return True


def _source(path: Path) -> Source:
    return decode_text(str(path), path.read_bytes())
