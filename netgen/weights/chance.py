"""The word that stands for weights by chance, wherever a file of weights may stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netgen.ir.slots import Key
from netgen.weights.entry import Entry
from netgen.weights.faults import fault, foreign
from netgen.weights.report import MATCHED, Report, Row
from netgen.weights.weights import Weights

if TYPE_CHECKING:
    import numpy as np

WORD = "random"


def seed_of(source: object) -> int | None:
    """The seed that ``random`` or ``random:SEED`` says; None for anything else, such as the file ``./random``."""
    if not isinstance(source, str):
        return None
    word, colon, seed = source.partition(":")
    if word != WORD:
        return None
    if not colon:
        return 0
    if not seed.isascii() or not seed.isdecimal() or len(seed) > 18:
        label = f"`{source}` should be {WORD}:SEED, and a seed is a whole number such as 1"
        raise foreign(source, label, f"a file of that name is ./{source}")
    return int(seed)


def by_chance(
    arrays: Mapping[Key, np.ndarray[Any, Any]], source: object, mapping: object = None
) -> tuple[Weights, Report]:
    """Arrays that were made as weights of a net, and a report as of those that were found in a file."""
    if mapping is not None:
        label = "random weights are the net's own, by its own names"
        raise fault("NG605", "bad mapping of weights", str(source), label, "leave the mapping out")
    entries = {key: _entry(key, array) for key, array in arrays.items()}
    rows = [Row(key, entry.shape, MATCHED, entry=entry, how="chance") for key, entry in entries.items()]
    return Weights(entries), Report(str(source), rows, [])


def _entry(key: Key, array: np.ndarray[Any, Any]) -> Entry:
    return Entry(".".join(key), tuple(array.shape), lambda: array, dtype=str(array.dtype))
