"""Policies of time: how long an execution may take, and how long a job may wait in its queue."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import wait
from geartrain.broker.deadlines import NEVER
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.wire import START, MemoryServer

HANDLE = b"H:test:1"


def server_with(**fields: object) -> MemoryServer:
    """A server whose function "f" has a policy."""
    server = MemoryServer()
    server.sets_policy("f", **fields)
    return server


# An execution


def test_a_job_that_runs_does_not_end_because_it_might_have_waited_too_long() -> None:
    server = server_with(ttl=60, timeout=600)
    for _ in range(3):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    server.passes(61)
    assert list(worker.connection.running) == [b"H:test:1"]
    assert list(server.broker.jobs) == [1]


@pytest.mark.parametrize(
    ("policy", "worker", "seconds"), [(5, 0, 5), (5, 3000, 3), (5, 9000, 5), (0, 9000, 9), (0, 0, NEVER)]
)
def test_the_shorter_of_the_policys_and_the_workers_time_limit_counts(
    policy: float, worker: int, seconds: float
) -> None:
    server = server_with(timeout=policy)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    peer = server.connect()
    peer.says(CAN_DO_TIMEOUT, b"f", b"%d" % worker)
    peer.says(GRAB_JOB)
    assert wait(server.broker) == seconds


def test_after_its_time_a_job_goes_to_another_worker() -> None:
    server = server_with(timeout=0.5)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    late = server.running(b"f")
    server.passes(0.5)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert late.asks(WORK_COMPLETE, HANDLE, b"late") == []
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_or_it_ends() -> None:
    server = server_with(timeout=0.5, on_timeout="fail")
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    late = server.running(b"f")
    server.passes(0.5)
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert late.asks(WORK_COMPLETE, HANDLE, b"late") == []
    assert not server.broker.jobs


# A queue


def test_a_job_that_waits_too_long_ends_and_its_client_hears_it() -> None:
    server = server_with(ttl=60)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    assert wait(server.broker) == 60
    server.passes(59)
    assert client.heard() == []
    server.passes(1)
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    assert server.notices == []


def test_a_job_that_was_taken_in_time_may_run_for_as_long_as_it_likes() -> None:
    server = server_with(ttl=60)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    assert wait(server.broker) == NEVER
    server.passes(1000)
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_each_job_waits_for_its_own_time() -> None:
    server = server_with(ttl=60)
    client = server.connect()
    for workload in (b"1", b"2", b"3"):
        client.says(SUBMIT_JOB_BG, b"f", b"", workload)
        client.says(SUBMIT_JOB_HIGH_BG, b"f", b"", workload)
        server.passes(20)
    assert client.types(b"cancel job H:test:3").endswith(b"OK\r\n")
    worker = server.worker(b"f")
    assert [worker.asks(GRAB_JOB)[0][-1] for _ in range(3)] == [b"2", b"3", b"3"]


@pytest.mark.parametrize("reason", ["lost", "fail"])
def test_a_job_that_runs_again_waits_anew(reason: str) -> None:
    server = server_with(ttl=60, retry={"on": ["lost", "fail"], "delay": 30})
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.passes(59)
    worker = server.running(b"f")
    server.passes(59)
    if reason == "lost":
        worker.leaves()
    else:
        worker.says(WORK_FAIL, HANDLE)
    server.passes(30)
    server.passes(59)
    assert len(server.broker.jobs) == 1
    server.passes(1)
    assert not server.broker.jobs


def test_an_epoch_job_waits_from_its_time_on() -> None:
    server = server_with(ttl=60)
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 1000), b"")
    server.passes(1000)
    server.passes(59)
    assert len(server.broker.jobs) == 1
    server.passes(1)
    assert not server.broker.jobs
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_setting_the_clock_does_not_matter() -> None:
    server = server_with(ttl=60)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.sets_clock(START + 3600)
    assert len(server.broker.jobs) == 1
    server.sets_clock(START, 60)
    assert not server.broker.jobs


def test_a_time_that_is_set_later_counts_from_the_submit() -> None:
    server = MemoryServer()
    client = server.connect()
    for run_at in (0, START + 10):
        client.says(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % run_at, b"")
    server.passes(30)
    server.sets_policy("f", ttl=60)
    assert wait(server.broker) == 30
    server.sets_policy("f", ttl=40)
    assert wait(server.broker) == 10
    server.passes(10)
    assert len(server.broker.jobs) == 1
    server.sets_policy("f", ttl=None)
    assert wait(server.broker) == NEVER
    server.passes(1000)
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"f", b"")]


def test_a_submit_no_longer_joins_a_job_that_has_waited_too_long() -> None:
    server = server_with(ttl=60)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    server.passes(60)
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    worker = server.connect()
    worker.says(CAN_DO, b"f")
    worker.says(GRAB_JOB)
    worker.says(WORK_COMPLETE, b"H:test:2", b"done")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:2", b"done")]
