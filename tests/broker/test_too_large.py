"""What a worker says of a job is over the limit: the job fails once, and the worker goes on."""

from __future__ import annotations

import pytest

from geartrain.broker.refusals import JOB_NOT_FOUND, NO_SUCH_RESULT
from geartrain.broker.rules import Rules
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GRAB_JOB,
    JOB_ASSIGN,
    NAMES,
    NO_JOB,
    OPTION_REQ,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_WARNING,
)
from geartrain.protocol.packet import HEADER, PAYLOAD_LIMIT, REQUEST, request
from tests.wire import MemoryServer, Packet, Peer

HANDLE = b"H:test:1"
EXCESS = 1000
LENGTH = PAYLOAD_LIMIT + EXCESS
PIECE = b"x" * (16 << 20)

pytestmark = pytest.mark.one_shard("the numbers of handles are not changed in packets that come in pieces")


def reason(command: int) -> bytes:
    return f"{NAMES[command]} of {LENGTH} bytes is over the limit of {PAYLOAD_LIMIT}".encode()


def says_too_much(worker: Peer, command: int, handle: bytes = HANDLE, *after: bytes) -> list[Packet]:
    """Send a packet that is too large, piece by piece, and packets behind it in its last piece; what comes back."""
    beginning = HEADER.pack(REQUEST, command, LENGTH) + handle + b"\0"
    worker.receive(beginning[:5])
    worker.receive(beginning[5:] + b"x" * EXCESS)
    left = LENGTH - len(handle) - 1 - EXCESS
    while left > len(PIECE):
        worker.receive(PIECE)
        left -= len(PIECE)
    worker.sends(b"x" * left + b"".join(after))
    return worker.heard()


def waiting(server: MemoryServer) -> Peer:
    """A client that waits for a job of "f", and hears of exceptions."""
    client = server.connect()
    client.says(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"a")
    return client


@pytest.mark.parametrize("command", [WORK_COMPLETE, WORK_WARNING], ids=NAMES.get)
def test_whatever_a_worker_says_of_its_job_that_is_too_large_fails_the_job(command: int) -> None:
    server = MemoryServer()
    client, worker = waiting(server), server.running(b"f")
    heard = says_too_much(worker, command, HANDLE, request(ECHO_REQ, b"next"), request(GRAB_JOB))
    assert heard == [(ECHO_RES, b"next"), (NO_JOB,)]
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, reason(command))]
    assert not server.broker.jobs


def test_clients_that_did_not_ask_for_exceptions_hear_that_it_failed() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"a")
    says_too_much(server.running(b"f"), WORK_COMPLETE)
    assert client.heard() == [(WORK_FAIL, HANDLE)]


def test_a_background_job_is_a_dead_letter_with_the_size_and_the_limit() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"a")
    says_too_much(server.running(b"f"), WORK_COMPLETE)
    (letter,) = client.lists(b"dead f")
    assert (letter["reason"], letter["error"]) == ("exception", reason(WORK_COMPLETE).decode())


def test_where_a_policy_wants_no_dead_letters_there_is_none() -> None:
    server = MemoryServer()
    server.sets_policy("f", dead_letter=False)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"a")
    says_too_much(server.running(b"f"), WORK_COMPLETE)
    assert client.lists(b"dead") == []
    assert not server.broker.jobs


def test_a_policy_that_runs_exceptions_again_does_so() -> None:
    server = MemoryServer()
    server.sets_policy("f", retry={"attempts": 2, "on": ["exception"], "foreground": True})
    client = waiting(server)
    worker = server.running(b"f")
    assert says_too_much(worker, WORK_COMPLETE, HANDLE, request(GRAB_JOB)) == [
        (JOB_ASSIGN, HANDLE, b"f", b"a")
    ]
    assert client.heard() == []
    says_too_much(worker, WORK_COMPLETE)
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, reason(WORK_COMPLETE))]


def test_after_a_chunk_that_is_too_large_the_result_is_ignored() -> None:
    server = MemoryServer()
    client, worker = waiting(server), server.running(b"f")
    assert says_too_much(worker, WORK_DATA, HANDLE, request(WORK_COMPLETE, HANDLE, b"rest")) == []
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, reason(WORK_DATA))]


@pytest.mark.parametrize("handle", [HANDLE, b"x" * 500])
def test_a_worker_that_does_not_have_the_job_does_it_no_harm(handle: bytes) -> None:
    server = MemoryServer()
    client = waiting(server)
    server.running(b"f")
    assert says_too_much(server.worker(b"f"), WORK_COMPLETE, handle) == []
    assert client.heard() == []
    assert len(server.broker.jobs) == 1


def test_who_is_no_worker_hears_so() -> None:
    (answer,) = says_too_much(MemoryServer().connect(), WORK_COMPLETE)
    assert answer == (ERROR, JOB_NOT_FOUND, NO_SUCH_RESULT)


def test_a_late_result_that_is_too_large_fails_the_job_too() -> None:
    server = MemoryServer(Rules(prefix=b"H:test"))
    server.sets_policy("f", timeout=1)
    client, worker = waiting(server), server.running(b"f")
    server.passes(1)
    says_too_much(worker, WORK_COMPLETE)
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, reason(WORK_COMPLETE))]


def test_a_packet_of_a_client_that_is_too_large_ends_the_connection_with_a_word() -> None:
    client = MemoryServer().connect()
    with pytest.raises(ProtocolError, match=reason(SUBMIT_JOB).decode()) as refused:
        client.receive(HEADER.pack(REQUEST, SUBMIT_JOB, LENGTH))
    assert refused.value.refusal == "ARGUMENT_TOO_LARGE"
