"""A peer that does not read: its own packets wait, nobody else notices, and there is an end to it."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    ECHO_REQ,
    ECHO_RES,
    GET_STATUS,
    NOOP,
    STATUS_RES,
    SUBMIT_JOB,
    WORK_COMPLETE,
    WORK_DATA,
)
from geartrain.protocol.packet import request
from tests.server.links import LOOPS, Connect, Link, links_to, memory_of, peers_seen_by, server_on
from tests.support.machine import DEADLINE, wait_until

MIB = 1024 * 1024
PIECE = bytes(range(256)) * 256  # 64 KiB


def send_until_refused(link: Link, chunk: bytes) -> int:
    """Send a chunk again and again until the server reads no more; the number of bytes that went."""
    link.endpoint.settimeout(0.3)
    sent = 0
    try:
        while sent < 64 * MIB:
            sent += link.endpoint.send(chunk[sent % len(chunk) :])
    except TimeoutError:
        return sent
    raise AssertionError(f"the server has read {sent} bytes of a peer that reads nothing")


def test_a_peer_that_does_not_read_is_not_read_from_and_hears_everything_when_it_does(
    connect: Connect,
) -> None:
    slow, other = connect(), connect()
    echo = request(ECHO_REQ, PIECE)
    sent = send_until_refused(slow, echo)
    other.knows_that_server_has_heard()
    slow.endpoint.settimeout(DEADLINE)
    for _ in range(sent // len(echo)):
        assert slow.hears() == (ECHO_RES, PIECE)


def start_flood(slow: Link, source: Link) -> bytes:
    """A foreground job whose worker will send much to a client; its handle."""
    handle = slow.submits(SUBMIT_JOB, b"flood")
    assert source.grabs(b"flood")[0] == handle
    return handle


@pytest.mark.parametrize("loop", LOOPS)
def test_what_others_send_to_a_peer_that_does_not_read_waits_in_bounded_memory(loop: str) -> None:
    with server_on(loop) as server, links_to(server) as connect:
        slow, source, client, worker = connect(), connect(), connect(), connect()
        handle = start_flood(slow, source)
        before = memory_of(server)
        for _ in range(20):
            for _ in range(16):
                source.says(WORK_DATA, handle, PIECE)
            other = client.submits(SUBMIT_JOB, b"other")
            assert worker.grabs(b"other")[0] == other
            worker.says(WORK_COMPLETE, other, b"served")
            assert client.hears() == (WORK_COMPLETE, other, b"served")
        source.says(WORK_COMPLETE, handle, b"")
        source.knows_that_server_has_heard()
        assert memory_of(server) - before < 60 * MIB
        for _ in range(20 * 16):
            assert slow.hears() == (WORK_DATA, handle, PIECE)
        assert slow.hears() == (WORK_COMPLETE, handle, b"")


@pytest.mark.parametrize("loop", LOOPS)
def test_past_the_limit_it_is_cut_off_and_its_jobs_go_to_another_worker(loop: str) -> None:
    with server_on(loop, "--max-output", str(MIB)) as server, links_to(server) as connect:
        slow, source, client, other = connect(), connect(), connect(), connect()
        precious = client.submits(SUBMIT_JOB, b"precious", b"abc")
        assert slow.grabs(b"precious")[0] == precious
        handle = start_flood(slow, source)
        other.sleeps(b"precious")
        before = memory_of(server)
        for _ in range(50):
            for _ in range(16):
                source.says(WORK_DATA, handle, PIECE)
            assert source.asks(GET_STATUS, handle)[0] == STATUS_RES  # no more is on its way
        assert other.hears() == (NOOP,)
        assert other.grabs() == [precious, b"precious", b"abc"]
        other.says(WORK_COMPLETE, precious, b"cba")
        assert client.hears() == (WORK_COMPLETE, precious, b"cba")
        assert memory_of(server) - before < 30 * MIB
        server.wait_for_output('"peer cut off, as it reads too slowly" host=127.0.0.1')


@pytest.mark.parametrize("loop", LOOPS)
def test_a_peer_that_reads_slowly_but_reads_is_not_cut_off(loop: str) -> None:
    with server_on(loop, "--max-output", str(MIB)) as server, links_to(server) as connect:
        slow, source = connect(), connect()
        handle = start_flood(slow, source)
        for _ in range(100):
            source.says(WORK_DATA, handle, PIECE * 8)
            assert slow.hears() == (WORK_DATA, handle, PIECE * 8)
        source.says(WORK_COMPLETE, handle, b"")
        assert slow.hears() == (WORK_COMPLETE, handle, b"")


def test_a_peer_that_goes_away_with_much_unread_leaves_nothing_behind(connect: Connect) -> None:
    slow, source, other = connect(), connect(), connect()
    handle = start_flood(slow, source)
    for _ in range(10 * 16):
        source.says(WORK_DATA, handle, PIECE)
    source.knows_that_server_has_heard()
    slow.leaves()
    source.says(WORK_COMPLETE, handle, b"")
    wait_until(lambda: peers_seen_by(other) == 2, "the server has noticed that the peer is gone")
