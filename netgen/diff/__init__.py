"""What two networks have in common, and what not: two graphs in, facts out."""

from __future__ import annotations

from netgen.diff.compare import differences
from netgen.diff.result import Differences, Field, Pair

__all__ = ["Differences", "Field", "Pair", "differences"]
