"""Graphviz, which lays graphs out and draws them: as it comes with the package ``pygraphviz``."""

from __future__ import annotations

from typing import Any

from netgen.diag import Diagnostic, NetgenError

PICTURES = ("svg", "png", "pdf")
"""What it draws, by the names of formats, which are also how files end."""


def drawn(text: str, format: str) -> bytes:
    """A graph of Graphviz's language, laid out: as a picture, or in ``"json"`` as numbers: points, y upwards."""
    picture: bytes = _package().AGraph(string=text).draw(format=format, prog="dot")
    return picture


def _package() -> Any:
    try:
        import pygraphviz
    except ImportError:
        label = "drawing takes Graphviz, which comes with the package `pygraphviz`; it is not installed"
        hint = "pip install 'netgen[draw]'; a file that ends in .dot can be written without it"
        raise NetgenError([Diagnostic("NG703", "a runtime is missing", label=label, hint=hint)]) from None
    return pygraphviz
