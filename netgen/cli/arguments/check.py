"""`netgen check` on the command line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

from netgen.cli.arguments.common import dialect, examples, limit, message_format, prototxt, unknown


def add(parser: ArgumentParser) -> None:
    """Say what it takes."""
    parser.description = (
        "Report all problems of all files, and what could be better: a bias that a normalisation takes away, an "
        "activation without effect, sizes that PyTorch rounds otherwise. A comment that names a code allows it on its "
        "line (`# NG805: as published`). Nothing is written."
    )
    parser.epilog = examples(
        ("netgen check examples/*.net", "exit code 1 if there is any error"),
        ("netgen check --strict --format json net.net", "for editors; warnings fail too"),
        ("netgen check --ignore NG805 net.net", "without the warnings about sizes"),
        ("netgen check --dialect nnie net.net", "will it run there? Ask before anyone trains"),
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a program or a prototxt; - reads it from standard input"
    )
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    parser.add_argument(
        "--ignore", metavar="CODE", action="append", default=[], type=_warning,
        help="no warnings of a code, such as NG805. May be repeated",
    )  # fmt: skip
    dialect(parser, "report too what this reader of prototxts does not take")
    prototxt(parser)
    limit(parser)
    message_format(parser)


def _warning(text: str) -> str:
    from netgen.diag.codes import CODES

    code = text.upper() if text.upper().startswith("NG") else f"NG{text}"
    if code not in CODES:
        raise ArgumentTypeError(unknown("code", text, list(CODES)))
    return code
