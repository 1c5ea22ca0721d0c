"""A worker that was over its time limit: what it still says counts while nobody else has the job."""

from __future__ import annotations

import pytest

from geartrain.broker.lateness import MOST_LATE
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO_TIMEOUT,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    OPTION_REQ,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_RETRY,
    WORK_STATUS,
    WORK_WARNING,
)
from tests.wire import MemoryServer, Peer

HANDLE = b"H:test:1"


def late_worker(server: MemoryServer) -> Peer:
    """A worker that has grabbed the next job, and was over its time limit of a second."""
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", b"1000")
    assert len(worker.asks(GRAB_JOB)[0]) > 1, "there was no job to grab"
    server.passes(1)
    return worker


def waiting(server: MemoryServer) -> Peer:
    """A client that waits for a job of "f", and hears of exceptions."""
    client = server.connect()
    client.says(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"a")
    return client


def test_a_late_result_ends_the_job_while_it_waits() -> None:
    server = MemoryServer()
    client = waiting(server)
    worker = late_worker(server)
    worker.says(WORK_COMPLETE, HANDLE, b"late")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"late")]
    assert not server.broker.jobs
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(WORK_COMPLETE, HANDLE, b"again") == []
    assert client.heard() == []


def test_a_worker_that_always_takes_too_long_does_the_job_once() -> None:
    """PHP's addFunction(..., 30) is 30 ms, so a second: a job of three seconds ran for ever behind it."""
    server = MemoryServer()
    client = waiting(server)
    worker = late_worker(server)
    server.passes(2)
    worker.says(WORK_COMPLETE, HANDLE, b"after 3 seconds")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"after 3 seconds")]


def test_of_two_workers_that_both_take_too_long_the_first_ends_the_job() -> None:
    server = MemoryServer()
    client = waiting(server)
    first, second = late_worker(server), late_worker(server)
    first.says(WORK_COMPLETE, HANDLE, b"1")
    second.says(WORK_COMPLETE, HANDLE, b"2")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"1")]


@pytest.mark.parametrize("ends", ["lost", "timeout"])
def test_a_late_result_counts_again_when_the_next_worker_is_lost_or_late_too(ends: str) -> None:
    server = MemoryServer()
    client = waiting(server)
    late = late_worker(server)
    other = server.connect()
    other.says(CAN_DO_TIMEOUT, b"f", b"5000")
    other.says(GRAB_JOB)
    if ends == "lost":
        other.leaves()
    else:
        server.passes(5)
    late.says(WORK_COMPLETE, HANDLE, b"late")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"late")]


def test_a_worker_that_never_had_the_job_is_not_heard() -> None:
    server = MemoryServer()
    client = waiting(server)
    late_worker(server)
    server.worker(b"f").says(WORK_COMPLETE, HANDLE, b"mine")
    assert client.heard() == []
    assert server.broker.jobs


def test_while_a_policy_holds_the_job_back_a_late_result_counts() -> None:
    server = MemoryServer()
    server.sets_policy("f", retry={"attempts": 3, "delay": 60, "jitter": 0})
    client = waiting(server)
    worker = late_worker(server)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(WORK_COMPLETE, HANDLE, b"late")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"late")]
    server.passes(60)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_late_failure_ends_a_job_that_no_policy_runs_again() -> None:
    server = MemoryServer()
    client = waiting(server)
    late_worker(server).says(WORK_FAIL, HANDLE)
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert not server.broker.jobs


def test_a_late_exception_is_told() -> None:
    server = MemoryServer()
    client = waiting(server)
    late_worker(server).says(WORK_EXCEPTION, HANDLE, b"oops")
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, b"oops")]


def test_a_late_failure_that_the_policy_forgives_counts_no_further_execution() -> None:
    server = MemoryServer()
    server.sets_policy("f", retry={"attempts": 3, "on": ["timeout", "fail"], "foreground": True})
    client = waiting(server)
    worker = late_worker(server)
    for _ in range(3):
        worker.says(WORK_FAIL, HANDLE)
    assert client.heard() == []
    assert [job.attempts for job in server.broker.jobs.values()] == [1]
    worker.says(WORK_COMPLETE, HANDLE, b"after its last word")
    assert client.heard() == []


def test_a_late_wish_to_run_again_changes_nothing() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", b"1000")
    worker.says(OPTION_REQ, b"geartrain")
    worker.says(GRAB_JOB)
    server.passes(1)
    worker.heard()
    assert worker.asks(WORK_RETRY, HANDLE, b"60000", b"") == []
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_what_belongs_to_a_late_result_is_passed_on_and_its_status_is_not() -> None:
    server = MemoryServer()
    server.sets_policy("f", keep_result=60)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"a")
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"a")
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", b"1000")
    worker.says(GRAB_JOB)
    worker.says(WORK_DATA, HANDLE, b"1")
    server.passes(1)
    worker.says(WORK_DATA, HANDLE, b"2")
    worker.says(WORK_WARNING, HANDLE, b"slow")
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    assert client.asks(GET_STATUS, HANDLE)[-1] == (STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")
    worker.says(WORK_COMPLETE, HANDLE, b"3")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"3")]
    assert [kept.result for kept in server.broker.archive.results.values()] == [b"123"]


def test_a_result_of_which_a_part_was_dropped_does_not_count() -> None:
    server = MemoryServer()
    client = waiting(server)
    late = late_worker(server)
    other = server.running(b"f")
    late.says(WORK_DATA, HANDLE, b"dropped")
    other.leaves()
    late.says(WORK_COMPLETE, HANDLE, b"late")
    assert client.heard() == []
    assert server.broker.jobs


def test_a_result_does_not_count_after_parts_of_another_one() -> None:
    server = MemoryServer()
    client = waiting(server)
    late = late_worker(server)
    other = server.running(b"f")
    other.says(WORK_DATA, HANDLE, b"of the other")
    other.leaves()
    late.says(WORK_COMPLETE, HANDLE, b"late")
    assert client.heard() == [(WORK_DATA, HANDLE, b"of the other")]
    assert server.broker.jobs


def test_so_many_late_workers_are_remembered_and_no_more() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=0))
    client = waiting(server)
    workers = [late_worker(server) for _ in range(MOST_LATE + 1)]
    workers[0].says(WORK_COMPLETE, HANDLE, b"0")
    assert client.heard() == []
    workers[1].says(WORK_COMPLETE, HANDLE, b"1")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"1")]
