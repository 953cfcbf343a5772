"""Weights out into files: written beside their place, array by array, and moved there when they are whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from netgen.ir.slots import Key, LayerSlots
from netgen.weights.caffemodel_writer import write_caffemodel
from netgen.weights.entry import Entry, constant
from netgen.weights.output import replacing
from netgen.weights.safetensors_file import write_safetensors
from netgen.weights.torch_writer import write_state_dict
from netgen.weights.weights import Weights

METADATA = {"format": "pt"}
"""What other programs expect of safetensors that are meant for PyTorch."""
Path = str | os.PathLike[str]


def save_caffemodel(path: Path, weights: Weights, layers: Sequence[LayerSlots], net: str) -> None:
    """Write a caffemodel. A layer whose arrays are not all there is left out, as Caffe's own loading wants it."""
    known = [(layer, blobs) for layer in layers if (blobs := _blobs(layer, weights)) is not None]
    with replacing(os.fspath(path)) as stream:
        write_caffemodel(stream, net, known, os.fspath(path))


def _blobs(layer: LayerSlots, weights: Weights) -> Sequence[Entry] | None:
    """The blobs of a layer in their order; None where one is missing."""
    if layer.open:
        return weights.carried.get(layer.name, ())
    blobs = []
    for slot in layer.slots:
        if slot.constant is not None:
            blobs.append(constant(slot.param, slot.shape, slot.constant.value))
        elif slot.owner in weights.entries:
            blobs.append(weights.entries[slot.owner].reshaped(slot.stored))
        else:
            return None
    return blobs


def save_state_dict(path: Path, weights: Weights, layers: Sequence[LayerSlots], keys: Mapping[Key, str]) -> None:
    """Write what ``torch.save(module.state_dict(), path)`` writes. ``keys`` are the module's."""
    state = state_of(weights, layers, keys)
    with replacing(os.fspath(path)) as stream:
        write_state_dict(stream, state)


def save_safetensors(
    path: Path,
    weights: Weights,
    layers: Sequence[LayerSlots],
    keys: Mapping[Key, str],
    metadata: Mapping[str, str] = METADATA,
) -> None:
    """Write the same as safetensors."""
    state = state_of(weights, layers, keys)
    with replacing(os.fspath(path)) as stream:
        write_safetensors(stream, state, metadata)


def state_of(weights: Weights, layers: Sequence[LayerSlots], keys: Mapping[Key, str]) -> dict[str, Entry]:
    """The arrays by the keys of a module's state_dict; keys of one array have one entry.

    A single number is a vector of one: PyTorch takes that for a scalar too, and not the other way round.
    """
    owners = {slot.key: slot.owner for layer in layers for slot in layer.slots}
    vectors: dict[Key, Entry] = {}
    state = {}
    for key, name in keys.items():
        owner = owners.get(key, key)
        entry = weights.entries.get(owner)
        if entry is not None:
            state[name] = vectors.setdefault(owner, entry.reshaped(entry.shape or (1,)))
    return state
