"""Batch normalisations, and other constants for each channel, go into the convolutions beside them.

What stands behind a convolution, deconvolution or fully connected layer multiplies and shifts its outputs: its weights
are multiplied by the same, and its bias takes the shift. What stands in front of one that does not pad can go into it
too. Nothing is folded that is not exact; what stays, stays with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Attrs, Graph, Node, Value
from netgen.ir.slots import Key
from netgen.passes import affine, filters
from netgen.passes.changes import Changes, Left, counted, listed
from netgen.passes.folds import Fold, agreed, wanted_elsewhere
from netgen.passes.rewrite import Held, Rewritten, remade

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


def fold_bn(graph: Graph, arrays: Mapping[Key, Array] | None = None, *, training: bool = False) -> Rewritten:
    """The graph with all that can be folded, the arrays that this changes, and what was left and why.

    Without arrays only the structure is folded. ``training`` says that the graph is that of training, where batch
    normalisations use the statistics of each batch.
    """
    finder = _Finder(graph, training)
    finder.run()
    folds, left = finder.folds, finder.left
    held = Held(graph, arrays) if arrays is not None else None
    folds, refused = agreed(folds, graph, held)
    left += refused
    changed = {fold.node: _with_bias(fold.node.a) for fold in folds}
    stand_ins: dict[Value, Value | None] = {
        node.outputs[0]: node.inputs[0] for fold in folds for node in (*fold.before, *fold.after)
    }
    made = {key: array for fold in folds for key, array in fold.arrays.items()}
    order = {node.name: at for at, node in enumerate(graph.nodes)}
    left.sort(key=lambda each: order[each.name])
    return Rewritten(remade(graph, changed, stand_ins), made, _report(folds, left))


def _with_bias(a: Attrs) -> Attrs:
    return Attrs({**a, "bias": True})


def _report(folds: Iterable[Fold], left: list[Left]) -> Changes:
    folds = list(folds)
    inner = [node for fold in folds for node in (*fold.before, *fold.after)]
    norms = [node for node in inner if node.op.name == "batch_norm"]
    others = [node for node in inner if node not in norms and node.inputs[0].node not in norms]
    if not inner:
        nothing = "nothing was folded" if left else "nothing to fold: the net has no batch normalisation"
        return Changes(nothing, [], left)
    what = [counted(len(norms), "batch normalisation")] if norms else []
    if others:
        what.append(counted(len(others), "scale or offset" if len(others) == 1 else "scales and offset"))
    into = []
    for op, word in filters.WORDS.items():
        count = sum(fold.node.op.name == op for fold in folds)
        if count:
            into.append(counted(count, word))
    return Changes(f"folded {listed(what)} into {listed(into)}", [fold.node.name for fold in folds], left)


_ALONE = "no convolution stands before or behind it"


class _Finder:
    """Finds what may be folded into what, as far as the structure tells."""

    def __init__(self, graph: Graph, training: bool) -> None:
        self.graph = graph
        self.training = training
        self.outputs = set(graph.outputs)
        self.folds: list[Fold] = []
        self.left: list[Left] = []
        self._taken: set[Node] = set()

    def run(self) -> None:
        found = {node: Fold(node) for node in self.graph.nodes if filters.is_filter(node)}
        for node, fold in found.items():
            fold.after = self._behind(node)
            self._taken.update(fold.after)
        for node, fold in found.items():
            fold.before = self._in_front(node)
            self._taken.update(fold.before)
        self.folds = [fold for fold in found.values() if fold.before or fold.after]
        for node in self.graph.nodes:
            is_learned = node.op.name != "power"  # else it is arithmetic, which nobody wants to see gone
            if is_learned and affine.is_affine(node) and node not in self._taken:
                self._leave(node)

    def _behind(self, node: Node) -> list[Node]:
        """The layers behind one that can all go into it."""
        found: list[Node] = []
        value = node.outputs[0]
        while not wanted_elsewhere(self.outputs, value) and len(value.readers) == 1:
            [reader] = value.readers
            if not affine.is_affine(reader) or self._objection(reader, filters.output_axis(node)):
                break
            found.append(reader)
            value = reader.outputs[0]
        return found

    def _in_front(self, node: Node) -> list[Node]:
        """The layers in front of one that can all go into it."""
        found: list[Node] = []
        value = node.inputs[0]
        while affine.is_affine(value.node) and value.node not in self._taken:
            if wanted_elsewhere(self.outputs, value) or self._objection(value.node, 1) or _keeps_out(node, value.node):
                break
            found.insert(0, value.node)
            value = value.node.inputs[0]
        if found and value.node.op.name == "batch_norm" and value.node not in self._taken:
            return found[1:]  # what scales a normalisation that stays, stays with it
        return found

    def _objection(self, node: Node, axis: int) -> str:
        return affine.objection(node, axis, training=self.training)

    # --- what is left ------------------------------------------------------------------------------

    def _leave(self, node: Node) -> None:
        """Say why a layer stays. What scales a normalisation that stays too needs no word of its own."""
        maker = node.inputs[0].node
        if node.op.name != "batch_norm" and maker.op.name == "batch_norm" and maker not in self._taken:
            return
        if not node.is_known:
            self.left.append(Left(node.name, "its shape is not known"))
            return
        conv = self._maker(node)
        why = self._why_not_behind(conv, node) if conv is not None else None
        why = why or self._why_not_before(node)
        if why is None and node.op.name == "batch_norm":
            why = Left(node.name, _ALONE, f"{_ALONE}: {_neighbours(node)}")
        if why is not None:
            self.left.append(why)

    def _maker(self, node: Node) -> Node | None:
        """The convolution behind which a layer stands, with nothing but what could be folded in between."""
        value = node.inputs[0]
        while value.node in self._taken:
            value = value.node.inputs[0]
        return value.node if filters.is_filter(value.node) else None

    def _why_not_behind(self, maker: Node, node: Node) -> Left | None:
        shared = wanted_elsewhere(self.outputs, node.inputs[0])
        if shared:
            return Left(node.name, "what it reads is needed elsewhere too", shared)
        objection = self._objection(node, filters.output_axis(maker))
        return Left(node.name, objection) if objection else None

    def _why_not_before(self, node: Node) -> Left | None:
        """Why a layer does not go into a convolution behind it; None where there is none, or it is another's fault."""
        value = node.outputs[0]
        if not any(filters.is_filter(reader) for reader in _next(value)):
            return None
        chain = [node]
        while not (shared := wanted_elsewhere(self.outputs, value)) and affine.is_affine(value.readers[0]):
            chain.append(value.readers[0])
            value = value.readers[0].outputs[0]
        if shared:
            return Left(node.name, "what it makes is needed elsewhere too", shared)
        if objection := next((why for each in chain if (why := self._objection(each, 1))), ""):
            return Left(node.name, objection)
        reader = value.readers[0]
        reason = next((why for each in chain if (why := _keeps_out(reader, each))), "")
        return Left(node.name, reason, f"{reason}: `{reader.name}`") if reason else None


def _next(value: Value) -> Iterator[Node]:
    """Who reads a value, behind any layers with constants that alone read it."""
    while len(value.readers) == 1 and affine.is_affine(value.readers[0]):
        value = value.readers[0].outputs[0]
    yield from value.readers


def _keeps_out(node: Node, before: Node) -> str:
    """Why what stands in front of a layer cannot go into it."""
    if not filters.reads_channels(node):
        return "the layer behind it does not sum over its channels"
    if not affine.shifts(before):
        return ""
    if filters.pads(node):
        return "the convolution behind it pads with zeros, which it would have to shift too"
    if node.op.name == "deconv":
        return "the deconvolution behind it gives its shift to each place as often as the kernel covers that"
    return ""


def _neighbours(node: Node) -> str:
    """What a layer reads, and who reads it."""
    maker = node.inputs[0].node
    readers = [f"`{reader.name}` ({reader.op.name})" for reader in node.outputs[0].readers[:2]]
    behind = f", and {listed(readers)} read{'s' if len(readers) == 1 else ''} it" if readers else ""
    return f"it reads `{maker.name}` ({maker.op.name}){behind}"
