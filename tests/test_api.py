"""netgen from Python."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import netgen
from netgen import Net, NetgenError

EXAMPLES = Path(__file__).parents[1] / "examples"
TEXT = """
block unit(x, width: int) {
    return x -> conv(width, 3, pad = 1) -> batch_norm -> relu
}

net Tiny(width: int = 16, classes: int = 10) {
    data = input(2, 3, 32, 32)
    x = unit(data, width) as "stem"
    x = unit(x, 2 * width)
    a, b = slice(x, [8])
    prob = concat(b, a) -> global_avg_pool as "pool" -> linear(classes) as "fc" -> softmax as "prob"
}
"""


@pytest.fixture(scope="module")
def tiny() -> Net:
    return netgen.compile(TEXT)


# --- compile --------------------------------------------------------------------------------------


def test_a_path_compiles_as_its_text_does(tmp_path: Path) -> None:
    path = tmp_path / "tiny.net"
    path.write_text(TEXT)
    wanted = netgen.compile(TEXT).to_prototxt()
    assert netgen.compile(path).to_prototxt() == wanted
    assert netgen.compile(str(path)).to_prototxt() == wanted


def test_one_line_is_a_text_if_it_has_a_brace() -> None:
    assert netgen.compile("net A() { data = input(1, 3) }").name == "A"


def test_settings_are_keyword_arguments() -> None:
    net = netgen.compile(TEXT, width=8, classes=3)
    assert net.settings == {"width": 8, "classes": 3}
    assert net.shapes["stem"] == (2, 8, 32, 32)
    assert net.outputs == {"prob": (2, 3)}


@pytest.mark.parametrize("widths", [[16, 32], (16, 32), range(16, 33, 16)])
def test_lists_tuples_and_ranges_are_lists(widths: object) -> None:
    net = netgen.compile("net A(widths: [int]) { data = input(1, 3, 8, 8)\n conv(data, widths[1], 1) }", widths=widths)
    assert net.layers[-1].shape == (1, 32, 8, 8)


def test_one_net_of_several() -> None:
    two = "net A() { data = input(1, 3) }\nnet B() { data = input(1, 4) }"
    assert netgen.compile(two, net="B").inputs == {"data": (1, 4)}
    with pytest.raises(NetgenError, match="A, B"):
        netgen.compile(two)
    with pytest.raises(NetgenError, match="no net `C`"):
        netgen.compile(two, net="C")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"widht": 3}, "did you mean `width`"),
        ({"width": "wide"}, "expected an int"),
        ({"width": True}, "expected an int"),
        ({"width": object()}, "object"),
        ({"width": float("nan")}, "width"),
        ({"width": None}, "NoneType"),
    ],
)
def test_bad_settings_are_reported(settings: dict[str, object], said: str) -> None:
    with pytest.raises(NetgenError, match=said):
        netgen.compile(TEXT, **settings)  # type: ignore[arg-type]


def test_an_error_has_its_diagnostics_and_reads_like_one() -> None:
    with pytest.raises(NetgenError) as caught:
        netgen.compile("net A() {\n data = input(1, 3, 8, 8)\n conv(data, 5, 1, groups = 2)\n}")
    (problem,) = caught.value.diagnostics
    assert problem.code == "NG302"
    assert str(caught.value).startswith("error[NG302]: groups do not divide the channels\n --> <text>:3:19\n")


@pytest.mark.parametrize("program", [b"net A() {}", 3, None, ["net"]])
def test_what_is_no_program_is_a_type_error(program: object) -> None:
    with pytest.raises(TypeError, match="a program is a path or a text"):
        netgen.compile(program)  # type: ignore[arg-type]


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(NetgenError, match="file not found"):
        netgen.compile("no/such.net")


def test_a_text_that_no_file_could_hold_is_reported() -> None:
    with pytest.raises(NetgenError, match="NG106"):
        netgen.compile('net A() { data = input(1) as "\ud800" }')


def test_warnings_are_kept() -> None:
    net = netgen.compile("net A(unused: int = 3) { data = input(1, 3) }")
    assert [warning.code for warning in net.warnings] == ["NG211"]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        netgen.compile(TEXT).to_prototxt()
        with pytest.raises(NetgenError):
            netgen.compile("net A() { x = y }")
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


# --- nets -----------------------------------------------------------------------------------------


def test_the_shapes_of_layers_and_blocks(tiny: Net) -> None:
    assert tiny.shapes["data"] == (2, 3, 32, 32)
    assert tiny.shapes["stem/relu"] == (2, 16, 32, 32)
    assert tiny.shapes["prob"] == (2, 10)
    assert {"stem", "stem/bn", "slice:0", "slice:1"} <= set(tiny.shapes)
    assert "nothing" not in tiny.shapes
    assert len(tiny.shapes) == len(list(tiny.shapes))


def test_the_shape_of_a_block_is_that_of_its_result() -> None:
    net = netgen.compile(EXAMPLES / "peleenet.net")
    assert net.shapes["stage1"] == (1, 128, 56, 56)
    assert net.shapes["stage1/pool"] == (1, 128, 28, 28)
    assert net.shapes["stage1_3"] == (1, 128, 56, 56)


def test_an_unknown_name_says_what_was_meant(tiny: Net) -> None:
    with pytest.raises(KeyError, match="did you mean `stem`"):
        tiny.shapes["stemm"]
    with pytest.raises(KeyError, match="`slice` has 2 results"):
        tiny.shapes["slice"]


def test_layers_say_what_they_are(tiny: Net) -> None:
    stem = next(layer for layer in tiny.layers if layer.name == "stem")
    assert (stem.operator, stem.inputs, stem.shape) == ("conv", ("data",), (2, 16, 32, 32))
    assert stem.arguments["kernel"] == (3, 3)
    assert stem.parameters_count == 16 * 3 * 3 * 3 + 16
    assert stem.macs == 2 * 16 * 32 * 32 * 27
    assert stem.place == "<text>:3:17"
    assert repr(stem) == "<Layer stem: conv(16, 3, pad = 1) -> 2x16x32x32>"
    cut = next(layer for layer in tiny.layers if layer.operator == "slice")
    assert cut.shapes == ((2, 8, 32, 32), (2, 24, 32, 32))


def test_inputs_and_outputs(tiny: Net) -> None:
    assert tiny.inputs == {"data": (2, 3, 32, 32)}
    assert tiny.outputs == {"prob": (2, 10)}


def test_counts(tiny: Net) -> None:
    learned = 16 * 27 + 16 + 2 * 16 + 32 * 16 * 9 + 32 + 2 * 32 + 10 * 32 + 10
    assert tiny.parameters_count == learned
    assert tiny.parameters_count == sum(layer.parameters_count for layer in tiny.layers)
    assert tiny.macs == sum(layer.macs for layer in tiny.layers)


def test_shared_weights_count_once() -> None:
    call = 'conv(data, 8, 1, share = "w")'
    net = netgen.compile(f"net A() {{ data = input(1, 4, 8, 8)\n a = {call}\n b = {call} }}")
    assert net.parameters_count == 8 * 4 + 8


def test_a_net_prints_as_a_table(tiny: Net) -> None:
    assert str(tiny) == TABLE.strip("\n")
    assert repr(tiny) == "<Net Tiny: 12 layers>"


def test_peleenet_prints_a_line_a_layer() -> None:
    net = netgen.compile(EXAMPLES / "peleenet.net")
    lines = str(net).splitlines()
    assert lines[0].startswith("PeleeNet(classes = 1000, growth = 32, size = 224): ")
    assert len(lines) == 3 + len(net.layers)
    assert max(map(len, lines)) <= 140


def test_targets_by_name(tiny: Net) -> None:
    assert tiny.emit("prototxt") == tiny.to_prototxt()
    assert tiny.emit("torch") == tiny.torch_source()
    with pytest.raises(ValueError, match="did you mean `prototxt`"):
        tiny.emit("protxt")


def test_a_live_module_is_the_source_executed(tiny: Net) -> None:
    torch = pytest.importorskip("torch")
    model = tiny.to_torch().eval()
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    assert sum(parameter.numel() for parameter in model.parameters()) == tiny.parameters_count


# --- check and format -------------------------------------------------------------------------------


def test_check_gives_all_problems() -> None:
    assert netgen.check(TEXT) == []
    problems = netgen.check("net A() {\n x = foo(1)\n y = bar(2)\n}")
    assert [problem.code for problem in problems if problem.severity == "error"] == ["NG202", "NG202"]
    assert [problem.code for problem in netgen.check("no/such.net")] == ["NG213"]


def test_format_gives_the_canonical_layout() -> None:
    once = netgen.format("net  A( ){data=input(1,3)}")
    assert once == "net A() {\n    data = input(1, 3)\n}\n"
    assert netgen.format(once) == once
    with pytest.raises(NetgenError):
        netgen.format("net A( {")


TABLE = """
Tiny(width = 16, classes = 10): 12 layers, 5,514 parameters, 10,322,560 MACs

layer      operator              shape                  parameters  reads
data       input(2, 3, 32, 32)   2x3x32x32
stem       conv(16, 3, pad = 1)  2x16x32x32                    448
stem/bn    batch_norm            2x16x32x32                     32
stem/relu  relu                  2x16x32x32
x          conv(32, 3, pad = 1)  2x32x32x32                  4,640
x/bn       batch_norm            2x32x32x32                     64
x/relu     relu                  2x32x32x32
slice      slice(cuts = [8])     2x8x32x32, 2x24x32x32
prob_2     concat                2x32x32x32                         slice:1, slice:0
pool       global_avg_pool       2x32x1x1
fc         linear(10)            2x10                          330
prob       softmax               2x10
"""
