"""Summaries: what a network consists of, layer by layer and block by block, and what that costs."""

from netgen.summary.tree import Row, Summary

__all__ = ["Row", "Summary"]
