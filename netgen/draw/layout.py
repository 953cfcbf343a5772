"""Where everything stands within one block, by Graphviz, with all blocks in it closed.

A page that opens blocks makes room for them itself (``templates/draw/layout.js``): it stretches this layout where a
block is larger than its closed box, which moves nothing past anything else.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from json import loads
from typing import Any, NamedTuple

from netgen.draw.dot import quoted
from netgen.draw.far import far
from netgen.draw.graphviz import drawn
from netgen.draw.scene import Box, Edge, Port
from netgen.draw.words import columns, lines

POINTS = 72
"""Points in an inch, in which Graphviz takes sizes."""
CHARACTER, LINE = 6.33, 14.0
"""The width and the height of a character in a box, in pixels: that of 10.5px type of one width."""
PORT = 8.0

Point = tuple[float, float]
Picture = dict[str, Any]
"""A graph as Graphviz's JSON has it."""


class Way(NamedTuple):
    """An edge: the control points of its cubic curve, from its begin on, and where its label's middle stands.

    One that ``is_far`` was not laid out: it goes straight, behind whatever stands there.
    """

    points: list[Point]
    label: str
    at: Point
    is_far: bool = False


class Interior(NamedTuple):
    """A block from inside, in pixels, y downwards. Places are middles, in the order of the block's boxes and ports."""

    width: float
    height: float
    boxes: list[Point]
    ports: list[Point]
    ways: list[Way]


def size(box: Box) -> tuple[float, float]:
    """Width and height of a closed box."""
    said = lines(box)
    return round(max(map(columns, said)) * CHARACTER + 20, 1), len(said) * LINE + 14


def titled(box: Box) -> float:
    """The width that an open block's title takes, which is one line."""
    return round(columns("  ".join(lines(box))) * CHARACTER + 34, 1)


def interiors(boxes: Sequence[Box]) -> dict[Box, Interior]:
    """The layout of each block. Blocks that look alike are laid out once, and have one layout if their labels agree."""
    pictures: dict[str, Picture] = {}
    known: dict[Hashable, Interior] = {}
    found = {}
    for box in boxes:
        text = _text(box)
        if text not in pictures:
            pictures[text] = loads(drawn(text, "json"))
        key = (text, *(edge.label for edge in box.edges))
        if key not in known:
            known[key] = _interior(box, pictures[text])
        found[box] = known[key]
    return found


def _text(block: Box) -> str:
    """A block's own graph, in which nothing has a name but numbers."""
    numbers = _numbers(block)
    rows = [
        'digraph { graph [ranksep=0.32, nodesep=0.28]; node [shape=box, label="", fixedsize=true]; edge [fontsize=9]'
    ]
    for box in block.boxes:
        width, height = size(box)
        rows.append(f"{numbers[box]} [width={width / POINTS:.4f}, height={height / POINTS:.4f}]")
    for port in block.ports.values():
        rank = "source" if port.is_input else "sink"
        rows.append(f"{{ rank={rank}; {numbers[port]} [shape=circle, width={PORT / POINTS:.4f}] }}")
    for edge in _laid_out(block):
        # labels are laid out by their size alone, for which digits will do; two more keep them off the line
        said = _label(edge)
        label = f' [label={quoted("0" * (len(said) + 2))}, fontname="monospace"]' if said else ""
        rows.append(f"{numbers[edge.source]} -> {numbers[edge.target]}{label}")
    return "\n".join([*rows, "}"])


def _laid_out(block: Box) -> list[Edge]:
    """The edges that Graphviz gets: all but those that are too far."""
    ports = list(block.ports.values())
    ends = [*(port for port in ports if port.is_input), *block.boxes, *(port for port in ports if not port.is_input)]
    left_out = far(ends, [(edge.source, edge.target) for edge in block.edges])
    return [edge for at, edge in enumerate(block.edges) if at not in left_out]


def _label(edge: Edge) -> str:
    """An edge's shape; none to and from a port, since outside the block it has been said already."""
    return "" if isinstance(edge.source, Port) or isinstance(edge.target, Port) else edge.label


def _numbers(block: Box) -> dict[Box | Port, int]:
    ends: list[Box | Port] = [*block.boxes, *block.ports.values()]
    return {each: at for at, each in enumerate(ends)}


def _interior(block: Box, graph: Picture) -> Interior:
    left, bottom, right, top = map(float, graph["bb"].split(","))
    numbers = _numbers(block)
    places = {each["name"]: _point(each["pos"], left, top) for each in graph.get("objects", ()) if "pos" in each}
    names = [each["name"] for each in graph.get("objects", ())]
    curves: dict[tuple[str, str], list[Picture]] = {}
    for edge in graph.get("edges", ()):
        curves.setdefault((names[edge["tail"]], names[edge["head"]]), []).append(edge)
    laid_out = set(map(id, _laid_out(block)))
    ways = []
    for each in block.edges:
        ends = str(numbers[each.source]), str(numbers[each.target])
        if id(each) not in laid_out:
            ways.append(_straight(places[ends[0]], places[ends[1]]))
            continue
        made = curves[ends].pop(0)
        points = _curve(made["pos"], left, top)
        label = _label(each)
        ways.append(Way(points, label, _point(made["lp"], left, top) if label else points[len(points) // 2]))
    middles = [places[str(number)] for number in range(len(numbers))]
    count = len(block.boxes)
    return Interior(right - left, top - bottom, middles[:count], middles[count:], ways)


def _straight(begin: Point, end: Point) -> Way:
    """A way that nobody laid out. It has no label, for which there may be no room."""
    return Way([begin, begin, end, end], "", begin, is_far=True)


def _point(text: str, left: float, top: float) -> Point:
    x, y = map(float, text.split(",")[-2:])
    return round(x - left, 1), round(top - y, 1)


def _curve(text: str, left: float, top: float) -> list[Point]:
    """The control points of a way, up to the point of its arrow: ``e,x,y`` stands first there."""
    first, *rest = text.split(" ")
    if not first.startswith("e,"):
        return [_point(each, left, top) for each in (first, *rest)]
    return [*(_point(each, left, top) for each in rest), _point(first, left, top)]
