"""Layer names, blobs, and which layers work in place."""

from __future__ import annotations

import pytest

from netgen.diag import Diagnostic, NetgenError, Source
from netgen.emit import caffe
from netgen.formats.message import Message
from netgen.ir.graph import Graph
from netgen.lang import compile_source

HEAD = "net Test() {\n data = input(1, 8, 16, 16)\n"


def graph(body: str, head: str = HEAD) -> Graph:
    return compile_source(Source("test.net", f"{head}{body}\n}}"))[0]


def wiring(body: str, head: str = HEAD) -> list[str]:
    """The layers after the input as ``name: bottoms > tops``."""
    layers = caffe.plan(graph(body, head))
    return [
        f"{layer.name}: {' '.join(b.name for b in layer.bottoms)} > {' '.join(t.name for t in layer.tops)}"
        for layer in layers
        if layer.bottoms
    ]


# --- names ----------------------------------------------------------------------------------------


def test_the_second_layer_of_a_node_takes_its_own_short_name() -> None:
    assert wiring("c = conv(data, 8, 1) -> batch_norm") == ["c: data > c", "c/bn: c > c", "c/scale: c > c"]


@pytest.mark.parametrize(
    ("name", "scale"),
    [("bn", "scale"), ("a/bn", "a/scale"), ("bn_2", "scale_2"), ("norm", "norm/scale"), ("bn_b", "bn_b/scale")],
)
def test_the_name_of_a_second_layer(name: str, scale: str) -> None:
    names = [layer.name for layer in caffe.plan(graph(f'batch_norm(data) as "{name}"'))]
    assert names == ["data", name, scale]


def test_a_second_layer_yields_to_a_name_that_the_program_gave() -> None:
    layers = wiring('a = batch_norm(data) as "x/bn"\n b = relu(a) as "x/scale"')
    assert [layer.split(":")[0] for layer in layers] == ["x/bn", "x/scale_2", "x/scale"]


def test_pieces_have_the_names_of_their_variables() -> None:
    assert wiring("a, b = slice(data, [2])\n c = concat(b, a)") == ["slice: data > a b", "c: b a > c"]


def test_pieces_inside_a_block_have_its_name_before_them() -> None:
    head = "block halves(x) { a, b = slice(x, parts = 2)\n return concat(b, a) }\n" + HEAD
    assert wiring("y = halves(data)", head) == ["y/slice: data > y/a y/b", "y: y/b y/a > y"]


def test_pieces_without_variables_are_numbered() -> None:
    assert wiring('z = concat(slice(data, parts = 2) as "s")')[0] == "s: data > s_1 s_2"


def test_a_piece_never_takes_the_name_of_another_layers_blob() -> None:
    lines = wiring('a, b = slice(data, [2])\n c = conv(a, 4, 1) as "a"\n d = concat(b, c)')
    assert lines == ["slice: data > a_2 b", "a: a_2 > a", "d: b a > d"]


# --- in place -------------------------------------------------------------------------------------


def tops(body: str) -> dict[str, str]:
    return {line.split(":")[0]: line.split(" > ")[1] for line in wiring(body)}


def test_the_only_reader_works_in_place() -> None:
    assert tops("c = conv(data, 8, 1) -> relu")["c/relu"] == "c"


@pytest.mark.parametrize("turning", ["relu(slope = -0.5)", "elu(alpha = -0.5)"])
def test_what_makes_both_signs_alike_is_not_in_place(turning: str) -> None:
    assert set(tops(f"c = conv(data, 8, 1)\n r = c -> {turning}").values()) == {"c", "r"}


def test_a_blob_with_two_readers_is_left_alone() -> None:
    assert tops("c = conv(data, 8, 1)\n r = relu(c)\n s = add(c, r)")["r"] == "r"


def test_a_layer_that_reads_twice_is_two_readers() -> None:
    assert tops("c = conv(data, 8, 1)\n s = add(c, c)\n r = relu(s)") == {"c": "c", "s": "s", "r": "s"}


def test_the_input_is_left_alone() -> None:
    assert tops("r = relu(data)")["r"] == "r"


def test_a_result_of_the_net_is_left_alone() -> None:
    found = tops("c = conv(data, 8, 1)\n r = relu(c)\n return c, r")
    assert found == {"c": "c", "r": "r"}


def test_what_a_gradient_needs_is_left_alone() -> None:
    assert tops("s = sigmoid(data)\n d = dropout(s)")["d"] == "d"
    assert tops("c = conv(data, 8, 1) -> sigmoid -> dropout") == {"c": "c", "c/sigmoid": "c", "c/drop": "c/drop"}


def test_dropout_may_follow_a_rectifier() -> None:
    """A rectifier's gradient asks where its output is positive; dropout changes that only where no gradient comes."""
    assert tops("c = conv(data, 8, 1) -> relu -> dropout")["c/drop"] == "c"


def test_a_rectifiers_signs_are_kept_through_dropout() -> None:
    found = tops("c = conv(data, 8, 1) -> relu -> dropout -> scale")
    assert found == {"c": "c", "c/relu": "c", "c/drop": "c", "c/scale": "c/scale"}


def test_normalisation_does_not_overwrite_a_rectifiers_output() -> None:
    found = tops("c = conv(data, 8, 1) -> relu -> batch_norm")
    assert (found["c/bn"], found["c/scale"]) == ("c/bn", "c/bn")


def test_a_reshaped_blob_is_the_same_memory() -> None:
    """Caffe's Flatten and Reshape share the data of their bottom, so its other readers count too."""
    shared = "c = conv(data, 8, 1)\n f = flatten(c)\n r = relu(f)\n "
    assert tops(shared + "m = max_pool(c, 2)")["r"] == "r"
    assert tops(shared)["r"] == "f"
    assert tops("f = flatten(data)\n r = relu(f)")["r"] == "r"
    assert tops("c = conv(data, 8, 1) -> sigmoid -> flatten -> relu")["c/relu"] == "c/relu"


@pytest.mark.parametrize("alone", ["concat(c)", "slice(c, parts = 1)"])
def test_joining_or_cutting_nothing_is_the_same_memory(alone: str) -> None:
    assert tops(f"c = conv(data, 8, 1)\n f = {alone}\n r = relu(f)\n m = max_pool(c, 2)")["r"] == "r"
    assert tops(f"c = conv(data, 8, 1)\n f = {alone}\n r = relu(f)")["r"] == "f"


def test_several_tops_are_never_in_place() -> None:
    found = tops("c = conv(data, 8, 1)\n a, b = slice(c, [2])\n r = relu(a)")
    assert (found["slice"], found["r"]) == ("a b", "a")


# --- identities -----------------------------------------------------------------------------------


def test_an_identity_vanishes() -> None:
    assert wiring("i = identity(data)\n c = conv(i, 8, 1)") == ["c: data > c"]


def test_an_identity_that_is_a_result_stays() -> None:
    assert wiring("c = conv(data, 8, 1)\n i = identity(c)") == ["c: data > c", "i: c > i"]


def test_readers_of_an_identity_are_readers_of_its_input() -> None:
    assert tops("c = conv(data, 8, 1)\n i = identity(c)\n r = relu(i)\n s = add(r, c)")["r"] == "r"


# --- weights --------------------------------------------------------------------------------------


def params(body: str) -> list[list[Message]]:
    return [layer.params for layer in caffe.plan(graph(body)) if layer.bottoms]


def test_multipliers_are_said_for_each_blob() -> None:
    assert params("conv(data, 8, 1, lr_mult = [1, 2], decay_mult = [1, 0])") == [
        [[("lr_mult", 1.0), ("decay_mult", 1.0)], [("lr_mult", 2.0), ("decay_mult", 0.0)]]
    ]


def test_one_multiplier_holds_for_all_blobs() -> None:
    assert params("conv(data, 8, 1, lr_mult = 0)") == [[[("lr_mult", 0.0)], [("lr_mult", 0.0)]]]
    assert params("conv(data, 8, 1, lr_mult = 0, bias = false)") == [[[("lr_mult", 0.0)]]]


def test_statistics_are_frozen_and_multipliers_go_to_what_is_learned() -> None:
    frozen = [("lr_mult", 0.0), ("decay_mult", 0.0)]
    statistics, affine = params("batch_norm(data, lr_mult = [3, 4])")
    assert statistics == [frozen] * 3
    assert affine == [[("lr_mult", 3.0)], [("lr_mult", 4.0)]]


def test_shared_weights_are_named_for_each_blob() -> None:
    first, second = params('a = conv(data, 8, 1, share = "w")\n b = conv(a, 8, 1, share = "w", lr_mult = 2)')
    assert first == [[("name", "w_weight")], [("name", "w_bias")]]
    assert second == [[("name", "w_weight"), ("lr_mult", 2.0)], [("name", "w_bias"), ("lr_mult", 2.0)]]


def test_shared_statistics_are_named_and_frozen() -> None:
    (statistics,) = params('batch_norm(data, affine = false, share = "n")')
    frozen = [("lr_mult", 0.0), ("decay_mult", 0.0)]
    assert statistics == [[("name", f"n_{blob}"), *frozen] for blob in ("mean", "variance", "factor")]


# --- refusals -------------------------------------------------------------------------------------


WIDEN = 'block widen(x) { return upsample(x, 2, mode = "bilinear") }\n'


def refusals(body: str, head: str = HEAD) -> list[Diagnostic]:
    with pytest.raises(NetgenError) as caught:
        caffe.emit(graph(body, head))
    return caught.value.diagnostics


def test_a_refusal_names_the_layer_the_place_the_reason_and_the_calls() -> None:
    (problem,) = refusals("y = widen(data)", WIDEN + HEAD)
    assert (problem.code, problem.title) == ("NG401", "Caffe cannot say this")
    assert problem.label.startswith("layer `y`: ")
    assert problem.span is not None
    assert problem.span.text == 'upsample(x, 2, mode = "bilinear")'
    assert [(frame.block, frame.span.text) for frame in problem.trace] == [("widen", "widen(data)")]
    assert problem.hint


def test_all_refusals_come_at_once() -> None:
    found = refusals('a = upsample(data, 2, mode = "bilinear")\n b = upsample(data, size = 20)')
    assert [problem.span.text for problem in found if problem.span] == [
        'upsample(data, 2, mode = "bilinear")',
        "upsample(data, size = 20)",
    ]


def test_one_place_is_reported_once_however_many_layers_it_makes() -> None:
    (problem,) = refusals("for i in 1..3 { y = widen(data) }", WIDEN + HEAD)
    assert [note.text for note in problem.notes] == ["the same for 2 more layers made here"]
