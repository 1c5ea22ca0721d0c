"""Lists of many rows over sockets: each peer hears the whole of its list, and nobody else waits for it."""

from __future__ import annotations

import socket

import pytest

from geartrain.protocol.commands import ECHO_REQ, ECHO_RES
from geartrain.protocol.packet import request, response
from tests.server.links import LOOPS, Link, links_to, server_on

FUNCTIONS = 20_000
LONG = b"f" * 100


def create_functions(link: Link) -> bytes:
    """Let the server know many functions; what ``status`` answers."""
    names = [b"%05d%b" % (number, LONG) for number in range(FUNCTIONS)]
    for start in range(0, FUNCTIONS, 1000):
        link.sends(b"".join([b"create function " + name + b"\n" for name in names[start : start + 1000]]))
        link.read(len(b"OK\r\n") * 1000)
    return b"".join([name + b"\t0\t0\t0\n" for name in names]) + b".\n"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.one_shard("answers of several shards are put together, in another order")
def test_a_long_list_reaches_each_peer_whole_and_in_its_turn(loop: str) -> None:
    with server_on(loop) as server, links_to(server) as connect:
        first, half_closed, slow, pipelining, other = (connect() for _ in range(5))
        status = create_functions(first)
        slow.sends(b"status\n")
        half_closed.sends(b"status\n" + request(ECHO_REQ, b"x"))
        half_closed.endpoint.shutdown(socket.SHUT_WR)
        pipelining.sends(b"status\nversion\nstatus\n" + request(ECHO_REQ, b"x"))
        assert other.asks(ECHO_REQ, b"y") == (ECHO_RES, b"y")
        echo = response(ECHO_RES, b"x")
        assert half_closed.rest() == status + echo
        heard = pipelining.read(2 * len(status) + len(echo))
        assert heard.startswith(status + b"OK ")
        assert slow.read(len(status)) == status
        assert slow.asks(ECHO_REQ, b"z") == (ECHO_RES, b"z")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.one_shard("answers of several shards are put together, in another order")
def test_lists_that_a_peer_does_not_read_wait_and_are_not_kept_in_memory(loop: str) -> None:
    with server_on(loop, "--max-output", str(1024 * 1024)) as server, links_to(server) as connect:
        first, slow, other = connect(), connect(), connect()
        status = create_functions(first)
        assert len(status) > 2 * 1024 * 1024  # so that whole lists would have the peer cut off
        slow.sends(b"status\n" * 10)
        first.sends(b"status\n" * 3)
        assert first.read(3 * len(status)) == status * 3
        assert other.asks(ECHO_REQ, b"y") == (ECHO_RES, b"y")
        assert slow.read(10 * len(status)) == status * 10
