"""Every bundled block is documented, and its example compiles to every target and runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

import netgen
from netgen.diag import NetgenError
from netgen.lang.parse import parse, read_source

LIBRARY = Path(__file__).parents[2] / "netgen" / "library"
LIBRARIES = sorted(LIBRARY.glob("*.net"))


class Block(NamedTuple):
    """A block of a library and its documentation."""

    library: str
    name: str
    doc: str

    @property
    def snippet(self) -> str:
        """The statements below ``Example:``; the line ``Input:`` ends them."""
        return self.doc.partition("Example:\n")[2].partition("\nInput:")[0]

    @property
    def input(self) -> str:
        said = re.search(r"^Input: (\d+(?:x\d+){3})$", self.doc, re.MULTILINE)
        return (said.group(1) if said else "1x32x56x56").replace("x", ", ")

    @property
    def program(self) -> str:
        body = f"    data = input({self.input})\n{self.snippet}"
        return f"use {self.library}: {self.name}\n\nnet Example() {{\n{body}\n}}\n"


def _blocks() -> list[Block]:
    return [
        Block(path.stem, block.name.name, block.doc)
        for path in LIBRARIES
        for block in parse(read_source(str(path))).blocks
    ]


BLOCKS = _blocks()
each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.library}.{block.name}")


def test_the_libraries_are_those_that_the_reference_names() -> None:
    reference = (LIBRARY.parents[1] / "docs" / "language.md").read_text()
    named = re.search(r"The bundled libraries are (.*?)\.", reference, re.DOTALL)
    assert named is not None
    assert re.findall(r"`(\w+)`", named.group(1)) == [path.stem for path in LIBRARIES]


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.stem)
def test_library_has_a_title_and_no_warnings(path: Path) -> None:
    file = parse(read_source(str(path)))
    assert file.title
    assert [block.name.name for block in file.blocks if block.is_net] == []
    assert netgen.check(path) == []


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.stem)
def test_library_is_in_the_canonical_layout(path: Path) -> None:
    assert netgen.format(path) == path.read_text()


@each_block
def test_documentation_explains_and_shows_the_block(block: Block) -> None:
    prose = block.doc.partition("Example:")[0].strip()
    assert prose.endswith(".")
    assert re.search(rf"= {block.name}\(", block.snippet), "the example calls the block"
    assert all(line.startswith("    ") for line in block.snippet.splitlines())


@each_block
def test_example_compiles_without_warnings(block: Block) -> None:
    assert netgen.compile(block.program).warnings == []


@each_block
def test_example_becomes_a_prototxt(block: Block) -> None:
    text = netgen.compile(block.program).to_prototxt()
    dims = [f"dim: {dim}" for dim in block.input.split(", ")]
    assert [line.strip() for line in text.splitlines() if line.strip().startswith("dim:")][: len(dims)] == dims


@each_block
def test_example_runs_in_torch(block: Block) -> None:
    net = netgen.compile(block.program)
    model = net.to_torch().eval()
    (shape,) = net.inputs.values()
    with torch.no_grad():
        result = model(torch.randn(shape))
    assert [tuple(result.shape)] == list(net.outputs.values())
    assert bool(result.isfinite().all())
    assert sum(parameter.numel() for parameter in model.parameters()) == net.parameters_count


@each_block
def test_example_is_not_carried_into_docstrings(block: Block) -> None:
    source = netgen.compile(block.program).torch_source()
    assert "Example:" not in source
    assert "Input:" not in source


@pytest.mark.parametrize("library", ["common", "pelee"])
def test_blocks_of_the_contract_are_as_given(library: str, shared: Path) -> None:
    def trees(path: Path) -> dict[str, str]:
        blocks = parse(read_source(str(path))).blocks
        for block in blocks:
            block.doc = ""
        return {block.name.name: repr(block) for block in blocks}

    given = trees(shared / "language" / f"{library}.net")
    assert given.items() <= trees(LIBRARY / f"{library}.net").items()


# --- what the documentation of some blocks promises ------------------------------------------------


def _strides(call: str, library: str, name: str) -> list[tuple[int, int]]:
    """The strides of the convolutions of a block, in order."""
    net = netgen.compile(f"use {library}: {name}\nnet N() {{\n    data = input(1, 32, 56, 56)\n    x = {call}\n}}")
    return [layer.arguments["stride"] for layer in net.layers if layer.operator == "conv"]  # type: ignore[misc]


@pytest.mark.parametrize(
    "call, name, strides",
    [
        ("bottleneck(data, 64, stride = 2)", "bottleneck", [2, 2, 1, 1]),
        ("bottleneck(data, 64, stride = 2, stride_at = 2)", "bottleneck", [2, 1, 2, 1]),
        ("bottleneck(data, 8)", "bottleneck", [1, 1, 1]),
        ("basic(data, 32)", "basic", [1, 1]),
        ("basic(data, 64)", "basic", [1, 1, 1]),
        ("preact_bottleneck(data, 64, stride = 2)", "preact_bottleneck", [2, 1, 2, 1]),
        ("resnext(data, 256, stride = 2)", "resnext", [2, 1, 2, 1]),
        ("se_bottleneck(data, 64, stride = 2)", "se_bottleneck", [2, 2, 1, 1]),
    ],
)
def test_where_residual_blocks_project_and_stride(call: str, name: str, strides: list[int]) -> None:
    assert _strides(call, "resnet", name) == [(stride, stride) for stride in strides]


@pytest.mark.parametrize(
    "library, name, call, message",
    [
        ("pelee", "dense", "dense(data, 2, growth = 3, width = 1)", "must be even"),
        ("common", "squeeze_excite", "squeeze_excite(data, 64)", "32 channels cannot be reduced 64 times"),
        ("resnet", "bottleneck", "bottleneck(data, 64, stride_at = 3)", "stride_at is 1 or 2"),
        ("shufflenet", "unit_v1", "unit_v1(data, 240, stride = 2)", "height and width must be even"),
        ("shufflenet", "unit_v1", "unit_v1(data, 48)", "as many channels come out as go in"),
        ("shufflenet", "unit_v2", "unit_v2(data, 63, stride = 2)", "must be even"),
        ("shufflenet", "unit_v2", "unit_v2(data, 64)", "as many channels come out as go in"),
    ],
)
def test_misuse_is_reported_in_the_block_s_own_words(library: str, name: str, call: str, message: str) -> None:
    program = f"use {library}: {name}\nnet N() {{\n    data = input(1, 32, 55, 55)\n    x = {call}\n}}"
    with pytest.raises(NetgenError) as caught:
        netgen.compile(program)
    (problem,) = caught.value.diagnostics
    assert problem.code == "NG222"
    assert message in problem.title


def test_half_of_a_shufflenet_unit_passes_through() -> None:
    net = netgen.compile(
        "use shufflenet: unit_v2\nnet N() {\n    data = input(1, 8, 4, 4)\n    x = unit_v2(data, 8)\n}"
    )
    x = torch.randn(1, 8, 4, 4)
    result = net.to_torch().eval()(x)
    torch.testing.assert_close(result[:, ::2], x[:, :4])


def test_the_squeeze_and_excitation_gate_scales_whole_channels() -> None:
    net = netgen.compile(
        "use common: squeeze_excite\nnet N() {\n    data = input(2, 32, 6, 6)\n    x = squeeze_excite(data, 8)\n}"
    )
    x = torch.rand(2, 32, 6, 6) + 0.5
    gate = net.to_torch().eval()(x) / x
    assert bool(((gate > 0) & (gate < 1)).all())
    torch.testing.assert_close(gate, gate[:, :, :1, :1].expand_as(gate))


def test_wide_squeezes_of_mobilenet_v3_are_multiples_of_8() -> None:
    """Rounded to the nearest, but never down by more than a tenth: 72 / 4 = 18 becomes 24, 240 / 4 = 60 becomes 64."""
    for expand, squeeze in [(16, 8), (72, 24), (96, 24), (120, 32), (240, 64), (576, 144), (672, 168)]:
        net = netgen.compile(
            "use mobilenet: inverted_residual_v3\nnet N() {\n    data = input(1, 32, 8, 8)\n"
            f"    x = inverted_residual_v3(data, 32, expand = {expand}, se = true)\n}}"
        )
        first = next(layer for layer in net.layers if layer.operator == "linear")
        assert first.arguments["out"] == squeeze
