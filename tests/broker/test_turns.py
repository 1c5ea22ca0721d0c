"""What one peer asks in one chunk is answered in several turns where it may take long: other peers come in between."""

from __future__ import annotations

import pytest

from geartrain.broker.session import MANY, end_turn
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    NO_JOB,
    PRE_SLEEP,
    STATUS_RES_UNIQUE,
)
from geartrain.protocol.packet import request, response
from tests.wire import MemoryServer, Packet, Peer, packets

pytestmark = pytest.mark.one_server

UNKNOWN: Packet = (STATUS_RES_UNIQUE, b"u", b"0", b"0", b"0", b"0", b"0")


def in_a_turn(server: MemoryServer, peer: Peer, chunk: bytes) -> bytes:
    """What a peer hears in the turn in which it sends a chunk; it is read again with the next one."""
    peer.receive(chunk)
    end_turn(server.broker)
    return peer.read()


def able(functions: int) -> tuple[MemoryServer, Peer]:
    """A server with a worker of so many functions."""
    server = MemoryServer()
    worker = server.connect()
    worker.sends(b"".join([request(CAN_DO, b"f%d" % number) for number in range(functions)]))
    return server, worker


@pytest.mark.parametrize(
    "question",
    [b"version", b"purge f", b'find {"unique":"u"}', b'policy f* {"timeout":1}', b"nonsense"],
)
@pytest.mark.parametrize(("functions", "lines"), [(MANY - 1, 3), (MANY + 1, 1)])
def test_a_turn_answers_one_line_of_a_peer_where_there_is_much_to_look_at(
    question: bytes, functions: int, lines: int
) -> None:
    server, _ = able(functions)
    peer = server.connect()
    one = peer.types(question)
    assert in_a_turn(server, peer, (question + b"\n") * 3) == lines * one
    server.ends_turn()
    assert peer.read() == (3 - lines) * one


def test_what_comes_behind_a_line_is_answered_behind_it() -> None:
    server, _ = able(MANY + 1)
    peer = server.connect()
    peer.sends(b"maxqueue f0 1\n" + request(ECHO_REQ, b"x") + b"version\n")
    assert peer.read() == b"OK\r\n" + response(ECHO_RES, b"x") + b"OK 0\n"


def test_another_peer_is_answered_between_two_lines_of_one() -> None:
    server, _ = able(MANY + 1)
    one, other = server.connect(), server.connect()
    version = one.types(b"version")
    one.receive(b"version\nversion\n")
    other.receive(request(ECHO_REQ, b"x"))
    end_turn(server.broker)
    assert (one.read(), other.heard()) == (version, [(ECHO_RES, b"x")])


def test_a_peer_that_leaves_between_two_lines_is_forgotten() -> None:
    server, _ = able(MANY + 1)
    peer = server.connect()
    peer.receive(b"version\nversion\n")
    server.inside.disconnect(peer.outside)
    assert in_a_turn(server, server.connect(), b"version\n") == b"OK 0\n"


@pytest.mark.parametrize(("functions", "answers"), [(MANY, 3), (MANY + 1, 1)])
def test_a_turn_looks_once_through_many_functions_for_a_unique(functions: int, answers: int) -> None:
    server, _ = able(functions)
    peer = server.connect()
    assert packets(in_a_turn(server, peer, 3 * request(GET_STATUS_UNIQUE, b"u"))) == [UNKNOWN] * answers
    server.ends_turn()
    assert peer.heard() == [UNKNOWN] * (3 - answers)


def test_one_look_in_a_turn_holds_under_rules_as_well() -> None:
    server, _ = able(MANY + 1)
    peer = server.connect()
    peer.may(view=["*"])
    assert packets(in_a_turn(server, peer, 3 * request(GET_STATUS_UNIQUE, b"u"))) == [UNKNOWN]


@pytest.mark.parametrize(("functions", "answers"), [(MANY, 3), (MANY + 1, 1)])
def test_a_worker_of_many_functions_grabs_once_in_a_turn(functions: int, answers: int) -> None:
    server, worker = able(functions)
    assert packets(in_a_turn(server, worker, 3 * request(GRAB_JOB))) == [(NO_JOB,)] * answers
    server.ends_turn()
    assert worker.heard() == [(NO_JOB,)] * (3 - answers)


def test_a_worker_of_many_functions_falls_asleep_once_in_a_turn() -> None:
    server, worker = able(MANY + 1)
    assert in_a_turn(server, worker, request(PRE_SLEEP) + request(ECHO_REQ, b"x")) == b""
    server.ends_turn()
    assert worker.heard() == [(ECHO_RES, b"x")]
