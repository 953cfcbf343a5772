"""The language itself: a graph becomes a program that a person could have written, and that compiles to the same graph.

Arguments that need not be said are left out (arguments.py); stretches that come again become blocks (items.py,
repeats.py) with what differs as their settings (blocks.py, settings.py); layers become statements with variables and
names (chains.py, variables.py, body.py), statements that come again loops (loops.py), and all of it text (text.py).
"""

from __future__ import annotations

from netgen.emit.net.arguments import Arguments
from netgen.emit.net.blocks import Writer
from netgen.emit.net.items import Item, Network
from netgen.emit.net.lengths import spread_short
from netgen.emit.net.lost import Lost
from netgen.emit.net.program import Parameter
from netgen.emit.net.repeats import fold
from netgen.emit.net.sayable import raise_unsayable
from netgen.emit.net.text import render
from netgen.ir.graph import Graph

__all__ = ["emit"]


def emit(graph: Graph) -> str:
    """The network as a program; raises ``NetgenError`` with all that the language cannot say.

    The blocks of a network that was read are only guessed from its layers' names. So it is written without them too,
    and the shorter program is taken.
    """
    raise_unsayable(graph)
    arguments = Arguments(graph.nodes)
    network = Network(graph, arguments)
    text = _program(network, network.tree())
    if any(node.origin is not None for node in graph.nodes):
        return min(text, _program(network, network.flat()), key=lambda each: each.count("\n"))
    return text


def _program(network: Network, items: list[Item]) -> str:
    """The program for a network whose layers are grouped in some way."""
    graph, arguments = network.graph, network.arguments
    root = spread_short(arguments, items)
    fold(network, root)
    lost = Lost(graph)
    writer = Writer(network, lost)
    size = _size(graph)
    net = writer.net(root, size)
    if size is not None:
        net.parameters = [size]
    return render(writer.blocks, net, title=graph.title, defaults=arguments.defaults, lost=lost.head(net.name))


def _size(graph: Graph) -> Parameter | None:
    """A setting for the height and width of the one image that is put in, where these are equal."""
    images = [value for value in graph.inputs if len(value.shape) == 4]
    if len(images) != 1 or images[0].node.instance is not graph.root:
        return None
    height, width = images[0].shape[2:]
    return Parameter("size", "int", [height], height) if height == width > 1 else None
