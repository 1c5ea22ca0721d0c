"""An engine for the tests of a module, and a pool of its own in it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from geartrain.pool.address import Address, address_of
from tests.support.engines import EngineSet, standalone

NUMBERS = count(1)


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineSet]:
    """One process, empty when the module's tests begin."""
    with standalone() as alone:
        yield alone


@pytest.fixture
def address(engine: EngineSet) -> Address:
    """A pool in it that nobody has used."""
    return address_of(f"{engine.url}?namespace=pool-{next(NUMBERS)}")
