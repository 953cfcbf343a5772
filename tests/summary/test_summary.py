"""Summaries add up, and say what publications say."""

from __future__ import annotations

import csv as spreadsheets
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from example_nets import EXAMPLES, FOLDER, Example

import netgen
from netgen.cli import main
from netgen.passes.memory import peak_memory
from netgen.passes.receptive import receptive_fields
from netgen.summary import Row, Summary
from netgen.summary.table import count, csv, markdown, memory

FIELDS: list[tuple[str, dict[str, object], str, int]] = [
    ("alexnet", {}, "pool5", 195),
    ("vgg16", {}, "pool5", 212),
    ("resnet", {}, "res5c", 483),
    ("resnet", {"blocks": [3, 4, 23, 3]}, "res5c", 1027),
    ("resnet", {"blocks": [3, 8, 36, 3]}, "res5c", 1507),
    ("inception_v3", {}, "e2", 1311),
    ("mobilenet_v1", {}, "conv6/sep", 315),
]
"""From the table in Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", 2019."""


@pytest.mark.parametrize(("example", "settings", "layer", "size"), FIELDS)
def test_receptive_fields_are_the_published_ones(
    example: str, settings: dict[str, object], layer: str, size: int
) -> None:
    graph = netgen.compile(FOLDER / f"{example}.net", **settings).graph  # type: ignore[arg-type]
    node = graph.find(layer)
    assert node is not None
    assert receptive_fields(graph)[node.outputs[0]] == (size, size)


def test_what_sees_all_sees_no_more_behind() -> None:
    """Permuted and flattened, places are no places any more: what reads them still sees the image, and no more."""
    program = """
    net Head() {
        x = input(1, 3, 32, 32) -> conv(4, 3, pad = 1, stride = 2)
        return flatten(permute(x, [0, 2, 3, 1])) -> linear(5) as "fc"
    }
    """
    graph = netgen.compile(program).graph
    fields = receptive_fields(graph)
    assert {fields[node.outputs[0]] for node in graph.nodes[2:]} == {(33, 33)}


def test_what_has_met_all_sees_no_more_behind_either() -> None:
    """As behind squeeze and excitation: a convolution there looks at three places of what sees all of the image."""
    program = """
    net Squeezed() {
        x = input(1, 4, 16, 16)
        return scale(x, x -> global_avg_pool -> flatten, axis = 0) -> conv(4, 3)
    }
    """
    graph = netgen.compile(program).graph
    assert receptive_fields(graph)[graph.outputs[0]] == (16, 16)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_rows_add_up(example: Example) -> None:
    net = example.compile()
    summary = net.summary()
    assert summary.root.parameters == net.parameters_count
    assert summary.root.macs == net.macs
    assert summary.root.layers == len(net.layers)
    for row in summary.root.walk(99):
        if row.is_block:
            for what in ("layers", "parameters", "macs", "memory"):
                assert getattr(row, what) == sum(getattr(each, what) for each in row.rows)
    assert sum(not row.is_block for row in summary.root.walk(99)) == len(net.layers)
    assert str(summary).count("\n") < Summary.FITS + 20 or summary.depth == 1


SHARED = """
net Shared() {
    a = input(1, 3, 9, 7)
    b = conv(a, 3, 3, pad = 1, share = "w") as "one"
    c = conv(b, 3, 3, pad = 1, share = "w") as "two"
    return add(c, a)
}
"""


def test_shared_weights_count_once_and_values_are_forgotten() -> None:
    net = netgen.compile(SHARED)
    one, two = (row for row in net.summary().root.rows if row.operator == "conv")
    assert (one.parameters, two.parameters) == (3 * 3 * 9 + 3, 0)
    assert one.field == (3, 3)
    assert two.field == (5, 5)
    value = 3 * 9 * 7 * 4
    assert net.summary().root.memory == 4 * value
    assert peak_memory(net.graph) == 3 * value  # the input, what it becomes, and either the one before or the sum


def test_results_are_held_to_the_end() -> None:
    net = netgen.compile("net N() { x = input(1, 1, 4, 4)  a = relu(x)  return a, conv(x, 4, 1) }")
    assert peak_memory(net.graph) == (1 + 1 + 4) * 16 * 4


def test_depth() -> None:
    net = netgen.compile(FOLDER / "peleenet.net")
    totals, stages, all_of_it = net.summary(0), net.summary(1), net.summary(10**6)
    assert totals.rows == []
    assert "stage1_1" not in str(stages)
    assert "folded at depth 1 of" in str(stages)
    assert "folded" not in str(all_of_it)
    assert len(all_of_it.rows) > len(net.layers)


def test_every_form_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(FOLDER / "squeezenet.net")
    net = netgen.compile(path)
    rows = net.summary(1).rows
    assert main(["summary", path, "--depth", "1", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in data["rows"]] == [row.name for row in rows]
    assert data["parameters"] == net.parameters_count
    table = list(spreadsheets.DictReader(io.StringIO(csv(net.summary(1)))))
    assert [int(row["macs"]) for row in table] == [row.macs for row in rows]
    lines = markdown(net.summary(1)).split("\n")
    assert sum(line.startswith("| `") for line in lines) == len(rows)
    out = tmp_path / "out.csv"
    assert main(["summary", path, "--depth", "1", "--format", "csv", "-o", str(out), "--batch", "4"]) == 0
    assert sum(int(row["macs"]) for row in spreadsheets.DictReader(out.open())) == 4 * net.macs


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)
        assert tag in ("div", "p", "b", "br", "details", "summary", "span")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_notebook_shows_names_and_runs_none() -> None:
    net = netgen.load(
        'input: "<script>x" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 '
        'layer { name: "<img src=x onerror=alert(1)>" type: "ReLU" bottom: "<script>x" top: "y" }'
    )
    page = _Balanced()
    page.feed(net._repr_html_())
    assert not page.open
    assert "<img src=x onerror=alert(1)>" in page.text


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (9_996, "10.0k"), (118_013_952, "118M")])
def test_numbers(number: int, text: str) -> None:
    assert count(number) == text


def test_bytes() -> None:
    assert [memory(size) for size in (12, 1234, 25_690_112)] == ["12 B", "1.23 kB", "25.7 MB"]


def test_what_is_not_known_is_left_open() -> None:
    net = netgen.load(
        'layer { name: "what" type: "Unheard" top: "y" } layer { name: "r" type: "ReLU" bottom: "y" top: "z" }'
    )
    rows: list[Row] = net.summary().root.rows
    assert [row.memory for row in rows] == [0, 0]
    assert "?" in str(net.summary())
