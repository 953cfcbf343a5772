"""Warm compile: PeleeNet from text to text, in a process that has done it before."""

from __future__ import annotations

from google.protobuf import text_format

import netgen
from benchmarks.cold import PROGRAM
from benchmarks.measure import QUICK, Effort, compare, timed
from benchmarks.peers.caffe_schema import net_parameter
from benchmarks.table import Section, compared

LIMIT = 25 / 45
"""The goal: 25 ms where ``text_format.Parse`` of the result takes 45."""


def run(quick: bool = False) -> Section:
    effort = QUICK if quick else Effort(precision=0.01, seconds=30, fewest=51)
    with open(PROGRAM, encoding="utf-8") as file:
        program = file.read()
    prototxt = netgen.compile(program).to_prototxt()
    schema = net_parameter()
    message = text_format.Parse(prototxt, schema())

    ours = timed(lambda: netgen.compile(program).to_prototxt())
    parse = compare(ours, timed(lambda: text_format.Parse(prototxt, schema())), effort)
    both = compare(ours, timed(lambda: text_format.MessageToString(text_format.Parse(prototxt, schema()))), effort)
    size = f"{len(message.layer)} layers, {len(prototxt) // 1000} kB"
    return Section(
        "Warm compile",
        f"PeleeNet from the text of `examples/peleenet.net` to the text of a prototxt ({size}), against Google's "
        "protobuf reading that prototxt and printing it.",
        [
            compared("against `text_format.Parse`", parse, LIMIT, "≤ 0.556 (25 ms : 45 ms)"),
            compared("against `Parse` and `MessageToString`", both),
        ],
    )
