"""A page of its own: the network as a graph whose blocks open and close, in one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from hashlib import sha256
from html import escape
from json import dumps

from netgen import resources
from netgen.draw.colors import DARK, LIGHT, MEANING, Colors
from netgen.draw.layout import Interior, interiors, size, titled
from netgen.draw.scene import Box, Scene
from netgen.draw.words import facts, lines, source_text
from netgen.emit.templates import template
from netgen.ir.graph import Node
from netgen.ir.text import shape_text

_SCRIPTS = ("layout", "picture", "view", "facts", "finding", "hands")
"""The parts of the page's script, in the order in which they use one another when it starts."""


def page(scene: Scene, opened: Collection[Box]) -> str:
    """The page, with some blocks open when it is first seen."""
    style = "\n".join([_variables(), resources.read("templates", "draw/page.css")])
    script = "\n".join(resources.read("templates", f"draw/{part}.js") for part in _SCRIPTS)
    groups = {box.group for box in scene.root.walk() if box is not scene.root}
    return template("draw/page.html.j2").render(
        title=escape(scene.graph.name or "net"),
        totals=escape(_totals(scene)),
        legend=[each for each in MEANING.items() if each[0] in groups],
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=_data(scene, opened),
    )


def _hash(text: str) -> str:
    """What a content security policy calls a text, which is then the only one of its kind that the page may have."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _totals(scene: Scene) -> str:
    row = scene.root.row
    unknown = sum(not node.is_known for node in scene.graph.nodes)
    without = f" (without {unknown:,} layers whose shapes are not known)" if unknown else ""
    return f"{row.layers:,} layers, {row.parameters:,} parameters, {row.macs:,} MACs{without}"


def _variables() -> str:
    """The colors as variables of the style sheet: by the system's choice, or by the page's button. Paper is light."""
    light, dark = _declared(LIGHT), _declared(DARK)
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        "@media screen {\n"
        f'@media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ color-scheme: dark; {dark} }} }}\n'
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark} }}\n'
        "}\n" + "\n".join(_rule(group) for group in MEANING)
    )


def _declared(colors: Colors) -> str:
    return " ".join(f"--{group}-fill: {fill}; --{group}-line: {line};" for group, (fill, line) in colors.items())


def _rule(group: str) -> str:
    return f".{group} {{ --fill: var(--{group}-fill); --line: var(--{group}-line); }}"


def _data(scene: Scene, opened: Collection[Box]) -> str:
    """The boxes by their numbers and the layouts of blocks, as JSON that no tag can end."""
    boxes = list(scene.root.walk())
    plans = interiors([box for box in boxes if box.is_block])
    numbers = {id(plan): at for at, plan in enumerate({id(plan): plan for plan in plans.values()}.values())}
    laid_out: list[dict[str, object]] = [{} for _ in numbers]
    for box, plan in plans.items():
        laid_out[numbers[id(plan)]] = _plan(box, plan)
    said = [_box(box) | _reads(scene, box) for box in boxes]
    for box, plan in plans.items():
        said[box.number] |= {"plan": numbers[id(plan)], "open": box in opened, "titled": titled(box)}
    text = dumps({"boxes": said, "interiors": laid_out}, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _box(box: Box) -> dict[str, object]:
    name, what = lines(box)
    width, height = size(box)
    return {
        "name": name,
        "what": what,
        "full": box.row.name,
        "group": box.group,
        "w": width,
        "h": height,
        "in": [inner.number for inner in box.boxes],
        "facts": facts(box),
        "made": source_text(box.row.item.span),
    }


def _reads(scene: Scene, box: Box) -> dict[str, object]:
    """What a layer reads: who makes it, and its shape."""
    values = box.row.item.inputs if isinstance(box.row.item, Node) else []
    return {"reads": [(scene.of[value.node].number, shape_text(value.shape)) for value in values]}


def _plan(box: Box, plan: Interior) -> dict[str, object]:
    """A block's layout; ends of ways are places among its boxes, or behind them among its ports."""
    ends: dict[object, int] = {each: at for at, each in enumerate([*box.boxes, *box.ports.values()])}
    ways = [
        {"from": ends[edge.source], "to": ends[edge.target], "points": way.points, "label": way.label, "at": way.at}
        | ({"far": True} if way.is_far else {})
        for edge, way in zip(box.edges, plan.ways, strict=True)
    ]
    return {"width": plan.width, "height": plan.height, "boxes": plan.boxes, "ports": plan.ports, "ways": ways}
