"""Pictures: what is in them is what is in the network, whatever things are called."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import settings as configured
from hypothesis import strategies as st

import netgen
from netgen.cli import main
from netgen.draw import FITS, MOST, Drawing, format_of
from netgen.draw.colors import DARK, LIGHT, MEANING
from netgen.draw.dot import dot, quoted
from netgen.draw.layout import interiors
from netgen.draw.scene import Box, Port, Scene
from netgen.draw.words import columns, narrowed, source_text
from netgen.ir.graph import Value

pytest.importorskip("pygraphviz")
EXAMPLES = Path(__file__).parents[2] / "examples"
PELEENET = str(EXAMPLES / "peleenet.net")


def _through(scene: Scene, box: Box) -> set[tuple[int, int]]:
    """The layers that each layer's value reaches, found by going along the edges from block to block."""
    ways: dict[Box | Port, list[tuple[Box | Port, Value]]] = {}
    for block in box.walk():
        for edge in block.edges:
            source = _inside(edge.source, edge.value, is_input=False)
            ways.setdefault(source, []).append((_inside(edge.target, edge.value, is_input=True), edge.value))
    found = set()
    for layer in scene.of.values():
        waiting = list(ways.get(layer, ()))
        for target, value in waiting:
            if isinstance(target, Box):
                found.add((layer.number, target.number))
            else:
                waiting += [each for each in ways.get(target, ()) if each[1] is value]
    return found


def _inside(end: Box | Port, value: Value, *, is_input: bool) -> Box | Port:
    """An end itself; of a block the port through which the value goes."""
    return end.ports[value, is_input] if isinstance(end, Box) and end.is_block else end


@pytest.mark.parametrize("example", ["peleenet", "googlenet", "unet", "shufflenet_v2", "lenet"])
def test_every_edge_of_the_network_is_drawn_and_no_other(example: str) -> None:
    graph = netgen.compile(EXAMPLES / f"{example}.net").graph
    scene = Scene(graph)
    wanted = {(scene.of[value.node].number, scene.of[node].number) for node in graph.nodes for value in node.inputs}
    assert _through(scene, scene.root) == wanted


@pytest.mark.parametrize("depth", [0, 1, 99])
def test_a_picture_has_the_boxes_of_its_depth(depth: int) -> None:
    drawing = Drawing(netgen.compile(PELEENET).graph, depth)
    tree = ElementTree.fromstring(drawing.write("svg"))
    kinds = [group.get("class", "-").split()[0] for group in tree.iter("{http://www.w3.org/2000/svg}g")]
    boxes = [box for box in drawing.scene.root.walk() if 0 < box.row.depth <= depth + 1]
    opened = [box for box in boxes if box.is_block and box.row.depth <= depth]
    assert kinds.count("cluster") == len(opened)
    assert kinds.count("node") == len(boxes) - len(opened)
    assert "prefers-color-scheme: dark" in drawing.write("svg").decode()


def test_formats(tmp_path: Path) -> None:
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!DOCTYPE html>", "dot": b"digraph"}
    net = netgen.compile(EXAMPLES / "lenet.net")
    for ending, begin in begins.items():
        net.draw(tmp_path / f"net.{ending}", direction="right")
        assert (tmp_path / f"net.{ending}").read_bytes().startswith(begin)
    with pytest.raises(ValueError, match=r"`\.jpg` names no format"):
        net.draw(tmp_path / "net.jpg")
    assert format_of("a.b/C.SVG") == "svg"


def test_as_deep_as_fits_and_no_deeper_than_can_be_seen() -> None:
    graph = netgen.compile(EXAMPLES / "resnet.net", blocks=[3, 8, 36, 3]).graph
    fitting = Drawing(graph)
    assert sum(1 for box in fitting.scene.root.walk() if box.row.depth <= fitting.depth + 1) - 1 <= FITS
    assert not fitting.is_folded
    body = "\n".join("    x = relu(x)" for _ in range(MOST + 1))
    long = f"block b(x) {{\n{body}\n    return x\n}}\nnet Long() {{\n    return b(input(1, 3, 8, 8))\n}}\n"
    folded = Drawing(netgen.compile(long).graph, depth=9)
    assert (folded.depth, folded.is_folded) == (0, True)


def test_the_command_says_that_it_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "\n".join("    x = relu(x)" for _ in range(MOST + 1))
    path = tmp_path / "long.net"
    path.write_text(f"block b(x) {{\n{body}\n    return x\n}}\nnet Long() {{\n    return b(input(1, 3, 8, 8))\n}}\n")
    assert main(["draw", str(path), "-o", str(tmp_path / "long.svg"), "--depth", "all"]) == 0
    assert "blocks are folded at depth 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "net.xyz"], "`.xyz` names no format"),
        (["-o", "net"], "`net` has no ending"),
        (["-o", "-"], "standard output needs --format"),
        (["-o", "-", "--format", "png"], "standard output cannot hold png"),
        (["-o", "n.svg", "--depth", "x"], "`x` is no depth"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", PELEENET, *arguments]) == 2
    assert said in capsys.readouterr().err


# --- names --------------------------------------------------------------------------------------------

EVIL = '</script><img src=x onerror=alert(1)>"];\\" {{ 7*7 }} \\N & é'


def _named(name: str) -> netgen.Net:
    return netgen.load(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }\n'
        f'layer {{ name: {json.dumps(name)} type: "ReLU" bottom: "data" top: "y" }}\n'
    )


def _data(html: str) -> dict[str, list[dict[str, Any]]]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.S)
    assert found is not None
    data: dict[str, list[dict[str, Any]]] = json.loads(found[1])
    return data


def test_a_page_shows_names_and_runs_none() -> None:
    html = Drawing(_named(EVIL).graph).write("html").decode()
    assert html.count("</script>") == 2
    assert "<img" not in html
    assert _data(html)["boxes"][-1]["full"] == EVIL
    assert "default-src 'none'" in html


@given(name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
@example("&lt;")
@configured(max_examples=30)
def test_any_name_can_be_drawn(name: str) -> None:
    import pygraphviz

    scene = Scene(netgen.compile('net N() {\n    return relu(input(1, 2, 3, 4)) as "x"\n}\n').graph)
    box = scene.root.boxes[-1]
    box.local = box.row.name = name
    graph = pygraphviz.AGraph(string=dot(scene, ()))
    assert len(graph.nodes()) == 2
    tooltip = graph.get_node(f"b{box.number}").attr["tooltip"].replace("\\\\", "\\").replace('\\"', '"')
    assert name in unescape(tooltip)  # Graphviz reads `&lt;` as <, so that & is `&amp;`


def test_strings() -> None:
    assert quoted('a"b\\c\nd&lt;') == '"a\\"b\\\\c\\nd&amp;lt;"'
    assert narrowed("stage1/block2/branch3/conv", 15) == "stage1/…h3/conv"
    assert columns("卷积conv") == 8


def test_a_layer_of_a_prototxt_is_shown_wholly() -> None:
    """Not only the line that its place names, which is `layer {`."""
    net = netgen.load(
        'input: "a" input_dim: 1 layer { name: "e" type: "X" } layer { name: "b}" type: "X" }\n'
        '  layer {\n    name: "c"\n    type: "ReLU"  # {\n    bottom: "a" top: "c"\n  }\n'
    )
    _, _, second, third = (source_text(node.span) for node in net.graph.nodes)
    assert second == 'layer { name: "b}" type: "X" }'
    assert third == 'layer {\n  name: "c"\n  type: "ReLU"  # {\n  bottom: "a" top: "c"\n}'


def test_what_is_not_known_is_not_said() -> None:
    net = netgen.load(
        'layer { name: "d" type: "Data" top: "d" top: "l" } layer { name: "r" type: "ReLU" bottom: "d" top: "r" }\n'
    )
    drawing = Drawing(net.graph)
    assert [box.group for box in drawing.scene.root.boxes] == ["input", "input", "activation"]
    html = drawing.write("html").decode()
    assert "(without 3 layers whose shapes are not known)" in html
    assert [way["label"] for way in _data(html)["interiors"][0]["ways"]] == [""]


def test_every_color_has_a_meaning() -> None:
    assert MEANING.keys() == LIGHT.keys() - {"edge", "page"}
    assert LIGHT.keys() == DARK.keys()


def test_the_page_knows_places_costs_and_shapes() -> None:
    net = netgen.compile(PELEENET)
    data = _data(Drawing(net.graph).write("html").decode())
    conv = next(box for box in data["boxes"] if box["full"] == "stage1_1/a1" and not box["in"])
    layer = next(layer for layer in net.layers if layer.name == "stage1_1/a1")
    facts = dict(conv["facts"])
    assert (facts["operator"], facts["output"]) == ("conv(16, 1, bias = false)", "1x16x56x56")
    assert (facts["parameters"], facts["MACs"]) == (f"{layer.parameters_count:,}", f"{layer.macs:,}")
    assert (facts["source"], conv["group"]) == (layer.place, "weights")
    assert "conv(" in conv["made"]
    for box in data["boxes"]:
        if not box["in"]:
            continue
        plan = data["interiors"][box["plan"]]
        inner = [data["boxes"][number] for number in box["in"]]
        assert len(plan["boxes"]) == len(inner)
        _apart([(x, y, each["w"], each["h"]) for (x, y), each in zip(plan["boxes"], inner, strict=True)])


def _apart(boxes: list[tuple[float, float, float, float]]) -> None:
    for at, (x, y, w, h) in enumerate(boxes):
        for other in boxes[:at]:
            assert abs(x - other[0]) >= (w + other[2]) / 2 - 1 or abs(y - other[1]) >= (h + other[3]) / 2 - 1


def test_long_ways_do_not_make_it_slow() -> None:
    """Where many layers far down read what is far up, the longest ways are not laid out, but still told of."""
    lines = ["x = input(1, 4, 8, 8)", "y = relu(x)"]
    lines += [f'y = relu(y) as "r{at}"' for at in range(70)]
    lines += [f'y = add(y, x) as "a{at}"' for at in range(40)]
    net = netgen.compile(f"net Far() {{ {chr(10).join(lines)}\nreturn y }}")
    drawing = Drawing(net.graph)
    (plan,) = interiors([drawing.scene.root]).values()
    straight = [way for way in plan.ways if way.is_far]
    assert 0 < len(straight) < 40
    assert len(plan.ways) == len(drawing.scene.root.edges)
    text = drawing.write("dot").decode()
    assert text.count('label="to a') == text.count('label="from x"') == len(straight)
