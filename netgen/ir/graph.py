"""The graph: the one meaning of a network, whatever it was read from and whatever it becomes.

Values are in single static assignment: each is made once, by one node. Nothing here knows a target.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netgen.diag import Span
from netgen.ir.fault import Fault

if TYPE_CHECKING:
    from netgen.formats.message import Message
    from netgen.ir.operator import Operator, Param

MAX_ELEMENTS = 2**31 - 1
"""Caffe counts the elements of a blob in 32 bits, and so do its consumers."""

Shape = tuple[int, ...]
"""A tensor's dimensions, (N, C, H, W) for images."""


class _Unknown(tuple[int, ...]):
    """A shape of which nothing is known, not even the number of axes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Shape = _Unknown()
"""The shape of what comes out of a layer that only a reader knows of. Compare with ``is``."""


class Origin:
    """What a reader keeps of a layer so that the same text can be written again.

    ``layer`` is the whole layer as it was read, after Caffe's upgrades; its bottoms and tops are names of blobs.
    It is empty for what a text speaks of and no layer makes. ``reason`` says why no operator means it, where none does.
    Nodes that came from one layer share one origin.
    """

    __slots__ = ("layer", "reason")

    def __init__(self, layer: Message, reason: str = "") -> None:
        self.layer = layer
        self.reason = reason


class Attrs(dict[str, Any]):
    """An operator's typed arguments, also as attributes: ``attrs.kernel``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Loop:
    """One turn of a ``for``: which loop, which turn (from 0), and what its first variable was."""

    __slots__ = ("site", "turn", "value", "variable")

    def __init__(self, site: Span, turn: int, variable: str, value: object) -> None:
        self.site = site
        self.turn = turn
        self.variable = variable
        self.value = value


class Instance:
    """One use of a block. Instances form a tree; the net itself is the root, with the name ``""``.

    ``args`` are the settings that were passed (no tensors), ``inputs`` and ``outputs`` the tensors.
    ``variable`` is the name that the program gave the result, ``loops`` the turns of the
    ``for`` statements of the *parent's* body that the call stands in.
    """

    __slots__ = (
        "args",
        "block",
        "defaults",
        "doc",
        "inputs",
        "items",
        "local",
        "loops",
        "name",
        "outputs",
        "parameters",
        "parent",
        "results",
        "span",
        "variable",
    )

    def __init__(
        self,
        block: str,
        name: str,
        parent: Instance | None = None,
        span: Span | None = None,
        *,
        doc: str = "",
        variable: str = "",
        loops: tuple[Loop, ...] = (),
    ) -> None:
        self.block = block
        self.name = name
        self.parent = parent
        self.span = span
        self.doc = doc
        self.variable = variable
        self.loops = loops
        self.local = ""
        """Its name within its parent, where that is not what follows the parent's name."""
        self.args: dict[str, object] = {}
        self.defaults: dict[str, object] = {}
        """Defaults of the settings that have constant ones."""
        self.parameters: list[str] = []
        """Names of the tensor parameters, in order; ``inputs`` are their values."""
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.results: list[str] = []
        """What the program calls ``outputs`` where it takes several: ``loc, conf = predict(x)``."""
        self.items: list[Node | Instance] = []
        """What stands directly in this instance, in the program's order."""


class Value:
    """A tensor: made once, by ``node``, as its output number ``index``."""

    __slots__ = ("index", "node", "readers", "shape", "variable")

    def __init__(self, node: Node, index: int, shape: Shape, variable: str = "") -> None:
        self.node = node
        self.index = index
        self.shape = shape
        self.variable = variable
        """The name that the program gave it first, for targets that name values."""
        self.readers: list[Node] = []

    @property
    def is_known(self) -> bool:
        """Whether its shape is."""
        return self.shape is not UNKNOWN

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape)) if self.is_known else "?"
        return f"<Value {self.node.name}:{self.index} {shape}>"


class Node:
    """One operator applied to values, with its typed arguments and where it came from.

    ``x`` and ``y`` are the shapes that go in and come out, ``a`` the arguments: the three things
    that shape rules and spellings look at.
    """

    __slots__ = (
        "a",
        "blobs",
        "inputs",
        "instance",
        "local",
        "loops",
        "name",
        "op",
        "origin",
        "outputs",
        "spans",
        "variable",
    )

    def __init__(
        self,
        op: type[Operator],
        a: Attrs,
        inputs: Sequence[Value],
        name: str,
        *,
        instance: Instance,
        spans: dict[str, Span],
        variable: str = "",
        loops: tuple[Loop, ...] = (),
        origin: Origin | None = None,
    ) -> None:
        self.op = op
        self.a = a
        self.inputs = list(inputs)
        self.name = name
        self.instance = instance
        self.spans = spans
        """Places in the source: ``""`` is the call, an argument's name that argument."""
        self.variable = variable
        self.loops = loops
        self.origin = origin
        self.local = ""
        """Its name within its instance, where that is not what follows the instance's name."""
        self.blobs: tuple[str, ...] = ()
        """What Caffe calls its outputs, where that is settled for a node without an origin."""
        self.outputs: list[Value] = []

    @property
    def is_known(self) -> bool:
        """Whether the shapes of all that it reads and makes are known, so that it can be asked for its parameters."""
        return all(value.is_known for value in (*self.inputs, *self.outputs))

    @property
    def x(self) -> list[Shape]:
        return [value.shape for value in self.inputs]

    @property
    def y(self) -> list[Shape]:
        return [value.shape for value in self.outputs]

    @property
    def facts(self) -> Hashable:
        """All that shape rules and spellings look at, as a key: nodes whose facts are equal are spelled alike."""
        return (self.op, *self.a.items(), *self.x, None, *self.y)

    @property
    def span(self) -> Span | None:
        return self.spans.get("")

    @property
    def params(self) -> list[Param]:
        """What the node learns or counts, in the order of Caffe's blobs; nothing where shapes are not known."""
        return self.op.params(self) if self.is_known else []

    def __repr__(self) -> str:
        return f"<Node {self.name}: {self.op.name}>"


class Graph:
    """A network: its nodes in the program's order, which is a topological order."""

    __slots__ = ("doc", "inputs", "kept", "name", "nodes", "outputs", "root", "title")

    def __init__(self, name: str, doc: str = "", title: str = "") -> None:
        self.name = name
        self.doc = doc
        """The comment above the net."""
        self.title = title
        """The comment at the head of the net's file."""
        self.kept: Message = []
        """What a reader found beside the name and the layers, to be written again."""
        self.nodes: list[Node] = []
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.root = Instance(name, "", doc=doc)

    def add(self, node: Node, shapes: Sequence[Shape] | None = None) -> list[Value]:
        """Type a node and take it in; raises ``Fault`` where its operator objects.

        A node that was refused leaves no trace in the graph. ``shapes`` are those of its outputs, for a reader that
        knows better than the operator, or knows that they are ``UNKNOWN``.
        """
        if shapes is None:
            shapes = node.op.infer(node)
        for shape in shapes:
            if prod(shape) > MAX_ELEMENTS:
                size = "x".join(map(str, shape))
                raise Fault("NG309", "tensor is too large", f"{size} has more than {MAX_ELEMENTS} elements")
        node.outputs = [Value(node, index, shape) for index, shape in enumerate(shapes)]
        for value in node.inputs:
            value.readers.append(node)
        self.nodes.append(node)
        node.instance.items.append(node)
        return node.outputs

    def find(self, name: str) -> Node | None:
        """The node of a name, or None."""
        return next((node for node in self.nodes if node.name == name), None)
