"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

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
