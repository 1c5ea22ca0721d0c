"""What is not Gearman: it ends its own connection, with a word where the protocol has one, and nothing else."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    NAMES,
    NOOP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, REQUEST, request, response
from tests.server.links import LOOPS, Connect, Link, links_to, memory_of, pause, server_on
from tests.support.processes import ServerProgram

MIB = 1024 * 1024
TOO_LARGE = 65 * MIB
LIMIT = 64 * MIB + 64 * 1024


def header(command: int, length: int, magic: int = REQUEST) -> bytes:
    return HEADER.pack(magic, command, length)


def refusal_of(command: int, length: int) -> bytes:
    text = f"{NAMES[command]} of {length} bytes is over the limit of {LIMIT}"
    return response(ERROR, b"ARGUMENT_TOO_LARGE", text.encode())


class Canary:
    """A client and a worker that do foreground jobs all the time, and say at the end whether each came back."""

    def __init__(self, client: Link, worker: Link) -> None:
        self.client = client
        self.worker = worker
        self.done = 0
        self.ended = threading.Event()
        self.failure: Exception | None = None
        self.thread = threading.Thread(target=self.sing)

    def sing(self) -> None:
        try:
            self.worker.says(CAN_DO, b"sing")
            while not self.ended.is_set():
                self.do_one(b"%d" % self.done)
                self.done += 1
        except (OSError, AssertionError) as error:
            self.failure = error

    def do_one(self, workload: bytes) -> None:
        handle = self.client.submits(SUBMIT_JOB, b"sing", workload)
        assert self.worker.grabs() == [handle, b"sing", workload]
        self.worker.says(WORK_COMPLETE, handle, workload)
        assert self.client.hears() == (WORK_COMPLETE, handle, workload)


@contextmanager
def canary_in(server: ServerProgram) -> Iterator[Canary]:
    """Show that others are served all the time, and that the server lives afterwards."""
    with links_to(server) as connect:
        canary = Canary(connect(), connect())
        canary.thread.start()
        try:
            yield canary
        finally:
            canary.ended.set()
            canary.thread.join()
        if canary.failure is not None:
            raise canary.failure
        before = canary.done
        canary.do_one(b"afterwards")
        assert before > 0


# One bad peer


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"\0REX" + bytes(8), id="no magic"),
        pytest.param(b"\0\0", id="no beginning of a magic"),
        pytest.param(header(0, 0), id="type 0"),
        pytest.param(header(43, 0), id="type 43"),
        pytest.param(header(0x80000000, 0), id="type 0x80000000"),
        pytest.param(header(0xFFFFFFFF, 0xFFFFFFFF), id="type 0xFFFFFFFF"),
        pytest.param(b"one two three four five six\n", id="six words"),
        pytest.param(b"x" * 8192, id="a line without end"),
    ],
)
def test_a_peer_that_does_not_speak_gearman_hears_what_it_asked_before_and_is_ended(
    connect: Connect, bad: bytes
) -> None:
    link, other = connect(), connect()
    link.sends(request(ECHO_REQ, b"before") + bad)
    assert link.rest() == response(ECHO_RES, b"before")
    other.knows_that_server_has_heard()


@pytest.mark.parametrize("length", [TOO_LARGE, 0xFFFFFFFF])
def test_a_packet_over_the_limit_is_refused_by_name_and_ends_the_connection(
    connect: Connect, length: int
) -> None:
    link = connect()
    link.sends(header(SUBMIT_JOB_BG, length))
    assert link.rest() == refusal_of(SUBMIT_JOB_BG, length)


def test_the_refusal_reaches_a_client_that_sends_all_before_it_reads(connect: Connect) -> None:
    link = connect()
    link.sends(request(SUBMIT_JOB, b"large", b"", bytes(TOO_LARGE)))
    assert link.rest() == refusal_of(SUBMIT_JOB, TOO_LARGE + len(b"large\0\0"))


def test_the_jobs_of_a_worker_that_is_ended_go_to_another_at_once(connect: Connect) -> None:
    client, bad, good = connect(), connect(), connect()
    handle = client.submits(SUBMIT_JOB, b"fragile", b"abc")
    bad.grabs(b"fragile")
    good.sleeps(b"fragile")
    bad.sends(header(0, 0))
    assert good.hears() == (NOOP,)
    assert good.grabs()[0] == handle
    good.says(WORK_COMPLETE, handle, b"cba")
    assert client.hears() == (WORK_COMPLETE, handle, b"cba")


def test_half_a_header_and_then_silence_hurts_nobody(shared_server: ServerProgram, connect: Connect) -> None:
    with canary_in(shared_server):
        for size in range(1, HEADER_SIZE):
            connect().sends(request(CAN_DO, b"half")[:size])
        connect().sends(header(SUBMIT_JOB_BG, 64 * MIB) + b"f\0")
        pause(0.05)


# Many of them


def bad_piece(chance: random.Random) -> bytes:
    """Some bytes that a server should not like, or not yet."""
    noise = chance.randbytes(chance.randrange(1, 300))
    return chance.choice(
        [
            noise,
            b"\0REQ" + noise,
            struct.pack(">4sII", b"\0REQ", chance.getrandbits(32), chance.getrandbits(32)) + noise,
            header(chance.randrange(44), chance.getrandbits(32)) + noise,
            header(chance.randrange(44), len(noise) + chance.randrange(64 * MIB)) + noise,
            header(chance.randrange(44), len(noise)) + noise,
            header(chance.randrange(1, 43), len(noise), 0x00524553) + noise,
            noise.replace(b"\n", b" "),
            b"show " * chance.randrange(9) + b"\n",
        ]
    )


@pytest.mark.parametrize("loop", LOOPS)
def test_two_thousand_bad_peers_are_not_noticed_by_others_nor_in_memory(loop: str) -> None:
    with server_on(loop) as server:
        before = memory_of(server)
        with canary_in(server), links_to(server) as connect:
            send_bad_pieces(connect)
        assert memory_of(server) - before < 32 * MIB
        assert "Traceback" not in server.output()


def send_bad_pieces(connect: Connect) -> None:
    """Let a hundred peers at a time send what is bad; most of them leave at once."""
    chance = random.Random(2000)
    for _ in range(20):
        for link in [connect() for _ in range(100)]:
            with suppress(ConnectionError):  # it may be ended already
                link.sends(b"".join(bad_piece(chance) for _ in range(chance.randrange(1, 5))))
            if chance.random() < 0.9:
                link.leaves()


PIECES = st.one_of(
    st.binary(max_size=64),
    st.builds(
        lambda command, payload: header(command, len(payload)) + payload,
        st.integers(0, 44) | st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=64),
    ),
    st.builds(header, st.integers(0, 44), st.integers(0, 0xFFFFFFFF)),
    st.sampled_from([b"status\n", b"workers\n", b"show jobs\r\n", b"maxqueue a -1\n", b"\n", b"\0", b"\r\n"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=1, max_size=8), cut=st.integers(0, 100))
def test_whatever_a_peer_sends_it_hears_the_end_and_nobody_else_notices(
    shared_server: ServerProgram, pieces: list[bytes], cut: int
) -> None:
    said = b"".join(pieces)
    with Link(shared_server.connect()) as link, suppress(ConnectionError):
        link.sends(said[:cut])
        link.sends(said[cut:])
        link.endpoint.shutdown(socket.SHUT_WR)
        link.rest()
    with Link(shared_server.connect()) as other:
        other.knows_that_server_has_heard()
    assert "Traceback" not in shared_server.output()
