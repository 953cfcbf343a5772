"""``netgen fmt``: the one canonical layout."""

from __future__ import annotations

from argparse import Namespace

from netgen.cli.console import Console
from netgen.cli.files import write_all
from netgen.cli.programs import STDIN, read
from netgen.diag import Diagnostic, NetgenError, Source
from netgen.formats.files import is_prototxt
from netgen.lang.format import format_text


def run(args: Namespace, console: Console) -> int:
    """Format all files that can be read, and report the others. With --check or --diff nothing is written."""
    problems: list[Diagnostic] = []
    changed: dict[str, str] = {}
    for path in args.files:
        try:
            source = read(path)
            if is_prototxt(path, source.text):
                args.usage_error(
                    f"{path} is a prototxt; `netgen build {path} --target prototxt` prints it in one layout"
                )
            text = format_text(source)
        except NetgenError as error:
            problems += error.diagnostics
            continue
        if path == STDIN and not (args.check or args.diff):
            console.output(text)
        elif text != source.text:
            changed[path] = text
            if args.diff:
                console.output(_diff(source, text))
    console.problems(problems)
    if args.check or args.diff:
        for path in changed:
            console.remark(f"would change {path}")
        return 1 if changed or problems else 0
    write_all(changed)
    for path in changed:
        console.remark(f"formatted {path}")
    return 1 if problems else 0


def _diff(source: Source, text: str) -> str:
    from difflib import unified_diff

    old, new = (each.splitlines(keepends=True) for each in (source.text, text))
    lines = unified_diff(old, new, source.path, f"{source.path} (formatted)")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
