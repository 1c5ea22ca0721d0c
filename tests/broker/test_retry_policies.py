"""A function's policy says after which ends a job runs again, how often, and how much later."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import wait
from geartrain.broker.endings import retry_later
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO_TIMEOUT,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    PRE_SLEEP,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
)
from tests.wire import START, MemoryServer, Packet, Peer

HANDLE = b"H:test:1"
EVERY_END = ["lost", "timeout", "fail", "exception"]


def server_with(**retry: object) -> MemoryServer:
    """A server whose function "f" has a policy of retries."""
    server = MemoryServer()
    server.sets_policy("f", retry=retry)
    return server


def ends(server: MemoryServer, reason: str) -> Peer:
    """A new worker grabs the next job, and its execution ends for this reason."""
    worker = server.connect()
    worker.says(CAN_DO_TIMEOUT, b"f", b"1000")
    worker.asks(GRAB_JOB)
    (handle,) = worker.connection.running
    if reason == "lost":
        worker.leaves()
    elif reason == "timeout":
        server.passes(1)
    elif reason == "fail":
        worker.says(WORK_FAIL, handle)
    else:
        worker.says(WORK_EXCEPTION, handle, b"oops")
    return worker


# How often


@pytest.mark.parametrize("reason", EVERY_END)
def test_a_job_runs_as_often_as_the_policy_says(reason: str) -> None:
    server = server_with(attempts=3, on=[reason])
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(3):
        ends(server, reason)
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    assert not server.broker.jobs


@pytest.mark.parametrize("reason", EVERY_END)
def test_after_an_end_that_the_policy_does_not_name_a_job_ends_at_once(reason: str) -> None:
    server = server_with(attempts=3, on=[other for other in EVERY_END if other != reason])
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"u", b"")
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    ends(server, reason)
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert not server.broker.jobs


@pytest.mark.parametrize("reason", ["lost", "timeout"])
def test_without_a_number_of_attempts_job_retries_limits_those_that_it_always_did(reason: str) -> None:
    server = MemoryServer(Rules(prefix=b"H:test", job_retries=2))
    server.sets_policy("f", retry={"on": EVERY_END})
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    ends(server, "fail")
    ends(server, reason)
    assert not server.broker.jobs
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(5):
        ends(server, "fail")
    assert server.broker.jobs


def test_a_number_of_attempts_takes_the_place_of_job_retries() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", job_retries=1))
    server.sets_policy("f", retry={"attempts": 3})
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    for _ in range(3):
        ends(server, "lost")
    assert not server.broker.jobs


@pytest.mark.parametrize(("on_timeout", "jobs"), [("fail", 0), ("requeue", 1)])
def test_on_timeout_has_the_last_word_on_time_limits(on_timeout: str, jobs: int) -> None:
    server = server_with(attempts=3, on=["lost"] if jobs else ["lost", "timeout"])
    server.sets_policy("f", on_timeout=on_timeout)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    ends(server, "timeout")
    assert len(server.broker.jobs) == jobs


def test_a_policy_that_is_set_while_a_job_runs_counts_for_its_end() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    server.sets_policy("f", retry={"on": ["fail"], "attempts": 2})
    worker.says(WORK_FAIL, HANDLE)
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"")]


# Who waits


@pytest.mark.parametrize("reason", ["fail", "exception"])
def test_who_waits_for_a_background_job_hears_the_last_end_only(reason: str) -> None:
    server = server_with(attempts=3, on=[reason])
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    client = server.connect()
    client.says(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    for _ in range(2):
        ends(server, reason)
        assert client.heard() == []
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


@pytest.mark.parametrize(
    ("reason", "last_word"),
    [("lost", (WORK_FAIL, HANDLE)), ("exception", (WORK_EXCEPTION, HANDLE, b"oops"))],
)
def test_the_last_end_is_told_as_it_is(reason: str, last_word: Packet) -> None:
    server = server_with(attempts=2, on=[reason], foreground=True)
    client = server.connect()
    client.says(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    ends(server, reason)
    assert client.heard() == []
    ends(server, reason)
    assert client.heard() == [last_word]


@pytest.mark.parametrize("reason", ["fail", "exception"])
@pytest.mark.parametrize("foreground", [False, True])
def test_a_job_that_only_clients_wait_for_runs_again_after_a_failure_if_the_policy_says_so(
    reason: str, foreground: bool
) -> None:
    server = server_with(attempts=2, on=EVERY_END, foreground=foreground)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    ends(server, reason)
    assert client.heard() == ([] if foreground else [(WORK_FAIL, HANDLE)])


@pytest.mark.parametrize("reason", ["lost", "timeout"])
def test_a_job_that_only_clients_wait_for_runs_again_after_a_loss_anyway(reason: str) -> None:
    server = server_with(attempts=2)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    ends(server, reason)
    assert client.heard() == []
    assert len(server.broker.jobs) == 1


def test_a_job_that_nobody_waits_for_any_more_does_not_run_again() -> None:
    server = server_with(attempts=2, on=["fail"], foreground=True)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    client.leaves()
    worker.says(WORK_FAIL, HANDLE)
    assert not server.broker.jobs


def test_the_worker_of_the_first_execution_is_not_heard_any_more() -> None:
    server = server_with(attempts=2, on=["fail"])
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    first = ends(server, "fail")
    server.running(b"f")
    assert first.asks(WORK_COMPLETE, HANDLE, b"late") == []
    assert client.heard() == []


def test_the_status_begins_anew() -> None:
    server = server_with(attempts=2, on=["fail"])
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    worker.says(WORK_FAIL, HANDLE)
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]
    assert client.types(b"show jobs") == b"H:test:1\t1\t0\t1\n.\n"


# How much later


def delays(server: MemoryServer, times: int) -> list[float]:
    """The seconds before each next execution of the next job."""
    found = []
    for _ in range(times):
        ends(server, "fail")
        (job,) = server.broker.jobs.values()
        found.append(job.run_at - server.clock)
        server.passes(found[-1])
    return found


@pytest.mark.parametrize(
    ("backoff", "expected"), [("fixed", [2, 2, 2, 2, 2]), ("exponential", [2, 4, 8, 10, 10])]
)
def test_each_delay_is_the_same_or_twice_the_last(backoff: str, expected: list[float]) -> None:
    server = server_with(on=["fail"], delay=2, max_delay=10, backoff=backoff)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert delays(server, 5) == expected


def test_after_very_many_attempts_the_delay_is_the_longest() -> None:
    server = server_with(on=["fail"], delay=1, backoff="exponential")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    (job,) = server.broker.jobs.values()
    job.attempts = 5000
    assert delays(server, 1) == [3600]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 8), (0.5, 7), (1.0, 6)])
def test_a_part_of_the_delay_is_left_out_at_random(chance: float, expected: float) -> None:
    server = server_with(on=["fail"], delay=8, jitter=0.25)
    server.broker.random = lambda: chance
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert delays(server, 1) == [expected]


def test_a_delayed_job_wakes_a_worker_when_it_is_due() -> None:
    server = server_with(on=["fail"], delay=0.5)
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = ends(server, "fail")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(PRE_SLEEP) == []
    assert wait(server.broker) == 0.5
    server.passes(0.5)
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"")]


@pytest.mark.parametrize("command", [SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG])
def test_a_delayed_job_keeps_its_priority_and_goes_to_the_tail(command: int) -> None:
    server = server_with(on=["fail"], delay=1)
    client = server.connect()
    client.says(command, b"f", b"", b"first")
    ends(server, "fail")
    place = (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG).index(command)
    waiting = [b"1" if priority == place else b"0" for priority in range(3)]
    client.heard()
    assert client.types(b"prioritystatus") == b"f\t" + b"\t".join(waiting) + b"\t1\n.\n"
    client.says(command, b"f", b"", b"second")
    server.passes(1)
    worker = server.worker(b"f")
    assert [worker.asks(GRAB_JOB)[0][-1] for _ in range(2)] == [b"second", b"first"]


def test_without_a_delay_a_job_goes_to_the_tail_at_once() -> None:
    server = server_with(on=["fail"])
    for workload in (b"1", b"2"):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", workload)
    ends(server, "fail")
    worker = server.worker(b"f")
    assert [worker.asks(GRAB_JOB)[0][-1] for _ in range(2)] == [b"2", b"1"]


def test_a_submit_joins_a_job_that_waits_to_run_again() -> None:
    server = server_with(on=["fail"], delay=1)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    ends(server, "fail")
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    server.passes(1)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_job_that_waits_to_run_again_can_be_cancelled(seconds: int) -> None:
    server = server_with(on=["fail"], delay=1)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    ends(server, "fail").leaves()
    server.passes(seconds)
    assert client.types(b"cancel job H:test:1") == b"OK\r\n"
    assert client.types(b"status") == b"f\t0\t0\t0\n.\n"
    server.passes(1)
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


# A worker's own wish


def asks_for_retry(server: MemoryServer, delay: float = 0.0, error: bytes = b"") -> bool:
    """A new worker grabs the next job and wants it to run later."""
    worker = server.running(b"f")
    (job,) = worker.connection.running.values()
    return retry_later(server.broker, job, delay, error)


def test_a_worker_may_have_its_job_run_later_whatever_the_policy_says() -> None:
    server = server_with(on=[])
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    assert asks_for_retry(server, 5.0, b"busy")
    assert client.heard() == []
    server.passes(4.9)
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(0.1)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


@pytest.mark.parametrize("error", [b"", b"busy"])
def test_but_no_more_often_than_the_policy_lets_it(error: bytes) -> None:
    server = server_with(attempts=2)
    client = server.connect()
    client.says(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    assert asks_for_retry(server, 0.0, error)
    assert not asks_for_retry(server, 0.0, error)
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, b"busy") if error else (WORK_FAIL, HANDLE)]
    assert not server.broker.jobs


def test_a_worker_cannot_retry_what_nobody_wants() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    client.leaves()
    (job,) = worker.connection.running.values()
    assert not retry_later(server.broker, job, 0.0, b"")
    assert not server.broker.jobs


def test_a_job_that_ran_before_says_since_when_it_waits() -> None:
    server = server_with(on=["fail"], delay=1)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    ends(server, "fail")
    assert [job.run_at for job in server.broker.jobs.values()] == [START + 1]
