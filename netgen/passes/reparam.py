"""Parallel convolutions whose results are added become one convolution.

A sum of convolutions over one input is a convolution: their kernels are laid over each other where they look at the
same pixels. So the 3x3, 1x3 and 3x1 branches of ACNet become a 3x3, and so do the 3x3, 1x1 and identity branches of
RepVGG. Normalisations at the end of a branch are folded on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Attrs, Graph, Node, Value
from netgen.ir.slots import Key
from netgen.passes import affine
from netgen.passes.branches import Branch, Window, aligned, merged
from netgen.passes.changes import Changes, Left, counted
from netgen.passes.folds import shared_names, sharers, wanted_elsewhere
from netgen.passes.rewrite import Held, Rewritten, remade

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


def reparam(graph: Graph, arrays: Mapping[Key, Array] | None = None, *, training: bool = False) -> Rewritten:
    """The graph with its parallel convolutions merged, the arrays of these, and what was left and why.

    Without arrays only the structure changes. ``training`` says that the graph is that of training.
    """
    finder = _Finder(graph, training, Held(graph, arrays) if arrays is not None else None)
    for node in reversed(graph.nodes):
        if node.op.name == "add" and node.is_known and node not in finder.gone:
            finder.look(node)
    changed: dict[Node, Attrs] = {}
    stand_ins: dict[Value, Value | None] = {}
    for merge in finder.merges:
        changed[merge.main] = merge.attrs
        own = merge.behind_main
        for node in merge.gone:
            stand_ins[node.outputs[0]] = merge.main.outputs[0] if node in own else None
    made = {key: array for merge in finder.merges for key, array in merge.arrays.items()}
    finder.left.reverse()
    report = Changes(_headline(finder), [merge.main.name for merge in reversed(finder.merges)], finder.left)
    return Rewritten(remade(graph, changed, stand_ins), made, report)


def _headline(finder: _Finder) -> str:
    if not finder.merges:
        nothing = "nothing to merge: the net adds no results of parallel convolutions"
        return "no branches were merged" if finder.left else nothing
    count = sum(len(merge.branches) for merge in finder.merges)
    return f"merged {count:,} branches into {counted(len(finder.merges), 'convolution')}"


class _Merge:
    """Branches that become one convolution, which is that of the largest kernel with other arguments."""

    __slots__ = ("arrays", "attrs", "branches", "main", "window")

    def __init__(self, branches: list[Branch], main: Node, window: Window) -> None:
        self.branches = branches
        self.main = main
        self.window = window
        self.arrays: dict[Key, Array] = {}
        has_bias = any(branch.shifts for branch in branches)
        self.attrs = Attrs({**window.arguments(main), "bias": has_bias})
        if not has_bias:
            self.attrs["bias_filler"] = None

    @property
    def gone(self) -> list[Node]:
        """The layers that go."""
        inner = [node for branch in self.branches for node in branch.nodes if node is not self.main]
        return list(dict.fromkeys([*inner, *(node for branch in self.branches for node in branch.sums)]))

    @property
    def behind_main(self) -> set[Node]:
        """Those of them in whose place the convolution comes: what stood behind it, down to the sum."""
        [own] = [branch for branch in self.branches if branch.conv is self.main]
        return {*own.chain, *own.sums}


class _Finder:
    """Finds the sums whose branches can be merged, the last first: what is added goes before what it is added to."""

    def __init__(self, graph: Graph, training: bool, held: Held | None) -> None:
        self.outputs = set(graph.outputs)
        self.training = training
        self.held = held
        self.sharers = sharers(graph)
        self.merges: list[_Merge] = []
        self.left: list[Left] = []
        self.gone: set[Node] = set()

    def look(self, node: Node) -> None:
        """Merge the branches of a sum, or say why not. Sums within that cannot go along are looked at later."""
        branches = self._branches(node, 1.0)
        if not any(branch.conv is not None for branch in branches):
            return
        problem = self._objection(branches)
        if not problem:
            problem = self._merge(branches)
        if problem:
            self.left.append(Left(node.name, *problem))

    def _branches(self, node: Node, factor: float, outer: tuple[Node, ...] = ()) -> list[Branch]:
        """The branches of a sum, those of sums within it among them."""
        sums = (*outer, node)
        found = []
        for value, coeff in zip(node.inputs, node.a.coeff or (1.0,) * len(node.inputs), strict=True):
            if value.node.op.name == "add" and value.node.is_known and not wanted_elsewhere(self.outputs, value):
                found += self._branches(value.node, factor * coeff, sums)
            else:
                found.append(self._branch(value, factor * coeff, sums))
        return found

    def _branch(self, value: Value, factor: float, sums: tuple[Node, ...]) -> Branch:
        """What leads to a value, back to a convolution or to where nothing can be merged any more."""
        chain: list[Node] = []
        stop = ""
        while True:
            node = value.node
            if stop := wanted_elsewhere(self.outputs, value):
                break
            if node.op.name == "conv" and node.is_known:
                return Branch(node, chain, sums, node.inputs[0], factor=factor)
            if not affine.is_affine(node):
                stop = f"`{node.name}` ({node.op.name}) stands between"
                break
            if stop := affine.objection(node, 1, training=self.training):
                stop = f"`{node.name}`: {stop}"
                break
            chain.insert(0, node)
            value = node.inputs[0]
        return Branch(None, chain, sums, value, factor=factor, stop=stop)

    def _objection(self, branches: list[Branch]) -> tuple[str, str] | None:
        """Why the branches of a sum are not of one kind."""
        convs = [branch.conv for branch in branches if branch.conv is not None]
        starts = list(dict.fromkeys(branch.start for branch in branches))
        if len(starts) > 1:
            first = next(branch for branch in branches if branch.conv is not None).start
            odd = next(branch for branch in branches if branch.start is not first)
            detail = odd.stop or f"`{first.node.name}` and `{odd.start.node.name}`"
            return "the branches begin at different layers", f"the branches begin at different layers: {detail}"
        for name, what in (("groups", "groups"), ("stride", "strides")):
            if len({conv.a[name] for conv in convs}) > 1:
                said = ", ".join(f"`{conv.name}` {_plain(conv.a[name])}" for conv in convs)
                return f"the convolutions have different {what}", f"the convolutions have different {what}: {said}"
        shared = [name for conv in convs for name in shared_names(conv).values()]
        users = dict.fromkeys(each for name in shared for each, _ in self.sharers.get(name, []))
        if users:
            reason = "weights of the convolutions are shared"
            return reason, f"{reason}: by {', '.join(f'`{each.name}`' for each in users)}"
        return None

    def _merge(self, branches: list[Branch]) -> tuple[str, str] | None:
        found = aligned(branches)
        if isinstance(found, str):
            return found, found
        main = max((branch for branch in branches if branch.conv is not None), key=lambda branch: branch.taps).conv
        assert main is not None
        merge = _Merge(branches, main, found)
        if self.held is not None:
            problem = self._compute(merge, self.held)
            if problem:
                return problem, problem
        self.merges.append(merge)
        self.gone.update(merge.gone)
        return None

    def _compute(self, merge: _Merge, held: Held) -> str:
        """Make the arrays of the merged convolution; why that cannot be done, or nothing."""
        nodes = [node for branch in merge.branches for node in branch.nodes]
        if not all(map(held.has, nodes)):
            return "its weights are not all there"
        made = merged(merge.main, merge.branches, {node: held.of(node) for node in nodes}, merge.window)
        if isinstance(made, str):
            return made
        weight, bias = made
        merge.arrays[merge.main.name, "weight"] = weight
        if merge.attrs["bias"]:
            merge.arrays[merge.main.name, "bias"] = bias
        return ""


def _plain(value: object) -> str:
    """2 and not (2, 2)."""
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else "x".join(map(str, value))
    return str(value)
