"""Caffe's prototxt: refusals, then the plan of layers and blobs, then the text."""

from __future__ import annotations

from netgen.emit.caffe.plan import Blob, Layer, plan
from netgen.emit.caffe.text import render
from netgen.emit.refusals import raise_refusals
from netgen.ir.graph import Graph

__all__ = ["Blob", "Layer", "emit", "plan"]


def emit(graph: Graph) -> str:
    """The network as a prototxt; raises ``NetgenError`` with all that Caffe cannot say."""
    raise_refusals(graph, "caffe", "NG401", "Caffe cannot say this")
    return render(graph, plan(graph))
