"""A net in every runtime, and how they compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from netgen.api.net import Net
from netgen.diag import NetgenError
from netgen.ir.text import shape_text, value_name
from netgen.passes.resize import with_inputs
from netgen.verify.before import Before
from netgen.verify.choice import choose
from netgen.verify.inputs import for_shapes, prepare
from netgen.verify.results import Verification
from netgen.verify.run import verify
from netgen.weights import Weights
from netgen.weights.finite import check_finite

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class VerifyOptions(TypedDict, total=False):
    """What ``Net.verify`` can be told.

    ``against`` are runtimes, or families of them (default: all that are here), ``reference`` the one that the others
    are compared with. ``device`` is ``"cpu"`` or ``"cuda"``. ``batch`` and ``shapes`` are for other inputs than the
    net's own, ``seed`` is of what is by chance. With ``allow_known``, known faults of runtimes count as agreement.
    """

    against: Sequence[str]
    reference: str | None
    device: str | None
    batch: int | None
    shapes: Mapping[str, Sequence[int]]
    seed: int
    allow_known: bool


def verified(
    net: Net,
    inputs: Mapping[str, Array] | None = None,
    *,
    against: Sequence[str] = (),
    reference: str | None = None,
    device: str | None = None,
    batch: int | None = None,
    seed: int = 0,
    allow_known: bool = False,
    shapes: Mapping[str, Sequence[int]] | None = None,
    before: Net | None = None,
    weights_from: str = "",
    progress: Callable[[str], None] = lambda said: None,
) -> Verification:
    """Run a net in the runtimes that are asked for, or in all that are here, and compare all values.

    ``VerifyOptions`` says what can be told. ``before`` is the net before passes changed it, whose outputs have to be
    the same. ``weights_from`` says where the weights come from, for the report.
    """
    if net.problems:
        raise NetgenError(net.problems)
    chosen = choose(against.split(",") if isinstance(against, str) else against, reference, device)
    progress("preparing the weights")
    weights = _weights(net, seed)
    graph = for_shapes(net.graph, {name: tuple(shape) for name, shape in shapes.items()}) if shapes else net.graph
    graph, arrays = prepare(graph, inputs or {}, batch=batch, seed=seed)
    part = list(chosen.taking_part)
    if before is not None and part:
        taken = {value_name(old): new.shape for old, new in zip(before.graph.inputs, graph.inputs, strict=True)}
        part.append(Before(part[0], with_inputs(before.graph, taken), _weights(before, seed)))
    found = verify(graph, weights, arrays, part, progress=progress)
    for row in found.rows:
        row.asked = row.name in chosen.asked
    found.rows += chosen.others
    found.allow_known = allow_known
    chance = f"random (seed {seed})"
    found.about = _about(
        found, inputs or {}, seed, weights_from or (chance if net.weights is None else "the net's own")
    )
    return found


def _weights(net: Net, seed: int) -> Weights:
    """The net's weights, all of them numbers; some by chance, where it has none."""
    if net.weights is None:
        return net.match_weights(f"random:{seed}")[0]
    check_finite(net.weights)
    return net.weights


def _about(found: Verification, inputs: Mapping[str, Array], seed: int, weights: str) -> list[str]:
    """What goes in and what the weights are, in a line each."""
    said = [
        f"{value_name(value)} {shape_text(value.shape)}{'' if value_name(value) in inputs else ' random'}"
        for value in found.graph.inputs
    ]
    seeded = f" (seed {seed})" if len(inputs) < len(found.graph.inputs) else ""
    lines = [f"inputs:  {', '.join(said)}{seeded}"] if said else []
    if found.graph.nodes and any(node.params for node in found.graph.nodes):
        lines.append(f"weights: {weights}")
    return lines
