"""Weights for a net, from a file or from a live module."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from netgen.diag import NetgenError
from netgen.ir.slots import Key, LayerSlots
from netgen.weights.mapping import MappingFile, read_mapping
from netgen.weights.match import match
from netgen.weights.reading import Source, read_weights
from netgen.weights.report import Report
from netgen.weights.weights import Weights


def load_weights(
    source: Source,
    layers: Sequence[LayerSlots],
    keys: Mapping[Key, str],
    *,
    mapping: str | os.PathLike[str] | MappingFile | None = None,
    partial: bool = False,
) -> tuple[Weights, Report]:
    """A net's weights, and how they were found; raises ``NetgenError`` where some are not, unless ``partial``.

    ``layers`` say where the arrays are in a caffemodel, ``keys`` where in the state_dict of the net's own module.
    ``mapping`` is a file, or what was read of one, that says so for files of other programs.
    """
    weights, report = find_weights(source, layers, keys, mapping=mapping)
    if not partial and not report.is_complete:
        raise NetgenError([report.error()])
    return weights, report


def find_weights(
    source: Source,
    layers: Sequence[LayerSlots],
    keys: Mapping[Key, str],
    *,
    mapping: str | os.PathLike[str] | MappingFile | None = None,
) -> tuple[Weights, Report]:
    """The same, whatever is missing: it stands in the report."""
    file = read_weights(source)
    if mapping is not None and not isinstance(mapping, MappingFile):
        mapping = read_mapping(os.fspath(mapping))
    return match(file, layers, keys, mapping)
