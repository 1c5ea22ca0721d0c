"""What a peer says and what the peers hear."""

from __future__ import annotations

from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    WORK_COMPLETE,
)
from tests.wire import MemoryServer


def test_a_foreground_job_wakes_a_sleeping_worker_and_its_result_reaches_the_client() -> None:
    server = MemoryServer()
    client, worker = server.connect(), server.connect()
    worker.says(CAN_DO, b"reverse")
    worker.says(PRE_SLEEP)
    client.says(SUBMIT_JOB, b"reverse", b"", b"abc")
    assert client.heard() == [(JOB_CREATED, b"H:test:1")]
    assert worker.heard() == [(NOOP,)]
    worker.says(GRAB_JOB)
    assert worker.heard() == [(JOB_ASSIGN, b"H:test:1", b"reverse", b"abc")]
    worker.says(WORK_COMPLETE, b"H:test:1", b"cba")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:1", b"cba")]
    assert not server.broker.jobs
