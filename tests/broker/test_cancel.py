"""cancel job, drop function, and a server that stops."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    RESET_ABILITIES,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.protocol.packet import request, response
from tests.wire import START, MemoryServer

HANDLE = b"H:test:1"
CANCEL = b"cancel job H:test:1"
OK = b"OK\r\n"


def test_whoever_waits_for_a_cancelled_job_hears_its_failure_once_for_each_submit() -> None:
    server = MemoryServer()
    client, operator = server.connect(), server.connect()
    client.sends(request(SUBMIT_JOB, b"f", b"u", b"") * 2)
    client.read()
    assert operator.types(CANCEL) == OK
    assert client.read() == response(WORK_FAIL, HANDLE) * 2


def test_a_cancelled_job_is_gone_at_once() -> None:
    """gearmand counts it until a worker asks (B19)."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.types(CANCEL) == OK
    assert client.types(b"status") == b"f\t0\t0\t0\n.\n"
    assert client.types(b"show jobs") == b".\n"
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_the_jobs_around_a_cancelled_one_keep_their_order() -> None:
    server = MemoryServer()
    client = server.connect()
    for workload in (b"1", b"2", b"3", b"4"):
        client.asks(SUBMIT_JOB_BG, b"f", b"", workload)
    for handle in (b"2", b"3"):
        client.types(b"cancel job H:test:" + handle)
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"1")]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:4", b"f", b"4")]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_running_job_is_cancelled_for_its_client_and_its_result_is_swallowed() -> None:
    """gearmand sends the client both (K03)."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    client.types(CANCEL)
    assert worker.asks(WORK_COMPLETE, HANDLE, b"done") == []
    assert client.heard() == []
    assert client.types(b"status") == b"f\t0\t0\t1\n.\n"


def test_a_cancelled_running_job_is_not_run_again_when_its_worker_dies() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    client.types(CANCEL)
    worker.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


@pytest.mark.parametrize("line", [b"cancel job H:test:9", b"cancel job ", b"CANCEL JOB h:test:1"])
def test_cancelling_an_unknown_job_is_an_error(line: bytes) -> None:
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.types(line) == b"ERR UNKNOWN_JOB\r\n"


# drop function


def test_dropping_a_function_ends_its_queued_jobs_for_whoever_waits() -> None:
    """gearmand frees the function under its jobs, and crashes later (B12)."""
    server = MemoryServer()
    client, operator = server.connect(), server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"u", b"%d" % (START + 1), b"")
    client.asks(SUBMIT_JOB_BG, b"g", b"", b"")
    server.passes(1)
    assert operator.types(b"drop function f") == OK
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert operator.types(b"status") == b"g\t1\t0\t0\n.\n"
    assert operator.types(b"show jobs") == b"H:test:4\t0\t0\t1\n.\n"


@pytest.mark.parametrize("state", ["a worker", "a running job"])
def test_a_function_with_a_worker_or_a_running_job_is_not_dropped(state: str) -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    if state == "a running job":
        worker.says(RESET_ABILITIES)
    answer = client.types(b"drop function f")
    assert answer.endswith(b"ERR there are still connected workers or executing clients\r\n")


def test_a_function_is_dropped_by_its_name_in_any_case() -> None:
    client = MemoryServer().connect()
    client.types(b"create function f")
    assert client.types(b"drop function F") == OK
    assert client.types(b"status") == b".\n"


def test_of_functions_that_differ_in_case_the_one_that_was_named_is_dropped() -> None:
    client = MemoryServer().connect()
    client.types(b"create function F")
    client.types(b"create function f")
    assert client.types(b"drop function f") == OK
    assert client.types(b"status") == b"F\t0\t0\t0\n.\n"


# Stopping


def test_a_server_that_stops_takes_no_more_jobs() -> None:
    server = MemoryServer()
    server.broker.stop()
    refusal = [(ERROR, b"QUEUE_ERROR", b"Server is stopping")]
    assert server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"") == refusal


def test_a_server_that_stops_hands_out_no_more_jobs_and_lets_running_ones_end() -> None:
    server = MemoryServer()
    client = server.connect()
    for _ in range(2):
        client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    server.broker.stop()
    assert server.broker.functions[b"f"].running
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]
    assert not server.broker.functions[b"f"].running
    worker.says(CAN_DO, b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_server_that_stops_wakes_nobody() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    lost, sleeping = server.running(b"f"), server.worker(b"f")
    sleeping.says(PRE_SLEEP)
    server.broker.stop()
    lost.leaves()
    assert (NOOP,) not in sleeping.heard()
