"""Pictures of networks: the graph with its blocks, as SVG, PNG, PDF, a page, or for Graphviz."""

from __future__ import annotations

from netgen.draw.colors import style
from netgen.draw.dot import dot
from netgen.draw.scene import Box, Scene
from netgen.ir.graph import Graph

__all__ = ["FITS", "FORMATS", "MOST", "Drawing", "format_of"]

FORMATS = ("svg", "png", "pdf", "html", "dot")
"""What can be written, by the endings of files."""
FITS = 60
"""How many boxes a picture has where nobody says how deep it is to go."""
MOST = 1500
"""How many boxes a picture has at most: beyond, nobody sees anything."""
_DPI = 144


def format_of(path: str) -> str:
    """The format that a file's name says; raises ``ValueError`` where it says none."""
    ending = path.rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""
    if ending not in FORMATS:
        said = f"`.{ending}` names no format" if ending else f"`{path}` has no ending that names a format"
        raise ValueError(f"{said}; there are {', '.join('.' + each for each in FORMATS)}")
    return ending


class Drawing:
    """A picture of a network. ``depth`` is how deep blocks are opened: 0 not at all, None as deep as fits.

    ``is_folded`` tells that it could not go as deep as it was asked to, ``is_smaller`` that what was written last had
    to be made smaller than it reads best.
    """

    def __init__(self, graph: Graph, depth: int | None = None, direction: str = "down") -> None:
        self.scene = Scene(graph)
        self.direction = direction
        self.deepest = max(box.row.depth for box in self.scene.root.walk())
        wanted = self.deepest if depth is None else min(depth, self.deepest)
        most = FITS if depth is None else MOST
        while wanted > 0 and self._boxes(wanted) > most:
            wanted -= 1
        self.depth = wanted
        self.is_smaller = False
        self.is_folded = depth is not None and wanted < min(depth, self.deepest)

    def write(self, format: str) -> bytes:
        """The picture in one of ``FORMATS``; raises ``NetgenError`` where what draws it is not installed."""
        opened = {box for box in self.scene.root.walk() if box.is_block and box.row.depth <= self.depth}
        if format == "html":
            from netgen.draw.page import page

            return page(self.scene, opened).encode()
        text = dot(self.scene, opened, direction=self.direction)
        if format == "dot":
            return text.encode()
        from netgen.draw.graphviz import drawn, drawn_to_fit

        if format == "png":
            picture, self.is_smaller = drawn_to_fit(text.replace("graph [", f"graph [dpi={_DPI}, ", 1), format)
            return picture
        picture = drawn(text, format)
        return _styled(picture) if format == "svg" else picture

    def _boxes(self, depth: int) -> int:
        """How many boxes and clusters there are to see at a depth."""
        return sum(1 for box in self.scene.root.walk() if self._is_seen(box, depth))

    def _is_seen(self, box: Box, depth: int) -> bool:
        return box.row.depth <= depth + 1


def _styled(picture: bytes) -> bytes:
    """The picture with a style sheet for the dark, behind the head of its first element."""
    head = picture.index(b">", picture.index(b"<svg")) + 1
    return picture[:head] + f"\n<style>{style()}</style>".encode() + picture[head:]
