"""Ways to say an operator by others. Each is exact, and says why.

A rewrite gives the steps that replace a node, the last of which makes its results; or nothing, where it does not fit
the node. A step that cannot be said either is rewritten in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import e, log, prod
from types import MappingProxyType

from netgen.ir.graph import Node
from netgen.ops import OPERATORS, bind
from netgen.ops.rules import axis_of, each_way

Input = int | str | tuple[str, int]
"""A tensor: the node's own input by its number, a step by its suffix, or a step and the number of its result."""


class Step:
    """One operator. The step without a suffix has the node's name, and with it its arrays."""

    __slots__ = ("args", "inputs", "op", "suffix")

    def __init__(self, op: str, inputs: list[Input], suffix: str = "", /, **args: object) -> None:
        self.op = op
        self.inputs = inputs
        self.suffix = suffix
        self.args = args


Rewrite = Callable[[Node], "list[Step] | None"]
_LEARNING = ("weight_filler", "bias_filler", "lr_mult", "decay_mult", "share")


# --- activations ----------------------------------------------------------------------------------


def relu6_as_clip(n: Node) -> list[Step]:
    """The clip min(max(x, 0), 6): the definition."""
    return [Step("clip", [0], min=0.0, max=6.0)]


def clip_as_maxima(n: Node) -> list[Step]:
    """Maxima alone: min(x, b) = -max(-x, -b), and changing a sign rounds nothing; max with 0 is a ReLU.

    A Power of scale 0 is a constant.
    """
    low, high = n.a.min, n.a.max
    steps = [Step("relu", [0], "low")] if low == 0 else _at_least(low)
    return [
        *steps,
        Step("power", ["low"], "minus", scale=-1.0),
        Step("power", ["low"], "limit", scale=0.0, shift=-high),
        Step("max", ["minus", "limit"], "high"),
        Step("power", ["high"], scale=-1.0),
    ]


def _at_least(low: float) -> list[Step]:
    return [Step("power", [0], "least", scale=0.0, shift=low), Step("max", [0, "least"], "low")]


def hard_sigmoid_as_clip(n: Node) -> list[Step]:
    """The clip min(max(x/6 + 1/2, 0), 1): the definition."""
    return [Step("power", [0], "linear", scale=1 / 6, shift=0.5), Step("clip", ["linear"], min=0.0, max=1.0)]


def hard_swish_as_product(n: Node) -> list[Step]:
    """The product x * hard_sigmoid(x): the definition."""
    return [Step("hard_sigmoid", [0], "gate"), Step("mul", [0, "gate"])]


def swish_as_product(n: Node) -> list[Step]:
    """The product x * sigmoid(beta * x): the definition."""
    if n.a.beta == 1:
        return [Step("sigmoid", [0], "gate"), Step("mul", [0, "gate"])]
    return [
        Step("power", [0], "steep", scale=n.a.beta),
        Step("sigmoid", ["steep"], "gate"),
        Step("mul", [0, "gate"]),
    ]


# --- arithmetic -----------------------------------------------------------------------------------


def log_as_natural(n: Node) -> list[Step] | None:
    """As quotients: log_b(v) = ln(v) / ln(b), with v = shift + scale * x: what Caffe computes too."""
    if n.a.base is None and n.a.scale == 1 and n.a.shift == 0:
        return None
    factor = 1.0 if n.a.base is None else 1 / log(n.a.base)
    return [
        Step("power", [0], "linear", scale=n.a.scale, shift=n.a.shift),
        Step("log", ["linear"], "natural"),
        Step("power", ["natural"], scale=factor),
    ]


def log_with_base(n: Node) -> list[Step] | None:
    """The natural logarithm has the base e."""
    return [Step("log", [0], base=e, scale=n.a.scale, shift=n.a.shift)] if n.a.base is None else None


def exp_as_natural(n: Node) -> list[Step] | None:
    """As powers: b ** v = e ** (ln(b) * v), with v = shift + scale * x: what Caffe computes too."""
    if n.a.base is None and n.a.scale == 1 and n.a.shift == 0:
        return None
    factor = 1.0 if n.a.base is None else log(n.a.base)
    return [
        Step("power", [0], "linear", scale=n.a.scale * factor, shift=n.a.shift * factor),
        Step("exp", ["linear"]),
    ]


def lrn_with_k_1(n: Node) -> list[Step] | None:
    """With k taken out: (k + a*s) ** -b = k ** -b * (1 + (a/k)*s) ** -b for k > 0.

    Within a channel Caffe does not look at k.
    """
    a = n.a
    if a.k == 1 or (a.region == "across" and a.k == 0):
        return None
    if a.region == "within":
        return [Step("lrn", [0], size=a.size, alpha=a.alpha, beta=a.beta, region="within")]
    return [
        Step("lrn", [0], "norm", size=a.size, alpha=a.alpha / a.k, beta=a.beta),
        Step("power", ["norm"], scale=a.k**-a.beta),
    ]


def reduce_as_pooling(n: Node) -> list[Step] | None:
    """A mean over some axes is the mean over one axis that holds all of them, and a sum its size times as much."""
    axis = axis_of(n)
    kept, gone = n.x[0][:axis], prod(n.x[0][axis:])
    if not kept or not gone:
        return None
    before = {"asum": [Step("abs", [0], "each")], "sumsq": [Step("power", [0], "each", power=2.0)]}
    steps = before.get(n.a.operation, [])
    factor = n.a.coeff if n.a.operation == "mean" else n.a.coeff * gone
    return [
        *steps,
        Step("reshape", ["each" if steps else 0], "row", shape=(kept[0], prod(kept[1:]), 1, gone)),
        Step("global_avg_pool", ["row"], "mean"),
        Step("power", ["mean"], "scaled", scale=factor),
        Step("reshape", ["scaled"], shape=kept),
    ]


# --- moving numbers -------------------------------------------------------------------------------


def tile_as_concat(n: Node) -> list[Step] | None:
    """Copies one behind the other along an axis: the definition."""
    if n.a.tiles < 2:
        return [Step("identity", [0])]
    return [Step("concat", [0] * n.a.tiles, axis=axis_of(n))]


def concat_of_one(n: Node) -> list[Step] | None:
    """Nothing is joined."""
    return [Step("identity", [0])] if len(n.inputs) == 1 else None


def permute_in_full(n: Node) -> list[Step] | None:
    """Axes that are not listed follow in order, so they may as well be listed."""
    order = n.a.order
    rest = tuple(axis for axis in range(len(n.x[0])) if axis not in order)
    return [Step("permute", [0], order=(*order, *rest))] if rest else None


def permute_as_reshape(n: Node) -> list[Step] | None:
    """Where only axes of length 1 move, the numbers stay in their order."""
    rest = [axis for axis in range(len(n.x[0])) if axis not in n.a.order]
    order = [axis for axis in (*n.a.order, *rest) if n.x[0][axis] != 1]
    return [Step("reshape", [0], shape=n.y[0])] if order == sorted(order) else None


def shuffle_by_permute(n: Node) -> list[Step]:
    """Channel i * m + j goes to j * groups + i: the two axes (groups, m) change places."""
    batch, channels, height, width = n.x[0]
    groups = n.a.groups
    return [
        Step("reshape", [0], "groups", shape=(batch, groups, channels // groups, height * width)),
        Step("permute", ["groups"], "turned", order=(0, 2, 1, 3)),
        Step("reshape", ["turned"], shape=n.x[0]),
    ]


def shuffle_by_concat(n: Node) -> list[Step]:
    """The same turn of two axes: the groups, cut apart, are put side by side behind each channel."""
    batch, channels, height, width = n.x[0]
    groups = n.a.groups
    if groups == 1:
        return [Step("identity", [0])]
    return [
        Step("reshape", [0], "groups", shape=(batch, groups, channels // groups, height * width)),
        Step("slice", ["groups"], "group", axis=1, parts=groups),
        Step("concat", [("group", i) for i in range(groups)], "joined", axis=3),
        Step("reshape", ["joined"], shape=n.x[0]),
    ]


def linear_of_rows(n: Node) -> list[Step] | None:
    """A layer on the axes behind ``axis`` does to each of the places before it what it does to a batch."""
    axis = axis_of(n)
    if axis == 1:
        return None
    kept = n.x[0][:axis]
    args = {name: n.a[name] for name in ("out", "bias", "transpose", *_LEARNING)}
    return [
        Step("reshape", [0], "rows", shape=(prod(kept), prod(n.x[0][axis:]))),
        Step("linear", ["rows"], **args),
        Step("reshape", [""], "whole", shape=n.y[0]),
    ]


def scale_as_product(n: Node) -> list[Step] | None:
    """A factor for each channel of each image, repeated over the image, and then a product of equal shapes."""
    if len(n.inputs) != 2 or n.a.bias:
        return None
    steps = _spread(n, 1, 0, axis_of(n))
    return steps and [*steps, Step("mul", [0, "spread"])]


def bias_as_sum(n: Node) -> list[Step] | None:
    """An offset for each channel of each image, repeated over the image, and then a sum of equal shapes."""
    if len(n.inputs) != 2:
        return None
    steps = _spread(n, 1, 0, axis_of(n))
    return steps and [*steps, Step("add", [0, "spread"])]


def axpy_as_product(n: Node) -> list[Step] | None:
    """Factors repeated over the image, a product and a sum of equal shapes."""
    steps = _spread(n, 0, 1, 0)
    return steps and [*steps, Step("mul", ["spread", 1], "scaled"), Step("add", ["scaled", 2])]


def _spread(n: Node, factor: int, image: int, axis: int) -> list[Step] | None:
    """A number for each channel of each image, copied to all its places: repeated as pixels are, which is exact."""
    if axis or len(n.x[image]) != 4 or prod(n.x[factor]) != prod(n.x[image][:2]):
        return None
    shape = (*n.x[image][:2], 1, 1)
    steps = [] if n.x[factor] == shape else [Step("reshape", [factor], "pixel", shape=shape)]
    return [*steps, Step("upsample", ["pixel" if steps else factor], "spread", size=n.x[image][2:])]


def bias_by_itself(n: Node) -> list[Step] | None:
    """The product with a tensor first, and then the bias, which is along the same axes."""
    if len(n.inputs) != 2 or not n.a.bias:
        return None
    learning = {name: n.a[name] for name in ("bias_filler", "lr_mult", "decay_mult", "share")}
    return [
        Step("scale", [0, 1], "scaled", axis=n.a.axis),
        Step("bias", ["scaled"], axis=n.a.axis, num_axes=len(n.x[1]), **learning),
    ]


def factors_by_themselves(n: Node) -> list[Step] | None:
    """The length 1 first, and then a factor for each channel."""
    if n.a.channel_shared:
        return None
    learning = {name: n.a[name] for name in ("weight_filler", "lr_mult", "decay_mult", "share")}
    return [
        Step("unit_length", [0], "unit", across_spatial=n.a.across_spatial, eps=n.a.eps),
        Step("scale", ["unit"], **learning),
    ]


def flatten_as_reshape(n: Node) -> list[Step] | None:
    """The numbers stay in their order."""
    return [Step("reshape", [0], shape=n.y[0])]


def reshape_in_full(n: Node) -> list[Step] | None:
    """The shape that comes out, axis by axis."""
    is_whole = n.a.axis == 0 and n.a.num_axes in (None, -1)
    return None if is_whole else [Step("reshape", [0], shape=n.y[0])]


def slice_at_places(n: Node) -> list[Step] | None:
    """Where equal parts begin."""
    if n.a.parts is None:
        return None
    if n.a.parts == 1:
        return [Step("identity", [0])]
    axis = axis_of(n)
    size = n.y[0][axis]
    return [Step("slice", [0], axis=axis, cuts=tuple(size * part for part in range(1, n.a.parts)))]


def priors_of_whole_pixels(n: Node) -> list[Step] | None:
    """Caffe drops the fraction."""
    whole = {name: tuple(float(int(size)) for size in n.a[name] or ()) for name in ("min_size", "max_size")}
    return [Step("prior_box", [0, 1], **{**n.a, **{name: sizes for name, sizes in whole.items() if sizes}})]


def detections_counted(n: Node) -> list[Step] | None:
    """To keep all is to keep as many as there are: each prior box once for each class."""
    if n.a.keep_top_k != -1:
        return None
    return [Step("detection_output", [0, 1, 2], **{**n.a, "keep_top_k": n.x[1][1]})]


def interp_to_size(n: Node) -> list[Step] | None:
    """What Interp computes follows from the sizes of input and output alone, however the latter is said."""
    if n.a.size is not None or any(n.a.crop):
        return None
    return [Step("interp", [0], size=n.y[0][2:])]


def kept_apart(n: Node) -> list[Step] | None:
    """A Reshape that changes nothing behind it: nobody joins layers across one."""
    return [Step(n.op.name, [0], **n.a), Step("reshape", [""], "apart", shape=n.y[0])]


# --- pooling --------------------------------------------------------------------------------------


def pool_within(n: Node) -> list[Step] | None:
    """A window that reaches beyond the image and its pads sees, and counts, no more than them."""
    kernel, pads = each_way(n, "kernel"), each_way(n, "pad")
    room = [extent + 2 * pad for extent, pad in zip(n.x[0][2:], pads, strict=True)]
    if all(size <= most for size, most in zip(kernel, room, strict=True)):
        return None
    return [Step(n.op.name, [0], **{**n.a, "kernel": tuple(map(min, kernel, room))})]


def pool_with_ceil(n: Node) -> list[Step] | None:
    """Where both roundings make the same sizes, both look at the same windows."""
    if n.a.rounding == "ceil":
        return None
    steps = [Step(n.op.name, [0], **{**n.a, "rounding": "ceil"})]
    return steps if shapes_of(n, steps[0]) == n.y else None


def pool_and_cut(n: Node) -> list[Step] | None:
    """Rounding up keeps all windows of rounding down, at the same places, and adds some at the ends: cut them off.

    With an average the divisor of a window does not depend on the rounding. What is cut off goes into a Silence, so
    that it is no output of the net.
    """
    if n.a.rounding == "ceil" or n.a.get("mask"):
        return None
    pool = Step(n.op.name, [0], "whole", **{**n.a, "rounding": "ceil"})
    [whole], [wanted] = shapes_of(n, pool), n.y
    steps = [pool]
    kept: Input = "whole"
    for axis in range(2, len(wanted)):
        if whole[axis] != wanted[axis]:
            cut = f"cut{axis}"
            steps += [
                Step("slice", [kept], cut, axis=axis, cuts=(wanted[axis],)),
                Step("silence", [(cut, 1)], f"rest{axis}"),
            ]
            kept = (cut, 0)
    return [*steps, Step("identity", [kept])] if len(steps) > 1 else None


def shapes_of(n: Node, step: Step) -> list[tuple[int, ...]]:
    """What a step on the node's own inputs makes."""
    op = OPERATORS[step.op]
    inputs = [n.inputs[at] for at in step.inputs if isinstance(at, int)]
    return op.infer(Node(op, bind(op, step.args), inputs, n.name, instance=n.instance, spans={}))


REWRITES: Mapping[str, tuple[Rewrite, ...]] = MappingProxyType(
    {
        "avg_pool": (pool_with_ceil, pool_within, pool_and_cut),
        "axpy": (axpy_as_product,),
        "bias": (bias_as_sum,),
        "clip": (clip_as_maxima,),
        "concat": (concat_of_one,),
        "deconv": (kept_apart,),
        "detection_output": (detections_counted,),
        "exp": (exp_as_natural,),
        "flatten": (flatten_as_reshape,),
        "hard_sigmoid": (hard_sigmoid_as_clip,),
        "hard_swish": (hard_swish_as_product,),
        "interp": (interp_to_size,),
        "linear": (linear_of_rows,),
        "log": (log_as_natural, log_with_base),
        "lrn": (lrn_with_k_1,),
        "max_pool": (pool_with_ceil, pool_within, pool_and_cut),
        "normalize": (factors_by_themselves,),
        "permute": (permute_in_full, permute_as_reshape),
        "prior_box": (priors_of_whole_pixels,),
        "reduce": (reduce_as_pooling,),
        "relu6": (relu6_as_clip,),
        "reshape": (reshape_in_full,),
        "scale": (scale_as_product, bias_by_itself),
        "shuffle_channels": (shuffle_by_permute, shuffle_by_concat),
        "slice": (slice_at_places,),
        "swish": (swish_as_product,),
        "tile": (tile_as_concat,),
        "upsample": (kept_apart,),
    }
)
"""The rewrites of an operator, the shortest first."""
