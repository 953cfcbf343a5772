"""Rules that several operators share: about shapes, axes and windows."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.ir.fault import Fault
from netgen.ir.graph import Node, Shape


def spatial(n: Node) -> Shape:
    """The input's shape, which must be (N, C, H, W)."""
    shape = n.inputs[0].shape
    if len(shape) != 4:
        raise Fault(
            "NG301",
            "wrong number of axes",
            f"`{n.op.name}` needs an image, (N, C, H, W); this is {show_shape(shape)}",
            arg="x0",
            hint="`reshape` can give it four axes" if len(shape) < 4 else "",
        )
    return shape


def places(n: Node) -> Shape:
    """The input's shape, which must have one to three axes of places behind its channels."""
    shape = n.inputs[0].shape
    if not 3 <= len(shape) <= 5:
        raise Fault(
            "NG301",
            "wrong number of axes",
            f"`{n.op.name}` needs an image, (N, C, H, W); this is {show_shape(shape)}",
            arg="x0",
            hint="`reshape` can give it four axes" if len(shape) < 3 else "",
        )
    return shape


def each_way(n: Node, arg: str) -> tuple[int, ...]:
    """An argument that is a number for each direction; a lone number, which is a pair of equals, serves for any."""
    value: tuple[int, ...] = n.a[arg]
    directions = len(n.inputs[0].shape) - 2
    if len(value) == directions:
        return value
    if len(value) == 2 and value[0] == value[1]:
        return value[:1] * directions
    label = f"{len(value)} numbers for the {directions} axes behind the channels of {show_shape(n.x[0])}"
    raise Fault("NG208", "argument out of range", label, arg=arg, hint="give one number, or one for each axis")


def channels_of(n: Node) -> int:
    """The number of channels, which stand on axis 1."""
    shape = n.inputs[0].shape
    if len(shape) < 2:
        label = f"`{n.op.name}` needs channels on axis 1; this is {show_shape(shape)}"
        raise Fault("NG301", "wrong number of axes", label, arg="x0")
    return shape[1]


def axis_of(n: Node, arg: str = "axis", extra: int = 0) -> int:
    """An axis argument counted from 0; negative ones count from the end, as in Caffe.

    ``extra`` is 1 where the axis may also be the one behind the last.
    """
    shape = n.x[0]
    rank = len(shape)
    axis: int = n.a[arg]
    if not -rank - extra <= axis < rank + extra:
        raise Fault("NG304", "axis out of range", f"{_axes(shape)}; got {axis}", arg=arg)
    return axis + rank + extra if axis < 0 else axis


def _axes(shape: Shape) -> str:
    if len(shape) < 2:
        return f"{show_shape(shape)} has {'only axis 0' if shape else 'no axes'}"
    return f"{show_shape(shape)} has axes 0 to {len(shape) - 1}, or -{len(shape)} to -1 from the end"


def same_shapes(n: Node) -> Shape:
    """The one shape that all inputs have."""
    first = n.inputs[0].shape
    for i, value in enumerate(n.inputs):
        if value.shape != first:
            raise Fault(
                "NG303",
                "shapes do not match",
                f"this is {show_shape(value.shape)}, the first is {show_shape(first)}",
                arg=f"x{i}",
                hint=_match_hint(n.op.name, first, value.shape),
            )
    return first


def _match_hint(name: str, first: Shape, other: Shape) -> str:
    if len(first) != len(other):
        return "`flatten` or `reshape` changes the number of axes"
    different = [axis for axis, (a, b) in enumerate(zip(first, other, strict=True)) if a != b]
    if different == [1]:
        return "a `conv` with kernel 1 changes the number of channels"
    if set(different) <= {2, 3}:
        return "`crop`, `upsample` or another stride or pad changes height and width"
    return f"`{name}` does not broadcast"


def same_pad(kernel: Sequence[int], dilation: Sequence[int] = (1, 1)) -> tuple[int, ...]:
    """``"same"`` in numbers: half of what a window reaches beyond one pixel."""
    if len(dilation) != len(kernel):
        dilation = [dilation[0]] * len(kernel)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(each % 2 for each in reach):
        raise Fault(
            "NG306",
            'pad = "same" needs an odd window',
            f"a window of {show_shape(tuple(each + 1 for each in reach))} has no middle",
            arg="pad",
            hint="use an odd kernel, or give the pad in numbers",
        )
    return tuple(each // 2 for each in reach)


def show_shape(shape: Shape) -> str:
    """A shape as messages print it: 1x64x56x56."""
    return "x".join(map(str, shape)) if shape else "a single number"


def divisors(count: int, wanted: int) -> str:
    """Two divisors next to a wanted number, as the end of a hint."""
    if count >= 1 << 20:
        return ""
    below = next((d for d in range(min(wanted, count), 0, -1) if count % d == 0), 1)
    above = next((d for d in range(wanted, count + 1) if count % d == 0), count)
    near = [str(d) for d in dict.fromkeys((below, above)) if d > 1]
    return f", for example {' or '.join(near)}" if near else ""
