"""Where results and messages go, and whether they are colored."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from json import dumps
from typing import TextIO

from netgen.cli.files import cannot_write, write_all
from netgen.diag import Diagnostic
from netgen.diag.render import render, summary, to_json


class Console:
    """Results go to standard output; diagnostics and remarks to standard error, unless they are the result."""

    def __init__(self, *, color: str = "auto", format: str = "text", quiet: bool = False) -> None:
        self.color = color
        self.format = format
        self.quiet = quiet

    def output(self, text: str) -> None:
        """Print a result, in UTF-8 whatever the terminal speaks."""
        try:
            buffer = getattr(sys.stdout, "buffer", None)
            if buffer is None:
                sys.stdout.write(text)
            else:
                sys.stdout.flush()
                buffer.write(text.encode("utf-8", "surrogateescape"))
            sys.stdout.flush()
        except BrokenPipeError:
            drop_output()
            raise
        except OSError as error:
            drop_output()
            raise cannot_write("standard output", error) from error

    def deliver(self, result: str | bytes, path: str | None) -> None:
        """Write a result into a file, or print it where none is named."""
        if path is None or path == "-":
            self.output(result if isinstance(result, str) else result.decode())
            return
        write_all({path: result})
        self.remark(f"wrote {path}")

    def problems(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Report diagnostics beside the result; errors only, if it is to be quiet."""
        diagnostics = [each for each in diagnostics if each.severity == "error" or not self.quiet]
        if diagnostics:
            total = f"\n\n{summary(diagnostics)}" if len(diagnostics) > 1 and self.format == "text" else ""
            print(self.rendered(diagnostics, sys.stderr) + total, file=sys.stderr)

    def rendered(self, diagnostics: Sequence[Diagnostic], stream: TextIO) -> str:
        """Diagnostics in the wanted form, colored if ``stream``, where they go, is a terminal."""
        diagnostics = _in_reading_order(diagnostics)
        if self.format == "json":
            return as_json(to_json(diagnostics))
        return "\n\n".join(render(diagnostic, color=self.colored(stream)) for diagnostic in diagnostics)

    def remark(self, text: str) -> None:
        """Say what was done."""
        if not self.quiet:
            print(text, file=sys.stderr)

    @contextmanager
    def working(self, status: Callable[[], str]) -> Iterator[None]:
        """Show on a terminal what is being done, when it takes long."""
        if self.quiet or not sys.stderr.isatty():
            yield
            return
        from netgen.cli.progress import progress

        with progress(sys.stderr, status):
            yield

    def colored(self, stream: TextIO) -> bool:
        if self.color != "auto":
            return self.color == "always"
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def as_json(data: object) -> str:
    """A result for programs."""
    return dumps(data, indent=2, ensure_ascii=False)


def _in_reading_order(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """File by file, in the order in which they come up, and from top to bottom in each."""
    files: dict[str, int] = {}
    for diagnostic in diagnostics:
        if diagnostic.span is not None:
            files.setdefault(diagnostic.span.source.path, len(files))
    return sorted(
        diagnostics,
        key=lambda each: (-1, 0) if each.span is None else (files[each.span.source.path], each.span.start),
    )


def drop_output() -> None:
    """Let what is still in the buffers of standard output go nowhere, or Python complains about it at exit."""
    if getattr(sys.stdout, "buffer", None) is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
