"""A net as an ONNX model: for one shape of its inputs, or for several, as far as it really is the same for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from netgen.api.collector import without_collector
from netgen.diag import Diagnostic, NetgenError, Note, did_you_mean
from netgen.emit.onnx import OnnxModel, emit
from netgen.ir.graph import Graph, Shape
from netgen.ir.text import value_name
from netgen.passes.resize import with_inputs

if TYPE_CHECKING:
    from netgen.weights import Weights

OPEN = ("batch", "spatial")
"""What a model can leave open: how many images, and how large they are."""

_NOT_OPEN = "the model cannot leave this size open"
_BATCHES = (1, 3)
_HEIGHTS = (1, 2, 3, 5, 9, 17, 32, 33, 64, 96, 160, 32, 96)
_WIDTHS = (2, 3, 5, 9, 17, 1, 64, 32, 33, 160, 96, 32, 96)
"""By how much the inputs grow where it is found out whether a net is the same for other sizes. Among them are odd and
even numbers of every layer with a stride, and multiples of what most nets can be halved by; the last leave squares
squares, for nets that take only those."""


def onnx_model(
    graph: Graph, weights: Weights | None, *, opset: int | None = None, dynamic: str | Sequence[str] = ()
) -> OnnxModel:
    """The model, which has the weights as far as there are some. See ``Net.to_onnx``."""
    wanted = (dynamic,) if isinstance(dynamic, str) else tuple(dynamic)
    for each in wanted:
        if each not in OPEN:
            hint = did_you_mean(each, OPEN) or f"there are {', '.join(OPEN)}"
            raise ValueError(f"a model cannot leave `{each}` open; {hint}")
    with without_collector():
        others = [other for kind in dict.fromkeys(wanted) for other in _others(graph, kind)]
        return emit(graph, weights, opset=opset, others=others)


def save_model(
    model: OnnxModel, weights: Weights | None, path: str | os.PathLike[str], *, external: bool = False
) -> list[str]:
    """Write a model with the weights that it was made with; gives the paths of the files."""
    from netgen.weights import save_onnx

    entries = weights.entries if weights is not None else {}
    arrays = {name: entries[key] for name, key in model.weights.items()}
    return save_onnx(path, model.skeleton, arrays, external=external)


# --- other sizes ----------------------------------------------------------------------------------


def _others(graph: Graph, kind: str) -> list[Graph]:
    """The same net for other inputs. Sizes that it does not take do not count, as long as it takes some."""
    found = []
    refused: NetgenError | None = None
    for grown in _batches(graph) if kind == "batch" else _sizes():
        shapes = {value_name(value): grown(value.shape) for value in graph.inputs}
        if all(value.shape == shapes[value_name(value)] for value in graph.inputs):
            label = "no input has a height and a width other than 1"
            raise NetgenError([Diagnostic("NG406", _NOT_OPEN, None, label)])
        try:
            found.append(with_inputs(graph, shapes))
        except NetgenError as error:
            refused = refused or error
    if refused is not None and not found:
        raise NetgenError([_belongs_to_one_size(each) for each in refused.diagnostics])
    return found


def _belongs_to_one_size(refused: Diagnostic) -> Diagnostic:
    """Of the sizes that were tried, the first is told of."""
    note = Note(f"{refused.title}, nor any other size that was tried")
    return Diagnostic("NG406", _NOT_OPEN, refused.span, refused.label, notes=[note], hint=refused.hint)


Growth = Callable[[Shape], Shape]


def _batches(graph: Graph) -> Iterator[Growth]:
    """More images, in all inputs that have as many as the first one."""
    batch = graph.inputs[0].shape[0] if graph.inputs else 0
    return (partial(_more, batch, more) for more in _BATCHES)


def _more(batch: int, more: int, shape: Shape) -> Shape:
    return (batch + more, *shape[1:]) if shape[0] == batch else shape


def _sizes() -> Iterator[Growth]:
    """Larger images, in all inputs that are images."""
    return (partial(_larger, more) for more in zip(_HEIGHTS, _WIDTHS, strict=True))


def _larger(more: tuple[int, int], shape: Shape) -> Shape:
    """An image, a volume or a sequence that is larger each way; one place is none, but a row of numbers."""
    if all(extent == 1 for extent in shape[2:]):
        return shape
    return (*shape[:2], *(extent + more[at % 2] for at, extent in enumerate(shape[2:])))
