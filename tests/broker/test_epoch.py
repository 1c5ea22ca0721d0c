"""SUBMIT_JOB_EPOCH: jobs that wait for their time."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import CLOCK_CHECK, wait
from geartrain.broker.deadlines import NEVER
from geartrain.protocol.commands import (
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    WORK_COMPLETE,
)
from tests.wire import START, MemoryServer

HANDLE = b"H:test:1"
SECOND = b"H:test:2"


def at(seconds: float) -> bytes:
    """An epoch so many seconds after the start of the test."""
    return b"%d" % (START + seconds)


@pytest.mark.parametrize("epoch", [at(-1), at(0), b"0", b"-5", b"abc", b"", b" 12 o'clock"])
def test_a_time_that_has_come_is_now(epoch: bytes) -> None:
    server = MemoryServer()
    assert server.connect().asks(SUBMIT_JOB_EPOCH, b"f", b"", epoch, b"a") == [(JOB_CREATED, HANDLE)]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_a_job_waits_for_its_time_and_then_wakes_a_worker_without_any_other_traffic() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    worker.says(PRE_SLEEP)
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(2), b"a")
    server.passes(1.99)
    assert worker.heard() == []
    assert wait(server.broker) == pytest.approx(0.01, abs=1e-6)
    server.passes(0.01)
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_a_worker_that_asks_too_early_gets_no_job_and_may_sleep() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(2), b"a")
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(PRE_SLEEP) == []


def test_each_epoch_job_wakes_a_worker_at_its_own_time() -> None:
    server = MemoryServer()
    for seconds in (3, 1, 2):
        server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(seconds), b"at %d" % seconds)
    workers = [server.worker(b"f") for _ in range(3)]
    for worker in workers:
        worker.says(PRE_SLEEP)
    for worker, workload in zip(reversed(workers), (b"at 1", b"at 2", b"at 3"), strict=True):
        server.passes(1)
        assert worker.heard() == [(NOOP,)]
        assert worker.asks(GRAB_JOB)[0][-1] == workload


def test_a_job_that_is_not_due_lets_the_one_behind_it_pass() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_EPOCH, b"f", b"", at(60), b"later")
    client.says(SUBMIT_JOB_BG, b"f", b"", b"now")
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, SECOND, b"f", b"now")]


def test_due_jobs_come_in_the_order_of_their_submits_and_not_of_their_times() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_EPOCH, b"f", b"", at(2), b"1")
    client.says(SUBMIT_JOB_EPOCH, b"f", b"", at(1), b"2")
    client.says(SUBMIT_JOB_BG, b"f", b"", b"3")
    client.says(SUBMIT_JOB_HIGH_BG, b"f", b"", b"high")
    server.passes(2)
    worker = server.worker(b"f")
    for workload in (b"high", b"1", b"2", b"3"):
        assert worker.asks(GRAB_JOB)[0][-1] == workload


def test_a_job_that_is_not_due_is_known_and_counted() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", at(60), b"")
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]
    for _ in ("not due", "due"):
        assert client.types(b"status") == b"f\t1\t0\t0\n.\n"
        assert client.types(b"prioritystatus") == b"f\t0\t1\t0\t0\n.\n"
        server.passes(60)


def test_a_lost_worker_does_not_send_its_job_back_to_wait() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(1), b"a")
    server.passes(1)
    server.running(b"f").leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_cancelled_job_never_runs(seconds: int) -> None:
    """Whether or not its time had come."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"u", at(60), b"")
    server.passes(seconds)
    assert client.types(b"cancel job H:test:1") == b"OK\r\n"
    assert client.types(b"status") == b"f\t0\t0\t0\n.\n"
    server.passes(60)
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_client_may_wait_for_an_epoch_job_and_leave_it_behind() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"u", at(1), b"")
    waiting, leaving = server.connect(), server.connect()
    waiting.asks(SUBMIT_JOB, b"f", b"u", b"")
    leaving.says(SUBMIT_JOB, b"f", b"u", b"")
    leaving.leaves()
    server.passes(1)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert waiting.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


@pytest.mark.parametrize("epoch", [b"9223372036854775807", b"9" * 40])
def test_a_time_too_far_for_any_clock_is_waited_for(epoch: bytes) -> None:
    server = MemoryServer()
    client = server.connect()
    assert client.asks(SUBMIT_JOB_EPOCH, b"f", b"", epoch, b"") == [(JOB_CREATED, HANDLE)]
    server.passes(1e9)
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]


# The clock may be set


def test_a_clock_set_forward_makes_the_job_due_within_a_second() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(3600), b"a")
    assert wait(server.broker) == CLOCK_CHECK == 1.0
    server.sets_clock(START + 3600)
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_a_clock_set_back_makes_the_job_wait_for_its_time_again() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(1), b"a")
    server.sets_clock(START - 3600)
    server.passes(1)
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(3600)
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_a_job_that_was_due_stays_due_when_the_clock_is_set_back() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(1), b"a")
    server.passes(1)
    server.sets_clock(0.0)
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_without_epoch_jobs_the_server_waits_for_nothing() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", at(1), b"a")
    server.passes(1)
    assert wait(server.broker) == NEVER
