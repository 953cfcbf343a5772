"""Why a layer computes something else: what runtimes are known to get wrong, each tried on the numbers at hand.

A cause is a set of trials. A trial computes the layer again, from the very numbers that the runtime fed it, as somebody
would who has made one certain mistake. If that gives the runtime's own result, the mistake has been found: it is named
because it reproduces the numbers, not because it is likely. To add one is to add an entry to ``CAUSES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from netgen.verify.fits import batch_norm_fits, fitted_arguments
from netgen.verify.suspect import Suspect, Trial
from netgen.verify.trials import (
    another_layers_weights,
    another_operator,
    arguments,
    bias_left_out,
    border_counts,
    channels_last,
    channels_reversed,
    corners_of_interp,
    dropout_in_testing,
    eps_inside,
    gate_orders,
    half_precision,
    left_out,
    operands_reversed,
    region_of_lrn,
    slope_of_first_channel,
    smallest_of_ties,
    statistics_elsewhere,
    weights_turned,
)


class Cause(NamedTuple):
    """A kind of mistake: the operators that it concerns (all, where there are none), and how to make it."""

    kind: str
    operators: frozenset[str]
    trials: Callable[[Suspect], Iterator[Trial]]


def _cause(kind: str, operators: str, trials: Callable[[Suspect], Iterator[Trial]]) -> Cause:
    return Cause(kind, frozenset(operators.split()), trials)


CAUSES: tuple[Cause, ...] = (
    _cause("argument", "", arguments),
    _cause("LRN's window", "lrn", region_of_lrn),
    _cause("BatchNorm factor or eps", "batch_norm", batch_norm_fits),
    _cause("BatchNorm statistics", "batch_norm", statistics_elsewhere),
    _cause("eps", "mvn", eps_inside),
    _cause("what an average is divided by", "avg_pool", border_counts),
    _cause("gate order", "lstm lstm_unit", gate_orders),
    _cause("channel order", "", channels_reversed),
    _cause("layout of weights", "conv deconv linear embed local_conv", weights_turned),
    _cause("layout of values", "linear flatten reshape", channels_last),
    _cause("corners", "interp", corners_of_interp),
    _cause("PReLU's slopes", "prelu", slope_of_first_channel),
    _cause("ties", "argmax", smallest_of_ties),
    _cause("training mode", "dropout spatial_dropout", dropout_in_testing),
    _cause("bias", "", bias_left_out),
    _cause("order of inputs", "", operands_reversed),
    _cause("another operator", "", another_operator),
    _cause("layer left out", "", left_out),
    _cause("weights of another layer", "", another_layers_weights),
    _cause("argument", "", fitted_arguments),
    _cause("precision", "conv deconv linear lstm rnn", half_precision),
)
"""In the order in which they are tried; the first that reproduces the numbers is named."""


def trials_of(suspect: Suspect) -> Iterator[tuple[str, Trial]]:
    """All that may be wrong with a layer, and of what kind it is."""
    for cause in CAUSES:
        if not cause.operators or suspect.node.op.name in cause.operators:
            for trial in cause.trials(suspect):
                yield trial.kind or cause.kind, trial
