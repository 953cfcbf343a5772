"""Finding a net's arrays in files of other programs: by name, by like names, by order and shape, by a mapping."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import ResNet18, randomize
from hypothesis import given
from hypothesis import strategies as st
from weight_files import Array, field, floats, layer, net, numbers, read, same, shape

import netgen
from netgen.diag import NetgenError, Source
from netgen.ir.slots import LayerSlots, Slot
from netgen.weights import MappingFile, Report, find_weights, load_weights, mapping_text, parse_mapping
from netgen.weights.align import align
from netgen.weights.names import normal

# --- whole networks -------------------------------------------------------------------------------


def test_a_hand_written_model_is_brought_in() -> None:
    """With other names and another order of definition, and it computes the same."""
    hand = randomize(ResNet18())
    ours = netgen.compile("examples/resnet.net", blocks=[2, 2, 2, 2], bottlenecks=False, classes=10, size=64)
    report = ours.load_weights(hand.state_dict())
    assert report.is_complete
    assert repr(report) == f"<Report: {report.summary()}>"
    assert str(report).endswith(report.summary())
    assert not report.left_over
    assert not report.warnings()
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours.to_torch().eval()(image), hand(image), rtol=1e-4, atol=1e-6)


BLOCKS = """
block unit(x, width: int) {
    shortcut = conv(x, 2 * width, 1, bias = false)
    narrow = conv(x, width, 1, bias = false)
    wide = conv(narrow, 2 * width, 1, bias = false)
    return add(shortcut, wide)
}

net Blocks(widths: [int] = [4]) {
    x = input(1, 4, 2, 2) as "data"
    for i, width in enumerate(widths, 1) {
        x = unit(x, width) as "u{i}"
    }
}
"""


def _defined_last(widths: list[int]) -> dict[str, torch.Tensor]:
    """A state_dict in which the shortcut comes last. In the first block it has the shape of the convolution before."""
    state: dict[str, torch.Tensor] = {}
    channels = 4
    for i, width in enumerate(widths):
        for name, out, inputs in (("one", width, channels), ("two", 2 * width, width), ("down", 2 * width, channels)):
            state[f"layer{i}.{name}.weight"] = torch.randn(out, inputs, 1, 1)
        channels = 2 * width
    return state


def test_one_of_two_that_are_alike_is_not_guessed() -> None:
    ours = netgen.compile(BLOCKS)
    _, report = ours.match_weights(_defined_last([4]))
    assert {row.entry.name for row in report.rows if row.entry is not None} <= {"layer0.one.weight"}


def test_what_is_known_of_other_blocks_tells_two_apart_that_are_alike() -> None:
    """In the second and third block the shortcut has a shape of its own."""
    widths = [4, 6, 8]
    ours = netgen.compile(BLOCKS, widths=widths)
    state = _defined_last(widths)
    report = ours.load_weights(state)
    assert report.is_complete
    assert ours.weights is not None
    for i in range(3):
        for mine, theirs in (("shortcut", "down"), ("narrow", "one"), ("wide", "two")):
            np.testing.assert_array_equal(
                ours.weights[f"u{i + 1}/{mine}", "weight"], state[f"layer{i}.{theirs}.weight"]
            )


EVERYTHING = """
net Everything() {
    x = input(1, 4, 8, 8)
    a = conv(x, 6, 3, pad = 1)          as "a/conv"
    b = batch_norm(a)                   as "a/bn"
    c = prelu(b, shared = true)         as "slope"
    d = scale(c, bias = true)           as "factors"
    e = conv(d, 6, 3, pad = 1, share = "twice") as "e1"
    f = conv(e, 6, 3, pad = 1, share = "twice") as "e2"
    g = normalize(f)                    as "unit"
    y = linear(g, 5)                    as "fc"
}
"""


@pytest.mark.parametrize("name", ["net.caffemodel", "net.pth", "net.safetensors"])
def test_every_kind_of_array_goes_out_and_comes_back(tmp_path: Path, name: str) -> None:
    ours = netgen.compile(EVERYTHING)
    module = randomize(ours.to_torch())
    ours.load_weights(module.state_dict())
    assert ours.weights is not None
    wanted = dict(ours.weights)
    path = tmp_path / name
    ours.save_caffemodel(path) if name.endswith("caffemodel") else ours.save_state_dict(path)

    again = netgen.compile(EVERYTHING)
    report = again.load_weights(path)

    assert report.summary() == f"{len(wanted)} of {len(wanted)} arrays: {len(wanted)} by name"
    assert not report.warnings()
    assert again.weights is not None
    assert all(same(array, wanted[key]) for key, array in again.weights.items())
    image = torch.randn(1, 4, 8, 8)
    assert torch.equal(again.to_torch().eval()(image), module(image))
    if not name.endswith("caffemodel"):
        state = torch.load(path, weights_only=True) if name.endswith("pth") else None
        if state is not None:
            ours.to_torch().load_state_dict(state, strict=True)


# --- caffemodels ----------------------------------------------------------------------------------


def slots(*layers: tuple[str, str, list[tuple[int, ...]]]) -> list[LayerSlots]:
    """Layers of a net, with the shapes of their weights and offsets."""
    return [
        LayerSlots(
            name,
            kind,
            [],
            [],
            [Slot((name, part), dims) for part, dims in zip(("weight", "bias"), shapes, strict=False)],
        )
        for name, kind, shapes in layers
    ]


def blob(array: Array) -> bytes:
    return shape(*array.shape) + field(5, array.tobytes())


CONV = ("conv1", "Convolution", [(4, 3, 1, 1), (4,)])
FC = ("fc", "InnerProduct", [(5, 8), (5,)])


def found(report: Report) -> dict[str, str]:
    """What each array was found as and how, or what became of it."""
    return {row.name: f"{row.entry.name} {row.how}" if row.entry and row.how else row.state for row in report.rows}


def test_old_shapes_have_ones_in_front(tmp_path: Path) -> None:
    arrays = [numbers(4, 3, 1, 1), numbers(1, 1, 1, 4), numbers(1, 1, 5, 8), numbers(1, 1, 1, 5)]
    file = read(tmp_path, net(layer("conv1", *map(blob, arrays[:2])), layer("fc", *map(blob, arrays[2:]))))
    weights, report = load_weights(file, slots(CONV, FC), {})
    assert [weights[row.key].shape for row in report.rows] == [(4, 3, 1, 1), (4,), (5, 8), (5,)]
    assert all(weights[row.key].tobytes() == array.tobytes() for row, array in zip(report.rows, arrays, strict=True))
    assert report.rows[1].note == "reshaped from 1x1x1x4"


def test_layers_that_were_renamed(tmp_path: Path) -> None:
    """Like names first; what is left is told by its shape."""
    data = net(
        layer("data", kind="Data"),
        layer("CONV-1", blob(numbers(4, 3, 1, 1)), blob(numbers(4))),
        layer("conv1_relu_0_split", kind="Split"),
        layer("score", blob(numbers(5, 8)), blob(numbers(5))),
    )
    _, report = load_weights(read(tmp_path, data), slots(("conv.1", *CONV[1:]), FC), {})
    assert found(report) == {
        "conv.1.weight": "CONV-1[0] like name",
        "conv.1.bias": "CONV-1[1] like name",
        "fc.weight": "score[0] order and shape",
        "fc.bias": "score[1] order and shape",
    }


def test_the_last_of_two_layers_with_one_name_counts(tmp_path: Path) -> None:
    data = net(layer("a", shape(1) + floats(1)), layer("a", shape(1) + floats(2)), layer("a"))
    weights, _ = load_weights(read(tmp_path, data), slots(("a", "Bias", [(1,)])), {})
    assert weights["a", "weight"].tolist() == [2]


@pytest.mark.parametrize("factor", [1.0, 999.98, 0.0, 2.0, -4.0])
def test_running_sums_are_divided_by_their_factor(tmp_path: Path, factor: float) -> None:
    """As Caffe does it: times the reciprocal, which is 0 for 0."""
    times = np.float32(1) / np.float32(factor) if factor else np.float32(0)
    sums = [np.arange(1, 5, dtype=np.float32), np.arange(5, 9, dtype=np.float32)]
    data = net(layer("bn", *map(blob, sums), shape(1) + floats(factor), kind="BatchNorm"))
    (tmp_path / "bn.caffemodel").write_bytes(data)
    ours = netgen.compile('net N() { x = input(1, 4, 2, 2)\n y = batch_norm(x, affine = false) as "bn" }')
    ours.load_weights(tmp_path / "bn.caffemodel")
    assert ours.weights is not None
    for part, array in zip(("mean", "variance"), sums, strict=True):
        assert same(ours.weights["bn", part], array * times)
    ours.save_caffemodel(tmp_path / "again.caffemodel")
    written = read(tmp_path, (tmp_path / "again.caffemodel").read_bytes()).layers[1].blobs
    assert [each.array().tolist() for each in written] == [*(list(ours.weights[key]) for key in ours.weights), [1.0]]


def test_layers_that_nobody_knows_keep_their_blobs(tmp_path: Path) -> None:
    text = 'x = input(1, 4, 2, 2)\n y = custom(x, type = "Strange", shapes = [[1, 4, 2, 2]]) as "odd"'
    ours = netgen.compile(f"net N() {{ {text} }}")
    blobs = [numbers(3, 2), numbers(7)]
    (tmp_path / "a.caffemodel").write_bytes(net(layer("odd", *map(blob, blobs), kind="Strange")))
    assert ours.load_weights(tmp_path / "a.caffemodel").is_complete
    ours.save_caffemodel(tmp_path / "b.caffemodel")
    again = read(tmp_path, (tmp_path / "b.caffemodel").read_bytes())
    assert all(same(again.entries[f"odd[{i}]"].array(), array) for i, array in enumerate(blobs))


# --- what does not fit ----------------------------------------------------------------------------

WRONG_SHAPE = net(layer("conv1", shape(1, 12) + floats(*range(12)), shape(4) + floats(*range(4))))
A_BLOB_LESS = net(layer("conv1", shape(4, 3, 1, 1) + floats(*range(12))))
ANOTHER_NET = net(layer("ip", shape(2, 2) + floats(*range(4))))
TWO_ALIKE = net(*(layer(name, shape(4, 3, 1, 1) + floats(*range(12)), shape(4) + floats(*range(4))) for name in "ab"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (WRONG_SHAPE, "conv1.weight (4x3x1x1) does not fit: `conv1[0]` has the shape 1x12"),
        (A_BLOB_LESS, "conv1.bias (4) does not fit: the layer has 1 blob in the file and 2 in the net"),
        (ANOTHER_NET, "conv1.weight (4x3x1x1) is missing"),
        (ANOTHER_NET, "left over in the file: ip[0] (2x2)"),
        (TWO_ALIKE, "conv1.weight (4x3x1x1) could be several: `a`, `b`"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_so(tmp_path: Path, data: bytes, words: str) -> None:
    file = read(tmp_path, data)
    with pytest.raises(NetgenError) as caught:
        load_weights(file, slots(CONV), {})
    assert caught.value.diagnostics[0].code == "NG604"
    assert words in str(caught.value)
    assert "--save-mapping MAP" in str(caught.value)
    _, report = load_weights(file, slots(CONV), {}, partial=True)
    assert any("of the net not in it: conv1." in warning.label for warning in report.warnings())


def test_half_a_layer_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    state = {"conv1.weight": torch.zeros(4, 3, 1, 1), "other.offset": torch.zeros(4)}
    _, report = find_weights(state, slots(CONV), {})
    assert found(report) == {"conv1.weight": "conv1.weight name", "conv1.bias": "missing"}
    assert [entry.name for entry in report.left_over] == ["other.offset"]


def test_a_part_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    ours = netgen.compile(EVERYTHING)
    state = {"a_conv.weight": torch.full((6, 4, 3, 3), 7.0), "fc.bias": torch.full((5,), 8.0, dtype=torch.float64)}
    with pytest.raises(NetgenError):
        ours.load_weights(state)
    assert ours.weights is None
    report = ours.load_weights(state, partial=True)
    labels = [warning.label for warning in report.warnings()]
    assert labels[0] == "1 array converted from float64 to float32"
    assert labels[1].startswith("12 arrays of the net not in it: a/conv.bias, a/bn.mean")
    loaded = ours.to_torch().state_dict()
    assert all(
        (value == 7).all() == ("conv" in name and "weight" in name)
        for name, value in loaded.items()
        if value.ndim == 4 and value.shape[1] == 4
    )
    ours.save_caffemodel(tmp_path / "part.caffemodel")
    layers = read(tmp_path, (tmp_path / "part.caffemodel").read_bytes()).layers
    assert "a/conv" not in [each.name for each in layers], "half a layer would keep Caffe from loading the file"


# --- mapping files --------------------------------------------------------------------------------


def mapping(text: str) -> MappingFile:
    return parse_mapping(Source("map.txt", text))


STATE = {
    "features.0.weight": torch.arange(12.0).reshape(4, 3, 1, 1),
    "features.0.bias": torch.arange(4.0),
    'head "w"': torch.arange(40.0),
}


def test_a_mapping_says_what_is_what() -> None:
    text = """
    # comments and empty lines

    conv1 = features.0   # a whole layer
    fc.weight = "head \\"w\\""
    fc.bias =
    """
    weights, report = load_weights(STATE, slots(CONV, FC), {}, mapping=mapping(text))
    assert found(report) == {
        "conv1.weight": "features.0.weight mapping",
        "conv1.bias": "features.0.bias mapping",
        "fc.weight": 'head "w" mapping',
        "fc.bias": "skipped",
    }
    assert weights["fc", "weight"].shape == (5, 8)
    assert ("fc", "bias") not in weights


def test_what_was_found_can_be_written_edited_and_read() -> None:
    _, report = find_weights(STATE, slots(CONV, FC), {})
    text = mapping_text(report)
    assert text == (
        "# 2 of 4 arrays: 2 by order and shape, in <state_dict>\n"
        "# A line for each array of the net: its name = its name in the file. Nothing behind `=` leaves it as it is.\n"
        "\n"
        "conv1.weight = features.0.weight\n"
        "conv1.bias = features.0.bias\n"
        "# fc.weight = ?  # 5x8: missing\n"
        "# fc.bias = ?  # 5: missing\n"
        "\n"
        "# left over in the file:\n"
        '#   "head \\"w\\""  40\n'
    )
    edited = text.replace("# fc.weight = ?", 'fc.weight = "head \\"w\\""').replace("# fc.bias = ?", "fc.bias =")
    _, report = load_weights(STATE, slots(CONV, FC), {}, mapping=mapping(edited))
    assert report.is_complete


ODD_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='"\\#= \t'), min_size=1)


@given(ODD_NAMES, ODD_NAMES)
def test_any_name_survives_a_mapping_file(left: str, right: str) -> None:
    state = {right: torch.zeros(4)}
    layers = [LayerSlots(left, "Bias", [], [], [Slot((left, "bias"), (4,))])]
    _, report = find_weights(state, layers, {})
    _, again = find_weights(state, layers, {}, mapping=mapping(mapping_text(report)))
    assert [row.how for row in again.rows] == (["mapping"] if report.is_complete else [""])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv1.weight", "1 | conv1.weight\n  |             ^ here `=` should stand"),
        ("conv1.weight features.0.weight", "here `=` should stand"),
        ("= features.0", "1 | = features.0\n  | ^ here `=` should stand"),
        ('conv1.weight = "features', "the line should end here"),
        ('conv1.weight = "\\q"', "this is no string as JSON has them"),
        ("conv1 = features.0 = x", "the line should end here"),
        ("conv.weight = features.0.weight", "^^^^^^^^^^^ the net has no array or layer `conv.weight`"),
        ("conv.weight = features.0.weight", "did you mean `conv1.weight`"),
        ("conv1.weight = feature.0.weight", "there is no `feature.0.weight` in <state_dict>"),
        ("conv1.weight = feature.0.weight", "did you mean `features.0.weight`"),
        ("conv1 = features.1", "there is no `features.1` in <state_dict>"),
        ("fc = features.0\nfc.bias =", "`fc.bias` has been said before"),
    ],
)
def test_bad_mappings(text: str, message: str) -> None:
    with pytest.raises(NetgenError) as caught:
        find_weights(STATE, slots(CONV, FC), {}, mapping=mapping(text))
    assert all(problem.code == "NG605" for problem in caught.value.diagnostics)
    assert message in str(caught.value)


def test_all_bad_lines_are_reported_at_once() -> None:
    with pytest.raises(NetgenError) as caught:
        mapping("a\nconv1 = features.0\nb")
    assert [str(problem.span) for problem in caught.value.diagnostics] == ["map.txt:1:2", "map.txt:3:2"]


# --- names and order ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("layer1.0.conv1", "layer1_0/Conv1"),
        ("stem/batch_norm", "stem.bn"),
        ("stem.BatchNormalization", "stem_bn"),
        ("inner_product", "fc"),
        ("linear", "fc"),
    ],
)
def test_names_that_are_alike(one: str, other: str) -> None:
    assert normal(one) == normal(other)


def test_names_that_are_not_alike() -> None:
    assert len({normal(name) for name in ("conv1_1", "conv11", "conv1_10", "conv1", "conv", "deconv1")}) == 6


def pairs(left: str, right: str) -> list[str]:
    return [f"{left[i]}{i}{j}" for i, j in align(left, right).pairs]


def test_alignments() -> None:
    assert pairs("AAB", "AAB") == ["A00", "A11", "B22"]
    assert pairs("ABC", "AC") == ["A00", "C21"]
    assert pairs("AAB", "AB") == ["B21"], "either A could be meant"
    assert pairs("AB", "BA") == ["A01", "B10"], "each is there once"
    assert pairs("ABAB", "BABA") == []
    assert pairs("XAAY", "XAAAY") == ["X00", "Y34"]
    assert align("AAB", "AB").left == {0: [0], 1: [0]}


def subsequences(text: str) -> Iterable[list[int]]:
    """The places of every subsequence."""
    for mask in range(1 << len(text)):
        yield [place for place in range(len(text)) if mask >> place & 1]


@given(st.text("AB", max_size=6), st.text("ABC", max_size=6))
def test_pairs_of_a_common_order_are_those_of_every_longest_one(left: str, right: str) -> None:
    """Against all common subsequences, found by trying."""
    common = [
        list(zip(one, two, strict=True))
        for one in subsequences(left)
        for two in subsequences(right)
        if [left[i] for i in one] == [right[j] for j in two]
    ]
    longest = max(map(len, common))
    always = set.intersection(*(set(each) for each in common if len(each) == longest))
    found_pairs = align(left, right).pairs
    assert left == right or always <= set(found_pairs)
    for i, j in set(found_pairs) - always:
        assert left == right or (
            left.count(left[i]) - sum(left[a] == left[i] for a, _ in always) == 1
            and right.count(right[j]) - sum(right[b] == right[j] for _, b in always) == 1
        )
