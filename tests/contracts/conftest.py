"""Every scenario runs over both shells, and against ours, one of a pool, one with TLS, and the C gearmand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.contracts.shells import AsyncShell, BlockingShell, Shell
from tests.support.members import follower
from tests.support.processes import ServerProgram, gearmand, geartrain_server
from tests.support.tls import TlsProgram, trusting

OURS: dict[str, Callable[[], AbstractContextManager[ServerProgram]]] = {
    "geartrain": geartrain_server,
    "pool": follower,
    "tls": TlsProgram,
}
SERVERS = {**OURS, "gearmand": gearmand}
SHELLS: dict[str, Callable[[], Shell]] = {"sync": BlockingShell, "aio": AsyncShell}


@pytest.fixture(scope="session", autouse=True)
def trust_in_the_servers_certificate() -> Iterator[None]:
    """Have the libraries trust it as they trust what the system trusts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", trusting().ca)
        yield


@pytest.fixture(scope="session", params=SERVERS)
def job_server(request: pytest.FixtureRequest) -> Iterator[ServerProgram]:
    """A running server, the same for all tests: each uses a function of its own."""
    with SERVERS[request.param]() as program:
        yield program


@pytest.fixture(scope="session", params=OURS)
def our_server(request: pytest.FixtureRequest) -> Iterator[ServerProgram]:
    """A running server of ours, for what gearmand does not have."""
    with OURS[request.param]() as program:
        yield program


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Iterator[Shell]:
    """The library under test."""
    opened = SHELLS[request.param]()
    yield opened
    opened.close()


@pytest.fixture
def function(request: pytest.FixtureRequest) -> str:
    """A function's name that no other test uses."""
    return str(request.node.name)


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A unique that no other test uses, short enough for any server."""
    return f"u{abs(hash(request.node.name)):x}"
