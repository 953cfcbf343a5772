"""A page of its own: the network as a graph whose blocks open and close, in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from json import dumps

from netgen import resources
from netgen.draw.colors import DARK, LIGHT, Colors
from netgen.draw.layout import Interior, interiors, size
from netgen.draw.scene import Box, Scene
from netgen.draw.words import facts, lines, source_line
from netgen.emit.templates import template


def page(scene: Scene, opened: Collection[Box]) -> str:
    """The page, with some blocks open when it is first seen."""
    title = scene.graph.name or "net"
    return template("draw/page.html.j2").render(
        title=escape(title),
        totals=escape(_totals(scene)),
        colors=_variables(),
        style=resources.read("templates", "draw/page.css"),
        script=resources.read("templates", "draw/page.js"),
        data=_data(scene, opened),
    )


def _totals(scene: Scene) -> str:
    row = scene.root.row
    return f"{row.layers:,} layers, {row.parameters:,} parameters, {row.macs:,} MACs"


def _variables() -> str:
    """The colors as variables of the style sheet: by the system's choice, or by the page's own button."""
    light, dark = _declared(LIGHT), _declared(DARK)
    return (
        f":root {{ {light} }}\n"
        f'@media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}\n'
        f':root[data-theme="dark"] {{ {dark} }}\n' + "\n".join(_rule(group) for group in LIGHT if group != "page")
    )


def _declared(colors: Colors) -> str:
    return " ".join(f"--{group}-fill: {fill}; --{group}-line: {line};" for group, (fill, line) in colors.items())


def _rule(group: str) -> str:
    return f"svg .{group} > rect {{ fill: var(--{group}-fill); stroke: var(--{group}-line); }}"


def _data(scene: Scene, opened: Collection[Box]) -> str:
    """The boxes by their numbers and the layouts of blocks, as JSON that no tag can end."""
    boxes = list(scene.root.walk())
    plans = interiors([box for box in boxes if box.is_block])
    numbers = {id(plan): at for at, plan in enumerate({id(plan): plan for plan in plans.values()}.values())}
    laid_out: list[dict[str, object]] = [{} for _ in numbers]
    for box, plan in plans.items():
        laid_out[numbers[id(plan)]] = _plan(box, plan)
    said = [_box(box, numbers[id(plans[box])] if box in plans else None, box in opened) for box in boxes]
    text = dumps({"boxes": said, "interiors": laid_out}, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _box(box: Box, plan: int | None, opened: bool) -> dict[str, object]:
    name, what = lines(box)
    width, height = size(box)
    data: dict[str, object] = {
        "name": name,
        "what": what,
        "full": box.row.name,
        "group": box.group,
        "w": width,
        "h": height,
        "in": [inner.number for inner in box.boxes],
        "facts": facts(box),
        "line": source_line(box.row.item.span),
    }
    return data if plan is None else {**data, "plan": plan, "open": opened}


def _plan(box: Box, plan: Interior) -> dict[str, object]:
    """A block's layout; ends of ways are places among its boxes, or behind them among its ports."""
    ends: dict[object, int] = {each: at for at, each in enumerate([*box.boxes, *box.ports.values()])}
    ways = [
        {"from": ends[edge.source], "to": ends[edge.target], "points": way.points, "label": way.label, "at": way.at}
        | ({"far": True} if way.is_far else {})
        for edge, way in zip(box.edges, plan.ways, strict=True)
    ]
    return {"width": plan.width, "height": plan.height, "boxes": plan.boxes, "ports": plan.ports, "ways": ways}
