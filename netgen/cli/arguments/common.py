"""Options that several commands have."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter, _ArgumentGroup
from typing import Any, NoReturn

from netgen.diag import did_you_mean
from netgen.emit import ABOUT, DIALECTS


class Layout(RawDescriptionHelpFormatter):
    """Help as it is written, but for lines of prose that are longer than the terminal is wide."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from textwrap import fill  # argparse too has it only where help is wanted

        lines = text.splitlines()
        return "\n".join(indent + (line if line.startswith(" ") else fill(line, width)) for line in lines)


class CommandParser(ArgumentParser):
    """A parser whose complaints are a line each, and which sees a misspelt option before a missing one."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ``ArgumentParser`` has it; what is left over is reported here, where the options are known."""
        if self._subparsers is None:
            options = args[: args.index("--")] if "--" in args else args
            self._refuse_unknown([each.partition("=")[0] for each in options if each.startswith("--")])
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"too many arguments: {' '.join(rest)}")
        return known, rest

    def _refuse_unknown(self, options: list[str]) -> None:
        known = self._option_string_actions
        for option in options:
            if option not in known:
                hint = did_you_mean(option, [each for each in known if each[:2] == "--"])
                self.error(f"no option `{option}`" + (f"; {hint}" if hint else ""))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit code 2."""
        self.exit(2, f"{self.prog}: error: {message}\n`{self.prog} --help` tells what it takes\n")


def shortest_usage(parser: ArgumentParser) -> str:
    """A call with what it cannot do without; the options are listed below it."""
    options = [each for each in parser._actions if each.option_strings and each.required]
    places = [each for each in parser._actions if not each.option_strings]
    return " ".join([
        "%(prog)s [options]",
        *(f"{each.option_strings[0]} {each.metavar}" for each in options),
        *(f"{each.metavar}".join(_BRACKETS.get(str(each.nargs), ("", ""))) for each in places),
    ])  # fmt: skip


_BRACKETS = {"?": ("[", "]"), "+": ("", " …")}


def color(parser: ArgumentParser, default: str) -> None:
    words = ("auto", "always", "never")
    parser.add_argument("--color", choices=words, default=default, help="color messages (default: on a terminal)")


def source(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a program, or a prototxt; - reads it from standard input")


def output(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="PATH", help="a file. Default: standard output")


def settings(parser: ArgumentParser) -> None:
    parser.add_argument("--net", metavar="NAME", help="which net, where the program has several")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="settings", action="append", type=setting, default=[],
        help="a setting of the net: a number, true, false, a string or a [list]. May be repeated",
    )  # fmt: skip


def dialect(parser: ArgumentParser, about: str) -> None:
    parser.add_argument("--dialect", metavar="NAME", type=known_dialect, help=f"{about}: {', '.join(DIALECTS)}")


def dialect_lines() -> str:
    """A line for each dialect."""
    return "dialects:\n" + "\n".join(f"  {name:9} {about}" for name, about in DIALECTS.items())


def prototxt(parser: ArgumentParser, *, inputs: bool = True) -> None:
    group = parser.add_argument_group("of a prototxt")
    group.add_argument("--phase", type=str.upper, choices=("TRAIN", "TEST"), help="the layers of one phase")
    group.add_argument("--stage", metavar="NAME", action="append", help="a stage. May be repeated")
    group.add_argument("--level", metavar="N", type=int, help="the level")
    if inputs:
        group.add_argument(
            "--input", metavar="BLOB=SHAPE", dest="inputs", action="append", type=shape, default=[],
            help="let the net begin with a blob, say data=1x3x224x224. May be repeated",
        )  # fmt: skip
    group.add_argument(
        "--end", metavar="BLOB", dest="ends", action="append", default=[],
        help="let the net end with a blob. May be repeated",
    )  # fmt: skip


def weights_from(parser: ArgumentParser | _ArgumentGroup) -> None:
    parser.add_argument(
        "--weights", metavar="FILE",
        help="a caffemodel, a state_dict or safetensors; or `random` or `random:SEED`: random numbers, the same for "
        "a seed, with which activations neither vanish nor explode",
    )  # fmt: skip
    parser.add_argument("--mapping", metavar="MAP", help="what is what in it: `netgen weights map` writes such a text")


def limit(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--max-layers", metavar="N", type=count, default=1_000_000, help="give up beyond (default: %(default)s)"
    )


def message_format(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of messages (default: text)")


def depth(parser: ArgumentParser, about: str) -> None:
    parser.add_argument("--depth", metavar="N", type=_depth, help=about)


def _depth(text: str) -> int:
    if text == "all":
        return 1_000_000  # deeper than blocks nest
    return integer(text, "is no depth, such as 2; or `all`", digits=6)


def examples(*examples: tuple[str, str]) -> str:
    return "examples:\n" + "\n".join(f"  {command}\n      {about}" for command, about in examples)


def target(text: str) -> str:
    if text not in ABOUT:
        raise ArgumentTypeError(unknown("target", text, list(ABOUT)))
    return text


def known_dialect(text: str) -> str:
    if text not in DIALECTS:
        raise ArgumentTypeError(unknown("dialect", text, list(DIALECTS)))
    return text


def setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ArgumentTypeError(f"`{text}` is not NAME=VALUE, such as growth=48")
    return name.strip(), value.strip()


def shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, dims = text.rpartition("=")
    found = extents(dims)
    if not name or found is None:
        raise ArgumentTypeError(f"`{text}` is not BLOB=SHAPE, such as data=1x3x224x224")
    return name, found


def extents(text: str) -> tuple[int, ...] | None:
    """A shape such as ``1x3x224x224``; None for what is none."""
    dims = text.replace(",", "x").split("x")
    if not all(dim.isascii() and dim.isdecimal() and len(dim) < 11 for dim in dims):
        return None
    return tuple(map(int, dims))


def count(text: str) -> int:
    return integer(text, "is not a number of layers", least=1, digits=12)


def positive(text: str) -> int:
    return integer(text, "is not a number from 1 on", least=1)


def whole(text: str) -> int:
    return integer(text, "is not a number from 0 on")


def integer(text: str, complaint: str, *, least: int = 0, digits: int = 9) -> int:
    """A whole number; its digits are bounded, since to read a million of them takes long."""
    if not text.isascii() or not text.isdecimal() or len(text) > digits or int(text) < least:
        raise ArgumentTypeError(f"`{text}` {complaint}")
    return int(text)


def picture(group: ArgumentParser | _ArgumentGroup) -> None:
    """How a picture becomes what goes into a net."""
    group.add_argument(
        "--mean", metavar="NUMBERS", type=numbers, default=(),
        help="to subtract from a picture: one number, or one for each channel in the order that the net takes",
    )  # fmt: skip
    group.add_argument("--scale", metavar="N", type=_number, help="to multiply it by after that")
    group.add_argument("--rgb", action="store_true", help="give its channels as R, G, B, and not as B, G, R")


def numbers(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"`{text}` is not a number, nor several with commas, such as 104,117,123") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"`{text}` is not a number") from None


def unknown(what: str, name: str, known: list[str]) -> str:
    return f"no {what} `{name}`; {did_you_mean(name, known) or 'there are ' + ', '.join(known)}"
