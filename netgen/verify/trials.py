"""The mistakes that runtimes make, each as a way to compute a layer again; ``causes.py`` says whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

from netgen.ir.fault import Fault
from netgen.ir.kinds import REQUIRED, Arg, Bool, Choice, Int
from netgen.ir.operator import WEIGHT_ARGS
from netgen.ir.text import value_text
from netgen.verify.suspect import Suspect, Trial

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

NOT_COMPUTED = frozenset(arg.name for arg in WEIGHT_ARGS) | {
    "moving_average",
    "frozen",
    "loss_weight",
    "bias",
    "transpose",
}
"""Arguments that say nothing about the numbers of one pass, or about arrays, which have trials of their own."""
_KINDS = {"rounding": "rounding rule", "eps": "eps", "align_corners": "corners", "mode": "corners"}
"""What kind of mistake it is to have an argument wrong, where there is a word for it."""

_TAKEN_FOR_EACH_OTHER = (
    "max_pool avg_pool",
    "global_max_pool global_avg_pool",
    "add mul max",
    "relu relu6 elu bnll sigmoid hard_sigmoid tanh swish hard_swish mish",
)
"""Families of operators that read and give the same shapes, so that nobody objects where one stands for another."""


# --- arguments ------------------------------------------------------------------------------------


def arguments(s: Suspect) -> Iterator[Trial]:
    """It ignores an argument, reads it as another word, or takes height for width."""
    for arg in s.node.op.args:
        if arg.name in NOT_COMPUTED:
            continue
        have = s.node.a[arg.name]
        for value, how in _others(arg, have, len(s.node.y[0])):
            kind = _KINDS.get(arg.name, "argument")
            said = f"`{arg.name} = {value_text(value)}`{how}, where the net says {value_text(have)}"
            yield Trial(f"computes it with {said}", s.make(a={arg.name: value}), kind)


def _others(arg: Arg, have: object, axes: int) -> Iterator[tuple[object, str]]:
    """What else an argument might be taken for, and how that comes about."""
    default = _default(arg)
    if default is not None and default != have:
        yield default, ", the default"
    if isinstance(arg.kind, Bool) and (not have) != default:
        yield not have, ""
    if isinstance(arg.kind, Choice):
        yield from ((word, "") for word in arg.kind.words if word not in (have, default))
    if isinstance(have, tuple) and len(have) == 2 and have[0] != have[1]:
        yield have[::-1], ", height and width exchanged"
    if arg.name == "axis" and isinstance(arg.kind, Int):
        yield from ((axis, "") for axis in range(axes) if axis not in (have, default))
    elif isinstance(have, int) and not isinstance(have, bool):
        yield from ((have + by, "") for by in (-1, 1, -2, 2))


def _default(arg: Arg) -> object:
    if arg.default is REQUIRED or arg.default is None:
        return None
    try:
        value: object = arg.kind.accept(arg.default)
    except Fault:
        return None
    return value


def region_of_lrn(s: Suspect) -> Iterator[Trial]:
    """It divides alpha by the number of channels where Caffe does not, or the other way round."""
    alpha, size = s.node.a.alpha, s.node.a.size
    yield Trial(f"does not divide alpha by the size, {size}", s.make(a={"alpha": alpha * size}))
    yield Trial(f"divides alpha by the size, {size}, twice", s.make(a={"alpha": alpha / size}))


# --- normalisation --------------------------------------------------------------------------------


def statistics_elsewhere(s: Suspect) -> Iterator[Trial]:
    """It leaves out one of the statistics, or adds eps outside the root."""
    import numpy as np

    if "mean" not in s.arrays:
        return
    mean, variance, eps = s.arrays["mean"], s.arrays["variance"], s.node.a.eps
    outside = (np.sqrt(variance) + np.float32(eps)) ** 2 - np.float32(eps)
    yield Trial("adds eps outside the root", s.make(arrays={"variance": outside}), "eps")
    yield Trial("does not subtract the mean", s.make(arrays={"mean": np.zeros_like(mean)}))
    ones = np.full_like(variance, 1 - eps)
    yield Trial("does not divide by the deviation", s.make(arrays={"variance": ones}))
    root = np.sqrt(variance)
    yield Trial("takes the variance for the deviation", s.make(arrays={"variance": variance**2}))
    yield Trial("takes the root of the variance for the variance", s.make(arrays={"variance": root}))


def eps_inside(s: Suspect) -> Iterator[Trial]:
    """It adds eps to the variance, as others do, and not to the deviation, as Caffe does."""
    import numpy as np

    x = np.asarray(s.inputs[0], np.float64)
    axes = tuple(range(1 if s.node.a.across_channels else 2, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    for eps in (s.node.a.eps, 1e-5):
        scaled = centred / np.sqrt(x.var(axes, keepdims=True) + eps)
        words = f"adds eps = {eps:g} to the variance, inside the root; Caffe adds it to the deviation"
        yield s.gives(words, scaled.astype(np.float32))


def border_counts(s: Suspect) -> Iterator[Trial]:
    """It divides by the numbers that lie in the image alone, or by the size of the whole window."""
    import numpy as np

    made = s.again()[0]
    inside = s.again(inputs=[np.ones_like(s.inputs[0])])[0]
    yield Trial("divides by the numbers inside the image, without the padding", lambda: [made / inside])
    counts = _window_sizes(s)
    if counts is not None:
        words = "divides by the size of the whole window, also where that hangs over the padding"
        yield Trial(words, lambda: [made * counts])


def _window_sizes(s: Suspect) -> Array | None:
    """What part of each window Caffe divides by: as far as image and padding reach."""
    import numpy as np

    a, extents, out = s.node.a, s.node.x[0][2:], s.node.y[0][2:]
    parts = []
    for i, (extent, windows) in enumerate(zip(extents, out, strict=True)):
        kernel, stride, pad = (way[i] if len(way) > 1 else way[0] for way in (a.kernel, a.stride, a.pad))
        starts = np.arange(windows) * stride - pad
        parts.append((np.minimum(starts + kernel, extent + pad) - starts) / kernel)
    if len(parts) != 2:
        return None
    sizes: Array = np.outer(*parts).astype(np.float32)
    return sizes


# --- weights --------------------------------------------------------------------------------------


def gate_orders(s: Suspect) -> Iterator[Trial]:
    """Its gates stand in another order than Caffe's: input, forget, output, and the candidate."""
    gates = "ifog"
    for order in permutations(range(4)):
        if order == (0, 1, 2, 3):
            continue
        names = ", ".join(gates[at] for at in order)
        words = f"takes the gates in the order {names}, where Caffe has i, f, o, g"
        if s.node.op.name == "lstm_unit":
            yield Trial(words, s.make(inputs=_regated(s.inputs, order)))
        else:
            yield Trial(words, s.make(arrays=_reordered(s, order)))


def _regated(inputs: Sequence[Array], order: tuple[int, ...]) -> list[Array]:
    """The inputs of one step, whose gates stand side by side on the last axis."""
    import numpy as np

    cell, gates, *rest = inputs
    blocks = np.split(gates, 4, axis=-1)
    return [cell, np.concatenate([blocks[order.index(at)] for at in range(4)], axis=-1), *rest]


def _reordered(s: Suspect, order: tuple[int, ...]) -> dict[str, Array]:
    """The arrays as they are for somebody who reads their quarters in another order."""
    import numpy as np

    found = {}
    for name, array in s.arrays.items():
        blocks = np.split(array, 4, axis=0)
        found[name] = np.concatenate([blocks[order.index(at)] for at in range(4)], axis=0)
    return found


def weights_turned(s: Suspect) -> Iterator[Trial]:
    """It reads an array in another order than that in which it lies there."""
    import numpy as np

    weight = s.arrays["weight"]
    rows, columns = weight.shape[0], weight.size // weight.shape[0]
    turned = weight.reshape(columns, rows).T.reshape(weight.shape)
    yield Trial("reads the weights transposed", s.make(arrays={"weight": turned}))
    if weight.ndim < 4:
        return
    places = tuple(range(2, weight.ndim))
    flipped = np.flip(weight, places)
    yield Trial("turns the kernel by half a turn", s.make(arrays={"weight": flipped}))
    if weight.ndim == 4 and weight.shape[2] == weight.shape[3]:
        crossed = weight.transpose(0, 1, 3, 2)
        yield Trial("exchanges height and width of the kernel", s.make(arrays={"weight": crossed}))
    if weight.shape[0] == weight.shape[1]:
        swapped = weight.swapaxes(0, 1)
        yield Trial("takes the channels in for the channels out", s.make(arrays={"weight": swapped}))


def slope_of_first_channel(s: Suspect) -> Iterator[Trial]:
    """It has one slope for all channels, or none."""
    import numpy as np

    weight = s.arrays["weight"]
    for value, words in (
        (weight.reshape(-1)[0], "takes the slope of the first channel for all"),
        (np.float32(0.25), "takes the slope 0.25 for all channels"),
        (np.float32(0), "computes ReLU, without the slopes"),
    ):
        yield Trial(words, s.make(arrays={"weight": np.full_like(weight, value)}))


def bias_left_out(s: Suspect) -> Iterator[Trial]:
    """It has only some of the arrays: the others are still zeros."""
    import numpy as np

    for name, array in s.arrays.items():
        words = "leaves out the bias" if name == "bias" else f"has zeros for `{name}`: its weights were not loaded"
        yield Trial(words, s.make(arrays={name: np.zeros_like(array)}))
    if len(s.arrays) > 1:
        zeros = {name: np.zeros_like(array) for name, array in s.arrays.items()}
        yield Trial("has zeros for all of its weights: they were not loaded", s.make(arrays=zeros))


def another_layers_weights(s: Suspect) -> Iterator[Trial]:
    """It was given those of another layer: arrays of the same shapes are easily taken for each other."""
    for node, arrays in s.others():
        yield Trial(f"computes it with the weights of `{node.name}`", s.make(arrays=arrays))


def half_precision(s: Suspect) -> Iterator[Trial]:
    """It holds weights, or numbers too, with fewer digits."""
    import numpy as np

    def half(array: Array) -> Array:
        return array.astype(np.float16).astype(np.float32)

    def brain(array: Array) -> Array:
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
        return rounded.view(np.float32)

    for name, short in (("float16", half), ("bfloat16", brain)):
        arrays = {each: short(array) for each, array in s.arrays.items()}
        yield Trial(f"holds the weights in {name}", s.make(arrays=arrays))
        inputs = [short(array) for array in s.inputs]
        words = f"computes it in {name}"
        yield Trial(words, s.make(arrays=arrays, inputs=inputs))


# --- values ---------------------------------------------------------------------------------------


def channels_reversed(s: Suspect) -> Iterator[Trial]:
    """It takes R, G, B for B, G, R."""
    import numpy as np

    x = s.inputs[0] if s.inputs else None
    if x is None or x.ndim != 4 or x.shape[1] != 3:
        return
    words = "reads the channels in reverse: R, G, B in place of B, G, R"
    yield Trial(words, s.make(inputs=[np.flip(x, 1), *s.inputs[1:]]))
    if s.node.y[0] == x.shape:
        yield Trial("gives the channels in reverse", lambda: [np.flip(s.again()[0], 1)])


def channels_last(s: Suspect) -> Iterator[Trial]:
    """It lays out what it flattens with the channels last."""
    x = s.inputs[0]
    if x.ndim == 4 and x.shape[1] > 1:
        turned = x.transpose(0, 2, 3, 1).reshape(x.shape)
        words = "flattens with the channels last (N, H, W, C), where Caffe has them first"
        yield Trial(words, s.make(inputs=[turned, *s.inputs[1:]]))


def operands_reversed(s: Suspect) -> Iterator[Trial]:
    """It takes what it reads in the reverse order."""
    if len(s.inputs) > 1:
        yield Trial("takes its inputs in the reverse order", s.make(inputs=list(s.inputs)[::-1]))


def smallest_of_ties(s: Suspect) -> Iterator[Trial]:
    """Of several largest numbers it takes the first, where Caffe takes the last."""
    import numpy as np

    a, x = s.node.a, s.inputs[0]
    if a.top_k != 1 or a.out_max_val:
        return
    flat = x if a.axis is not None else x.reshape(len(x), -1)
    axis = a.axis if a.axis is not None else 1
    first = np.argmax(flat, axis=axis).astype(np.float32).reshape(s.node.y[0])
    yield Trial("takes the first of equal numbers, where Caffe takes the last", lambda: [first])


def dropout_in_testing(s: Suspect) -> Iterator[Trial]:
    """It scales in testing too."""
    import numpy as np

    keep = np.float32(1 - s.node.a.ratio)
    yield Trial(f"multiplies by 1 - ratio = {keep:g} in testing", lambda: [s.inputs[0] * keep])
    if keep:
        yield Trial("divides by 1 - ratio in testing", lambda: [s.inputs[0] / keep])


def another_operator(s: Suspect) -> Iterator[Trial]:
    """It computes one of the same family."""
    own = s.node.op.name
    for family in map(str.split, _TAKEN_FOR_EACH_OTHER):
        if own in family:
            others = [name for name in family if name != own]
            yield from (Trial(f"computes `{name}`, where the net says `{own}`", s.as_if(name)) for name in others)


def corners_of_interp(s: Suspect) -> Iterator[Trial]:
    """It resizes as others do, to whom pixels are areas; to Interp they are points, so that corners stay corners."""
    size = s.node.y[0][2:]
    if any(s.node.a.crop):
        return
    half = s.as_if("upsample", size=size, mode="bilinear")
    yield Trial("interpolates as align_corners = false, where Interp is align_corners = true", half)
    yield Trial("takes the nearest pixel, where Interp interpolates", s.as_if("upsample", size=size))


def left_out(s: Suspect) -> Iterator[Trial]:
    """It hands on what it reads."""
    for at, x in enumerate(s.inputs):
        if [x.size] == [_count(shape) for shape in s.node.y]:
            which = "its input" if len(s.inputs) == 1 else f"its input {at + 1}"
            yield s.gives(f"hands on {which} as it is", x.reshape(s.node.y[0]))


def _count(shape: Sequence[int]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count
