"""Compiles one program and prints, as JSON, its layers, the seconds it took and the most megabytes in use.

``growth`` runs it in a process of its own: ``python compile_once.py FILE METHOD``.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import netgen

STATUS = Path("/proc/self/status")


def main(path: str, method: str) -> None:
    start = time.process_time()
    net = netgen.compile(path)
    getattr(net, method)()
    seconds = time.process_time() - start
    print(json.dumps([len(net.layers), seconds, megabytes()]))


def megabytes() -> float:
    """The peak of this process. Linux's ``getrusage`` begins with the peak of the parent, so it is asked second."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
