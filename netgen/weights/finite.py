"""Weights that are no numbers: NaN and infinity, which spoil whatever they reach."""

from __future__ import annotations

from netgen.diag import Diagnostic, NetgenError, Note
from netgen.weights.entry import Entry
from netgen.weights.faults import number, shape_text
from netgen.weights.weights import Weights

_MOST = 12
"""How many arrays an error names."""


def check_finite(weights: Weights) -> None:
    """Raise one ``NetgenError`` that names the layers whose arrays hold NaN or infinity."""
    strange = [
        f"layer `{node}`: {param} {said}" for (node, param), entry in weights.entries.items() if (said := _say(entry))
    ]
    if not strange:
        return
    lines = strange[:_MOST]
    if len(strange) > _MOST:
        lines.append(f"… and {len(strange) - _MOST:,} more arrays")
    hint = "training diverged, or the file was written wrongly: go back to an earlier checkpoint"
    first, *others = lines
    notes = [Note(line) for line in others]
    raise NetgenError([Diagnostic("NG610", "weights that are not finite", label=first, notes=notes, hint=hint)])


def _say(entry: Entry) -> str:
    """What is wrong with an array, or nothing."""
    import numpy as np

    count, first, place, at = 0, 0.0, 0, 0
    for piece in entry.pieces():
        wrong = np.flatnonzero(~np.isfinite(piece))
        if wrong.size and not count:
            first, place = float(piece[wrong[0]]), at + int(wrong[0])
        count += wrong.size
        at += piece.size
    if not count:
        return ""
    index = ", ".join(map(str, np.unravel_index(place, entry.shape)))
    what = "NaN" if np.isnan(first) else "infinite"
    which = f"{number(count)} of {number(entry.count)} numbers {'is' if count == 1 else 'are'} not finite"
    return f"({shape_text(entry.shape)}): {which}, the first is {what}{f' at [{index}]' if index else ''}"
