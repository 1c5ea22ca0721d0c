"""Every test in memory is done against one broker, and against a server of a pool, but for what differs by design."""

from __future__ import annotations

import pytest

from tests.broker.ways import ALONE, BUILDS, ways_of
from tests.wire import MemoryServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("way", ways_of(metafunc.definition), indirect=True)


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the servers of a test are."""
    monkeypatch.setattr(MemoryServer, "build", BUILDS[getattr(request, "param", ALONE)])
