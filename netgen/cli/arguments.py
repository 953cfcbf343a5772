"""What the command line takes, and the help that teaches it."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

from netgen import __version__
from netgen.diag import did_you_mean
from netgen.emit import ARRAYS, DIALECTS, TARGETS


def parse(argv: Sequence[str]) -> Namespace:
    """The command and its options; raises ``SystemExit`` where they are wrong, or where help is wanted."""
    parser = ArgumentParser(
        prog="netgen",
        description="Convolutional networks written once, compiled to Caffe and PyTorch.",
        epilog="`netgen COMMAND --help` has examples.\n\n"
        "exit codes: 0 all is well, 1 something is wrong with the input, 2 with the command line",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"netgen {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    for name, (line, add) in _COMMANDS.items():
        command = commands.add_parser(name, help=line, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)
        command.set_defaults(usage_error=command.error, module=name)
        add(command)
        _color(command, "auto")
    if argv and not argv[0].startswith("-") and argv[0] not in _COMMANDS:
        parser.error(_unknown("command", argv[0], list(_COMMANDS)))
    return parser.parse_args(argv)


def _build(parser: ArgumentParser) -> None:
    parser.description = "Compile one net of a program."
    parser.epilog = f"{_dialects()}\n\n" + _examples(
        ("netgen build peleenet.net --target prototxt", "print Caffe's text"),
        ("netgen build peleenet.net --target torch -o peleenet.py", "write a PyTorch module"),
        ("netgen build peleenet.net --target prototxt --target torch -o out/", "write both into a folder"),
        ("netgen build peleenet.net --target torch --set growth=48 --set size=320", "with other settings"),
        ("netgen build deploy.prototxt --target torch -o net.py", "a network of Caffe as a PyTorch module"),
        ("netgen build train_val.prototxt --phase TRAIN --input data=32x3x224x224 --target torch", "its training part"),
        (
            "netgen build net.net --target prototxt --target caffemodel --weights net.pth -o out/",
            "both files for Caffe",
        ),
        ("netgen build deploy.prototxt --target state_dict --weights net.caffemodel -o net.pth", "and back"),
        ("netgen build net.net --target prototxt --dialect opencv4", "as OpenCV takes it"),
        ("netgen build resnet.net --net ResNet --set blocks=[3,4,23,3] --target torch", "one net of several"),
    )
    parser.add_argument("file", metavar="FILE", help="a program, or a prototxt; - reads it from standard input")
    about = {name: target.about for name, target in TARGETS.items()} | {name: each[1] for name, each in ARRAYS.items()}
    what = "; ".join(f"{name}: {each}" for name, each in about.items())
    parser.add_argument(
        "--target", metavar="TARGET", action="append", type=_target, required=True, help=f"{what}. May be repeated"
    )
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="a file; or a folder (`DIR/`), which is made. Default: standard output"
    )
    _dialect(parser, "who will read the prototxt")
    _settings(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    weights = parser.add_argument_group("of the weights")
    weights.add_argument("--weights", metavar="FILE", help="a caffemodel, a state_dict or safetensors")
    weights.add_argument("--mapping", metavar="MAP", help="what is what in it: `netgen weights map` writes such a text")
    weights.add_argument("--partial", action="store_true", help="take what is there, although some is missing")
    _prototxt(parser)
    _limit(parser)
    _message_format(parser)


def _import(parser: ArgumentParser) -> None:
    parser.description = "Read a network of Caffe and write it in netgen's own language."
    parser.epilog = _examples(
        ("netgen import deploy.prototxt -o net.net", "then change it, and build it for every target"),
        ("netgen import train_val.prototxt --phase TRAIN --input data=32x3x224x224", "the net that is trained"),
    )
    parser.set_defaults(module="build", target=["net"], dialect=None, net=None, settings=[], weights=None)
    parser.add_argument("file", metavar="FILE", help="a prototxt; - reads it from standard input")
    parser.add_argument("-o", "--output", metavar="PATH", help="a file. Default: standard output")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    _prototxt(parser)
    _limit(parser)
    _message_format(parser)


def _check(parser: ArgumentParser) -> None:
    parser.description = "Report all problems of all files. Nothing is written."
    parser.epilog = _examples(
        ("netgen check examples/*.net", "exit code 1 if there is any error"),
        ("netgen check --strict --format json net.net", "for editors; warnings fail too"),
        ("netgen check --dialect nnie net.net", "will it run there? Ask before anyone trains"),
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a program or a prototxt; - reads it from standard input"
    )
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    _dialect(parser, "report too what this reader of prototxts does not take")
    _prototxt(parser)
    _limit(parser)
    _message_format(parser)


def _fmt(parser: ArgumentParser) -> None:
    parser.description = "Bring programs into the one canonical layout. Comments stay."
    parser.epilog = _examples(
        ("netgen fmt net.net", "rewrite the file"),
        ("netgen fmt --check --diff *.net", "show what would change; exit code 1 if anything would"),
        ("netgen fmt - < net.net", "from standard input to standard output"),
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a program; - stands for standard input and output")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")
    parser.add_argument("--quiet", action="store_true", help="do not list the files that changed")


def _ops(parser: ArgumentParser) -> None:
    parser.description = "The operators of the language; with NAME all about one of them."
    parser.epilog = _examples(
        ("netgen ops", "a line for each operator"),
        ("netgen ops conv", "its arguments, shape rule, and what each target makes of it"),
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="an operator, such as conv")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")


def _explain(parser: ArgumentParser) -> None:
    parser.description = "The story of an error code: what it means, and how to write it right."
    parser.epilog = _examples(
        ("netgen explain NG302", "what `error[NG302]` is about"),
        ("netgen explain", "all codes"),
    )
    parser.add_argument("code", metavar="CODE", nargs="?", help="a code such as NG302, or 302")


def _weights(parser: ArgumentParser) -> None:
    parser.description = "Look at files of weights: caffemodels, state_dicts of PyTorch, safetensors."
    parser.epilog = _examples(
        ("netgen weights list net.caffemodel", "its layers and the shapes of their blobs"),
        ("netgen weights diff old.caffemodel new.caffemodel", "what has changed, and by how much"),
        ("netgen weights map net.net model.pth", "which array of the file would be which of the net's"),
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, (line, add) in _WEIGHTS.items():
        action = actions.add_parser(name, help=line, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)
        action.set_defaults(usage_error=action.error)
        add(action)
        _color(action, SUPPRESS)


def _weights_list(parser: ArgumentParser) -> None:
    parser.description = "What a file of weights holds. Numbers are only read for --stats."
    parser.epilog = _examples(
        ("netgen weights list net.caffemodel", "layer, type, blob, shape and count"),
        ("netgen weights list --stats model.pth", "with the least, largest and mean number"),
        ("netgen weights list --format json model.safetensors", "for programs"),
    )
    parser.add_argument("file", metavar="FILE", help="a caffemodel, a state_dict or safetensors")
    parser.add_argument("--stats", action="store_true", help="look at the numbers too")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")


def _weights_diff(parser: ArgumentParser) -> None:
    parser.description = "Compare the arrays of two files, bit by bit. Exit code 1 if they differ."
    parser.epilog = _examples(
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
    parser.epilog = _examples(
        ("netgen weights map net.net model.pth", "what is found, and how"),
        ("netgen weights map net.net model.pth --save-mapping map.txt", "as a text to edit"),
        ("netgen weights map net.net model.pth --mapping map.txt", "with what was edited"),
    )
    parser.add_argument("program", metavar="NET", help="a program, or a prototxt")
    parser.add_argument("file", metavar="FILE", help="a caffemodel, a state_dict or safetensors")
    parser.add_argument("--mapping", metavar="MAP", help="a text that says what is what")
    parser.add_argument("--save-mapping", metavar="MAP", help="write what was found as such a text")
    _settings(parser)
    _prototxt(parser)
    _limit(parser)
    _message_format(parser)


_WEIGHTS: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
    "list": ("what a file holds", _weights_list),
    "diff": ("compare two files", _weights_diff),
    "map": ("find a net's arrays in a file", _weights_map),
}

_COMMANDS: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
    "build": ("compile a net to Caffe or PyTorch", _build),
    "import": ("bring a network of Caffe into the language", _import),
    "check": ("report all problems of some files", _check),
    "fmt": ("bring files into the canonical layout", _fmt),
    "ops": ("list the operators, or explain one", _ops),
    "weights": ("look at files of weights", _weights),
    "explain": ("tell what an error code means", _explain),
}


def _color(parser: ArgumentParser, default: str) -> None:
    words = ("auto", "always", "never")
    parser.add_argument("--color", choices=words, default=default, help="color messages (default: on a terminal)")


def _settings(parser: ArgumentParser) -> None:
    parser.add_argument("--net", metavar="NAME", help="which net, where the program has several")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="settings", action="append", type=_setting, default=[],
        help="a setting of the net: a number, true, false, a string or a [list]. May be repeated",
    )  # fmt: skip


def _dialect(parser: ArgumentParser, about: str) -> None:
    parser.add_argument("--dialect", metavar="NAME", type=_known_dialect, help=f"{about}: {', '.join(DIALECTS)}")


def _dialects() -> str:
    """A line for each dialect."""
    return "dialects:\n" + "\n".join(f"  {name:9} {about}" for name, about in DIALECTS.items())


def _prototxt(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("of a prototxt")
    group.add_argument("--phase", type=str.upper, choices=("TRAIN", "TEST"), help="the layers of one phase")
    group.add_argument("--stage", metavar="NAME", action="append", help="a stage. May be repeated")
    group.add_argument("--level", metavar="N", type=int, help="the level")
    group.add_argument(
        "--input", metavar="BLOB=SHAPE", dest="inputs", action="append", type=_shape, default=[],
        help="let the net begin with a blob, say data=1x3x224x224. May be repeated",
    )  # fmt: skip
    group.add_argument(
        "--end", metavar="BLOB", dest="ends", action="append", default=[],
        help="let the net end with a blob. May be repeated",
    )  # fmt: skip


def _limit(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--max-layers", metavar="N", type=_count, default=1_000_000, help="give up beyond (default: %(default)s)"
    )


def _message_format(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of messages (default: text)")


def _examples(*examples: tuple[str, str]) -> str:
    return "examples:\n" + "\n".join(f"  {command}\n      {about}" for command, about in examples)


def _target(text: str) -> str:
    if text not in TARGETS and text not in ARRAYS:
        raise ArgumentTypeError(_unknown("target", text, [*TARGETS, *ARRAYS]))
    return text


def _known_dialect(text: str) -> str:
    if text not in DIALECTS:
        raise ArgumentTypeError(_unknown("dialect", text, list(DIALECTS)))
    return text


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ArgumentTypeError(f"`{text}` is not NAME=VALUE, such as growth=48")
    return name.strip(), value.strip()


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, shape = text.rpartition("=")
    dims = shape.replace(",", "x").split("x")
    if not equals or not name or not all(dim.isascii() and dim.isdecimal() and len(dim) < 11 for dim in dims):
        raise ArgumentTypeError(f"`{text}` is not BLOB=SHAPE, such as data=1x3x224x224")
    return name, tuple(map(int, dims))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 12 or int(text) < 1:
        raise ArgumentTypeError(f"`{text}` is not a number of layers")
    return int(text)


def _unknown(what: str, name: str, known: list[str]) -> str:
    return f"no {what} `{name}`; {did_you_mean(name, known) or 'there are ' + ', '.join(known)}"
