"""Random networks and single layers of all operators come back as they were."""

from __future__ import annotations

from random import Random

import pytest
from random_nets import Nets
from there_and_back import there_and_back


@pytest.mark.parametrize("seed", range(120))
def test_random_network_comes_back(seed: int) -> None:
    graph = Nets(Random(seed)).net()
    there_and_back(graph)
