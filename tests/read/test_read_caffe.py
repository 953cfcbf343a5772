"""A prototxt becomes a graph: phases, values, shapes, what is carried through, and what is said of what is odd."""

from __future__ import annotations

import pytest

import netgen
from netgen.ir.graph import Graph

INPUT = 'name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } }'
HEAD = f'name: "N" layer {{ {INPUT} }}\n'


def layer(name: str, kind: str, bottom: str = "data", top: str | None = None, more: str = "") -> str:
    bottoms = " ".join(f'bottom: "{each}"' for each in bottom.split())
    tops = " ".join(f'top: "{each}"' for each in (name if top is None else top).split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} {tops} {more} }}\n'


def conv(name: str, bottom: str = "data", out: int = 4, more: str = "") -> str:
    return layer(name, "Convolution", bottom, more=f"convolution_param {{ num_output: {out} kernel_size: 1 }} {more}")


def wiring(graph: Graph) -> dict[str, list[str]]:
    return {node.name: [value.node.name for value in node.inputs] for node in graph.nodes}


# --- phases ---------------------------------------------------------------------------------------

RULES = (
    HEAD
    + conv("always")
    + conv("train", more="include { phase: TRAIN }")
    + conv("test", more="include { phase: TEST }")
    + conv("not_test", more="exclude { phase: TEST }")
    + conv("deep", more='include { min_level: 2 stage: "deep" }')
    + conv("shallow", more='include { max_level: 1 not_stage: "deep" }')
    + conv("either", more='include { phase: TRAIN } include { stage: "deep" }')
)


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ({}, "test shallow"),
        ({"phase": "TRAIN"}, "train not_test shallow either"),
        ({"stages": ["deep"]}, "test either"),
        ({"stages": ["deep"], "level": 2, "phase": "TRAIN"}, "train not_test deep either"),
        ({"level": 3}, "test"),
    ],
)
def test_rules_choose_the_layers(asked: dict[str, object], there: str) -> None:
    net = netgen.load(RULES, **asked)  # type: ignore[arg-type]
    assert [each.name for each in net.layers] == ["data", "always", *there.split()]


def test_the_files_own_state_counts() -> None:
    text = 'state { phase: TRAIN level: 2 stage: "deep" }' + RULES
    assert "deep" in [each.name for each in netgen.load(text).layers]


def test_all_phases_are_kept_where_none_is_asked_for() -> None:
    assert netgen.load(RULES).to_prototxt().count("layer {") == 8
    assert netgen.load(RULES, phase="TEST").to_prototxt().count("layer {") == 4


def test_one_name_in_two_phases() -> None:
    text = HEAD + conv("c", more="include { phase: TRAIN }") + conv("c", out=6, more="include { phase: TEST }")
    assert netgen.load(text).shapes["c"] == (1, 6, 8, 8)
    assert netgen.load(text, phase="TRAIN").shapes["c"] == (1, 4, 8, 8)


# --- values -----------------------------------------------------------------------------------------


def test_in_place_is_undone_and_written_again() -> None:
    text = HEAD + conv("c") + layer("r", "ReLU", "c", "c") + layer("d", "Dropout", "c", "c") + conv("e", "c")
    net = netgen.load(text)
    assert wiring(net.graph) == {"data": [], "c": ["data"], "r": ["c"], "d": ["r"], "e": ["d"]}
    assert net.to_prototxt().count('top: "c"') == 3
    assert not net.warnings


def test_a_blob_that_is_overwritten_under_other_readers() -> None:
    text = HEAD + conv("c") + conv("side", "c") + layer("r", "ReLU", "c", "c") + conv("e", "c")
    net = netgen.load(text)
    assert wiring(net.graph)["side"] == ["c"]
    assert wiring(net.graph)["e"] == ["r"]
    [warning] = net.warnings
    assert (warning.code, warning.severity) == ("NG532", "warning")
    assert "`side`" in warning.label


def test_a_blob_that_is_made_twice() -> None:
    net = netgen.load(HEAD + conv("a") + layer("b", "TanH", "data", "a") + conv("c", "a"))
    assert wiring(net.graph)["c"] == ["b"]
    assert [each.code for each in net.warnings] == ["NG531"]


def test_several_tops() -> None:
    text = HEAD + layer("s", "Slice", "data", "x y z") + layer("j", "Concat", "z x")
    net = netgen.load(text)
    [j] = [node for node in net.graph.nodes if node.name == "j"]
    assert [value.index for value in j.inputs] == [2, 0]
    assert netgen.load(net.to_prototxt()).to_prototxt() == net.to_prototxt()


def test_a_loss_without_a_top() -> None:
    label = 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 1 dim: 1 dim: 8 dim: 8 } } }'
    text = HEAD + label + layer("loss", "SoftmaxWithLoss", "data l", "")
    net = netgen.load(text)
    assert net.outputs == {"loss": ()}
    assert net.to_prototxt().count("top:") == 2
    assert "return _softmax_loss(" in net.torch_source()


def test_a_split_that_is_said() -> None:
    text = HEAD + layer("s", "Split", "data", "x y z") + conv("a", "x") + conv("b", "z")
    net = netgen.load(text)
    assert net.torch_source().count("nn.Conv2d(") == 2
    assert list(net.outputs) == ["y", "a", "b"]
    assert net.to_prototxt().count("Split") == 1
    assert netgen.load(net.to_prototxt()).to_prototxt() == net.to_prototxt()


def test_names_that_are_said_twice_or_not_at_all() -> None:
    text = HEAD + conv("a") + layer("a", "ReLU", "a", "b") + 'layer { type: "TanH" bottom: "b" top: "t" }'
    net = netgen.load(text)
    assert [each.name for each in net.layers] == ["data", "a", "a_2", "t"]
    assert net.to_prototxt().count('name: "a"') == 2


def test_outputs_are_what_nobody_reads() -> None:
    net = netgen.load(HEAD + conv("a") + conv("b", "a") + layer("c", "ReLU", "a"))
    assert list(net.outputs) == ["b", "c"]


# --- inputs and ends --------------------------------------------------------------------------------

DATA = 'name: "N"\n' + layer("data", "Data", "", "data label", "data_param { batch_size: 2 } %s")


def test_a_database_with_a_crop_tells_its_size() -> None:
    net = netgen.load(DATA % "transform_param { crop_size: 7 }" + conv("c"))
    assert net.inputs == {"data": (2, 3, 7, 7), "label": (2,)}
    assert net.shapes["c"] == (2, 4, 7, 7)
    assert net.to_prototxt().count("Data") == 1


def test_a_database_alone_does_not() -> None:
    net = netgen.load(DATA % "" + conv("c"))
    assert net.inputs == {"label": (2,)}
    assert "crop_size" not in net.to_prototxt()
    with pytest.raises(netgen.NetgenError, match="only the data tells"):
        net.torch_source()
    given = netgen.load(DATA % "" + conv("c"), inputs={"data": (2, 3, 9, 9)})
    assert given.shapes["c"] == (2, 4, 9, 9)


def test_a_net_may_begin_and_end_anywhere() -> None:
    text = HEAD + conv("a") + layer("odd", "Oddity", "a") + conv("b", "odd", 5) + layer("c", "Softmax", "b")
    net = netgen.load(text, inputs={"odd": (1, 4, 6, 6)}, ends=["b"])
    assert list(wiring(net.graph)) == ["odd", "b"]
    assert net.outputs == {"b": (1, 5, 6, 6)}
    assert net.to_prototxt().count('type: "Input"') == 1
    assert "Oddity" not in net.to_prototxt()
    assert netgen.load(text, ends=["a"]).torch_source()


def test_several_inputs_in_one_layer() -> None:
    text = layer("in", "Input", "", "a b", "input_param { shape { dim: 1 dim: 2 } shape { dim: 1 dim: 3 } }")
    net = netgen.load('name: "N"\n' + text + layer("c", "Concat", "a b"))
    assert net.inputs == {"a": (1, 2), "b": (1, 3)}
    assert net.to_prototxt().count("layer {") == 2


# --- what is carried, what is kept -------------------------------------------------------------------


def test_layers_that_nobody_knows_are_carried_and_refused_by_name() -> None:
    text = HEAD + layer("odd", "Oddity", "data", "x y", "oddity_param { depth: 3 mode: DEEP inner { a: 'b' } }")
    net = netgen.load(text + layer("r", "ReLU", "x", "x"))
    assert "mode: DEEP" in net.to_prototxt()
    assert not net.problems
    with pytest.raises(netgen.NetgenError) as error:
        net.torch_source()
    [problem] = error.value.diagnostics
    assert (problem.code, str(problem.span)) == ("NG402", "<text>:2:7")
    assert "`Oddity`" in problem.label


def test_a_field_that_nobody_knows_makes_a_layer_unknown() -> None:
    net = netgen.load(HEAD + layer("c", "Convolution", "data", "c", "convolution_param { num_output: 2 twist: 1 }"))
    with pytest.raises(netgen.NetgenError, match="`twist` is not known here"):
        net.torch_source()


def test_what_the_text_says_beside_is_kept() -> None:
    more = "loss_weight: 0.5 propagate_down: true param { lr_mult: 2 decay_mult: 0 } param { name: 'b' lr_mult: 3 }"
    text = "force_backward: true " + HEAD + conv("c", more=more)
    net = netgen.load(text)
    again = net.to_prototxt()
    for said in ("force_backward: true", "loss_weight: 0.5", "propagate_down: true", 'name: "b"', "lr_mult: 3"):
        assert said in again
    c = net.graph.find("c")
    assert c is not None
    assert (c.a.lr_mult, c.a.decay_mult, c.a.share) == ((2.0, 3.0), (0.0, 1.0), ("", "b"))


def test_shared_weights() -> None:
    named = 'param { name: "w" } param { name: "%s" }'
    text = HEAD + conv("a", more=named % "v") + conv("b", more=named % "") + conv("c", more=named % "v")
    net = netgen.load(text)
    assert net.parameters_count == 4 * 3 + 2 * 4
    source = net.torch_source()
    assert source.count(".weight = self.a.weight") == 2
    assert source.count(".bias = self.a.bias") == 1


def test_floats_are_those_that_people_write() -> None:
    text = HEAD + layer("n", "BatchNorm", more="batch_norm_param { eps: 9.99999974738e-06 use_global_stats: true }")
    n = netgen.load(text).graph.find("n")
    assert n is not None
    assert (n.a.eps, n.a.frozen) == (1e-5, False)
    trained = netgen.load(text, phase="TRAIN").graph.find("n")
    assert trained is not None
    assert trained.a.frozen


# --- what is wrong -----------------------------------------------------------------------------------


def problem_of(text: str) -> tuple[str, str, str]:
    net = netgen.load(text)
    [problem] = net.problems
    assert net.to_prototxt(), "its text can be written nevertheless"
    with pytest.raises(netgen.NetgenError):
        net.torch_source()
    return problem.code, problem.span.text if problem.span is not None else "", problem.hint


def test_a_blob_that_nobody_makes() -> None:
    code, place, hint = problem_of(HEAD + conv("a") + 'layer {\n name: "b" type: "ReLU"\n bottom: "aa"\n top: "b" }')
    assert (code, place) == ("NG530", 'bottom: "aa"')
    assert hint == "did you mean `a`?"


def test_an_objection_of_an_operator_is_shown_at_its_field() -> None:
    text = 'layer {\n name: "p" type: "Pooling" bottom: "data" top: "p"\n pooling_param {\n kernel_size: 9\n } }'
    code, place, _ = problem_of(HEAD + text)
    assert (code, place) == ("NG305", "kernel_size: 9")


def test_an_objection_to_a_tensor_is_shown_at_the_bottom() -> None:
    text = conv("a") + 'layer {\n name: "s" type: "Eltwise"\n bottom: "a"\n bottom: "data"\n top: "s" }'
    code, place, _ = problem_of(HEAD + text)
    assert (code, place) == ("NG303", 'bottom: "data"')


def test_what_cannot_be_given() -> None:
    net = netgen.load(HEAD + conv("a"), inputs={"dta": (1, 2)})
    assert [(each.code, each.hint) for each in net.problems] == [("NG533", "did you mean `data`?")]


def test_a_solver_is_no_net() -> None:
    net = netgen.load('net: "train_val.prototxt"\nbase_lr: 0.01\nlr_policy: "fixed"\n')
    [problem] = net.problems
    assert (problem.code, problem.hint) == ("NG534", "the net that it trains is train_val.prototxt")
    assert net.to_prototxt() == 'net: "train_val.prototxt"\nbase_lr: 0.01\nlr_policy: "fixed"\n'


def test_a_phase_without_layers() -> None:
    net = netgen.load(conv("a", more="include { phase: TRAIN }"))
    assert [(each.code, each.hint) for each in net.problems] == [("NG535", "try phase TRAIN")]
