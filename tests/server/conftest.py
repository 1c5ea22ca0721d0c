"""Servers that the tests of a module share, on each of the two event loops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.links import LOOPS, Connect, links_to, server_on
from tests.support.processes import ServerProgram


@pytest.fixture(scope="module", params=LOOPS)
def shared_server(request: pytest.FixtureRequest) -> Iterator[ServerProgram]:
    """Our server, for tests that leave nothing behind in it."""
    with server_on(request.param) as program:
        yield program


@pytest.fixture
def connect(shared_server: ServerProgram) -> Iterator[Connect]:
    """Connections to the shared server that end with the test."""
    with links_to(shared_server) as link:
        yield link
