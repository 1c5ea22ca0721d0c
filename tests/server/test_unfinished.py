"""Packets and bodies that are not whole share a budget: the largest is refused, and nobody else is."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from geartrain.protocol.commands import ECHO_REQ, ECHO_RES, ERROR
from geartrain.protocol.packet import HEADER, REQUEST
from tests.server.links import Link, links_to
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, geartrain_server

MB = 1_000_000
REASON = b"packets and bodies that are not whole have more than 10000000 bytes, see --max-unfinished"


@pytest.fixture
def http() -> int:
    return free_port()


@pytest.fixture
def program(http: int) -> Iterator[ServerProgram]:
    """A server with a budget of ten megabytes."""
    with geartrain_server("--max-unfinished", str(10 * MB), "--http", f"{HOST}:{http}") as program:
        yield program


def begins(link: Link, whole: int, part: int) -> None:
    """Send the first part of an ECHO_REQ."""
    link.sends(HEADER.pack(REQUEST, ECHO_REQ, whole) + b"e" * part)


def unfinished(program: ServerProgram) -> int:
    """What the server says of it."""
    return int(json.loads(program.ask("stats").splitlines()[0])["unfinished_bytes"])


def test_beyond_the_budget_the_largest_is_refused_and_the_others_end_well(program: ServerProgram) -> None:
    with links_to(program) as connect:
        small, large, last = connect(), connect(), connect()
        begins(small, 4 * MB, 3 * MB)
        begins(large, 8 * MB, 6 * MB)
        begins(last, 5 * MB, 4 * MB)
        assert large.hears() == (ERROR, b"ARGUMENT_TOO_LARGE", REASON)
        for link, size, sent in [(small, 4 * MB, 3 * MB), (last, 5 * MB, 4 * MB)]:
            link.sends(b"e" * (size - sent))
            assert link.hears() == (ECHO_RES, b"e" * size)
        begins(connect(), MB, MB - 1)
        wait_until(lambda: unfinished(program) == MB - 1 + 12, "only the last one waits")


def test_bodies_over_http_count_too(program: ServerProgram, http: int) -> None:
    post = (
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
        b"X-Function: f\r\nContent-Length: 12000000\r\n\r\n"
    )
    with links_to(program) as connect, closing(socket.create_connection((HOST, http), DEADLINE)) as caller:
        begins(connect(), 9 * MB, 8 * MB)
        wait_until(lambda: unfinished(program) > 7 * MB, "the server has looked")
        caller.sendall(post + b"b" * 4 * MB)
        assert caller.recv(65536).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
