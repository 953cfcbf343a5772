"""`netgen weights` on the command line."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable

from netgen.cli.arguments.common import (
    Layout,
    color,
    examples,
    limit,
    message_format,
    prototxt,
    settings,
    shortest_usage,
)


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = "Look at files of weights: caffemodels, state_dicts of PyTorch, safetensors."
    parser.epilog = examples(
        ("netgen weights list net.caffemodel", "its layers and the shapes of their blobs"),
        ("netgen weights diff old.caffemodel new.caffemodel", "what has changed, and by how much"),
        ("netgen weights map net.net model.pth", "which array of the file would be which of the net's"),
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, (line, add_to) in _WEIGHTS.items():
        action = actions.add_parser(name, help=line, formatter_class=Layout, allow_abbrev=False)
        action.set_defaults(usage_error=action.error)
        add_to(action)
        color(action, SUPPRESS)
        action.usage = shortest_usage(action)


def _weights_list(parser: ArgumentParser) -> None:
    parser.description = "What a file of weights holds. Numbers are only read for --stats."
    parser.epilog = examples(
        ("netgen weights list net.caffemodel", "layer, type, blob, shape and count"),
        ("netgen weights list --stats model.pth", "with the least, largest and mean number"),
        ("netgen weights list --format json model.safetensors", "for programs"),
    )
    parser.add_argument("file", metavar="FILE", help="a caffemodel, a state_dict or safetensors")
    parser.add_argument("--stats", action="store_true", help="look at the numbers too")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")


def _weights_diff(parser: ArgumentParser) -> None:
    parser.description = "Compare the arrays of two files, bit by bit. Exit code 1 if they differ."
    parser.epilog = examples(
        ("netgen weights diff a.caffemodel b.caffemodel", "by the names of layers"),
        ("netgen weights diff --net net.net net.caffemodel model.pth", "as arrays of one net, whatever their names"),
    )
    parser.add_argument("file", metavar="A", help="a caffemodel, a state_dict or safetensors")
    parser.add_argument("other", metavar="B", help="another, of any of these formats")
    parser.add_argument("--net", metavar="NET", dest="program", help="the program or prototxt that both belong to")
    parser.add_argument("--all", action="store_true", help="list what is the same too")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")


def _weights_map(parser: ArgumentParser) -> None:
    parser.description = (
        "Find a net's arrays in a file: by name, by like names, by order and shape. Exit code 1 if some are missing."
    )
    parser.epilog = examples(
        ("netgen weights map net.net model.pth", "what is found, and how"),
        ("netgen weights map net.net model.pth --save-mapping map.txt", "as a text to edit"),
        ("netgen weights map net.net model.pth --mapping map.txt", "with what was edited"),
    )
    parser.add_argument("program", metavar="NET", help="a program, or a prototxt")
    parser.add_argument("file", metavar="FILE", help="a caffemodel, a state_dict or safetensors")
    parser.add_argument("--mapping", metavar="MAP", help="a text that says what is what")
    parser.add_argument("--save-mapping", metavar="MAP", help="write what was found as such a text")
    settings(parser)
    prototxt(parser)
    limit(parser)
    message_format(parser)


_WEIGHTS: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
    "list": ("what a file holds", _weights_list),
    "diff": ("compare two files", _weights_diff),
    "map": ("find a net's arrays in a file", _weights_map),
}
