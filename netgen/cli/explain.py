"""``netgen explain``: the story of an error code."""

from __future__ import annotations

from argparse import Namespace
from itertools import groupby

from netgen.cli.console import Console
from netgen.diag import did_you_mean
from netgen.diag.codes import CODES


def run(args: Namespace, console: Console) -> int:
    """Print the story of one code, or the titles of all."""
    if args.code is None:
        console.output(_list())
        return 0
    name = _name(args.code)
    if name not in CODES:
        hint = did_you_mean(name, CODES) or "`netgen explain` lists them all"
        args.usage_error(f"no code `{args.code}`; {hint}")
    code = CODES[name]
    console.output(f"{name}: {code.title}\n\n{code.story.strip()}\n")
    return 0


def _list() -> str:
    """All codes, a paragraph for each family."""
    families = groupby(CODES.items(), lambda item: item[0][:3])
    return "\n".join("".join(f"{name}  {code.title}\n" for name, code in family) for _, family in families)


def _name(text: str) -> str:
    """A code from what a user copied: ``NG302``, ``ng302``, ``302`` or ``error[NG302]``."""
    name = text.strip().upper().rpartition("[")[2].rstrip(":").rstrip("]")
    return f"NG{name}" if name.isdecimal() else name
