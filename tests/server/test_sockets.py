"""Bytes over real sockets: however they are cut, mixed or cut off."""

from __future__ import annotations

import fcntl
import random
import socket
import struct
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request, response
from geartrain.version import __version__
from tests.server.links import (
    LOOPS,
    Connect,
    Link,
    held,
    links_to,
    pause,
    queue_of,
    server_on,
    ticks_of,
)
from tests.support.machine import HOST, wait_until
from tests.support.processes import ServerProgram

MIB = 1024 * 1024
VERSION = f"OK {__version__}\n".encode()
DATA_SEGMENTS_IN = 152  # where Linux' struct tcp_info has tcpi_data_segs_in


def segments_received(link: Link) -> int:
    """How many segments with data the connection has received."""
    known: bytes = link.endpoint.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    segments: int = struct.unpack_from("I", known, DATA_SEGMENTS_IN)[0]
    return segments


def unacknowledged(link: Link) -> int:
    """How many bytes the server's system has not received yet."""
    answer = fcntl.ioctl(link.endpoint, termios.TIOCOUTQ, b"\0" * 4)
    return int.from_bytes(answer, "little")


# Addresses


@pytest.mark.parametrize("loop", LOOPS)
def test_one_server_is_reached_over_ipv4_ipv6_and_a_unix_socket(loop: str, tmp_path: Path) -> None:
    path = str(tmp_path / "gear")
    with server_on(loop, "--listen", "::1", "--listen", f"unix:{path}") as server:
        server.wait_for_output(path)  # the last address on which it listens
        unix = socket.socket(socket.AF_UNIX)
        unix.connect(path)
        with (
            Link(server.connect()) as four,
            Link(socket.create_connection(("::1", server.port))) as six,
            Link(unix) as local,
        ):
            handle = six.submits(SUBMIT_JOB, b"reverse", b"abc")
            assert local.grabs(b"reverse") == [handle, b"reverse", b"abc"]
            local.says(WORK_COMPLETE, handle, b"cba")
            assert six.hears() == (WORK_COMPLETE, handle, b"cba")
            four.sends(b"workers\n")
            hosts = [four.hears_line().split()[1] for _ in range(3)]
            assert sorted(hosts) == [HOST.encode(), b"::1", b"unix"]


# Cuts and mixtures


def test_text_commands_that_come_together_are_answered_in_one_write(connect: Connect) -> None:
    link = connect()
    before = segments_received(link)
    link.sends(b"status\nversion\n")
    answer = b""
    while VERSION not in answer:
        answer += link.endpoint.recv(65536)
    assert answer.endswith(b".\n" + VERSION)
    assert segments_received(link) == before + 1


def test_text_and_binary_may_be_mixed_on_a_connection(connect: Connect) -> None:
    link = connect()
    link.sends(b"version\n" + request(ECHO_REQ, b"between") + b"VERSION\r\n" + request(ECHO_REQ, b""))
    assert link.hears_line() == VERSION
    assert link.hears() == (ECHO_RES, b"between")
    assert link.hears_line() == VERSION
    assert link.hears() == (ECHO_RES,)


def test_a_conversation_byte_by_byte(connect: Connect) -> None:
    link = connect()
    link.endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    said = request(CAN_DO, b"cut") + request(SUBMIT_JOB_BG, b"cut", b"", b"ab\0c") + b"version\n"
    for byte in said + request(GRAB_JOB):
        link.sends(bytes([byte]))
    created, *handle = link.hears()
    assert created == JOB_CREATED
    assert link.hears_line() == VERSION
    assert link.hears() == (JOB_ASSIGN, *handle, b"cut", b"ab\0c")
    link.says(WORK_COMPLETE, *handle, b"")


def test_thousands_of_packets_in_one_piece_are_answered_in_order(connect: Connect) -> None:
    link = connect()
    link.sends(b"".join(request(ECHO_REQ, b"%d" % number) for number in range(5000)))
    for number in range(5000):
        assert link.hears() == (ECHO_RES, b"%d" % number)


def test_64_mib_go_to_the_worker_and_back_unchanged(connect: Connect) -> None:
    client, worker = connect(), connect()
    workload = random.Random(64).randbytes(MIB) * 64
    handle = client.submits(SUBMIT_JOB, b"large", workload)
    worker.says(CAN_DO, b"large")
    assert worker.waits_for_a_job() == [handle, b"large", workload]
    worker.says(WORK_COMPLETE, handle, workload)
    assert client.hears() == (WORK_COMPLETE, handle, workload)


# Leaving


def test_a_peer_that_says_no_more_still_hears_the_answers_to_what_it_said(connect: Connect) -> None:
    link = connect()
    link.sends(request(ECHO_REQ, bytes(8 * MIB)) + b"version\n" + request(GRAB_JOB))
    link.endpoint.shutdown(socket.SHUT_WR)
    assert link.rest() == response(ECHO_RES, bytes(8 * MIB)) + VERSION + response(NO_JOB)


def test_a_peer_whose_last_words_and_end_come_together_is_answered(
    shared_server: ServerProgram, connect: Connect
) -> None:
    link = connect()
    link.knows_that_server_has_heard()
    with held(shared_server):
        link.sends(request(ECHO_REQ, b"adieu"))
        link.endpoint.shutdown(socket.SHUT_WR)
    assert link.rest() == response(ECHO_RES, b"adieu")


def test_a_job_that_was_submitted_by_a_peer_that_left_at_once_runs(connect: Connect) -> None:
    client, worker = connect(), connect()
    client.says(SUBMIT_JOB_BG, b"leave", b"", b"do it")
    client.leaves()
    worker.says(CAN_DO, b"leave")
    wait_until(lambda: worker.asks(GRAB_JOB)[0] == JOB_ASSIGN, "the job is there")


def test_all_that_arrived_counts_though_the_peer_left_without_reading_the_answers(
    shared_server: ServerProgram, connect: Connect
) -> None:
    client = connect()
    job = request(SUBMIT_JOB_BG, b"burst", b"", bytes(8 * 1024))
    client.sends(job * 2000)  # by now TCP lets much of it wait at the server
    sent = len(job) * 2000
    wait_until(lambda: unacknowledged(client) == 0, "everything has arrived")
    with held(shared_server):
        client.endpoint.setblocking(False)
        for _ in range(5):
            with suppress(BlockingIOError):
                while True:
                    sent += client.endpoint.send(job[sent % len(job) :])
            pause(0.02)
        arrived = sent - unacknowledged(client)
        client.leaves()
    expected = arrived // len(job)
    assert expected > 2000
    wait_until(
        lambda: queue_of(shared_server, "burst")[0] >= expected, "the server has read all that arrived"
    )
    assert shared_server.ask("drop function burst") == "OK\r\n"


# Limits on connections


def admitted(connect: Connect) -> Link:
    """A connection that the server has taken; those that have just left may still count for a moment."""
    links: list[Link] = []

    def is_taken() -> bool:
        link = connect()
        with suppress(ConnectionError, AssertionError):
            link.knows_that_server_has_heard()
            links.append(link)
        return bool(links)

    wait_until(is_taken, "the server takes a connection")
    return links[0]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_over_the_limit_is_closed_and_room_is_used_again(loop: str) -> None:
    with server_on(loop, "--max-connections", "2") as server, links_to(server) as connect:
        first, last = admitted(connect), admitted(connect)
        said = server.output().count("turned away")
        for _ in range(5):
            assert connect().rest() == b""
        server.wait_for_output('"connections are turned away" max_connections=2')
        assert server.output().count("turned away") <= said + 1
        first.knows_that_server_has_heard()
        last.leaves()
        admitted(connect).knows_that_server_has_heard()


@pytest.mark.parametrize("loop", LOOPS)
def test_without_descriptors_a_server_rests_and_accepts_again_when_it_has_some(loop: str) -> None:
    with server_on(loop, "--file-descriptors", "40") as server, links_to(server) as connect:
        early = connect()
        early.knows_that_server_has_heard()
        late = [connect() for _ in range(60)]
        server.wait_for_output('error="Too many open files"')
        before = ticks_of(server)
        pause(0.3)
        assert ticks_of(server) - before < 15
        early.knows_that_server_has_heard()
        for link in late[:40]:
            link.leaves()
        late[-1].knows_that_server_has_heard()
        assert server.output().count("Too many open files") < 20
