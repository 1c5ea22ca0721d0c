"""A caller's time is over: what it hears, and what its client keeps."""

from __future__ import annotations

import gc
import socket
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from geartrain import JobTimeout, Worker, WorkerJob
from tests.contracts.shells import Shell
from tests.support.machine import DEADLINE, HOST
from tests.support.processes import ServerProgram


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server((HOST, 0)) as listener:
        yield f"{HOST}:{listener.getsockname()[1]}"


def test_the_error_says_that_no_worker_knows_the_function_and_that_the_job_stays_queued(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    with pytest.raises(JobTimeout) as late:
        shell.client(our_server.address).do(function, timeout=0.05)

    handle = late.value.handle
    assert str(late.value) == (
        f"job {handle} of {function} is not done in time: no worker knows {function}; it stays queued"
    )
    assert (late.value.state, late.value.workers) == ("queued", 0)


def test_the_error_says_how_many_workers_know_the_function(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    job = shell.client(our_server.address).submit(function)
    with Worker(our_server.address) as idle:
        idle.register(function)
        idle.ping()
        with pytest.raises(
            JobTimeout, match=r"1 worker knows .*, and none has taken it yet; it stays queued"
        ):
            job.result(timeout=0.05)
    job.abandon()


def test_the_error_says_of_any_server_that_the_job_is_queued_or_running(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    begun, enough = threading.Event(), threading.Event()

    def work(job: WorkerJob) -> None:
        begun.set()
        enough.wait(DEADLINE)

    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    job = client.submit(function)
    with pytest.raises(JobTimeout, match="it stays queued") as queued:
        job.result(timeout=0.05)
    worker.add_function(function, work)
    with shell.running(worker):
        assert begun.wait(DEADLINE)
        with pytest.raises(JobTimeout, match="is not done in time: a worker runs it; it goes on") as running:
            job.result(timeout=0.05)
        enough.set()
        assert job.result(timeout=DEADLINE) == b""

    assert (queued.value.state, running.value.state) == ("queued", "running")


def test_a_silent_server_does_not_delay_the_error(shell: Shell, silent: str, function: str) -> None:
    with pytest.raises(JobTimeout, match="not acknowledged yet, is not done in time: it goes on") as late:
        shell.client(silent).do(function, timeout=0.05)

    assert (late.value.state, late.value.workers) == ("", None)


def test_a_ping_has_a_deadline_of_its_own(shell: Shell, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geartrain.sync.client.PING_TIMEOUT", 0.05)
    monkeypatch.setattr("geartrain.aio.client.PING_TIMEOUT", 0.05)

    with pytest.raises(JobTimeout):
        shell.client(silent).ping()


def test_a_clients_memory_stays_flat_over_many_calls_that_time_out(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client = shell.client(our_server.address)
    workload = b"x" * 10_000

    def late(calls: int) -> int:
        """Bytes that the client holds after so many calls more."""
        for _ in range(calls):
            with pytest.raises(JobTimeout):
                client.do(function, workload, timeout=0.0001)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = late(100)
        grown = late(500) - before
    finally:
        tracemalloc.stop()

    assert grown < 500 * 1000  # a tenth of the workloads
