"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "netgen",
    deadline=None,  # a machine that is slow, or does something else, is no fault
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,  # the same each time: what fails fails for everybody
)
settings.load_profile("netgen")

if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a core: libraries that take them all only wait for each other
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ.setdefault(name, "1")

SHARED = Path(__file__).parents[1] / "../shared"
"""Facts and reference results that lie beside a checkout, not in it."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the repository; tests that need it are skipped in a clone that stands alone."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the examples."""
    return Path(__file__).parents[1] / "examples"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a card where there is none, and say why there is none."""
    if item.get_closest_marker("cuda") is not None:
        from netgen.emit.torch.device import cuda_fault

        if fault := cuda_fault():
            pytest.skip(f"needs a CUDA device: {fault}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the goldens; then read the diff")


@pytest.fixture(scope="session")
def update(request: pytest.FixtureRequest) -> bool:
    """Whether goldens are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: several that wait for each other cost more than small networks do."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
