"""Shape rules, and what operators say when they object: which argument, what is wrong, what to do."""

from __future__ import annotations

from typing import Any

import pytest
from spelled import node

from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.graph import Shape
from netgen.ir.kinds import show
from netgen.ops import OPERATORS, bind

IMAGE = (2, 8, 14, 14)

SHAPES: list[tuple[str, list[Shape], dict[str, Any], list[Shape]]] = [
    ("conv", [IMAGE], {"out": 4, "kernel": 3}, [(2, 4, 12, 12)]),
    ("conv", [IMAGE], {"out": 4, "kernel": 3, "stride": 2, "pad": 1}, [(2, 4, 7, 7)]),
    ("conv", [IMAGE], {"out": 4, "kernel": [1, 5], "pad": "same"}, [(2, 4, 14, 14)]),
    ("conv", [IMAGE], {"out": 4, "kernel": 3, "pad": "same", "dilation": [2, 3]}, [(2, 4, 14, 14)]),
    ("conv", [IMAGE], {"out": 8, "kernel": 14, "groups": 8}, [(2, 8, 1, 1)]),
    ("deconv", [IMAGE], {"out": 4, "kernel": 4, "stride": 2, "pad": 1}, [(2, 4, 28, 28)]),
    ("linear", [IMAGE], {"out": 10}, [(2, 10)]),
    ("linear", [IMAGE], {"out": 10, "axis": -1}, [(2, 8, 14, 10)]),
    ("linear", [IMAGE], {"out": 10, "axis": 0}, [(10,)]),
    ("max_pool", [(1, 64, 112, 112)], {"kernel": 3, "stride": 2}, [(1, 64, 56, 56)]),
    ("max_pool", [(1, 64, 112, 112)], {"kernel": 3, "stride": 2, "rounding": "floor"}, [(1, 64, 55, 55)]),
    ("max_pool", [(1, 1, 5, 5)], {"kernel": 2, "stride": 2, "pad": 1}, [(1, 1, 3, 3)]),
    ("max_pool", [(1, 1, 6, 6)], {"kernel": 2, "stride": 3, "pad": [1, 0]}, [(1, 1, 3, 2)]),
    ("max_pool", [(1, 1, 6, 6)], {"kernel": 1, "stride": 5}, [(1, 1, 2, 2)]),
    ("max_pool", [(1, 1, 5, 5)], {"kernel": 1, "stride": 3}, [(1, 1, 3, 3)]),
    ("global_max_pool", [IMAGE], {}, [(2, 8, 1, 1)]),
    ("scale", [IMAGE, (2, 8)], {"axis": 0}, [IMAGE]),
    ("concat", [IMAGE, (2, 3, 14, 14)], {}, [(2, 11, 14, 14)]),
    ("concat", [IMAGE], {}, [IMAGE]),
    ("slice", [IMAGE], {"cuts": [3, 5]}, [(2, 3, 14, 14), (2, 2, 14, 14), (2, 3, 14, 14)]),
    ("slice", [IMAGE], {"parts": 2, "axis": -1}, [(2, 8, 14, 7), (2, 8, 14, 7)]),
    ("flatten", [IMAGE], {}, [(2, 1568)]),
    ("flatten", [IMAGE], {"axis": 2, "end_axis": 1}, [(2, 8, 1, 14, 14)]),
    ("mvn", [(2, 8)], {}, [(2, 8, 1, 1)]),
    ("argmax", [(7,)], {}, [(7, 1, 1)]),
    ("reshape", [(2, 1, 3)], {"shape": [], "axis": 1, "num_axes": 1}, [(2, 3)]),
    ("identity", [IMAGE], {"copies": 3}, [IMAGE, IMAGE, IMAGE]),
    ("crop", [(2, 3, 6), (1, 1, 4, 9)], {}, [(2, 3, 4)]),
    ("softmax_loss", [(2, 5, 3, 3), (2, 1, 3, 3)], {"probabilities": True}, [(), (2, 5, 3, 3)]),
    ("accuracy", [(2, 5, 3, 3), (2, 3, 3)], {"per_class": True}, [(), (5,)]),
    ("lstm", [(7, 2, 3), (7, 2)], {"out": 4}, [(7, 2, 4)]),
    (
        "lstm",
        [(7, 2, 3), (7, 2), (1, 2, 4), (1, 2, 4)],
        {"out": 4, "expose_hidden": True},
        [(7, 2, 4), *[(1, 2, 4)] * 2],
    ),
    ("rnn", [(7, 2, 3), (7, 2), (2, 9), (1, 2, 4)], {"out": 4, "expose_hidden": True}, [(7, 2, 4), (1, 2, 4)]),
    ("embed", [(2, 3)], {"out": 4, "entries": 9}, [(2, 3, 4)]),
    ("filter", [(2, 3), (2,), (2, 1, 1)], {}, [(2, 3), (2,)]),
    ("batch_reindex", [IMAGE, (5,)], {}, [(5, 8, 14, 14)]),
    ("im2col", [IMAGE], {"kernel": 3, "stride": 2}, [(2, 72, 6, 6)]),
    ("spp", [(2, 3, 9, 9)], {"levels": 1}, [(2, 3, 1, 1)]),
    ("spp", [(2, 3, 9, 9)], {"levels": 3}, [(2, 3 * (1 + 4 + 16))]),
    ("max_pool", [IMAGE], {"kernel": 2, "mask": True}, [(2, 8, 7, 7)] * 2),
    ("parameter", [], {"shape": []}, [()]),
    ("dummy_data", [], {"shape": [[2, 3], []]}, [(2, 3), ()]),
    ("silence", [IMAGE, (2, 3)], {}, []),
    ("flatten", [IMAGE], {"axis": 1, "end_axis": -2}, [(2, 112, 14)]),
    ("reshape", [IMAGE], {"shape": [0, -1]}, [(2, 1568)]),
    ("reshape", [IMAGE], {"shape": [2, 4], "axis": 1, "num_axes": 1}, [(2, 2, 4, 14, 14)]),
    ("reshape", [IMAGE], {"shape": [1], "axis": -1, "num_axes": 0}, [(2, 8, 14, 14, 1)]),
    ("permute", [IMAGE], {"order": [0, 2, 3]}, [(2, 14, 14, 8)]),
    ("crop", [IMAGE, (2, 3, 5, 6)], {"offset": [1, 2]}, [(2, 8, 5, 6)]),
    ("tile", [IMAGE], {"tiles": 3}, [(2, 24, 14, 14)]),
    ("upsample", [IMAGE], {"scale": [2, 3]}, [(2, 8, 28, 42)]),
    ("upsample", [IMAGE], {"size": 15, "mode": "bilinear"}, [(2, 8, 15, 15)]),
    ("reduce", [IMAGE], {}, [(2,)]),
    ("reduce", [IMAGE], {"axis": 0}, [()]),
    ("argmax", [IMAGE], {"top_k": 5}, [(2, 1, 5, 1)]),
    ("argmax", [IMAGE], {"top_k": 5, "out_max_val": True}, [(2, 2, 5, 1)]),
    ("argmax", [(2, 10)], {}, [(2, 1, 1)]),
    ("argmax", [IMAGE], {"axis": 1, "top_k": 2}, [(2, 2, 14, 14)]),
    ("input", [], {"n": 7}, [(7,)]),
]


@pytest.mark.parametrize(("op", "shapes", "given", "wanted"), SHAPES)
def test_shapes(op: str, shapes: list[Shape], given: dict[str, Any], wanted: list[Shape]) -> None:
    assert node(op, *shapes, **given).y == wanted


def test_macs() -> None:
    first = node("conv", (1, 3, 224, 224), out=64, kernel=7, stride=2, pad=3)
    assert first.op.macs(first) == 64 * 112 * 112 * 3 * 7 * 7
    depthwise = node("conv", (1, 32, 10, 10), out=32, kernel=3, pad=1, groups=32)
    assert depthwise.op.macs(depthwise) == 32 * 100 * 9
    up = node("deconv", (1, 4, 5, 5), out=6, kernel=4, stride=2, pad=1, groups=2)
    assert up.op.macs(up) == 4 * 25 * 3 * 16
    full = node("linear", (2, 8, 3, 3), out=10)
    assert full.op.macs(full) == 2 * 72 * 10


def test_parameters() -> None:
    def said(op: str, shape: Shape, **given: object) -> list[tuple[str, Shape, bool]]:
        return [(param.name, param.shape, param.learned) for param in node(op, shape, **given).params]

    assert said("conv", IMAGE, out=4, kernel=[3, 1], groups=2) == [
        ("weight", (4, 4, 3, 1), True),
        ("bias", (4,), True),
    ]
    assert said("deconv", IMAGE, out=4, kernel=3, groups=2, bias=False) == [("weight", (8, 2, 3, 3), True)]
    assert said("linear", IMAGE, out=10) == [("weight", (10, 1568), True), ("bias", (10,), True)]
    assert said("batch_norm", IMAGE) == [
        ("mean", (8,), False),
        ("variance", (8,), False),
        ("weight", (8,), True),
        ("bias", (8,), True),
    ]
    assert said("batch_norm", IMAGE, affine=False) == [("mean", (8,), False), ("variance", (8,), False)]
    assert said("scale", IMAGE, bias=True, axis=1, num_axes=-1)[0] == ("weight", (8, 14, 14), True)
    assert said("prelu", IMAGE, shared=True) == [("weight", (), True)]
    assert said("normalize", IMAGE, channel_shared=True) == [("weight", (), True)]


def test_a_bias_is_filled_with_zero_where_weights_are_filled() -> None:
    filled = node("conv", IMAGE, out=4, kernel=1, weight_filler=Filler("xavier"))
    assert [param.filler for param in filled.params] == [Filler("xavier"), Filler("constant")]
    assert [param.filler for param in node("conv", IMAGE, out=4, kernel=1).params] == [None, None]


FAULTS: list[tuple[str, list[Shape], dict[str, Any], str]] = [
    (
        "conv",
        [(1, 96, 8, 8)],
        {"out": 96, "kernel": 1, "groups": 5},
        "NG302 groups: 96 input channels cannot be split into 5 groups | use a divisor of 96, for example 4 or 6",
    ),
    (
        "conv",
        [(1, 96, 8, 8)],
        {"out": 10, "kernel": 1, "groups": 4},
        "NG302 groups: 10 output channels cannot be split into 4 groups | use a divisor of 10, for example 2 or 5",
    ),
    (
        "conv",
        [(1, 3, 4, 4)],
        {"out": 8, "kernel": 3, "dilation": 3, "pad": 1},
        "NG305 kernel: a 7x7 window does not fit into 4x4 with pad 1x1 | pad the input, or use a smaller kernel or "
        "dilation",
    ),
    (
        "conv",
        [IMAGE],
        {"out": 8, "kernel": [3, 2], "pad": "same"},
        "NG306 pad: a window of 3x2 has no middle | use an odd kernel, or give the pad in numbers",
    ),
    (
        "conv",
        [(2, 10)],
        {"out": 8, "kernel": 1},
        "NG301 x0: `conv` needs an image, (N, C, H, W); this is 2x10 | `reshape` can give it four axes",
    ),
    (
        "conv",
        [(1, 1 << 20, 1, 1)],
        {"out": 1 << 20, "kernel": 1},
        "NG309 out: 1048576 * 1048576 * 1 * 1 weights; one array holds at most 2147483647 | ",
    ),
    (
        "deconv",
        [(1, 3, 2, 2)],
        {"out": 8, "kernel": 1, "pad": 1},
        "NG305 pad: pad 1x1 cuts away all of 2x2 | use a smaller pad or a larger kernel",
    ),
    (
        "linear",
        [(2, 10)],
        {"out": 8, "axis": 2},
        "NG304 axis: 2x10 has axes 0 to 1, or -2 to -1 from the end; got 2 | ",
    ),
    (
        "add",
        [IMAGE, (2, 4, 14, 14)],
        {},
        "NG303 x1: this is 2x4x14x14, the first is 2x8x14x14 | a `conv` with kernel 1 changes the number of channels",
    ),
    (
        "mul",
        [IMAGE, IMAGE, (2, 8, 7, 7)],
        {},
        "NG303 x2: this is 2x8x7x7, the first is 2x8x14x14 | `crop`, `upsample` or another stride or pad changes "
        "height and width",
    ),
    (
        "max",
        [IMAGE, (2, 8)],
        {},
        "NG303 x1: this is 2x8, the first is 2x8x14x14 | `flatten` or `reshape` changes the number of axes",
    ),
    (
        "add",
        [IMAGE, IMAGE],
        {"coeff": [1, 1, 1]},
        "NG208 coeff: 3 coefficients for 2 tensors | give one for each tensor",
    ),
    (
        "concat",
        [IMAGE, (2, 8, 7, 14)],
        {},
        "NG303 x1: this is 2x8x7x14, the first is 2x8x14x14; they may differ on axis 1 only | they differ on axis 2 "
        "alone: is axis = 2 meant?",
    ),
    (
        "concat",
        [IMAGE, (2, 4, 7, 7)],
        {},
        "NG303 x1: this is 2x4x7x7, the first is 2x8x14x14; they may differ on axis 1 only | bring them to one height "
        "and width with `crop`, `upsample` or another stride or pad",
    ),
    (
        "scale",
        [IMAGE, (2, 8)],
        {},
        "NG303 x1: 2x8 is not what 2x8x14x14 has from axis 1 on | with axis = 0 it would fit",
    ),
    (
        "scale",
        [IMAGE, (2, 8, 1, 1)],
        {"axis": 0},
        "NG303 x1: 2x8x1x1 is not what 2x8x14x14 has from axis 0 on | `flatten` removes its last axes; then axis = 0 "
        "fits",
    ),
    (
        "bias",
        [IMAGE],
        {"axis": 2, "num_axes": 3},
        "NG304 num_axes: 2x8x14x14 has 2 axes from axis 2 on, not 3 | ",
    ),
    (
        "slice",
        [IMAGE],
        {"cuts": [5, 3]},
        "NG308 cuts: cuts must increase and lie between 1 and 7, within axis 1 | ",
    ),
    ("slice", [IMAGE], {"cuts": [8]}, "NG308 cuts: cuts must increase and lie between 1 and 7, within axis 1 | "),
    (
        "slice",
        [IMAGE],
        {"parts": 3},
        "NG308 parts: axis 1 has 8 places, which 3 does not divide | give the cuts instead",
    ),
    ("slice", [IMAGE], {}, "NG308 : give the cuts, or the number of parts | "),
    ("slice", [IMAGE], {"cuts": 1, "parts": 2}, "NG308 parts: cuts or parts, not both | "),
    (
        "reshape",
        [IMAGE],
        {"shape": [0, 3, -1]},
        "NG307 shape: 2x8x14x14 has 3136 elements, which do not make 2x3x? | ",
    ),
    ("reshape", [IMAGE], {"shape": [-1, -1]}, "NG307 shape: only one -1 can be inferred | "),
    (
        "reshape",
        [(2, 8)],
        {"shape": [0, 0, 0]},
        "NG307 shape: a 0 at place 2, but 2x8 has only 2 axes | ",
    ),
    (
        "crop",
        [IMAGE, (2, 8, 14, 14)],
        {"offset": 1},
        "NG303 offset: 14 from 1 on is more than axis 2 of 2x8x14x14 has | ",
    ),
    (
        "crop",
        [IMAGE, (2, 8, 7, 7)],
        {"offset": [1, 2, 3]},
        "NG308 offset: 3 offsets, but 2 axes are cut | give one offset, or one for each axis",
    ),
    ("permute", [IMAGE], {"order": [0, 0]}, "NG304 order: axis 0 is named twice | "),
    ("permute", [(2, 8)], {"order": [0, 2]}, "NG304 order: 2x8 has axes 0 to 1; got 2 | "),
    (
        "shuffle_channels",
        [IMAGE],
        {"groups": 3},
        "NG302 groups: 8 channels cannot be split into 3 groups | use a divisor of 8, for example 2 or 4",
    ),
    ("upsample", [IMAGE], {}, "NG203 : `upsample` needs a `scale`, or a `size` | "),
    (
        "upsample",
        [IMAGE],
        {"scale": 2, "align_corners": True},
        'NG208 align_corners: only mode = "bilinear" has corners to align | ',
    ),
    (
        "upsample",
        [IMAGE],
        {"size": [7, 28]},
        "NG208 size: 7x28 is smaller than 14x14 | a pooling makes images smaller",
    ),
    ("argmax", [(2, 8)], {"axis": 1, "top_k": 9}, "NG208 top_k: 2x8 has only 8 values to choose from | "),
    ("lrn", [IMAGE], {"size": 4}, "NG208 size: 4 neighbours have no middle | use an odd number"),
    ("clip", [IMAGE], {"min": 1, "max": 0}, "NG208 min: min 1 is greater than max 0 | "),
    ("log", [IMAGE], {"base": 1}, "NG208 base: there are no logarithms to base 1 | "),
    ("input", [], {"n": 1, "h": 3}, "NG203 : `input` needs `c`, since a later axis is given | "),
    ("prelu", [(5,)], {}, "NG301 x0: `prelu` needs channels on axis 1; this is 5 | "),
    ("dropout", [IMAGE], {"ratio": 1}, "NG208 ratio: must be less than 1, got 1 | "),
    ("exp", [IMAGE], {"base": 0}, "NG208 base: must be greater than 0, got 0 | "),
    (
        "conv",
        [IMAGE],
        {"out": 8, "kernal": 3},
        "NG204 kernal: `conv` has no argument `kernal` | did you mean `kernel`?",
    ),
    ("abs", [IMAGE], {"scale": 3}, "NG204 scale: `abs` has no argument `scale` | it takes none"),
    (
        "conv",
        [IMAGE],
        {},
        "NG203 : `conv` needs `out` and `kernel` | `out`: output channels; `kernel`: size of the filters",
    ),
    (
        "conv",
        [IMAGE],
        {"out": 4.0, "kernel": 3},
        "NG207 out: expected an int, got float 4.0 | `/` gives a float; `//` divides and rounds down",
    ),
    ("conv", [IMAGE], {"out": 0, "kernel": 3}, "NG208 out: must be at least 1, got 0 | "),
    ("conv", [IMAGE], {"out": True, "kernel": 3}, "NG207 out: expected an int, got bool true | "),
    (
        "conv",
        [IMAGE],
        {"out": 8, "kernel": [1, 2, 3]},
        "NG208 kernel: 3 numbers for the 2 axes behind the channels of 2x8x14x14 | "
        "give one number, or one for each axis",
    ),
    (
        "conv",
        [IMAGE],
        {"out": 8, "kernel": [1, 2, 3, 4]},
        "NG208 kernel: a list here is [height, width], or [depth, height, width], got 4 values | ",
    ),
    (
        "conv",
        [IMAGE],
        {"out": 8, "kernel": 3, "pad": "valid"},
        'NG208 pad: must be "same", got "valid" | ',
    ),
    (
        "conv",
        [IMAGE],
        {"out": 8, "kernel": 3, "weight_filler": "xavier"},
        'NG207 weight_filler: expected a filler, such as xavier or gaussian(std = 0.01), got string "xavier" | '
        "write xavier without quotes",
    ),
    (
        "max_pool",
        [IMAGE],
        {"kernel": 3, "rounding": "cell"},
        'NG208 rounding: must be "ceil" or "floor", got "cell" | did you mean `ceil`?',
    ),
    ("relu", [IMAGE], {"slope": float("nan")}, "NG208 slope: must be a finite float32, got nan | "),
    ("conv", [IMAGE], {"out": 8, "kernel": 3, "lr_mult": [1, 2, 3]}, "NG208 lr_mult: needs at most 2 values, got 3 | "),
    ("relu", [IMAGE], {"slope": 1e39}, "NG208 slope: must be a finite float32, got 1e+39 | "),
]


@pytest.mark.parametrize(("op", "shapes", "given", "wanted"), FAULTS)
def test_faults(op: str, shapes: list[Shape], given: dict[str, Any], wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, **given)
    fault = caught.value
    assert f"{fault.code} {fault.arg}: {fault.label} | {fault.hint}" == wanted
    assert fault.title
    assert fault.title[0].islower()


def test_defaults_are_typed_and_not_shared() -> None:
    one = bind(OPERATORS["conv"], {"out": 1, "kernel": 3})
    assert (one.stride, one.pad, one.kernel) == ((1, 1), (0, 0), (3, 3))
    one["stride"] = (9, 9)
    assert bind(OPERATORS["conv"], {"out": 1, "kernel": 3}).stride == (1, 1)


def test_values_are_shown_as_the_language_writes_them() -> None:
    assert show([1, 2.5, True, 'a"b']) == '[1, 2.5, true, "a\\"b"]'
