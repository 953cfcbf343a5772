"""Summaries: what a network consists of, layer by layer and block by block, and what that costs."""

from netgen.passes.outline import Row
from netgen.summary.tree import Summary

__all__ = ["Row", "Summary"]
