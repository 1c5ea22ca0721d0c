"""pytest's plugin: the fixture ``gearman_pool``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from geartrain.testing.pool import MemoryPool


@pytest.fixture
def gearman_pool() -> Iterator[MemoryPool]:
    """A pool with one server in memory; ``with gearman_pool.bind(app)`` has an app's callers talk to it."""
    with MemoryPool() as pool:
        yield pool
