"""Programs from files and from standard input."""

from __future__ import annotations

import sys
from argparse import Namespace

from netgen.api import Net, Reading, decode_program, open_program
from netgen.cli.console import Console
from netgen.diag import Source

STDIN = "-"


def read(path: str) -> Source:
    """The text of a program or a prototxt; raises ``NetgenError`` where it is none."""
    if path != STDIN:
        return open_program(path)
    buffer = getattr(sys.stdin, "buffer", None)
    return decode_program("<stdin>", buffer.read() if buffer is not None else sys.stdin.read().encode())


def reading_of(args: Namespace) -> Reading:
    """What a prototxt is read for, as the command line says."""
    return Reading(args.phase, args.stage, args.level, dict(args.inputs), args.ends)


def tell_phase(net: Net, console: Console) -> None:
    """Say which layers are shown, where a prototxt has those of both phases and neither was asked for."""
    if net.other_phase:
        console.remark(f"the layers for {net.phase} alone: --phase {net.other_phase} takes those for {net.other_phase}")
