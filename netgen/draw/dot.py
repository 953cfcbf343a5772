"""The network in Graphviz's language: boxes, and clusters for the blocks that are open."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from netgen.draw.colors import LIGHT
from netgen.draw.far import far
from netgen.draw.scene import Box, Scene, labelled
from netgen.draw.words import facts, lines, narrowed

FONT = 'fontname="monospace"'


def dot(scene: Scene, opened: Collection[Box], *, direction: str = "down") -> str:
    """The text of a directed graph. ``opened`` are the blocks that are drawn with what is in them."""
    name = scene.graph.name or "net"
    rank = "LR" if direction == "right" else "TB"
    line = LIGHT["edge"][1]
    head = [
        f"digraph {quoted(name)} {{",
        f"    graph [rankdir={rank}, {FONT}, fontsize=11, ranksep=0.35, nodesep=0.3]",
        f'    node [shape=box, style="rounded,filled", {FONT}, fontsize=10, penwidth=0.8, margin="0.12,0.06"]',
        f'    edge [{FONT}, fontsize=8, color="{line}", fontcolor="{line}", arrowsize=0.6]',
    ]
    body = [line for box in scene.root.boxes for line in _box(box, opened, 1)]
    return "\n".join([*head, *body, *_edges(scene, opened), "}"]) + "\n"


def quoted(text: str) -> str:
    """A string of the language, whatever is in it: `&` would begin an entity, as in HTML."""
    escapes: dict[str, int | str | None] = {"\\": "\\\\", '"': '\\"', "\0": "", "\n": "\\n", "&": "&amp;"}
    return '"' + text.translate(str.maketrans(escapes)) + '"'


def _box(box: Box, opened: Collection[Box], depth: int) -> Iterator[str]:
    indent = "    " * depth
    fill, line = LIGHT[box.group]
    told = [("name", box.row.name), *facts(box)]
    tooltip = quoted("\n".join(f"{name}: {text}" for name, text in told))
    if box in opened:
        yield f"{indent}subgraph cluster_{box.number} {{"
        yield f"{indent}    label={quoted(_title(box))}; labeljust=l; tooltip={tooltip};"
        yield f'{indent}    style="rounded"; color="{line}";'
        for inner in box.boxes:
            yield from _box(inner, opened, depth + 1)
        yield f"{indent}}}"
        return
    looks = f'fillcolor="{fill}", color="{line}", class="{box.group}"'
    yield f"{indent}b{box.number} [label={quoted(chr(10).join(lines(box)))}, {looks}, tooltip={tooltip}]"


def _title(box: Box) -> str:
    """What stands above an open block, kept short, since ways in cross it: how many layers it has can be seen."""
    return f"{narrowed(box.local or '(unnamed)')}  {narrowed(box.row.what)}"


def _edges(scene: Scene, opened: Collection[Box]) -> Iterator[str]:
    edges = list(dict.fromkeys(_seen_edges(scene, opened)))
    names = {box.number: narrowed(box.row.name or "(unnamed)") for box in scene.root.walk()}
    left_out = far(list(names), [edge[:2] for edge in edges])
    for at, (source, target, label) in enumerate(edges):
        if at in left_out:
            yield from _connectors(at, (source, names[source]), (target, names[target]))
        else:
            tooltip = quoted(f"{names[source]} to {names[target]}")
            yield f"    b{source} -> b{target} [label={label}, tooltip={tooltip}, labeltooltip={tooltip}]"


def _seen_edges(scene: Scene, opened: Collection[Box]) -> Iterator[tuple[int, int, str]]:
    """The numbers of the boxes that values go between, and the text on their way."""
    for node in scene.graph.nodes:
        for value in node.inputs:
            source, target = (_seen(scene.of[end], opened).number for end in (value.node, node))
            if source != target:
                yield source, target, quoted(f" {labelled(value)}")


def _connectors(at: int, source: tuple[int, str], target: tuple[int, str]) -> Iterator[str]:
    """An edge that is too far to draw: a note at each end says what is at the other."""
    looks = f'shape=plaintext, style="", fontsize=8, fontcolor="{LIGHT["edge"][1]}", margin=0, height=0'
    yield f"    to{at} [label={quoted(f'to {target[1]}')}, {looks}]"
    yield f"    from{at} [label={quoted(f'from {source[1]}')}, {looks}]"
    yield f"    b{source[0]} -> to{at} [style=dashed]"
    yield f"    from{at} -> b{target[0]} [style=dashed]"


def _seen(box: Box, opened: Collection[Box]) -> Box:
    """The box itself, or the outermost closed block around it."""
    return next((each for each in box.path[1:] if each not in opened), box)
