"""Branches of a sum as kernels that look at the pixels around one place, and the one kernel that they make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from math import gcd, prod
from typing import TYPE_CHECKING, Any

from netgen.ir.graph import Attrs, Node, Value
from netgen.ops import bind
from netgen.ops.rules import each_way
from netgen.passes import affine
from netgen.passes.folds import PATCHES, difference

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


class Branch:
    """A convolution, or none, and the constants behind it in ``chain``; all of it times ``factor``.

    ``sums`` are those that it is added in, the outermost first. ``start`` is what it reads; ``stop`` says why it begins
    there, where it has no convolution.
    """

    __slots__ = ("chain", "conv", "factor", "start", "stop", "sums")

    def __init__(
        self,
        conv: Node | None,
        chain: Sequence[Node],
        sums: Sequence[Node],
        start: Value,
        *,
        factor: float,
        stop: str = "",
    ) -> None:
        self.conv = conv
        self.chain = list(chain)
        self.sums = list(sums)
        self.factor = factor
        self.start = start
        self.stop = stop

    @property
    def nodes(self) -> list[Node]:
        return [*([] if self.conv is None else [self.conv]), *self.chain]

    @property
    def shifts(self) -> bool:
        """Whether it adds something, as far as its arguments tell."""
        return any(map(affine.shifts, self.chain)) or (self.conv is not None and self.conv.a.bias)

    @property
    def taps(self) -> int:
        """How many pixels it looks at; without a convolution at one."""
        return prod(each_way(self.conv, "kernel")) if self.conv is not None else 1

    def places(self) -> list[range]:
        """The pixels that it looks at each way, counted from the place of the result."""
        if self.conv is None:
            return [range(1)] * (len(self.start.shape) - 2)
        ways = (each_way(self.conv, what) for what in ("kernel", "pad", "dilation"))
        return [range(-p, d * k - p, d) for k, p, d in zip(*ways, strict=True)]


class Window:
    """The pixels that a merged kernel looks at, each way."""

    __slots__ = ("places",)

    def __init__(self, places: Sequence[range]) -> None:
        self.places = list(places)

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(map(len, self.places))

    def arguments(self, conv: Node) -> Attrs:
        """The arguments of a convolution that looks at them, and is as another otherwise."""
        ways = {
            "kernel": self.kernel,
            "pad": tuple(-each.start for each in self.places),
            "dilation": tuple(each.step for each in self.places),
        }
        given = {name: value for name, value in conv.a.items() if value is not None}
        said = {name: way[0] if len(set(way)) == 1 else list(way) for name, way in ways.items()}
        return bind(conv.op, {**given, **said})

    def of(self, branch: Branch) -> tuple[Any, ...]:
        """The part of the merged kernel in which that of a branch lies, as an index of arrays."""
        parts = []
        for own, whole in zip(branch.places(), self.places, strict=True):
            first, last = ((each - whole.start) // whole.step for each in (own[0], own[-1]))
            parts.append(slice(first, last + 1, max(1, own.step // whole.step)))
        return (Ellipsis, *parts)


def aligned(branches: Sequence[Branch]) -> Window | str:
    """The window that covers all branches, or why they had better stay apart.

    A pad that moves one kernel against another only moves its taps within the window. Nor can the size of the result
    change: what the window reaches before and behind a place lies between what the branches do, whose results are of
    one size.
    """
    convs = [branch.conv for branch in branches if branch.conv is not None]
    ways = range(len(branches[0].start.shape) - 2)
    if len(convs) < len(branches) and set(each_way(convs[0], "stride")) != {1}:
        return "a branch is the input itself, and the convolutions have a stride"
    window = Window([_union([branch.places()[way] for branch in branches]) for way in ways])
    taps = sum(branch.taps for branch in branches)
    if prod(window.kernel) > taps:
        return f"the merged kernel, {'x'.join(map(str, window.kernel))}, would cost more: the branches have {taps} taps"
    return window


def _union(ranges: Sequence[range]) -> range:
    """The closest range that has all of some ranges in it."""
    first = min(each.start for each in ranges)
    last = max(each[-1] for each in ranges)
    steps = [each.start - first for each in ranges] + [each.step for each in ranges if len(each) > 1]
    return range(first, last + 1, reduce(gcd, steps, 0) or 1)


def merged(
    main: Node, branches: Sequence[Branch], arrays: Mapping[Node, Mapping[str, Array]], window: Window
) -> tuple[Array, Array] | str:
    """The weights and bias of the convolution that all branches make, or why it would not be exact."""
    import numpy as np

    groups, outs, ins = main.a.groups, main.a.out, branches[0].start.shape[1]
    weight = np.zeros((groups, outs // groups, ins // groups, *window.kernel))
    bias = np.zeros(outs)
    with np.errstate(invalid="ignore", over="ignore"):
        for branch in branches:
            last = affine.in_turn(branch.chain, arrays, outs)
            kernel = _kernel(branch, arrays, weight.shape[:3])
            scaled = kernel * last.factor.reshape(groups, -1, *[1] * (kernel.ndim - 2)) * branch.factor
            weight[window.of(branch)] += scaled
            bias += last(_bias(branch, arrays, outs)) * branch.factor
        made = weight.reshape(outs, -1, *window.kernel).astype(np.float32), bias.astype(np.float32)
    return _wrong(main, branches, arrays, window, made) or made


def _kernel(branch: Branch, arrays: Mapping[Node, Mapping[str, Array]], extents: tuple[int, ...]) -> Array:
    """The kernel of a branch as (group, output, input, places …); one that only hands on has ones on its diagonal."""
    import numpy as np

    groups, outs, ins = extents
    if branch.conv is not None:
        return (
            arrays[branch.conv]["weight"]
            .astype(np.float64)
            .reshape(groups, outs, ins, *each_way(branch.conv, "kernel"))
        )
    ones = np.broadcast_to(np.eye(outs, ins), (groups, outs, ins))
    return ones.reshape(groups, outs, ins, *[1] * (len(branch.start.shape) - 2))


def _bias(branch: Branch, arrays: Mapping[Node, Mapping[str, Array]], outs: int) -> Array:
    import numpy as np

    own = arrays[branch.conv] if branch.conv is not None else {}
    return own["bias"].astype(np.float64) if "bias" in own else np.zeros(outs)


def _wrong(
    main: Node,
    branches: Sequence[Branch],
    arrays: Mapping[Node, Mapping[str, Array]],
    window: Window,
    made: tuple[Array, Array],
) -> str:
    """What is wrong with the merged weights: both forms are computed on random patches, and have to agree."""
    import numpy as np

    if not all(np.isfinite(each).all() for each in made):
        return "its constants are not finite: a variance plus eps that is not above 0, or numbers beyond float32"
    groups, channels = main.a.groups, branches[0].start.shape[1]
    x = np.random.default_rng(0).standard_normal((PATCHES, channels, *window.kernel))
    wanted = np.zeros((PATCHES, main.a.out))
    for branch in branches:
        seen = x[window.of(branch)]
        if branch.conv is None:
            result = seen.reshape(PATCHES, channels)
        else:
            result = _respond(arrays[branch.conv]["weight"], seen, groups) + _bias(branch, arrays, main.a.out)
        wanted += affine.in_turn(branch.chain, arrays, main.a.out)(result) * branch.factor
    got = _respond(made[0], x, groups) + made[1].astype(np.float64)
    return difference(got, wanted)


def _respond(weight: Array, patches: Array, groups: int) -> Array:
    """What a convolution gives for patches as large as its kernel: (patch, output)."""
    import numpy as np

    count = len(patches)
    rows = weight.astype(np.float64).reshape(groups, len(weight) // groups, -1)
    seen: Array = np.matmul(rows, patches.reshape(count, groups, -1, 1))
    return seen.reshape(count, len(weight))
