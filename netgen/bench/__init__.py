"""How fast a network is, how much memory it takes, and which layers the time goes to."""

from __future__ import annotations

from netgen.bench.report import Report, Row
from netgen.bench.run import Bench
from netgen.bench.settings import Options, Settings

__all__ = ["Bench", "Options", "Report", "Row", "Settings"]
