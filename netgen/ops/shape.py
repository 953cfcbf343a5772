"""Operators that only move numbers about: input, joining, cutting, reshaping."""

from __future__ import annotations

from math import prod

from netgen.formats.message import Message, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import REQUIRED, Arg, Int, Listed, Optional
from netgen.ir.operator import Operator
from netgen.ir.reach import Reach, place_by_place, whole
from netgen.ir.spell_caffe import CaffeSpelling, Field, Many, Sub
from netgen.ir.spell_onnx import Const, OnnxNode, OnnxSpelling
from netgen.ir.spell_torch import Call, Expr, Helper, Input, Inputs, TorchSpelling
from netgen.ops.rules import axis_of, show_shape

# --- beginnings -----------------------------------------------------------------------------------

_AXES = ("n", "c", "h", "w", "dim5", "dim6", "dim7", "dim8")


class _Dims(Field):
    """A BlobShape whose dimensions are arguments of their own."""

    def __init__(self) -> None:
        super().__init__("dim", "")

    def write(self, a: Attrs) -> Message:
        return [(self.name, a[axis]) for axis in _AXES if a[axis] is not None]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        dims = get_all(message, self.name)
        a.update(zip(_AXES, dims, strict=False))
        return 1 <= len(dims) <= len(_AXES)


class InputLayer(Operator):
    """What the network is given: a tensor of 1 to 8 axes, for images (N, C, H, W)."""

    name = "input"
    short = "data"
    example = "input(1, 3, 224, 224)"
    operands = ()
    keeps_output = "values"
    args = (
        Arg("n", Int(), REQUIRED, "how many at once"),
        Arg("c", Optional(Int()), None, "channels"),
        Arg("h", Optional(Int()), None, "height"),
        Arg("w", Optional(Int()), None, "width"),
        *(Arg(axis, Optional(Int()), None, "one axis more") for axis in _AXES[4:]),
    )
    shape_rule = "the arguments"

    @classmethod
    def check(cls, a: Attrs) -> None:
        given = [axis for axis in _AXES if a[axis] is not None]
        missing = next((axis for axis, at in zip(_AXES, given, strict=False) if axis != at), None)
        if missing is not None:
            label = f"`input` needs `{missing}`, since a later axis is given"
            raise Fault("NG203", "missing argument", label)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [tuple(n.a[axis] for axis in _AXES if n.a[axis] is not None)]

    caffe = CaffeSpelling("Input", "input_param", Sub("shape", _Dims()))
    torch = TorchSpelling()
    onnx = OnnxSpelling(lambda n: [])


def _read_copies(a: dict[str, object], layer: Message) -> bool:
    a["copies"] = len(get_all(layer, "top"))
    return a["copies"] != 0


class Identity(Operator):
    """The tensor itself, under another name, or under several."""

    name = "identity"
    short = "identity"
    shares_memory = True
    args = (Arg("copies", Int(1, 256), 1, "how many results, each the tensor itself"),)
    shape_rule = "the shape of x, for each copy"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        return [n.x[0]] * n.a["copies"]

    caffe = CaffeSpelling("Split", reads=_read_copies)
    torch = TorchSpelling(
        lambda n: Call("nn.Identity") if n.a.copies == 1 else None,
        lambda n: Input() if n.a.copies == 1 else (Input(),) * n.a.copies,
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("Identity", (0,), (i,)) for i in range(n.a.copies)])


# --- joining and cutting --------------------------------------------------------------------------


class Concat(Operator):
    """Tensors joined along one axis; all others must agree."""

    name = "concat"
    short = "concat"
    example = "concat(a, b)"
    operands = ("x...",)
    fewest = 1
    args = (Arg("axis", Int(-8, 7), 1, "the axis that grows"),)
    shape_rule = "the shape of the first, with the sum of all along axis"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        first = n.inputs[0].shape
        total = 0
        for i, value in enumerate(n.inputs):
            x = value.shape
            if len(x) != len(first) or x[:axis] != first[:axis] or x[axis + 1 :] != first[axis + 1 :]:
                raise _mismatch(i, x, first, axis)
            total += x[axis]
        return [(*first[:axis], total, *first[axis + 1 :])]

    caffe = CaffeSpelling("Concat", "concat_param", Field("axis", "axis", 1, always=True, legacy="concat_dim"))
    torch = TorchSpelling(function=lambda n: Call("torch.cat", Inputs(), dim=n.a.axis), fresh=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Concat", range(len(n.inputs)), axis=n.a.axis)])


def _mismatch(i: int, x: Shape, first: Shape, axis: int) -> Fault:
    label = f"this is {show_shape(x)}, the first is {show_shape(first)}; they may differ on axis {axis} only"
    hint = ""
    if len(x) == len(first):
        different = [at for at, (a, b) in enumerate(zip(x, first, strict=True)) if a != b]
        if len(different) == 1:
            hint = f"they differ on axis {different[0]} alone: is axis = {different[0]} meant?"
        elif axis == 1 and set(different) <= {1, 2, 3}:
            hint = "bring them to one height and width with `crop`, `upsample` or another stride or pad"
    return Fault("NG303", "shapes do not match", label, arg=f"x{i}", hint=hint)


def _read_parts(a: dict[str, object], layer: Message) -> bool:
    tops = len(get_all(layer, "top"))
    cuts = a.get("cuts")
    if cuts is None:
        a["parts"] = tops
        return True
    return isinstance(cuts, tuple) and len(cuts) + 1 == tops


class Slice(Operator):
    """A tensor cut along one axis, at the given places or into equal parts.

    ``a, b = slice(x, [32])`` gives the first 32 channels and the rest; ``a, b, c = slice(x, parts = 3)`` three thirds.
    """

    name = "slice"
    short = "slice"
    example = "slice(x, [3])"
    args = (
        Arg("cuts", Optional(Listed(Int(), 1)), None, "where each piece but the first begins"),
        Arg("axis", Int(-8, 7), 1, "the axis that is cut"),
        Arg("parts", Optional(Int()), None, "how many equal parts, instead of cuts"),
    )
    shape_rule = "one tensor for each piece"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if (a.cuts is None) == (a.parts is None):
            label = "give the cuts, or the number of parts" if a.cuts is None else "cuts or parts, not both"
            raise Fault("NG308", "bad slice", label, arg="parts" if a.parts is not None else "")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        x = n.x[0]
        return [(*x[:axis], size, *x[axis + 1 :]) for size in _piece_sizes(n, x[axis])]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return [Reach() for _ in n.x[0][2:]]

    caffe = CaffeSpelling(
        "Slice",
        "slice_param",
        Many("slice_point", "cuts"),
        Field("axis", "axis", 1, always=True, legacy="slice_dim"),
        reads=_read_parts,
    )
    torch = TorchSpelling(
        function=lambda n: (
            Call("torch.tensor_split", Input(), n.a.cuts, dim=n.a.axis)
            if n.a.parts is None
            else Input()
            if n.a.parts == 1
            else Call("torch.chunk", Input(), n.a.parts, dim=n.a.axis)
        )
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("Split", (0, Const(_piece_sizes(n, n.x[0][axis_of(n)]))), axis=n.a.axis)])


def _piece_sizes(n: Node, extent: int) -> list[int]:
    parts = n.a.parts
    if parts is None:
        ends = [*n.a.cuts, extent]
        sizes = [end - start for start, end in zip([0, *n.a.cuts], ends, strict=True)]
        if min(sizes) < 1:
            label = f"cuts must increase and lie between 1 and {extent - 1}, within axis {axis_of(n)}"
            raise Fault("NG308", "bad slice", label, arg="cuts")
        return sizes
    if extent % parts:
        label = f"axis {axis_of(n)} has {extent} places, which {parts} does not divide"
        raise Fault("NG308", "bad slice", label, arg="parts", hint="give the cuts instead")
    return [extent // parts] * parts


_CROP = Helper(
    "_crop",
    '''
def _crop(x: Tensor, like: Tensor, axis: int, offset: tuple[int, ...]) -> Tensor:
    """Cut ``x`` to the size of another tensor on all axes from ``axis`` on."""
    for dim, start in enumerate(offset, axis):
        x = x.narrow(dim, start, like.size(dim))
    return x
''',
)


def _offsets(n: Node) -> tuple[int, ...]:
    """One offset for each axis that is cut."""
    count = len(n.x[0]) - axis_of(n)
    given: tuple[int, ...] = n.a.offset
    if len(given) not in (1, count):
        label = f"{len(given)} offsets, but {count} axes are cut"
        raise Fault("NG308", "bad slice", label, arg="offset", hint="give one offset, or one for each axis")
    return given * count if len(given) == 1 else given


def _crop_onnx(n: Node) -> list[OnnxNode]:
    axis, offsets = axis_of(n), _offsets(n)
    axes = list(range(axis, axis + len(offsets)))
    ends = [start + n.y[0][dim] for start, dim in zip(offsets, axes, strict=True)]
    return [OnnxNode("Slice", (0, Const(list(offsets)), Const(ends), Const(axes)))]


def _crop_of_any_size(n: Node) -> list[OnnxNode]:
    axis, offsets = axis_of(n), _offsets(n)
    starts, axes = Const(list(offsets)), Const(list(range(axis, axis + len(offsets))))
    return [
        OnnxNode("Shape", (1,), ("extents",), start=axis, end=axis + len(offsets)),
        OnnxNode("Add", ("extents", starts), ("ends",)),
        OnnxNode("Slice", (0, starts, "ends", axes)),
    ]


class Crop(Operator):
    """The part of a tensor that has the size of another, on all axes from ``axis`` on."""

    name = "crop"
    short = "crop"
    example = "crop(x, like, offset = 0)"
    operands = ("x", "like")
    only_shapes = frozenset({1})
    args = (
        Arg("axis", Int(-8, 7), 2, "the first axis that is cut"),
        Arg("offset", Listed(Int(0), 1, 8), 0, "where to begin: one number, or one for each axis that is cut"),
    )
    shape_rule = "x.shape[:axis] + like.shape[axis:]"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        x, like = n.x
        if len(x) > len(like):
            label = f"this is {show_shape(like)}, the first is {show_shape(x)}: not as many axes"
            raise Fault("NG303", "shapes do not match", label, arg="x1")
        for dim, start in enumerate(_offsets(n), axis):
            if start + like[dim] > x[dim]:
                label = f"{like[dim]} from {start} on is more than axis {dim} of {show_shape(x)} has"
                raise Fault("NG303", "shapes do not match", label, arg="offset" if start else "x1")
        return [(*x[:axis], *like[axis : len(x)])]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        return [Reach() for _ in n.x[0][2:]]

    caffe = CaffeSpelling("Crop", "crop_param", Field("axis", "axis", 2), Many("offset", "offset", (0,)))
    torch = TorchSpelling(
        function=lambda n: Call("_crop", Input(0), Input(1), axis_of(n), _offsets(n)), helpers=[_CROP]
    )
    onnx = OnnxSpelling(_crop_onnx, flexible=_crop_of_any_size)


class Tile(Operator):
    """A tensor repeated along one axis."""

    name = "tile"
    short = "tile"
    example = "tile(x, 2)"
    args = (
        Arg("tiles", Int(), REQUIRED, "how many times"),
        Arg("axis", Int(-8, 7), 1, "the axis that grows"),
    )
    shape_rule = "the shape of x, tiles times as long on axis"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis = axis_of(n)
        x = n.x[0]
        return [(*x[:axis], x[axis] * n.a.tiles, *x[axis + 1 :])]

    caffe = CaffeSpelling("Tile", "tile_param", Field("axis", "axis", 1), Field("tiles", "tiles"))
    torch = TorchSpelling(function=lambda n: Call(".repeat", Input(), *_repeats(n)), fresh=True)
    onnx = OnnxSpelling(lambda n: [OnnxNode("Tile", (0, Const(_repeats(n))))])


def _repeats(n: Node) -> list[int]:
    repeats = [1] * len(n.x[0])
    repeats[axis_of(n)] = n.a.tiles
    return repeats


# --- reshaping ------------------------------------------------------------------------------------


def _joins_none(n: Node) -> bool:
    return axis_of(n, "end_axis") < axis_of(n)


def _flatten_call(n: Node) -> Call:
    if _joins_none(n):
        return Call(".unsqueeze", Input(), axis_of(n))
    return Call(".flatten", Input(), n.a.axis, *([] if n.a.end_axis == -1 else [n.a.end_axis]))


class Flatten(Operator):
    """Axes joined into one: all from ``axis`` to ``end_axis``, both included.

    Where ``end_axis`` is the axis before, an axis of 1 is put in.
    """

    name = "flatten"
    short = "flatten"
    shares_memory = True
    args = (
        Arg("axis", Int(-8, 7), 1, "the first axis that is joined"),
        Arg("end_axis", Int(-8, 7), -1, "the last axis that is joined"),
    )
    shape_rule = "x.shape[:axis] + (their product,) + x.shape[end_axis + 1:]"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        axis, end = axis_of(n), axis_of(n, "end_axis")
        if end < axis - 1:  # at axis - 1 there is nothing to join, which makes an axis of 1
            label = f"it stands before axis {axis}"
            raise Fault("NG304", "axis out of range", label, arg="end_axis")
        x = n.x[0]
        return [(*x[:axis], prod(x[axis : end + 1]), *x[end + 1 :])]

    caffe = CaffeSpelling("Flatten", "flatten_param", Field("axis", "axis", 1), Field("end_axis", "end_axis", -1))
    torch = TorchSpelling(
        lambda n: None if _joins_none(n) else Call("nn.Flatten", start_dim=n.a.axis, end_dim=n.a.end_axis),
        _flatten_call,
        defaults={"start_dim": 1, "end_dim": -1},
    )
    onnx = OnnxSpelling(lambda n: [OnnxNode("Reshape", (0, Const(_flat_dims(n))))])


def _flat_dims(n: Node) -> list[int]:
    """ONNX's 0 keeps an axis and -1 takes the rest, so that the batch stays free."""
    axis, end = axis_of(n), axis_of(n, "end_axis")
    return [*[0] * axis, 1 if _joins_none(n) else -1, *n.x[0][end + 1 :]]


def _read_shape(a: dict[str, object], layer: Message) -> bool:
    """A shape without dimensions takes away axes of 1."""
    a.setdefault("shape", ())
    return len(get_all(layer, "top")) == 1


class Reshape(Operator):
    """The same numbers in another shape.

    In ``shape`` 0 copies the input's dimension at the same place, and one -1 stands for what is left. Only the axes
    from ``axis`` on, ``num_axes`` of them (-1 for all), are replaced.
    """

    name = "reshape"
    short = "reshape"
    example = "reshape(x, [0, 4, 2, -1])"
    shares_memory = True
    args = (
        Arg("shape", Listed(Int(-1), 0, 8), REQUIRED, "the new dimensions; 0 copies, one -1 is inferred"),
        Arg("axis", Int(-9, 8), 0, "the first axis that is replaced"),
        Arg("num_axes", Int(-1, 8), -1, "how many axes are replaced; -1 is all that follow"),
    )
    shape_rule = "shape, with 0 and -1 resolved"

    @classmethod
    def check(cls, a: Attrs) -> None:
        if a.shape.count(-1) > 1:
            raise Fault("NG307", "reshape does not fit", "only one -1 can be inferred", arg="shape")

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        start, end = _window(n)
        x = n.x[0]
        new = [_copied(n, start + i) if dim == 0 else dim for i, dim in enumerate(n.a.shape)]
        replaced = prod(x[start:end])
        known = prod(dim for dim in new if dim != -1)
        if replaced % known or (-1 not in new and replaced != known):
            wanted = show_shape((*x[:start], *new, *x[end:])).replace("-1", "?")
            label = f"{show_shape(x)} has {prod(x)} elements, which do not make {wanted}"
            raise Fault("NG307", "reshape does not fit", label, arg="shape")
        return [(*x[:start], *(replaced // known if dim == -1 else dim for dim in new), *x[end:])]

    caffe = CaffeSpelling(
        "Reshape",
        "reshape_param",
        Sub("shape", Many("dim", "shape")),
        Field("axis", "axis", 0),
        Field("num_axes", "num_axes", -1),
        reads=_read_shape,
    )
    torch = TorchSpelling(function=lambda n: Call(".reshape", Input(), *(_torch_dims(n) or [()])))
    onnx = OnnxSpelling(lambda n: [OnnxNode("Reshape", (0, Const(_onnx_dims(n))))])


def _window(n: Node) -> tuple[int, int]:
    """The axes that are replaced: the first, and the one behind the last."""
    start = axis_of(n, extra=1)
    rank = len(n.x[0])
    end = rank if n.a.num_axes < 0 else start + n.a.num_axes
    if end > rank:
        label = f"{show_shape(n.x[0])} has {rank - start} axes from axis {start} on, not {n.a.num_axes}"
        raise Fault("NG304", "axis out of range", label, arg="num_axes")
    return start, end


def _copied(n: Node, axis: int) -> int:
    x = n.x[0]
    if axis >= len(x):
        label = f"a 0 at place {axis}, but {show_shape(x)} has only {len(x)} axes"
        raise Fault("NG307", "reshape does not fit", label, arg="shape")
    return x[axis]


def _torch_dims(n: Node) -> list[Expr]:
    """The new shape in terms of the input's, so that it holds for any batch and any image."""
    start, end = _window(n)
    kept = [Call(".size", Input(), axis) for axis in range(len(n.x[0]))]
    new = [kept[start + i] if dim == 0 else dim for i, dim in enumerate(n.a.shape)]
    return [*kept[:start], *new, *kept[end:]]


def _onnx_dims(n: Node) -> list[int]:
    """The same in ONNX, whose 0 copies likewise; what moved to another place is written out."""
    start, end = _window(n)
    return [*[0] * start, *n.a.shape, *n.x[0][end:]]


class _Order(Many):
    """Caffe's order may be empty: then all axes follow in their own."""

    def read(self, message: Message, a: dict[str, object]) -> bool:
        known = super().read(message, a)
        a.setdefault(self.arg, (0,))
        return known


class Permute(Operator):
    """Axes in another order; those that are not named follow in their own."""

    name = "permute"
    short = "permute"
    example = "permute(x, [0, 2, 3, 1])"
    args = (Arg("order", Listed(Int(0, 7), 1, 8), REQUIRED, "for each axis of the result, the input's"),)
    shape_rule = "x.shape in that order"

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        x, order = n.x[0], n.a.order
        repeated = next((axis for i, axis in enumerate(order) if axis in order[:i]), None)
        if repeated is not None:
            raise Fault("NG304", "axis out of range", f"axis {repeated} is named twice", arg="order")
        if max(order) >= len(x):
            label = f"{show_shape(x)} has axes 0 to {len(x) - 1}; got {max(order)}"
            raise Fault("NG304", "axis out of range", label, arg="order")
        return [tuple(x[axis] for axis in _order(n))]

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        """Where the axes of places change their seats, what looks at one of them is taken to look at all."""
        order = _order(n)
        return place_by_place(n) if order[2:] == sorted(order)[2:] else whole(n)

    caffe = CaffeSpelling("Permute", "permute_param", _Order("order", "order"), fork="ssd")
    caffe_forks = (CaffeSpelling("Transpose", "transpose_param", Many("dim", "order"), fork="ctpn"),)
    torch = TorchSpelling(function=lambda n: Call(".permute", Input(), *_order(n)))
    onnx = OnnxSpelling(lambda n: [OnnxNode("Transpose", perm=tuple(_order(n)))])


def _order(n: Node) -> list[int]:
    return [*n.a.order, *(axis for axis in range(len(n.x[0])) if axis not in n.a.order)]


def _is_some_axis(a: dict[str, object], layer: Message) -> bool:
    """Forks whose layer takes one axis have a default for it; that of the first is the first."""
    a.setdefault("axes", (0,))
    return len(get_all(layer, "top")) == 1


class _FlippedSides(Field):
    """Whether the width (unless the file says no) and the height (if it says so) are reversed."""

    def read(self, message: Message, a: dict[str, object]) -> bool:
        sides = (2,) if get(message, "flip_height", False) else ()
        a[self.arg] = (*sides, *((3,) if get(message, "flip_width", True) else ()))
        return bool(a[self.arg])

    @property
    def names(self) -> tuple[str, ...]:
        return ("flip_width", "flip_height")


def _reversed_axes(n: Node) -> list[int]:
    """The axes counted from 0, each of which may be named once."""
    rank = len(n.x[0])
    axes: list[int] = []
    for axis in n.a.axes:
        if not -rank <= axis < rank:
            label = f"{show_shape(n.x[0])} has axes 0 to {rank - 1}; got {axis}"
            raise Fault("NG304", "axis out of range", label, arg="axes")
        axes.append(axis % rank)
    repeated = next((axis for i, axis in enumerate(axes) if axis in axes[:i]), None)
    if repeated is not None:
        raise Fault("NG304", "axis out of range", f"axis {repeated} is named twice", arg="axes")
    return axes


def _reverse_onnx(n: Node) -> list[OnnxNode]:
    axes = _reversed_axes(n)
    last, before_first = Const([-1] * len(axes)), Const([-(2**31)] * len(axes))
    return [OnnxNode("Slice", (0, last, before_first, Const(axes), last))]


class Reverse(Operator):
    """A tensor read backwards along some axes: ``reverse(x, 3)`` is an image in a mirror."""

    name = "reverse"
    short = "reverse"
    example = "reverse(x, 3)"
    args = (Arg("axes", Listed(Int(-8, 7), 1, 8), REQUIRED, "the axes that are reversed"),)

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        _reversed_axes(n)
        return [n.x[0]]

    caffe = CaffeSpelling("Reverse", "reverse_param", Many("axis", "axes"), reads=_is_some_axis, fork="ctpn")
    caffe_forks = (CaffeSpelling("Flip", "flip_param", _FlippedSides("flip_width", "axes"), fork="normface"),)
    torch = TorchSpelling(function=lambda n: Call(".flip", Input(), *_reversed_axes(n)), fresh=True)
    onnx = OnnxSpelling(_reverse_onnx)
