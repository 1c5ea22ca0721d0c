"""What becomes of a background job is kept for as long as its function's policy says."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import wait
from geartrain.broker.archive import FEW
from geartrain.broker.batch import ResultRecord
from geartrain.broker.deadlines import NEVER
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    GET_STATUS,
    SET_CLIENT_ID,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_WARNING,
)
from tests.wire import START, MemoryServer, Peer

HANDLE = b"H:test:1"


def server_with(rules: Rules | None = None, **fields: object) -> MemoryServer:
    """A server whose function "f" keeps results for an hour."""
    server = MemoryServer(rules)
    server.sets_policy("f", **{"keep_result": 3600, **fields})
    return server


def begun(server: MemoryServer, submit: int = SUBMIT_JOB_BG) -> Peer:
    """A worker named "me" that begins, 5 seconds after its submit, a job with the unique "u"."""
    server.connect().says(submit, b"f", b"u", b"a")
    server.passes(5)
    worker = server.running(b"f")
    worker.says(SET_CLIENT_ID, b"me")
    return worker


def completed(server: MemoryServer, result: bytes = b"") -> None:
    """One more job is submitted and done."""
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    (handle,) = worker.connection.running
    worker.says(WORK_COMPLETE, handle, result)


def results(server: MemoryServer) -> list[bytes]:
    return [record.result for record in server.broker.archive.results.values()]


def test_a_result_is_kept_with_all_that_is_known_of_the_job() -> None:
    server = server_with()
    worker = begun(server)
    server.passes(2)
    worker.says(WORK_COMPLETE, HANDLE, b"do\0ne")
    assert server.broker.archive.results[1] == ResultRecord(
        number=1,
        handle=HANDLE,
        function=b"f",
        unique=b"u",
        state="complete",
        result=b"do\0ne",
        submitted_at=START,
        started_at=START + 5,
        finished_at=START + 7,
        expires_at=START + 3607,
        attempts=1,
        worker=b"me",
    )


@pytest.mark.parametrize(
    ("end", "state", "result"),
    [("fail", "failed", b""), ("exception", "exception", b"oops"), ("cancel", "cancelled", b"")],
)
def test_so_is_another_end(end: str, state: str, result: bytes) -> None:
    server = server_with()
    worker = begun(server)
    if end == "fail":
        worker.says(WORK_FAIL, HANDLE)
    elif end == "exception":
        worker.says(WORK_EXCEPTION, HANDLE, b"oops")
    else:
        server.connect().types(b"cancel job H:test:1")
    (record,) = server.broker.archive.results.values()
    assert (record.state, record.result, record.attempts, record.worker) == (state, result, 1, b"me")


def test_a_job_that_no_worker_ever_had_has_no_attempts() -> None:
    server = server_with(ttl=60)
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    client.types(b"cancel job H:test:2")
    server.passes(60)
    for number, state in ((1, "failed"), (2, "cancelled")):
        record = server.broker.archive.results[number]
        assert (record.state, record.attempts, record.started_at, record.worker) == (state, 0, 0.0, b"")


@pytest.mark.parametrize(("end", "state"), [(WORK_COMPLETE, "complete"), (WORK_FAIL, "failed")])
def test_the_last_execution_of_several_is_kept_with_the_number_of_all(end: int, state: str) -> None:
    server = server_with(retry={"on": ["lost", "fail"], "attempts": 3})
    begun(server).leaves()
    server.running(b"f").says(WORK_FAIL, HANDLE)
    assert not server.broker.archive.results
    worker = server.running(b"f")
    worker.says(*((end, HANDLE) if end == WORK_FAIL else (end, HANDLE, b"")))
    (record,) = server.broker.archive.results.values()
    assert (record.state, record.attempts) == (state, 3)


def test_work_data_is_part_of_the_result_and_warnings_are_not() -> None:
    server = server_with()
    worker = begun(server)
    worker.says(WORK_DATA, HANDLE, b"a")
    worker.says(WORK_WARNING, HANDLE, b"x")
    worker.says(WORK_DATA, HANDLE, b"b")
    worker.says(WORK_COMPLETE, HANDLE, b"c")
    assert results(server) == [b"abc"]
    assert not server.broker.archive.chunks


def test_data_of_an_execution_without_a_result_is_not() -> None:
    server = server_with()
    worker = begun(server)
    worker.says(WORK_DATA, HANDLE, b"lost")
    worker.leaves()
    assert not server.broker.archive.chunks
    worker = server.running(b"f")
    worker.says(WORK_DATA, HANDLE, b"a")
    worker.says(WORK_COMPLETE, HANDLE, b"b")
    assert results(server) == [b"ab"]


def test_a_job_that_a_background_submit_joined_is_kept_with_all_its_data() -> None:
    server = server_with()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    worker = server.running(b"f")
    worker.says(WORK_DATA, HANDLE, b"a")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    worker.says(WORK_COMPLETE, HANDLE, b"b")
    assert client.heard() == [(WORK_DATA, HANDLE, b"a"), (WORK_COMPLETE, HANDLE, b"b")]
    assert results(server) == [b"ab"]


def test_a_job_that_only_clients_wait_for_is_not_kept() -> None:
    server = server_with()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    worker = server.running(b"f")
    worker.says(WORK_DATA, HANDLE, b"a")
    worker.says(WORK_COMPLETE, HANDLE, b"b")
    assert results(server) == []
    assert not server.broker.archive.chunks


def test_neither_is_one_whose_function_keeps_none() -> None:
    server = server_with(keep_result=0, ttl=60)
    worker = begun(server)
    worker.says(WORK_DATA, HANDLE, b"a")
    worker.says(WORK_COMPLETE, HANDLE, b"b")
    assert results(server) == []
    assert not server.broker.archive.chunks


def test_get_status_does_not_know_a_job_whose_result_is_kept() -> None:
    """Old programs wait for a job's end in this way."""
    server = server_with()
    begun(server).says(WORK_COMPLETE, HANDLE, b"")
    answer = server.connect().asks(GET_STATUS, HANDLE)
    assert answer == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]


# For how long


def test_a_result_is_forgotten_when_its_time_is_over() -> None:
    server = server_with(keep_result=10)
    completed(server, b"a")
    server.passes(5)
    server.sets_policy("f", keep_result=2)
    completed(server, b"b")
    server.passes(2)
    assert results(server) == [b"a"]
    assert wait(server.broker) == 3
    server.passes(3)
    assert results(server) == []
    assert wait(server.broker) == NEVER


def test_a_result_of_an_instant_may_last_a_second() -> None:
    server = server_with(keep_result=0.001)
    completed(server)
    assert wait(server.broker) == 1
    server.passes(1)
    assert results(server) == []


def test_of_too_many_results_the_oldest_are_forgotten() -> None:
    server = server_with(Rules(max_results=2))
    for result in (b"a", b"b", b"c"):
        completed(server, result)
    assert results(server) == [b"b", b"c"]


def test_of_too_large_results_too() -> None:
    server = server_with(Rules(memory=10))
    for result in (b"aaaa", b"bbbb", b"cccc"):
        completed(server, result)
    assert results(server) == [b"bbbb", b"cccc"]
    completed(server, b"d" * 11)
    assert results(server) == []
    assert server.broker.archive.size == 0


def test_nothing_is_left_of_results_that_gave_way_to_others() -> None:
    server = server_with(Rules(max_results=2))
    for _ in range(3 * FEW):
        completed(server)
    assert len(server.broker.archive.expiries) <= 2 * 2 + FEW
