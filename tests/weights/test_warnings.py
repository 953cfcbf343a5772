"""What is worth a word although weights can be used."""

from __future__ import annotations

import pytest
import torch

import netgen
from netgen.weights import check_finite

SMALL_TEXT = "net A() {\n    data = input(1, 3, 8, 8)\n    conv1 = conv(data, 4, 3)\n}\n"
SMALL = netgen.compile(SMALL_TEXT)


def test_what_is_left_over_is_told() -> None:
    state = {"conv1.weight": torch.zeros(4, 3, 3, 3), "conv1.bias": torch.zeros(4), "head.weight": torch.zeros(9, 4)}
    [warning] = SMALL.load_weights(state).warnings()
    assert (warning.code, warning.severity) == ("NG609", "warning")
    assert "head.weight" in warning.label


def test_what_is_missing_is_told_where_that_was_allowed() -> None:
    [warning] = SMALL.load_weights({"conv1.weight": torch.zeros(4, 3, 3, 3)}, partial=True).warnings()
    assert (warning.code, warning.label) == ("NG609", "1 array of the net not in it: conv1.bias")


def test_what_is_not_finite_is_named() -> None:
    bad = torch.zeros(4, 3, 3, 3)
    bad[1, 2, 0, 1], bad[3, 0, 0, 0] = float("nan"), float("inf")
    net = netgen.compile(SMALL_TEXT)
    net.load_weights({"conv1.weight": bad, "conv1.bias": torch.tensor([0, 0, 0, -torch.inf])})
    assert net.weights is not None
    with pytest.raises(netgen.NetgenError) as raised:
        check_finite(net.weights)
    assert str(raised.value) == (
        "error[NG610]: weights that are not finite\n"
        "  = layer `conv1`: weight (4x3x3x3): 2 of 108 numbers are not finite, the first is NaN at [1, 2, 0, 1]\n"
        "  = note: layer `conv1`: bias (4): 1 of 4 numbers is not finite, the first is infinite at [3]\n"
        "  = hint: training diverged, or the file was written wrongly: go back to an earlier checkpoint"
    )


def test_finite_weights_pass() -> None:
    net = netgen.compile(SMALL_TEXT)
    net.load_weights({"conv1.weight": torch.zeros(4, 3, 3, 3), "conv1.bias": torch.ones(4)})
    assert net.weights is not None
    check_finite(net.weights)
