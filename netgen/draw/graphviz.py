"""Graphviz, which lays graphs out and draws them: as it comes with the package ``pygraphviz``."""

from __future__ import annotations

from typing import Any

from netgen.diag import Diagnostic, NetgenError
from netgen.diag.noise import captured

PICTURES = ("svg", "png", "pdf")
"""What it draws, by the names of formats, which are also how files end."""


def drawn(text: str, format: str) -> bytes:
    """A graph of Graphviz's language, laid out: as a picture, or in ``"json"`` as numbers: points, y upwards."""
    return drawn_to_fit(text, format)[0]


def drawn_to_fit(text: str, format: str) -> tuple[bytes, bool]:
    """The same, and whether it was made smaller, since there are no pictures of that format as large as it would be."""
    package = _package()
    with captured() as noise:  # its libraries speak of fonts, and of what they do to fit, past Python
        picture: bytes = package.AGraph(string=text).draw(format=format, prog="dot")
    return picture, "too large" in noise.text


def _package() -> Any:
    try:
        import pygraphviz
    except ImportError:
        label = "drawing takes Graphviz, which comes with the package `pygraphviz`; it is not installed"
        hint = "pip install 'netgen[draw]'; a file that ends in .dot can be written without it"
        raise NetgenError([Diagnostic("NG703", "a runtime is missing", label=label, hint=hint)]) from None
    return pygraphviz
