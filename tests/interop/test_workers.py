"""Unchanged workers of other makes, over our server, with a client in Python."""

from __future__ import annotations

import pytest

from geartrain.errors import JobException, JobFailed
from geartrain.sync.client import Client
from tests.interop.conftest import StartWorker, Work
from tests.interop.programs import GEAR, NODE, PHP
from tests.support.machine import DEADLINE, wait_until
from tests.support.processes import ServerProgram

BINARY = bytes(range(256)) * 5000  # 1.25 MiB with every byte in it, NULs too


def test_a_worker_takes_what_waited_for_it_and_sleeps_until_more_comes(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    handle = client.do_background(f"{function}-nothing", b"x")
    start_worker()
    wait_until(lambda: client.job_status(handle).done, "the queued job is done")
    # The worker finds no job now, so only a NOOP brings it back.
    for word in (b"stressed", b"drawer"):
        assert client.do(f"{function}-reverse", word) == word[::-1]


def test_data_warnings_and_status_of_a_worker_arrive_in_their_order(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    start_worker()
    events = [(type(event).__name__, *event) for event in client.submit(f"{function}-events", b"x").events()]
    # The client gives the newest of several reports that it had not given yet.
    assert [event for event in events[1:] if event not in (("Progress", 1, 3), ("Progress", 2, 3))] == [
        ("Data", b"one"),
        ("Warning", b"careful"),
        ("Progress", 3, 3),
        ("Complete", b"done"),
    ]


def test_a_large_binary_workload_reaches_a_worker_and_comes_back(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    start_worker()
    assert client.do(f"{function}-echo", BINARY) == BINARY


def test_an_empty_result_ends_the_job_and_the_worker_goes_on(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    worker = start_worker()
    for _ in range(3):
        assert client.do(f"{function}-nothing", b"x") == b""
    assert client.do(f"{function}-reverse", b"live") == b"evil"
    assert worker.running()


def test_a_failed_job_fails_and_the_worker_goes_on(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    worker = start_worker()
    for _ in range(3):
        with pytest.raises(JobFailed) as failure:
            client.do(f"{function}-fail", b"x")
        assert not isinstance(failure.value, JobException)
    assert client.do(f"{function}-reverse", b"live") == b"evil"
    assert worker.running()


def test_an_exception_in_a_worker_reaches_the_client_and_the_worker_goes_on(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    worker = start_worker()
    for _ in range(3):
        with pytest.raises(JobException) as failure:
            client.do(f"{function}-exception", b"x")
        assert b"the disk is full" in failure.value.payload
    # Gearman::Worker says WORK_FAIL after its WORK_EXCEPTION and would die of an ERROR.
    assert client.do(f"{function}-reverse", b"live") == b"evil"
    assert worker.running()


def test_a_client_that_did_not_ask_for_exceptions_hears_of_a_failure(
    start_worker: StartWorker, shared_server: ServerProgram, function: str
) -> None:
    start_worker()
    with Client(shared_server.address, exceptions=False) as client, pytest.raises(JobFailed) as failure:
        client.do(f"{function}-exception", b"x", timeout=DEADLINE)
    assert not isinstance(failure.value, JobException)


def test_the_job_of_a_killed_worker_goes_to_another(
    start_worker: StartWorker, client: Client, work: Work, function: str
) -> None:
    worker = start_worker()
    handle = client.do_background(f"{function}-hang", b"x")
    wait_until(lambda: client.job_status(handle) == (True, True, 1, 2), "the job is half done")
    worker.kill()
    wait_until(lambda: client.job_status(handle) == (True, False, 0, 0), "the job is queued again")
    taken: list[bytes] = []
    work(f"{function}-hang", lambda job: taken.append(job.workload))
    wait_until(lambda: client.job_status(handle).done, "the job is done")
    assert taken == [b"x"]


@pytest.mark.parametrize("language", [PHP, NODE, GEAR], ids=["php", "node", "gear"], indirect=True)
def test_the_unique_reaches_a_worker_that_asks_for_it(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    start_worker()
    for unique in ("u-1", "u" * 64, "u" * 200):
        assert client.do(f"{function}-unique", b"x", unique=unique) == unique.encode()
