"""The command line: a module for each command.

Exit codes: 0 all is well; 1 something is wrong with the input, or an output cannot be written; 2 the command line is
wrong; 70 a fault of netgen's own; 130 interrupted; 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from netgen.diag import Diagnostic, NetgenError

INPUT, COMMAND_LINE, INTERNAL, INTERRUPTED, PIPE = 1, 2, 70, 130, 141

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code. Nothing that a user does ends in a traceback."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:  # argparse has said what there is to say
        return stop.code if isinstance(stop.code, int) else COMMAND_LINE
    except KeyboardInterrupt:
        print("netgen: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return PIPE


def _run(argv: Sequence[str]) -> int:
    from importlib import import_module  # imports stand here so that an interrupt while they load is caught too

    from netgen.cli.arguments import parse
    from netgen.cli.console import Console

    args = parse(argv)
    console = Console(color=args.color, format=getattr(args, "format", "text"), quiet=getattr(args, "quiet", False))
    try:
        code: int = import_module(f"netgen.cli.{args.module}").run(args, console)
    except NetgenError as error:
        console.problems(error.diagnostics)
        return INPUT
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get("NETGEN_DEBUG"):
            raise
        console.problems([_own_fault(error)])
        return INTERNAL
    return code


def _own_fault(error: Exception) -> Diagnostic:
    """The report of an exception that should not have been."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace is not None else ""
    return Diagnostic(
        "NG901",
        f"a fault of netgen's own: {type(error).__name__}: {error}{place}",
        hint="please report it with the program that caused it; with NETGEN_DEBUG=1 it shows the whole traceback",
    )
