"""What is worth a word although weights can be used."""

from __future__ import annotations

import torch

import netgen

SMALL = netgen.compile("net A() {\n    data = input(1, 3, 8, 8)\n    conv1 = conv(data, 4, 3)\n}\n")


def test_what_is_left_over_is_told() -> None:
    state = {"conv1.weight": torch.zeros(4, 3, 3, 3), "conv1.bias": torch.zeros(4), "head.weight": torch.zeros(9, 4)}
    [warning] = SMALL.load_weights(state).warnings()
    assert (warning.code, warning.severity) == ("NG609", "warning")
    assert "head.weight" in warning.label


def test_what_is_missing_is_told_where_that_was_allowed() -> None:
    [warning] = SMALL.load_weights({"conv1.weight": torch.zeros(4, 3, 3, 3)}, partial=True).warnings()
    assert (warning.code, warning.label) == ("NG609", "1 array of the net not in it: conv1.bias")
