"""Known faults of runtimes: what they compute otherwise than Caffe, and how that is known.

What consumers of prototxts do is told by their tables, ``emit/caffe/dialects``, and nowhere else: a rule that names
what a consumer computes, rather than that it refuses, is a known fault, of layers for which there are no other words.
PyTorch and ONNX Runtime have none: netgen writes what they are to compute, so what is wrong there is wrong in netgen.

MNN, for whoever runs it: never import ``MNN.tools``. On import ``MNN.tools.utils.log`` calls ``pip install`` (a package
for logging, which takes protobuf back to 5) and asks a server for credentials; its ``mnnconvert`` then sends what was
converted. The converter itself needs none of that::

    import MNN, _tools  # in this order: the second finds its libraries through the first
    files = ["--modelFile", caffemodel, "--prototxt", prototxt, "--MNNModel", mnn]
    _tools.mnnconvert(["mnnconvert", "-f", "CAFFE", *files])

It prints to the process's stdout; where it fails it writes no file, and may end the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from netgen.emit.caffe import dialects
from netgen.ir.graph import Node

DIALECTS: Mapping[str, str] = MappingProxyType({"opencv": "opencv4", "mnn": "mnn"})
"""The tables of runtimes that read Caffe's files, by family."""


class KnownFault(NamedTuple):
    """What a runtime computes otherwise: ``fact`` for a report, and what shows it.

    ``seen`` is the version that did so when it was run, ``source`` the file of its own sources that computes the layer.
    """

    fact: str
    seen: str
    source: str

    def __str__(self) -> str:
        return self.fact


def known_fault(runtime: str, node: Node) -> KnownFault | None:
    """What a runtime, by its name, is known to compute otherwise of a node as netgen says it; None if nothing is."""
    family = runtime.partition("-")[0]
    if family not in DIALECTS:
        return None
    table = dialects.find(DIALECTS[family])
    found = dialects.faults(node, table.name)
    if not found:
        return None
    fact = ", and ".join(f"{each.what}; {each.does}" for each in found)
    return KnownFault(fact, f"{table.consumer.split()[0]} {table.seen}", found[0].source)
