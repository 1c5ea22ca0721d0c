"""Background jobs that end badly for good are kept where their function's policy says so."""

from __future__ import annotations

import pytest

from geartrain.broker.archive import DeadLetter
from geartrain.broker.batch import DeadRecord
from geartrain.broker.graveyard import LONGEST_ERROR, discard, revive
from geartrain.protocol.commands import (
    CAN_DO_TIMEOUT,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SET_CLIENT_ID,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
)
from tests.wire import START, MemoryServer, Peer

HANDLE = b"H:test:1"


def server_with(**fields: object) -> MemoryServer:
    """A server whose function "f" keeps dead letters."""
    server = MemoryServer()
    server.sets_policy("f", dead_letter=True, **fields)
    return server


def fails(server: MemoryServer, reason: str = "fail", error: bytes = b"oops") -> None:
    """A worker named "me" grabs the next job, and its execution ends for this reason."""
    worker = server.connect()
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(CAN_DO_TIMEOUT, b"f", b"1000")
    worker.says(GRAB_JOB)
    (handle,) = worker.connection.running
    if reason == "lost":
        worker.leaves()
    elif reason == "timeout":
        server.passes(1)
    elif reason == "fail":
        worker.says(WORK_FAIL, handle)
    else:
        worker.says(WORK_EXCEPTION, handle, error)


def dead_letter(server: MemoryServer, unique: bytes = b"") -> DeadLetter:
    """The letter of a job that has failed."""
    server.connect().says(SUBMIT_JOB_BG, b"f", unique, b"a")
    fails(server)
    return list(server.broker.archive.dead.values())[-1]


def grabbed(worker: Peer) -> list[bytes]:
    """The handles of all jobs that there are, as a worker gets them."""
    while worker.asks(GRAB_JOB) != [(NO_JOB,)]:
        pass
    return list(worker.connection.running)


@pytest.mark.parametrize("reason", ["lost", "timeout", "fail", "exception"])
def test_a_job_that_has_used_up_its_attempts_is_kept_with_why_and_by_whom(reason: str) -> None:
    server = MemoryServer()
    server.sets_policy("f", retry={"attempts": 2, "on": [reason]})
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"a")
    fails(server, reason)
    assert not server.broker.archive.dead
    fails(server, reason)
    (letter,) = server.broker.archive.dead.values()
    error = b"oops" if reason == "exception" else b""
    assert letter.record == DeadRecord(1, reason, b"me", error, server.clock)
    assert (letter.job.handle, letter.job.workload, letter.job.attempts) == (HANDLE, b"a", 2)
    assert not server.broker.jobs


def test_a_job_that_waits_too_long_is_kept_without_a_worker() -> None:
    server = server_with(ttl=60)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.passes(60)
    (letter,) = server.broker.archive.dead.values()
    assert letter.record == DeadRecord(1, "ttl", b"", b"", START + 60)


def test_of_a_long_error_the_beginning_is_kept() -> None:
    server = server_with()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    fails(server, "exception", b"x" * (LONGEST_ERROR + 1))
    assert server.broker.archive.dead[1].record.error == b"x" * LONGEST_ERROR


def test_clients_hear_the_end_of_a_job_that_is_kept() -> None:
    server = server_with()
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"u", b"")
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    fails(server)
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    client.leaves()


@pytest.mark.parametrize("fields", [{}, {"dead_letter": False, "retry": {"attempts": 1}}])
def test_without_such_a_policy_nothing_is_kept(fields: dict[str, object]) -> None:
    server = MemoryServer()
    server.sets_policy("f", **fields)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    fails(server)
    assert not server.broker.archive.dead


def test_a_job_that_only_clients_wait_for_is_not_kept() -> None:
    server = server_with()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    fails(server)
    assert not server.broker.archive.dead


def test_neither_is_a_job_that_was_cancelled() -> None:
    server = server_with()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    server.running(b"f")
    assert client.types(b"cancel job H:test:1") == b"OK\r\n"
    assert not server.broker.archive.dead


def test_a_dead_letter_is_unknown_and_in_no_queue_and_its_unique_is_free() -> None:
    server = server_with()
    dead_letter(server, b"u")
    client = server.connect()
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]
    assert client.asks(GET_STATUS_UNIQUE, b"u") == [(STATUS_RES_UNIQUE, b"u", b"0", b"0", b"0", b"0", b"0")]
    assert client.types(b"show jobs") == b".\n"
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, b"H:test:2")]


# Again


def test_a_revived_job_runs_under_its_handle_as_if_it_had_never_run() -> None:
    server = server_with(retry={"attempts": 2, "on": ["fail"]})
    server.connect().says(SUBMIT_JOB_HIGH_BG, b"f", b"u", b"a")
    fails(server)
    fails(server)
    (letter,) = server.broker.archive.dead.values()
    worker = server.worker(b"f")
    worker.says(PRE_SLEEP)
    revive(server.broker, letter)
    server.passes(0)
    assert worker.heard() == [(NOOP,)]
    client = server.connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, HANDLE)]
    assert client.types(b"prioritystatus") == b"f\t1\t0\t0\t3\n.\n"
    fails(server)
    assert not server.broker.archive.dead
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_it_goes_to_the_tail() -> None:
    server = server_with()
    letter = dead_letter(server)
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"b")
    revive(server.broker, letter)
    client.says(SUBMIT_JOB_BG, b"f", b"", b"c")
    worker = server.worker(b"f")
    assert [worker.asks(GRAB_JOB)[0][-1] for _ in range(3)] == [b"b", b"a", b"c"]


@pytest.mark.parametrize("unique", [b"u", b"-"])
def test_if_its_unique_is_taken_both_run_and_submits_join_the_other(unique: bytes) -> None:
    server = server_with()
    letter = dead_letter(server, unique)
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", unique, b"a")
    revive(server.broker, letter)
    assert client.asks(SUBMIT_JOB, b"f", unique, b"a")[-1] == (JOB_CREATED, b"H:test:2")
    worker = server.worker(b"f")
    assert grabbed(worker) == [b"H:test:2", HANDLE]
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert client.asks(SUBMIT_JOB, b"f", unique, b"a") == [(JOB_CREATED, b"H:test:2")]
    worker.says(WORK_COMPLETE, b"H:test:2", b"")
    assert client.asks(SUBMIT_JOB, b"f", unique, b"a")[-1] == (JOB_CREATED, b"H:test:3")


def test_a_job_that_has_waited_too_long_waits_anew_and_is_handed_out_once() -> None:
    server = server_with(ttl=60)
    client = server.connect()
    for _ in range(5):
        client.says(SUBMIT_JOB_BG, b"f", b"", b"")
        server.passes(10)
    server.passes(10)
    assert [job.number for job in server.broker.jobs.values()] == [2, 3, 4, 5]
    revive(server.broker, server.broker.archive.dead[1])
    server.passes(5)
    assert grabbed(server.worker(b"f")) == [b"H:test:%d" % number for number in (2, 3, 4, 5, 1)]


def test_it_may_be_cancelled_before_it_runs() -> None:
    server = server_with()
    revive(server.broker, dead_letter(server))
    client = server.connect()
    assert client.types(b"cancel job H:test:1") == b"OK\r\n"
    assert client.types(b"status").startswith(b"f\t0\t0\t")
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_neither_a_limit_nor_a_function_that_was_dropped_is_in_its_way() -> None:
    server = server_with(draining=False)
    letter = dead_letter(server)
    for connection in list(server.broker.connections):
        server.broker.disconnect(connection)
    assert server.connect().types(b"drop function f") == b"OK\r\n"
    server.sets_policy("f", draining=True, max_queue=1)
    revive(server.broker, letter)
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_a_letter_is_revived_or_discarded_once() -> None:
    server = server_with()
    letter = dead_letter(server)
    revive(server.broker, letter)
    for again in (revive, discard):
        again(server.broker, letter)
    assert len(server.broker.jobs) == 1
    assert server.broker.memory == 1
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_discarded_letter_is_gone() -> None:
    server = server_with()
    letter = dead_letter(server)
    discard(server.broker, letter)
    revive(server.broker, letter)
    assert not server.broker.archive.dead
    assert not server.broker.jobs
