"""Sites that tests share: their functions have names of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.sites import SERVERS, Site, site


@pytest.fixture(scope="session", params=SERVERS)
def everywhere(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site for tests with function names of their own: alone, and in pools that others lead."""
    with site("--exceptions", where=request.param) as running:
        yield running


@pytest.fixture(scope="session")
def alone() -> Iterator[Site]:
    """A site for tests that leave nothing behind in it."""
    with site() as running:
        yield running


@pytest.fixture
def function(request: pytest.FixtureRequest) -> str:
    """A function name that no other test uses."""
    name: str = request.node.name
    return name.translate(str.maketrans("[]", "--"))
