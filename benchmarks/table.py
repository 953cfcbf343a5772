"""The table of results, and the machine that they were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.measure import Comparison

PACKAGES = ("jinja2", "lark", "protobuf", "torch", "onnxruntime", "opencv-python-headless")


class Row:
    """One thing measured. ``ratio`` is netgen's figure by its peer's; ``reached`` is None where there is no target."""

    __slots__ = ("netgen", "noise", "peer", "ratio", "reached", "target", "what")

    def __init__(
        self,
        what: str,
        netgen: str,
        peer: str = "",
        *,
        ratio: float | None = None,
        noise: float = 0.0,
        target: str = "",
        reached: bool | None = None,
    ) -> None:
        self.what = what
        self.netgen = netgen
        self.peer = peer
        self.ratio = ratio
        self.noise = noise
        self.target = target
        self.reached = reached

    @property
    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else significant(self.ratio)
        if self.noise:
            ratio += f" ± {significant(self.noise, 1)}"
        verdict = {None: "", True: "reached", False: "**missed**"}[self.reached]
        return [self.what, self.netgen, self.peer, ratio, self.target, verdict]


class Section:
    """A table with what has to be known to read it."""

    __slots__ = ("about", "rows", "title")

    def __init__(self, title: str, about: str, rows: list[Row]) -> None:
        self.title = title
        self.about = about
        self.rows = rows


def compared(what: str, found: Comparison, limit: float | None = None, target: str = "") -> Row:
    """The row of a comparison, whose ratio should be at most ``limit``."""
    if limit is not None and not target:
        target = f"≤ {limit:g}"
    reached = None if limit is None else found.ratio <= limit
    figures = (duration(found.ours), duration(found.peer))
    return Row(what, *figures, ratio=found.ratio, noise=found.noise, target=target, reached=reached)


def duration(seconds: float) -> str:
    """A time as a person writes it: 7.61 ms, 2.4 s."""
    return f"{significant(seconds)} s" if seconds >= 1 else f"{significant(seconds * 1000)} ms"


def significant(number: float, digits: int = 3) -> str:
    """A number with some significant digits and no exponent. A ratio near 1 keeps one more."""
    if digits == 3 and 0.9 < number < 1.1:
        return f"{number:.3f}"
    text = f"{float(f'{number:.{digits}g}'):.6f}".rstrip("0").rstrip(".")
    return text or "0"


def render(section: Section) -> str:
    """A section as Markdown whose source is as pleasant to read as its rendering."""
    head = ["", "netgen", "peer", "ratio", "target", ""]
    lines = [head, *(row.cells for row in section.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:-1]), "-" * widths[-1]]
    table = [_line(head, widths), _line(rule, widths), *(_line(line, widths) for line in lines[1:])]
    return "\n".join([f"## {section.title}", "", section.about, "", *table]) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *middle, last = zip(cells, widths, strict=True)
    figures = [text.rjust(width) for text, width in middle]
    return f"| {' | '.join([first[0].ljust(first[1]), *figures, last[0].ljust(last[1])])} |"


def document(sections: Iterable[Section]) -> str:
    """The file of results."""
    return "\n".join([HEAD, machine(), *(render(section) for section in sections)])


HEAD = """\
# Benchmarks

Written by `python -m benchmarks`. A ratio is netgen's figure divided by its peer's; the two were measured in turns, and
what is given is the median of the pairs with half of its 95 % confidence interval. Processes are measured in time that
passes, what computes in one thread in processor time, which is the same on a machine that does nothing else.
"""


def machine() -> str:
    """What the figures depend on, and nothing that identifies the machine."""
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    date = datetime.datetime.now(tz=datetime.UTC).date()
    return f"{_cpu()}, {os.cpu_count()} cores, {platform.system()}. {python}, {versions}. {date}.\n"


def _version(package: str) -> str:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
