"""A runtime that computes another network, or with other weights: what a mistake looks like from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

import netgen
from netgen.emit.torch.live import capture
from netgen.ir.slots import Key
from netgen.verify.inputs import prepare
from netgen.verify.random_weights import random_weights
from netgen.verify.results import Verification
from netgen.verify.run import verify
from netgen.verify.runtime import Runtime, Watcher
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import Torch
from netgen.weights import Weights
from netgen.weights.entry import Entry

Array = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[dict[Key, Array]], object]


def weights_of(arrays: Mapping[Key, Array]) -> Weights:
    """Arrays in memory as weights."""
    return Weights({key: Entry(".".join(key), each.shape, partial(np.asarray, each)) for key, each in arrays.items()})


class Wrong(Runtime):
    """Says that it computes the subject, and computes something else in PyTorch. Layers have the same names."""

    name = "wrong"
    family = "wrong"
    about = "one mistake"
    extra = "verify"

    def __init__(self, program: str, change: Change | None = None) -> None:
        self.program = program
        self.change = change

    def missing(self) -> str | None:
        return None

    def run(self, subject: Subject, inputs: Sequence[Array], watcher: Watcher) -> None:
        arrays = {key: np.array(array) for key, array in subject.arrays.items()}
        if self.change is not None:
            self.change(arrays)
        with Subject(netgen.compile(self.program).graph, weights_of(arrays)) as other:
            made = capture(other.graph, *map(torch.from_numpy, inputs), state=other.state)
        for layer, values in made.items():
            for at, value in enumerate(values if isinstance(values, (tuple, list)) else (values,)):
                watcher.see((layer, at), value.numpy())


def against_wrong(
    program: str, wrong: str | None = None, change: Change | None = None, others: Sequence[Runtime] = ()
) -> Verification:
    """Verify a program against a runtime that computes another one, or with arrays that were changed."""
    graph = netgen.compile(program).graph
    weights = weights_of(random_weights(graph))
    graph, inputs = prepare(graph, {})
    return verify(graph, weights, inputs, [Torch(), Wrong(wrong or program, change), *others])
