"""What a rule finds, and the rules' own words: data, of which ``netgen.lint`` makes diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from netgen.ir.graph import Graph, Node


class Finding:
    """One layer that is dubious: ``label`` says what is to be seen there, ``hint`` what to do about it."""

    __slots__ = ("hint", "label", "node")

    def __init__(self, node: Node, label: str, hint: str) -> None:
        self.node = node
        self.label = label
        self.hint = hint


class Rule:
    """A code of the 8xx, and what looks for it in a network."""

    __slots__ = ("code", "find")

    def __init__(self, code: str, find: Callable[[Graph], Iterator[Finding]]) -> None:
        self.code = code
        self.find = find


def reader(node: Node) -> Node | None:
    """The one node that reads a node's only result, where there is just one."""
    if len(node.outputs) != 1 or len(node.outputs[0].readers) != 1:
        return None
    return node.outputs[0].readers[0]


def worded(node: Node, *, net: str, caffe: str) -> str:
    """What to write, in the words of the file that the node is from."""
    return net if node.origin is None else caffe
