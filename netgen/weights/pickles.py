"""Looking at pickles without reading them: which functions and classes they would call."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from itertools import islice
from typing import IO
from zipfile import ZipFile

_MOST_STEPS = 1_000_000
_PICKLES = 4
"""How many stand one behind the other in a file from before PyTorch 1.6: two numbers, the system, the object."""
_PLAIN = (
    "torch",
    "torch._utils",
    "torch._tensor",
    "torch.storage",
    "torch.nn.parameter",
    "collections",
    "torch.serialization",
)
"""The modules whose names are in any state_dict."""


def code_in(path: str, is_archive: bool) -> str:
    """The first function or class that is none of PyTorch's own for tensors; empty if there is none."""
    try:
        if not is_archive:
            with open(path, "rb") as file:
                return next(_strange(file), "")
        with ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if each.rpartition("/")[2] == "data.pkl")
            with archive.open(name) as member:
                return next(_strange(member), "")
    except Exception:  # it is broken besides
        return ""


def _strange(file: IO[bytes]) -> Iterator[str]:
    for _ in range(_PICKLES):
        strings: list[str] = []
        for opcode, argument, _ in islice(pickletools.genops(file), _MOST_STEPS):
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
            elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                module, name = strings[-2:]
            else:
                if isinstance(argument, str):
                    strings.append(argument)
                continue
            if module not in _PLAIN:
                yield f"{module}.{name}"
