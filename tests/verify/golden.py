"""Golden numbers: what each example makes of seeded weights and inputs, in a small file that people can read.

Of weights and inputs the file has hashes: numbers by chance are the same everywhere (see ``netgen.verify.draw``). Of
what comes out it has the mean, the deviation, the largest number and a sample, or all of it where that is little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from netgen.ir.graph import Graph, Shape
from netgen.ir.text import value_name
from netgen.verify.random_inputs import random_inputs
from netgen.verify.random_weights import fingerprint
from netgen.verify.runtime import ValueKey
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import Torch
from netgen.weights import Weights

Array = np.ndarray[Any, np.dtype[Any]]
Golden = Mapping[str, Any]

SEED = 0
"""Of the weights; the inputs have the next one, so that nothing fits them by design."""
SAMPLE = 64
TOLERANCE = 1e-4
"""Of the largest number of a result: another machine makes sums in another order."""


class Seen:
    """What a network computed: the results, and of each value its shape and its root mean square."""

    def __init__(self, graph: Graph) -> None:
        self.outputs = {(value.node.name, value.index): value_name(value) for value in graph.outputs}
        self.results: dict[str, Array] = {}
        self.shapes: dict[ValueKey, Shape] = {}
        self.sizes: dict[ValueKey, float] = {}

    def wants(self, key: ValueKey) -> bool:
        return True

    def see(self, key: ValueKey, value: Array) -> None:
        self.shapes[key] = value.shape
        self.sizes[key] = float(np.sqrt(np.square(value, dtype=np.float64).mean()))
        if key in self.outputs:
            self.results[self.outputs[key]] = np.array(value)


def run(graph: Graph, weights: Weights, runtime: Torch) -> Seen:
    """What the emitted PyTorch makes of seeded inputs."""
    seen = Seen(graph)
    with Subject(graph, weights) as subject:
        runtime.run(subject, list(random_inputs(graph, SEED + 1).values()), seen)
    return seen


def golden(graph: Graph, settings: Mapping[str, object], weights: Weights, seen: Seen) -> Golden:
    """All that the file of an example has, as it is read again."""
    made = {
        "net": graph.name,
        "settings": settings,
        "seed": SEED,
        "weights": {"arrays": len(weights), "sha256": fingerprint(weights)},
        "inputs": {name: _input(array) for name, array in random_inputs(graph, SEED + 1).items()},
        "outputs": {name: _output(seen.results[name]) for name in seen.outputs.values()},
    }
    read: Golden = json.loads(json.dumps(made))
    return read


def _input(array: Array) -> Golden:
    return {
        "shape": list(array.shape),
        "sha256": sha256(array.astype("<f4").tobytes()).hexdigest(),
        "first": _numbers(array.reshape(-1)[:4]),
    }


def _output(array: Array) -> Golden:
    exact = array.astype(np.float64)
    return {
        "shape": list(array.shape),
        "mean": float(f"{exact.mean():.7g}"),
        "deviation": float(f"{exact.std():.7g}"),
        "largest": float(f"{np.abs(exact).max():.7g}"),
        "sample": _numbers(array.reshape(-1)[_places(array.size)]),
    }


def _places(size: int) -> Sequence[int]:
    """Places all over an array, in no step that is also one of its rows: multiples of the golden ratio."""
    if size <= SAMPLE:
        return range(size)
    return [(at * 0x9E3779B97F4A7C15 % 2**64) * size >> 64 for at in range(SAMPLE)]


def _numbers(array: Array) -> list[float]:
    """Each as the shortest text that is this float32."""
    return [float(str(number)) for number in array.astype(np.float32)]


# --- comparing ------------------------------------------------------------------------------------


def differences(kept: Golden, made: Golden) -> list[str]:
    """In what two are not the same, in words: outputs to rounding, all else exactly."""
    found = [
        f"{name}: {kept[name]} has become {made[name]}" for name in kept if kept[name] != made[name] and name != _OUT
    ]
    for name, old in kept[_OUT].items():
        new = made[_OUT].get(name)
        if new is None or old["shape"] != new["shape"]:
            found.append(f"output {name}: {old['shape']} has become {new and new['shape']}")
            continue
        for what in ("mean", "deviation", "largest", "sample"):
            gap = float(np.abs(np.subtract(old[what], new[what])).max())
            if not gap <= TOLERANCE * old["largest"]:
                found.append(f"output {name}: {what} is off by {gap / old['largest']:.2g} of its largest number")
    return found


_OUT = "outputs"


# --- the file -------------------------------------------------------------------------------------


def text(made: Golden) -> str:
    """JSON with a line for each thing that one looks at."""
    lines = []
    for name, value in made.items():
        if name in ("inputs", _OUT):
            inner = [f"    {json.dumps(key)}: {_block(each)}" for key, each in value.items()]
            lines.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(inner) + "\n  }")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _block(facts: Golden) -> str:
    return (
        "{\n" + ",\n".join(f"      {json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items()) + "\n    }"
    )
