"""One fold: a layer with weights, and the constants before and behind it that go into them. Checked when it is made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Graph, Node, Value
from netgen.ir.operator import shared_arrays
from netgen.ir.slots import Key
from netgen.passes import affine, filters
from netgen.passes.affine import Affine
from netgen.passes.changes import Left
from netgen.passes.rewrite import Held

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]

TOLERANCE = 1e-6
"""How far numbers may be apart, of the largest that an output gives: rounding the weights to 24 bits takes a tenth."""
SMALLEST = 2.0**-126
"""The smallest float32 of full precision: decayed channels have factors far below, which nobody computes exactly."""
PATCHES = 8
"""How many random patches a fold is tried on."""


class Fold:
    """``before`` and ``after`` are what goes into the weights of ``node``, in the order of the net."""

    __slots__ = ("after", "arrays", "before", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.before: list[Node] = []
        self.after: list[Node] = []
        self.arrays: dict[Key, Array] = {}
        """The new weights and bias."""

    @property
    def names(self) -> list[str]:
        """The layers that disappear: of those, batch normalisations, where there are any."""
        inner = [*self.before, *self.after]
        return [node.name for node in inner if node.op.name == "batch_norm"] or [node.name for node in inner]

    def compute(self, held: Held) -> str:
        """Make the arrays; why that cannot be done exactly, or nothing."""
        nodes = [self.node, *self.before, *self.after]
        if not all(map(held.has, nodes)):
            return "its weights are not all there"
        arrays = {node: held.of(node) for node in nodes}
        first = affine.in_turn(self.before, arrays, self.node.x[0][1]) if self.before else None
        last = affine.in_turn(self.after, arrays, self.node.a.out)
        own = arrays[self.node]
        weight, bias, problem = tried(self.node, own, first, last)
        self.arrays = {} if problem else {(self.node.name, "weight"): weight, (self.node.name, "bias"): bias}
        return problem


def tried(node: Node, own: Mapping[str, Array], first: Affine | None, last: Affine) -> tuple[Array, Array, str]:
    """The weights and bias of a layer that does besides what others did in front of it and behind it.

    They are tried on random patches: with them comes what is wrong with them, or nothing.
    """
    weight, bias = _folded(node, own, first, last)
    return weight, bias, _wrong(node, own, (weight, bias), first, last)


def _folded(node: Node, own: Mapping[str, Array], first: Affine | None, last: Affine) -> tuple[Array, Array]:
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        wide = filters.spread(node, own["weight"])
        bias = own["bias"].astype(np.float64) if "bias" in own else np.zeros(node.a.out)
        if first is not None:
            if first.shifts:
                bias = bias + filters.of_constant(wide, first.offset)
            wide = wide * filters.by_input(wide, first.factor)
        wide = wide * filters.by_output(wide, last.factor)
        return filters.gathered(node, wide), last(bias).astype(np.float32)


def _wrong(node: Node, own: Mapping[str, Array], new: tuple[Array, Array], first: Affine | None, last: Affine) -> str:
    """What is wrong with new weights: both forms are computed in double precision, and have to agree."""
    import numpy as np

    if not all(np.isfinite(each).all() for each in (*new, last.factor, last.offset)):
        return "its constants are not finite: a variance plus eps that is not above 0, or numbers beyond float32"
    patches = np.random.default_rng(0).standard_normal((PATCHES, *_patch(node)))
    seen = patches
    if first is not None:
        factor, offset = (each.reshape(patches.shape[1:3])[..., None] for each in (first.factor, first.offset))
        seen = patches * factor + offset
    bias = own["bias"].astype(np.float64) if "bias" in own else np.zeros(node.a.out)
    wanted = last(_respond(node, own["weight"], seen) + bias)
    got = _respond(node, new[0], patches) + new[1].astype(np.float64)
    return difference(got, wanted)


def difference(got: Array, wanted: Array) -> str:
    """How two results differ more than rounding explains, output by output along their last axis; or nothing."""
    import numpy as np

    axes = tuple(range(wanted.ndim - 1))
    apart, size = np.abs(got - wanted).max(axis=axes), np.abs(wanted).max(axis=axes)
    beyond = apart - np.maximum(TOLERANCE * size, SMALLEST)
    if (beyond <= 0).all():
        return ""
    worst = int(np.argmax(beyond))
    return f"it would not be exact: output {worst} is off by {apart[worst]:.1e} of {size[worst]:.1e}"


def _patch(node: Node) -> tuple[int, int, int]:
    """The shape of what one output is computed from: (group, input of the group, tap)."""
    groups, _, ins, taps = filters.extents(node)
    return groups, ins, 1 if node.op.name == "deconv" else taps


def _respond(node: Node, weight: Array, patches: Array) -> Array:
    """What a layer gives for some patches, without its bias: (patch, place, output).

    A deconvolution gives one pixel's numbers to as many places as its kernel has; the others give one place.
    """
    import numpy as np

    count, groups, ins, taps = patches.shape
    wide = weight.astype(np.float64)
    if node.op.name == "deconv":
        kernels = wide.reshape(groups, ins, -1)  # (group, input, output and place)
        spread: Array = np.matmul(patches.reshape(count, groups, 1, ins), kernels)
        return spread.reshape(count, node.a.out, -1).swapaxes(1, 2)
    if node.op.name == "linear":
        turned = wide if node.a.transpose else wide.T
        product: Array = np.matmul(patches.reshape(count, 1, -1), turned)
        return product
    rows = wide.reshape(groups, -1, ins * taps)  # (group, output, what it sees)
    seen: Array = np.matmul(rows, patches.reshape(count, groups, ins * taps, 1))
    return seen.reshape(count, 1, node.a.out)


def agreed(folds: list[Fold], graph: Graph, held: Held | None) -> tuple[list[Fold], list[Left]]:
    """The folds that can be made, and why others cannot.

    Layers that share an array must be folded so that it becomes the same array for all of them.
    """
    left: list[Left] = []
    kept = []
    for fold in folds:
        problem = fold.compute(held) if held is not None else ""
        left += [Left(name, problem) for name in fold.names] if problem else []
        kept += [] if problem else [fold]
    alike = sharers(graph)
    while True:
        by_node = {fold.node: fold for fold in kept}
        odd = [fold for fold in kept if not _fits(fold, by_node, alike)]
        if not odd:
            return kept, left
        kept = [fold for fold in kept if fold not in odd]
        for fold in odd:
            why = "the weights of its convolution are shared with layers that are not folded alike"
            others = {node.name for name in shared_names(fold.node).values() for node, _ in alike.get(name, [])}
            named = ", ".join(f"`{name}`" for name in sorted(others - {fold.node.name}))
            left += [Left(name, why, f"`{fold.node.name}` shares its weights with {named}") for name in fold.names]


def shared_names(node: Node) -> dict[str, str]:
    """The names of the arrays that a layer shares; of a bias too, which it may yet get."""
    share: tuple[str, ...] | None = node.a.get("share")
    if share is None:
        return {}
    names = [f"{share[0]}_weight", f"{share[0]}_bias"] if len(share) == 1 else share
    return {param: name for param, name in zip(("weight", "bias"), names, strict=False) if name}


def sharers(graph: Graph) -> dict[str, list[tuple[Node, str]]]:
    """The layers of each array that several have, and what it is for them."""
    found: dict[str, list[tuple[Node, str]]] = {}
    for node in graph.nodes:
        names = shared_names(node) if filters.is_filter(node) else shared_arrays(node)
        for param, name in names.items():
            found.setdefault(name, []).append((node, param))
    return {name: users for name, users in found.items() if len(users) > 1}


def _fits(fold: Fold, folds: Mapping[Node, Fold], sharers: Mapping[str, list[tuple[Node, str]]]) -> bool:
    """Whether all others that have the arrays of a fold make the same of them."""
    for param, name in shared_names(fold.node).items():
        for node, other in sharers.get(name, []):
            if node is fold.node:
                continue
            if node not in folds or not fold.arrays:
                return False
            one, two = fold.arrays[fold.node.name, param], folds[node].arrays.get((node.name, other))
            if two is None or one.tobytes() != two.tobytes():
                return False
    return True


def wanted_elsewhere(outputs: Collection[Value], value: Value) -> str:
    """Why a value may not go, since somebody else needs it; or nothing."""
    if value in outputs:
        return f"`{value.node.name}` is an output of the net"
    if len(value.readers) > 1:
        others = ", ".join(f"`{reader.name}`" for reader in value.readers)
        return f"`{value.node.name}` has {len(value.readers)} readers: {others}"
    return ""
