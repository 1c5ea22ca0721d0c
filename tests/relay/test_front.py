"""A peer at a server of a pool: it hears what it would hear of a server that is alone."""

from __future__ import annotations

import pytest

from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    ALL_YOURS,
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANCEL_JOB,
    CANCEL_RES,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_RESULT,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_EXTENDED,
    JOB_ASSIGN_UNIQ,
    JOB_CANCELLED,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    RESULT_RES,
    SET_CLIENT_ID,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
    SUBMIT_JOB_SCHED,
    SUBMIT_REDUCE_JOB,
    SUBMIT_REDUCE_JOB_BACKGROUND,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_RETRY,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import HEADER, request, response
from geartrain.relay.frames import ATTACH, PACKETS, READY, SAID
from tests.relay.memory import MemoryPool, Peer
from tests.wire import MemoryServer, Packet

HANDLE = b"H:test:1"


def both() -> tuple[MemoryPool, MemoryServer]:
    return MemoryPool(), MemoryServer()


@pytest.mark.parametrize(
    "chunk",
    [
        request(ECHO_REQ, b"a\0b"),
        request(ALL_YOURS) + request(ECHO_REQ, b""),
        request(OPTION_REQ, b"Exceptions\0"),
        request(OPTION_REQ, b"geartrain"),
        request(OPTION_REQ, b"else"),
        response(ECHO_REQ, b"misdirected"),
        request(NOOP),
        request(SUBMIT_JOB_BG, b"f", b"u"),
        request(SUBMIT_JOB_BG, b"", b"", b""),
        request(SUBMIT_JOB_BG, b"f", b"u" * 256, b""),
        request(SUBMIT_REDUCE_JOB, b"f", b"", b"r" * 65, b"", b""),
        request(SUBMIT_JOB_SCHED, b"f", b"", b"x", b"", b"", b"", b"", b""),
        request(CAN_DO, b"") + request(WORK_FAIL, HANDLE),
        request(WORK_COMPLETE, HANDLE),
        request(WORK_DATA, HANDLE, b""),
        request(WORK_EXCEPTION, HANDLE, b""),
        request(CAN_DO, b"f") + request(WORK_FAIL, HANDLE) + request(GRAB_JOB),
        request(GRAB_JOB),
        request(GRAB_JOB_UNIQ) + request(GRAB_JOB_ALL),
        request(PRE_SLEEP) + request(CANT_DO, b"f") + request(RESET_ABILITIES),
        request(CAN_DO_TIMEOUT, b"f") + request(GRAB_JOB),
        request(GET_STATUS, b"H:test:x"),
        request(GET_STATUS_UNIQUE, b"u"),
        b"version\ngetpid\nverbose\n",
        b"status\r\n\n",
        b"workers\nnonsense\n",
        b"show\nshow jobs\nshow else\ncancel\ndrop\ncreate function f\nstatus\n",
        b"cancel job H:test:9\nmaxqueue\nmaxqueue f 5\ndrop function g\n",
        b"job H:test:1\njobs\njobs f 3\nfunctions\ndead\npurge\npurge * x\nresult H:test:1\ndead-retry *\n",
        b"policy f\npause f\nresume f\ncancel-unique f u\nschedules\nschedule-run x\nschedule-add x {}\n",
        request(SUBMIT_JOB_BG, b"f", b"", b"") + b"status\n" + request(ECHO_REQ, b"") + b"show jobs\n",
    ],
)
def test_what_a_lone_server_answers_is_answered(chunk: bytes) -> None:
    pool, server = both()
    peer, expected = pool.connect(), server.connect()
    rules = server.broker.rules._replace(version=b"1.2.3", pid=4711)
    server.broker.rules = rules
    peer.sends(chunk)
    expected.sends(chunk)
    assert peer.connection.take_outgoing() == expected.connection.take_outgoing()
    assert pool.hub.notices + pool.leader().broker.notices == server.broker.notices


SUBMITS: list[Packet] = [
    (SUBMIT_JOB, b"f", b"u", b"w"),
    (SUBMIT_JOB_HIGH, b"f", b"u", b"w"),
    (SUBMIT_JOB_LOW, b"f", b"u", b"w"),
    (SUBMIT_REDUCE_JOB, b"f", b"u", b"r", b"", b"w"),
    (SUBMIT_JOB_EXTENDED, b"f", b"u", b"{}", b"w"),
]
BACKGROUND: list[Packet] = [
    (SUBMIT_JOB_BG, b"f", b"u", b"w"),
    (SUBMIT_JOB_HIGH_BG, b"f", b"u", b"w"),
    (SUBMIT_JOB_LOW_BG, b"f", b"u", b"w"),
    (SUBMIT_JOB_EPOCH, b"f", b"u", b"0", b"w"),
    (SUBMIT_REDUCE_JOB_BACKGROUND, b"f", b"u", b"r", b"", b"w"),
    (SUBMIT_JOB_EXTENDED, b"f", b"u", b'{"background":true}', b"w"),
]


@pytest.mark.parametrize("submit", SUBMITS)
def test_a_client_hears_of_its_job_until_the_result(submit: Packet) -> None:
    pool = MemoryPool()
    client, worker = pool.extended(), pool.worker(b"f")
    assert client.asks(*submit) == [(JOB_CREATED, HANDLE)]
    assert worker.asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN_UNIQ, HANDLE, b"f", b"u", b"w")]
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    worker.says(WORK_DATA, HANDLE, b"a\0b")
    worker.says(WORK_WARNING, HANDLE, b"hot")
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [
        (WORK_STATUS, HANDLE, b"1", b"2"),
        (WORK_DATA, HANDLE, b"a\0b"),
        (WORK_WARNING, HANDLE, b"hot"),
        (WORK_COMPLETE, HANDLE, b"done"),
    ]
    assert worker.heard() == []
    assert pool.hub.counts()["waiting"] == pool.hub.counts()["running"] == 0


@pytest.mark.parametrize("submit", BACKGROUND)
def test_a_background_job_is_acknowledged(submit: Packet) -> None:
    pool = MemoryPool()
    client, worker = pool.extended(), pool.worker(b"f")
    assert client.asks(*submit) == [(JOB_CREATED, HANDLE)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert client.heard() == []


def test_who_submits_twice_hears_everything_twice() -> None:
    pool = MemoryPool()
    client, worker = pool.connect(), pool.worker(b"f")
    client.sends(request(SUBMIT_JOB, b"f", b"u", b"") * 2)
    assert client.heard() == [(JOB_CREATED, HANDLE)] * 2
    worker.says(GRAB_JOB)
    worker.says(WORK_DATA, HANDLE, b"x")
    worker.says(WORK_FAIL, HANDLE)
    assert client.heard() == [(WORK_DATA, HANDLE, b"x")] * 2 + [(WORK_FAIL, HANDLE)] * 2


def test_exceptions_come_to_who_asked_for_them_before_its_job_or_after() -> None:
    pool = MemoryPool()
    early, late, other = pool.connect(), pool.connect(), pool.connect()
    early.says(OPTION_REQ, b"exceptions")
    for client in (early, late, other):
        client.says(SUBMIT_JOB, b"f", b"u", b"")
    late.says(OPTION_REQ, b"exceptions")
    worker = pool.worker(b"f")
    worker.says(GRAB_JOB)
    for client in (early, late, other):
        client.heard()
    worker.says(WORK_EXCEPTION, HANDLE, b"no")
    assert early.heard() == late.heard() == [(WORK_EXCEPTION, HANDLE, b"no")]
    assert other.heard() == [(WORK_FAIL, HANDLE)]


def test_status_results_and_cancelling_are_asked_of_the_leader() -> None:
    pool = MemoryPool()
    client, worker = pool.extended(), pool.extended(b"f")
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    assert len(worker.asks(GRAB_JOB_EXTENDED)[0]) == 6
    worker.says(WORK_STATUS, HANDLE, b"3", b"4")
    client.heard()
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"1", b"3", b"4")]
    assert client.asks(GET_STATUS_UNIQUE, b"u") == [(STATUS_RES_UNIQUE, b"u", b"1", b"1", b"3", b"4", b"1")]
    [(command, *result)] = client.asks(GET_RESULT, HANDLE)
    assert (command, result[:2]) == (RESULT_RES, [HANDLE, b"running"])
    assert client.asks(CANCEL_JOB, HANDLE) == [(WORK_FAIL, HANDLE), (CANCEL_RES, HANDLE, b"cancelled")]
    assert worker.heard() == [(JOB_CANCELLED, HANDLE, b"cancelled")]
    assert worker.asks(WORK_COMPLETE, HANDLE, b"") == []
    assert not pool.hub.is_busy()


def test_a_worker_that_asks_for_another_execution_has_the_job_no_more() -> None:
    pool = MemoryPool()
    worker = pool.extended(b"f")
    pool.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker.asks(GRAB_JOB)
    assert pool.hub.is_busy()
    worker.says(WORK_RETRY, HANDLE, b"0", b"")
    pool.settles()
    assert not pool.hub.is_busy()
    assert worker.asks(GRAB_JOB_ALL)[0][0] == JOB_ASSIGN_EXTENDED


def test_a_sleeping_worker_is_woken_once() -> None:
    pool = MemoryPool()
    worker = pool.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(PRE_SLEEP) == []
    pool.connect().sends(request(SUBMIT_JOB_BG, b"f", b"", b"") * 2)
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"")]


def test_cant_do_and_reset_abilities_are_passed_on() -> None:
    pool = MemoryPool()
    worker = pool.worker(b"f", b"g")
    pool.connect().sends(request(SUBMIT_JOB_BG, b"f", b"", b"") + request(SUBMIT_JOB_BG, b"g", b"", b""))
    worker.says(CANT_DO, b"f\0")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"g", b"")]
    worker.says(RESET_ABILITIES)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


# The order of the answers


def test_what_needs_no_leader_is_answered_behind_what_does() -> None:
    pool = MemoryPool()
    pool.stuck.add(0)
    peer = pool.connect()
    peer.sends(
        request(ECHO_REQ, b"1")
        + request(SUBMIT_JOB_BG, b"f", b"", b"")
        + request(ECHO_REQ, b"2")
        + b"version\n"
        + request(OPTION_REQ, b"exceptions")
        + request(GET_STATUS, HANDLE)
        + request(ECHO_REQ, b"3")
    )
    assert peer.heard() == [(ECHO_RES, b"1")]
    pool.stuck.clear()
    pool.turns()
    created, rest = peer.connection.take_outgoing().split(response(ECHO_RES, b"2") + b"OK 1.2.3\n")
    assert created == response(JOB_CREATED, HANDLE)
    assert rest == (
        response(OPTION_RES, b"exceptions")
        + response(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")
        + response(ECHO_RES, b"3")
    )


def other_shard_first(pool: MemoryPool, peer: Peer, *said: bytes) -> list[Packet]:
    """What a peer hears when the leader of shard 1 answers before that of shard 0."""
    pool.stuck.add(0)
    peer.sends(b"".join(said))
    assert peer.heard() == []
    pool.stuck.clear()
    pool.turns()
    return peer.heard()


def test_answers_of_two_shards_come_in_the_order_of_the_questions() -> None:
    pool = MemoryPool(shards=2)
    functions = [pool.function_of(shard) for shard in (0, 1)]
    submits = [request(SUBMIT_JOB_BG, function, b"", b"") for function in functions]
    heard = other_shard_first(pool, pool.connect(), submits[0], submits[1], submits[0])
    assert heard == [(JOB_CREATED, b"H:test:2"), (JOB_CREATED, b"H:test:1"), (JOB_CREATED, b"H:test:4")]


def test_what_a_job_does_comes_behind_its_job_created() -> None:
    pool = MemoryPool(shards=2)
    slow, quick = pool.function_of(0), pool.function_of(1)
    client, worker = pool.connect(), pool.worker(quick)
    pool.stuck.add(0)
    client.sends(request(SUBMIT_JOB_BG, slow, b"", b"") + request(SUBMIT_JOB, quick, b"", b""))
    worker.says(GRAB_JOB)
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == []
    pool.stuck.clear()
    pool.turns()
    assert client.heard() == [
        (JOB_CREATED, b"H:test:2"),
        (JOB_CREATED, HANDLE),
        (WORK_COMPLETE, HANDLE, b"done"),
    ]


# What ends a connection


def ended(pool: MemoryPool) -> list[str]:
    return [front.reason for front in pool.hub.ended]


@pytest.mark.parametrize("chunk", [b"\0XXX" + b"\0" * 8, HEADER.pack(0x00524551, 99, 0), b"a b c d e f\n"])
def test_what_is_not_gearman_ends_the_connection(chunk: bytes) -> None:
    with pytest.raises(ProtocolError):
        MemoryPool().connect().sends(chunk)


def test_a_connection_that_must_end_hears_first_what_it_asked() -> None:
    pool = MemoryPool()
    pool.stuck.add(0)
    peer = pool.connect()
    too_large = HEADER.pack(0x00524551, SUBMIT_JOB, 0x7FFFFFFF)
    peer.sends(request(SUBMIT_JOB_BG, b"f", b"", b"") + too_large)
    peer.sends(request(ECHO_REQ, b"not heard any more"))
    assert peer.heard() == []
    assert ended(pool) == []
    assert peer.front.is_owed()
    pool.stuck.clear()
    pool.turns()
    created, (command, *error) = peer.heard()
    assert created == (JOB_CREATED, HANDLE)
    assert (command, error[0]) == (ERROR, b"ARGUMENT_TOO_LARGE")
    assert len(ended(pool)) == 1
    assert not peer.front.is_owed()


def test_a_leader_may_end_a_connection() -> None:
    pool = MemoryPool()
    peer, other = pool.connect(), pool.connect()
    pool.hub.close(0, peer.front.number, b"ARGUMENT_TOO_LARGE", b"answers of many bytes")
    pool.hub.close(0, other.front.number, b"", b"odd")
    pool.hub.close(0, 4711, b"", b"nobody")
    assert peer.heard() == [(ERROR, b"ARGUMENT_TOO_LARGE", b"answers of many bytes")]
    assert other.heard() == []
    assert ended(pool) == ["answers of many bytes", "odd"]


# What leaders are told


def test_a_chunk_makes_one_frame() -> None:
    pool = MemoryPool()
    peer = pool.connect()
    pool.leader().heard.clear()
    peer.sends(request(SUBMIT_JOB_BG, b"f", b"", b"") * 3)
    assert pool.leader().heard == [(PACKETS, peer.front.number)]


def test_a_shard_hears_of_a_peer_when_the_peer_needs_it_and_of_each_peer_one_does() -> None:
    pool = MemoryPool(shards=3)
    assert [pool.connect().front.number for _ in range(2)] == [1, 2]
    assert [list(pool.leader(shard).guests) for shard in range(3)] == [[], [1], [2]]
    peer = pool.connect()
    peer.says(SET_CLIENT_ID, b"me")
    peer.says(OPTION_REQ, b"exceptions")
    number = peer.front.number
    assert pool.leader(0).heard == [(READY, 0), (ATTACH, number), (SAID, number), (SAID, number)]
    assert [kind for kind, of in pool.leader(1).heard if of == number] == []
    peer.says(SUBMIT_JOB_BG, pool.function_of(1), b"", b"")
    assert [kind for kind, of in pool.leader(1).heard if of == number] == [ATTACH, PACKETS]
    connection = pool.leader(1).guests[number].connection
    assert (connection.client_id, connection.exceptions) == (b"me", True)


def test_a_line_with_two_carriage_returns_keeps_one() -> None:
    pool, server = both()
    assert pool.connect().types(b"show unique x\r\r") == server.connect().types(b"show unique x\r\r")
    assert pool.connect().types(b"create function f\r\r") == b"OK\r\n"
    assert pool.connect().types(b"status") == b"f\r\t0\t0\t0\n.\n"
