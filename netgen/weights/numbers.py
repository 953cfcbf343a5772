"""Numbers as files hold them, and as float32, which is what nets compute with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FLOATS: dict[str, int] = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
"""The kinds that weights can be, with the bytes that one number takes."""

PIECE = 1 << 20
"""How many numbers are converted, or handed on, at a time."""

WRITE = 1 << 16
"""How many bytes are written at a time. New systems cache larger writes in larger pages, whose making takes longer."""


def numpy_type(dtype: str) -> str:
    """How numpy calls what lies in a file. It has no bfloat16: those are the upper halves of float32."""
    return {"float32": "<f4", "float64": "<f8", "float16": "<f2", "bfloat16": "<u2"}[dtype]


def as_float32(stored: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Numbers as float32; those that are so already as they are, bit by bit."""
    import numpy as np

    if dtype == "float32":
        return stored
    if dtype == "bfloat16":
        return (stored.astype("<u4") << 16).view("<f4")
    with np.errstate(over="ignore", invalid="ignore"):
        return stored.astype("<f4")


def pieces(
    stored: np.ndarray[Any, Any], dtype: str, done: Callable[[np.ndarray[Any, Any]], None] | None = None
) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """The numbers in the order of C as flat runs of float32, a piece at a time: no second copy is ever whole.

    ``done`` is told of the stored numbers that are not needed any more.
    """
    import numpy as np

    flat = stored.reshape(-1)  # a view, unless the order is another
    is_copy = not np.may_share_memory(flat, stored)
    for start in range(0, flat.size, PIECE):
        piece = flat[start : start + PIECE]
        yield np.ascontiguousarray(as_float32(piece, dtype))
        if done is not None and not is_copy:
            done(piece)


def write_numbers(stream: IO[bytes], runs: Iterable[np.ndarray[Any, Any]]) -> None:
    """Write flat runs of numbers, as their bytes."""
    for run in runs:
        data = run.view("u1").data
        for start in range(0, len(data), WRITE):
            stream.write(data[start : start + WRITE])
