"""Passes: graph to graph, one function a file."""
