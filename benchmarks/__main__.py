"""``python -m benchmarks``: measures everything, prints the tables, and keeps them in ``benchmarks/results.md``."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import Section, document, machine, render

NAMES = ("cold", "warm", "reading", "weights", "growth", "verify", "modules", "devices")
"""Each is a module here. The last two import torch, which the others must not be slowed down by."""

RESULTS = Path(__file__).with_name("results.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where a target was missed."""
    options = _parser().parse_args(arguments)
    print(machine())
    sections = []
    for name in options.only or NAMES:
        section: Section = importlib.import_module(f"benchmarks.{name}").run(quick=options.quick)
        print(render(section), flush=True)
        sections.append(section)
    output = options.output or (None if options.only or options.quick else RESULTS)
    if output is not None:
        output.write_text(document(sections), encoding="utf-8")
    return int(any(row.reached is False for section in sections for row in section.rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure netgen against its peers.")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and single runs, to see that all of it works")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"a full run writes {RESULTS.name}")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
