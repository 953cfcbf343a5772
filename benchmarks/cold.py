"""Cold start: a whole ``netgen build`` as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import QUICK, Effort, compare, process
from benchmarks.table import Row, Section, compared

ROOT = Path(__file__).parents[1]
PROGRAM = str(ROOT / "examples" / "peleenet.net")
PEER = str(ROOT / "benchmarks" / "peers" / "peleenet_fstrings.py")

LIMIT = 250 / 14
"""The goal: 250 ms where a bare Python takes 14."""

UNWANTED = ("torch", "onnx", "numpy", "lark", "google")

RUN = "from netgen.cli import main; raise SystemExit(main())"
LOADED = f"""
import sys
try:
    {RUN}
finally:
    print(*(name for name in {UNWANTED!r} if name in sys.modules), file=sys.stderr)
"""


def run(quick: bool = False) -> Section:
    effort = QUICK if quick else Effort(precision=0.01, seconds=60, fewest=25)
    build = process(*command(), "build", PROGRAM, "--target", "prototxt")
    bare = compare(build, process(sys.executable, "-c", "pass"), effort)
    strings = compare(build, process(sys.executable, PEER), effort)
    unwanted = loaded()
    return Section(
        "Cold start",
        "`netgen build examples/peleenet.net --target prototxt`, from the start of the process to its end.",
        [
            compared("against `python -c pass`", bare, LIMIT, "≤ 17.9 (250 ms : 14 ms)"),
            compared("against a script that prints the same with f-strings", strings),
            Row(f"loads any of {', '.join(UNWANTED)}", unwanted or "none", target="none", reached=not unwanted),
        ],
    )


def command() -> list[str]:
    """The ``netgen`` command of this Python, as it is installed."""
    script = Path(sys.executable).with_name("netgen")
    return [str(script)] if script.exists() else [sys.executable, "-c", RUN]


def loaded() -> str:
    """The unwanted packages that a build of a prototxt loads."""
    build = [sys.executable, "-c", LOADED, "build", PROGRAM, "--target", "prototxt"]
    return subprocess.run(build, check=True, capture_output=True, text=True).stderr.strip()
