"""Files as memory: mapped, not read, so that only what is looked at takes up room."""

from __future__ import annotations

import os
import stat
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from typing import TYPE_CHECKING, Any

from netgen.formats.files import not_read
from netgen.weights.faults import foreign

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".caffemodel", ".pth", ".pt", ".safetensors")
"""How the names of files of weights end."""


def map_file(path: str) -> mmap:
    """A file as memory that cannot be written to; raises ``NetgenError`` where there is none, or it is empty."""
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise foreign(path, "it is not a regular file", "weights cannot be read from a pipe: save them first")
            if state.st_size == 0:
                raise foreign(path, "it is empty")
            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:
        raise not_read(path, SUFFIXES, error) from None


def forget(array: np.ndarray[Any, Any]) -> None:
    """Give back what an array in a mapped file takes up, as nobody has written to it: whoever looks reads it again."""
    import ctypes
    import mmap as system

    if array.ndim != 1 or not array.size or not hasattr(system, "MADV_DONTNEED"):  # not on every system
        return
    address = array.__array_interface__["data"][0]
    start = -(-address // ALLOCATIONGRANULARITY) * ALLOCATIONGRANULARITY
    end = (address + array.size * array.strides[0]) // ALLOCATIONGRANULARITY * ALLOCATIONGRANULARITY
    if end > start:
        libc = ctypes.CDLL(None)
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), ctypes.c_int(system.MADV_DONTNEED))
