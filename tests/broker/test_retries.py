"""A worker that is lost: its jobs are run again, as often as the operator allows."""

from __future__ import annotations

import pytest

from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO_TIMEOUT,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
    WORK_STATUS,
)
from tests.wire import MemoryServer

HANDLE = b"H:test:1"


def test_the_job_of_a_lost_worker_goes_to_the_tail_and_its_status_begins_anew() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"1")
    worker = server.running(b"f")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"2")
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    worker.leaves()
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]
    other = server.worker(b"f")
    assert other.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"f", b"2")]
    assert other.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"1")]


def test_it_keeps_its_priority() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_HIGH_BG, b"f", b"", b"high")
    worker = server.running(b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"normal")
    worker.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"high")]


def test_it_wakes_a_sleeping_worker() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    lost, other = server.running(b"f"), server.worker(b"f")
    other.says(PRE_SLEEP)
    lost.leaves()
    assert other.heard() == [(NOOP,)]


def test_every_job_of_the_worker_is_run_again() -> None:
    server = MemoryServer()
    for workload in (b"1", b"2"):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", workload)
    lost = server.running(b"f")
    lost.says(GRAB_JOB)
    lost.leaves()
    other = server.worker(b"f")
    other.says(GRAB_JOB)
    other.says(GRAB_JOB)
    assert [packet[-1] for packet in other.heard()] == [b"1", b"2"]


def test_the_client_hears_the_data_of_both_attempts_and_one_result() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    first = server.running(b"f")
    first.says(WORK_DATA, HANDLE, b"first")
    first.leaves()
    second = server.running(b"f")
    second.says(WORK_DATA, HANDLE, b"second")
    second.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [
        (WORK_DATA, HANDLE, b"first"),
        (WORK_DATA, HANDLE, b"second"),
        (WORK_COMPLETE, HANDLE, b"done"),
    ]


@pytest.mark.parametrize(("job_retries", "executions"), [(0, 1), (1, 1), (2, 2), (5, 5)])
def test_job_retries_is_the_most_executions_of_a_job(job_retries: int, executions: int) -> None:
    server = MemoryServer(Rules(prefix=b"H:test", job_retries=job_retries))
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    for _ in range(executions):
        assert client.heard() == []
        server.running(b"f").leaves()
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    assert server.notices == ["dropped job due to max retry count handle=H:test:1 unique=u"]
    assert not server.broker.jobs


def test_without_a_limit_a_job_is_tried_for_ever_and_gearmands_byte_counts_it() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=0))
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(300):
        server.running(b"f").leaves()
    assert client.types(b"show jobs") == b"H:test:1\t44\t0\t1\n.\n"
    server.running(b"f")


def ends_badly(server: MemoryServer, reason: str) -> None:
    """The next job's execution loses its worker, or is over its time limit."""
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", b"1000")
    assert len(worker.asks(GRAB_JOB)[0]) > 1, "there was no job to grab"
    if reason == "lost":
        worker.leaves()
    server.passes(1)


@pytest.mark.parametrize("reason", ["lost", "timeout"])
def test_a_background_job_that_ends_20_executions_so_in_a_row_is_a_dead_letter(reason: str) -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"u", b"poison")
    for _ in range(19):
        ends_badly(server, reason)
    assert len(server.broker.jobs) == 1
    ends_badly(server, reason)
    assert not server.broker.jobs
    (letter,) = client.lists(b"dead f")
    assert (letter["handle"], letter["unique"], letter["reason"]) == ("H:test:1", "u", reason)
    assert letter["error"] == "worker lost or over its time limit 20 times in a row, --max-lost is 20"
    assert server.notices[-1] == f"job ended: {letter['error']} handle=H:test:1 unique=u"


def test_a_foreground_job_fails_then_and_is_no_dead_letter() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=2))
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    ends_badly(server, "lost")
    assert client.heard() == []
    ends_badly(server, "timeout")
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert client.lists(b"dead") == []


def test_only_executions_in_a_row_count() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=2))
    server.sets_policy("f", retry={"on": ["lost", "timeout", "fail"]})
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(5):
        ends_badly(server, "lost")
        server.running(b"f").says(WORK_FAIL, HANDLE)
    assert server.broker.jobs
    ends_badly(server, "lost")
    ends_badly(server, "lost")
    assert not server.broker.jobs


def test_attempts_of_a_policy_and_job_retries_take_the_place_of_that_limit() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=2))
    server.sets_policy("f", retry={"attempts": 4})
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(3):
        ends_badly(server, "lost")
    assert server.broker.jobs
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=2, job_retries=3))
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(3):
        assert server.broker.jobs
        ends_badly(server, "lost")
    (letter,) = client.lists(b"dead")
    assert letter["error"] == "worker lost or over its time limit, run 3 times, --job-retries is 3"


def test_where_a_policy_wants_no_dead_letters_there_is_none() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=1))
    server.sets_policy("f", dead_letter=False)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    ends_badly(server, "lost")
    assert not server.broker.jobs
    assert client.lists(b"dead") == []


def test_a_dead_letter_that_is_tried_again_begins_anew() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_lost=2))
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    ends_badly(server, "lost")
    ends_badly(server, "lost")
    client.types(b"dead-retry *")
    ends_badly(server, "lost")
    assert server.broker.jobs


def test_functions_tell_when_an_execution_last_lost_its_worker() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.lists(b"functions f")[0]["lost_at"] is None
    ends_badly(server, "lost")
    assert client.lists(b"functions f")[0]["lost_at"] == server.clock - 1
    ends_badly(server, "timeout")
    assert client.lists(b"functions f")[0]["lost_at"] == server.clock
