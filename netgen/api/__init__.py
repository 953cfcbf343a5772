"""What Python programs use."""

from netgen.api.layers import Layer, Shapes
from netgen.api.net import Net
from netgen.api.pipelines import build, check, check_opened, compile, default_nets, format, load  # noqa: A004
from netgen.api.sources import Reading, decode_program, open_program
from netgen.diag import Diagnostic, NetgenError

__all__ = [
    "Diagnostic",
    "Layer",
    "Net",
    "NetgenError",
    "Reading",
    "Shapes",
    "build",
    "check",
    "check_opened",
    "compile",
    "decode_program",
    "default_nets",
    "format",
    "load",
    "open_program",
]
