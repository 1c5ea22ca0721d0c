"""An engine for the tests of a module, a pool of its own in it for each test, and three servers that tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from geartrain.pool.address import Address, address_of
from tests.pool.peers import Peers
from tests.server.links import Link
from tests.support.engines import EngineSet, standalone
from tests.support.pools import Pool, pool

NUMBERS = count(1)
FOLDER = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """With TRIALS=later another run has the trials: they need a machine that does nothing else (`make trials`)."""
    later = os.environ.get("TRIALS") == "later" and collection_path.name in (
        "test_failover.py",
        "test_networks.py",
        "test_servers.py",
    )
    return True if later else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Here connections are cut while they are made: asyncio leaves such sockets to the garbage collector."""
    unclosed = pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(unclosed)


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """Such sockets are gone when the tests of a module have ended."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineSet]:
    """One process, empty when the module's tests begin."""
    with standalone() as alone:
        yield alone


@pytest.fixture
def address(engine: EngineSet) -> Address:
    """A pool in it that nobody has used."""
    return address_of(f"{engine.url}?namespace=pool-{next(NUMBERS)}")


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[EngineSet]:
    """One process, for the pool that tests share."""
    with standalone() as alone:
        yield alone


@pytest.fixture(scope="session")
def shared_pool(shared_engine: EngineSet) -> Iterator[Pool]:
    """Three servers that all live on when a test ends; each test keeps to function names of its own."""
    with pool(shared_engine.url, 3) as members:
        yield members


@pytest.fixture
def peers(shared_pool: Pool) -> Iterator[Peers]:
    """Connections to the servers of the shared pool, that end with the test."""
    with ExitStack() as links:
        yield Peers(shared_pool, lambda server: links.enter_context(Link(server.connect())))
