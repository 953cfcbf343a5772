"""Sources, places and diagnostics: what every other part of netgen reports with."""

from netgen.diag.diagnostic import Diagnostic, Frame, NetgenError, Note, Severity
from netgen.diag.source import Source, Span
from netgen.diag.suggest import closest, did_you_mean

__all__ = [
    "Diagnostic",
    "Frame",
    "NetgenError",
    "Note",
    "Severity",
    "Source",
    "Span",
    "closest",
    "did_you_mean",
]
