"""One server and one worker for all tests of the command line; each test has functions of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.program import Shop
from tests.support.machine import wait_until
from tests.support.processes import gearmand, geartrain_server

# Answers with what it read, in capitals; fails on what contains "bad".
CAPITALS = "read -r text; echo $text | tr a-z A-Z; case $text in *bad*) exit 7; esac"


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """Our server, with a worker that does ``capitals``."""
    with geartrain_server() as server:
        shop = Shop(server)
        with shop.worker("-f", "capitals", "--", "sh", "-c", CAPITALS):
            wait_until(lambda: "capitals" in server.ask("status"), "the worker is connected")
            yield shop


@pytest.fixture(scope="session")
def c_shop() -> Iterator[Shop]:
    """A C gearmand, with the same worker."""
    with gearmand() as server:
        shop = Shop(server)
        with shop.worker("-f", "capitals", "--", "sh", "-c", CAPITALS):
            wait_until(lambda: "capitals" in server.ask("status"), "the worker is connected")
            yield shop
