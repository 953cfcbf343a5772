"""The colors of boxes, by the group of their operator: (fill, line), in the light and in the dark."""

from __future__ import annotations

from collections.abc import Mapping

Colors = Mapping[str, tuple[str, str]]

LIGHT: Colors = {
    "block": ("#eaedf4", "#66728e"),
    "weights": ("#d9e8fb", "#3b73b9"),
    "norm": ("#e4f3e1", "#4c9a49"),
    "activation": ("#fdeed3", "#c98a1b"),
    "pool": ("#f9dfe6", "#c2496b"),
    "join": ("#e9e1f7", "#7a55b5"),
    "detection": ("#d6f1f1", "#2b8f90"),
    "loss": ("#fbdcd2", "#c5532b"),
    "input": ("#ffffff", "#55555f"),
    "other": ("#f3f2ef", "#85817a"),
    "edge": ("none", "#6b6b76"),
    "page": ("#ffffff", "#1c1c22"),
}
DARK: Colors = {
    "block": ("#292f3e", "#8996b5"),
    "weights": ("#1d3452", "#6ea5ea"),
    "norm": ("#1f3a20", "#72c06e"),
    "activation": ("#463310", "#e3ac49"),
    "pool": ("#47202c", "#e07a97"),
    "join": ("#32254a", "#a98be0"),
    "detection": ("#153c3d", "#5cc3c4"),
    "loss": ("#4a2416", "#e58461"),
    "input": ("#17171b", "#a9a9b5"),
    "other": ("#2d2b28", "#a5a098"),
    "edge": ("none", "#9494a1"),
    "page": ("#17171b", "#e6e6ec"),
}

MEANING: Mapping[str, str] = {
    "input": "input, data",
    "weights": "convolution, linear, recurrent, embedding",
    "norm": "normalisation, scale, bias",
    "activation": "activation, softmax, dropout",
    "pool": "pooling, resizing, reduction",
    "join": "sum, product, concatenation, slice",
    "detection": "detection: boxes, anchors, regions",
    "loss": "loss, accuracy",
    "other": "anything else: shapes, custom layers",
    "block": "block, which opens",
}
"""What a color says, as a legend has it."""


def style() -> str:
    """The style sheet of a picture in SVG that follows the reader's own choice of light or dark."""
    rules = [
        f".{group} path, .{group} polygon {{ fill: {fill}; stroke: {line}; }}"
        for group, (fill, line) in DARK.items()
        if group not in ("edge", "page")
    ]
    ink, paper = DARK["page"][1], DARK["page"][0]
    rules += [
        f"text {{ fill: {ink}; }}",
        f".graph > polygon {{ fill: {paper}; }}",
        f".edge path {{ stroke: {DARK['edge'][1]}; }}",
        f".edge polygon, .edge text {{ fill: {DARK['edge'][1]}; stroke: none; }}",
        f".cluster path {{ stroke: {DARK['block'][1]}; }}",
    ]
    return f"@media (prefers-color-scheme: dark) {{ {' '.join(rules)} }}"
