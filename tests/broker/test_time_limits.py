"""CAN_DO_TIMEOUT: a job that takes too long is queued again, each by a timer of its own."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import wait
from geartrain.broker.deadlines import NEVER
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.wire import MemoryServer, Peer

HANDLE = b"H:test:1"


def timed_worker(server: MemoryServer, timeout: bytes) -> Peer:
    """A worker that runs the next job of the function "f" under a time limit."""
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", timeout)
    worker.asks(GRAB_JOB)
    return worker


@pytest.mark.parametrize(
    ("timeout", "seconds"), [(b"100", 1), (b"1000", 1), (b"2500", 2.5), (b"2000\0", 2), (b" +3000ms", 3)]
)
def test_the_time_limit_is_in_milliseconds_and_at_least_a_second(timeout: bytes, seconds: float) -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    timed_worker(server, timeout)
    other = server.worker(b"f")
    assert wait(server.broker) == seconds
    server.passes(seconds - 0.01)
    assert other.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(0.02)
    assert other.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_the_operator_may_have_it_in_seconds() -> None:
    server = MemoryServer(Rules(timeout_in_seconds=True))
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    timed_worker(server, b"30")
    assert wait(server.broker) == 30


def test_a_number_so_small_that_it_may_be_meant_in_seconds_is_noted() -> None:
    server = MemoryServer()
    timed_worker(server, b"30")
    assert server.notices == ["CAN_DO_TIMEOUT of 30 ms raised to 1 s function=f: was it meant in seconds?"]


@pytest.mark.parametrize("timeout", [b"0", b"-5", b"abc", b""])
def test_any_other_time_limit_is_none(timeout: bytes) -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    timed_worker(server, timeout)
    assert wait(server.broker) == NEVER


def test_the_latest_time_limit_of_a_function_holds() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", b"5000")
    worker.says(CAN_DO, b"f")
    worker.says(GRAB_JOB)
    assert wait(server.broker) == NEVER


def test_a_late_result_is_ignored_and_its_worker_hears_no_error() -> None:
    """gearmand answers with an ERROR, which worker libraries take for the answer to their next GRAB_JOB (B8)."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    late = timed_worker(server, b"1000")
    server.passes(1)
    other = server.running(b"f")
    assert late.asks(WORK_COMPLETE, HANDLE, b"late") == []
    assert client.heard() == []
    other.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_a_sleeping_worker_is_woken_for_it() -> None:
    """gearmand can lose this wake-up (B25)."""
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    timed_worker(server, b"1000")
    other = server.worker(b"f")
    other.says(PRE_SLEEP)
    server.passes(1)
    assert other.heard() == [(NOOP,)]


def test_the_worker_itself_may_get_it_again() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    worker = timed_worker(server, b"1000")
    server.passes(1)
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]
    assert worker.types(b"status") == b"f\t1\t1\t1\n.\n"


@pytest.mark.one_shard("numbers of jobs say which shard they are of")
def test_it_counts_as_an_execution() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", job_retries=1))
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    timed_worker(server, b"1000")
    server.passes(1)
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert server.notices[0] == "worker timeout reached on job handle=H:test:1 unique="


def test_two_jobs_of_one_worker_have_a_timer_each() -> None:
    """gearmand has one for each connection: the second job's replaces the first's (B7)."""
    server = MemoryServer()
    for workload in (b"1", b"2"):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", workload)
    worker = timed_worker(server, b"2000")
    server.passes(1)
    worker.says(GRAB_JOB)
    server.passes(1)
    other = server.worker(b"f")
    assert other.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"1")]
    assert other.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(1)
    assert other.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"f", b"2")]


def test_a_job_that_ends_in_time_ends_its_timer() -> None:
    """gearmand's timer fires later, on a job that is gone (B7)."""
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"1")
    worker = timed_worker(server, b"1000")
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert wait(server.broker) == NEVER
    server.passes(1)
    assert server.notices == []


def test_a_worker_that_sleeps_during_its_job_is_still_timed() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"1")
    worker = timed_worker(server, b"1000")
    worker.says(PRE_SLEEP)
    server.passes(1)
    assert worker.heard() == [(NOOP,)]


def test_setting_the_clock_does_not_matter() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"1")
    timed_worker(server, b"5000")
    for clock in (0.0, 4_000_000_000.0):
        server.sets_clock(clock)
        assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(5)
    server.running(b"f")
