"""What is set through one server of a pool holds at the others: limits, times, results."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    JOB_CREATED,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.pool.peers import Peers, gets, gets_nothing
from tests.support.machine import wait_until
from tests.support.processes import ServerProgram


class Corners:
    """Everyone is at another server, and those who ask are where they have not been heard of."""

    def __init__(self, peers: Peers, function: str) -> None:
        self.function = function
        self.name = function.encode()
        self.client = peers.leader()
        self.clients = peers.everywhere()
        self.workers = peers.followers()
        self.setter, self.asked = peers.pool.followers()
        for worker in self.workers:
            worker.says(CAN_DO, self.name)

    def sets(self, **fields: object) -> None:
        """Set fields of the function's policy through one server."""
        line = f"policy {self.function} {json.dumps(fields, separators=(',', ':'))}"
        assert rows(self.setter, line)[0]["set"] == fields

    def submits(self, *workloads: bytes) -> list[bytes]:
        """Submit jobs and give their handles."""
        return [self.client.submits(SUBMIT_JOB_BG, self.name, workload) for workload in workloads]


@pytest.fixture
def corners(peers: Peers, request: pytest.FixtureRequest) -> Corners:
    name: str = request.node.name
    return Corners(peers, name)


def rows(server: ServerProgram, line: str) -> list[dict[str, Any]]:
    """The objects that a server answers."""
    answer = server.ask(line)
    assert answer.endswith(".\n"), answer
    return [json.loads(row) for row in answer.splitlines()[:-1]]


def test_no_more_jobs_run_than_a_function_may_have(corners: Corners) -> None:
    first, second = corners.workers
    corners.sets(max_running=1)
    corners.submits(b"one", b"two")
    handle, *_, workload = gets(first)
    assert workload == b"one"
    assert gets_nothing(second)
    first.says(WORK_COMPLETE, handle, b"")
    assert gets(second)[3] == b"two"


def test_no_more_jobs_begin_than_a_rate_allows(corners: Corners) -> None:
    first, second = corners.workers
    corners.sets(rate="1/h")
    corners.submits(b"one", b"two")
    assert gets(first)[3] == b"one"
    assert gets_nothing(second)


def test_no_more_jobs_wait_than_a_queue_may_have(corners: Corners) -> None:
    corners.sets(max_queue={"normal": 2})
    answers = [client.asks(SUBMIT_JOB_BG, corners.name, b"", b"") for client in corners.clients]
    assert [answer[0] for answer in answers] == [JOB_CREATED, JOB_CREATED, ERROR]
    assert b"QUEUE_ERROR" in answers[2]


def test_a_paused_function_hands_out_nothing_until_another_server_resumes_it(corners: Corners) -> None:
    first, second = corners.workers
    assert corners.setter.ask(f"pause {corners.function}").endswith(".\n")
    corners.submits(b"one")
    assert gets_nothing(first)
    assert gets_nothing(second)
    first.says(PRE_SLEEP)
    assert corners.asked.ask(f"resume {corners.function}").endswith(".\n")
    assert first.hears() == (NOOP,)
    assert gets(first)[3] == b"one"


def test_jobs_come_by_their_priorities_whoever_submitted_them(corners: Corners) -> None:
    low, normal, high = corners.clients
    low.submits(SUBMIT_JOB_LOW_BG, corners.name, b"low")
    normal.submits(SUBMIT_JOB_BG, corners.name, b"normal")
    high.submits(SUBMIT_JOB_HIGH_BG, corners.name, b"high")
    first, second = corners.workers
    assert [gets(worker)[3] for worker in (first, second, first)] == [b"high", b"normal", b"low"]


def test_a_job_wakes_a_worker_when_its_time_has_come(corners: Corners) -> None:
    worker, _ = corners.workers
    run_at = int(time.time()) + 1
    assert corners.client.asks(SUBMIT_JOB_EPOCH, corners.name, b"", b"%d" % run_at, b"due")[0] == JOB_CREATED
    assert gets(worker)[3] == b"due"
    assert time.time() >= run_at


def test_a_dead_letter_is_seen_and_retried_elsewhere(corners: Corners) -> None:
    first, second = corners.workers
    corners.sets(dead_letter=True)
    (handle,) = corners.submits(b"bad")
    gets(first)
    first.says(WORK_FAIL, handle)
    wait_until(lambda: rows(corners.asked, f"dead {corners.function}") != [], "the job is dead")
    assert [row["handle"] for row in rows(corners.asked, f"dead {corners.function}")] == [handle.decode()]
    assert rows(corners.asked, f"dead-retry {handle.decode()}")[0]["retried"] == 1
    assert gets(second)[0] == handle


def test_a_kept_result_is_found_elsewhere(corners: Corners) -> None:
    worker, _ = corners.workers
    corners.sets(keep_result=60)
    (handle,) = corners.submits(b"sum")
    gets(worker)
    worker.says(WORK_COMPLETE, handle, b"42")
    wait_until(lambda: "complete" in corners.asked.ask(f"result {handle.decode()}"), "the result is kept")
    (row,) = rows(corners.asked, f"result {handle.decode()}")
    assert (row["state"], row["result"]) == ("complete", "42")


def test_a_job_is_cancelled_elsewhere(corners: Corners) -> None:
    handle, _ = corners.submits(b"one", b"two")
    assert corners.asked.ask(f"cancel job {handle.decode()}") == "OK\r\n"
    assert gets(corners.workers[0])[3] == b"two"
