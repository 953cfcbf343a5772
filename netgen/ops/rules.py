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


def same_pad(kernel: Sequence[int], dilation: Sequence[int] = (1, 1)) -> tuple[int, int]:
    """``"same"`` in numbers: half of what a window reaches beyond one pixel."""
    height, width = (d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
    if height % 2 or width % 2:
        raise Fault(
            "NG306",
            'pad = "same" needs an odd window',
            f"a window of {height + 1}x{width + 1} has no middle",
            arg="pad",
            hint="use an odd kernel, or give the pad in numbers",
        )
    return height // 2, width // 2


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
