"""A job that is not its worker's any more: its function is told, or ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from geartrain import JobCancelled, JobException, WorkerJob
from tests.contracts.shells import Shell
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, geartrain_server

LIMIT = 100_000  # bytes of a workload
FITS, TOO_LARGE = LIMIT, 2 * LIMIT


@pytest.fixture(scope="module")
def small() -> Iterator[ServerProgram]:
    """A server that takes small packets only."""
    with geartrain_server("--max-workload", str(LIMIT)) as program:
        yield program


@pytest.mark.parametrize("way", ["result", "chunk", "warning"])
def test_what_is_over_the_servers_limit_fails_its_job_with_the_limit(
    shell: Shell, small: ServerProgram, function: str, way: str
) -> None:
    client, worker = shell.client(small.address), shell.worker(small.address)
    runs: list[str] = []

    @worker.function(function)
    def large(job: WorkerJob) -> bytes:
        runs.append(job.handle)
        size = int(job.workload)
        if way == "chunk":
            job.send_data(bytes(size))
        if way == "warning":
            job.send_warning(bytes(size))
        return bytes(size) if way == "result" else b""

    with shell.running(worker):
        with pytest.raises(
            JobException, match=r"PayloadError: WORK_\w+ of \d+ bytes is over .* limit of 165536"
        ):
            client.do(function, b"%d" % TOO_LARGE, timeout=10)
        assert len(client.do(function, b"%d" % FITS, timeout=10)) in (FITS, 0)
        with pytest.raises(JobException, match="limit of 165536"):
            client.do(function, b"%d" % TOO_LARGE, timeout=10)
    assert len(runs) == 3


def test_an_exception_is_cut_to_what_the_server_takes(
    shell: Shell, small: ServerProgram, function: str
) -> None:
    client, worker = shell.client(small.address), shell.worker(small.address)

    @worker.function(function)
    def talks(job: WorkerJob) -> None:
        raise ValueError("é" * TOO_LARGE)

    with shell.running(worker), pytest.raises(JobException, match="ValueError: ééé"):
        client.do(function, timeout=10)


def test_a_plain_function_hears_at_its_next_word_that_its_job_was_cancelled(
    shell: Shell, our_server: ServerProgram, function: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    words = ["send_data", "send_warning", "send_status", "complete", "fail", "exception"]
    arguments = {"send_status": (1, 2), "complete": (), "fail": ()}
    heard: list[str] = []

    @worker.function(function)
    def speaks(job: WorkerJob) -> bytes:
        if job.workload == b"next":
            return b"fine"
        job.send_status(1, 2)
        wait_until(lambda: job.cancelled, "the job is cancelled")
        for word in words:
            with pytest.raises(JobCancelled, match="was cancelled"):
                getattr(job, word)(*arguments.get(word, (b"x",)))
            heard.append(word)
        job.send_data(b"x")
        return b"not reached"

    with shell.running(worker):
        handle = client.do_background(function)
        wait_until(lambda: client.job_status(handle).numerator == 1, "the job runs")
        assert client.cancel(handle)
        assert client.do(function, "next", timeout=10) == b"fine"
    assert heard == words
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    (line,) = [line for line in lines if handle in line]
    assert line.startswith(f"job {handle} of {function} was cancelled: it stopped in attempt 1 after ")


def test_a_function_hears_that_its_job_was_lost_with_the_connection(shell: Shell, function: str) -> None:
    port = free_port()
    worker = shell.worker(f"{HOST}:{port}")
    begun, heard = threading.Event(), threading.Event()

    @worker.function(function)
    def speaks(job: WorkerJob) -> None:
        begun.set()
        try:
            while True:
                job.send_status(1, 2)
                time.sleep(0.01)
        except JobCancelled:
            if job.cancelled:
                heard.set()
            raise

    with geartrain_server(port=port) as server:
        shell.client(server.address).do_background(function)
        with shell.running(worker):
            assert begun.wait(DEADLINE)
            server.kill()
            assert heard.wait(DEADLINE)


def test_a_worker_keeps_its_own_time_limit_where_the_server_does_not_tell(
    shell: Shell, c_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(c_server.address), shell.worker(c_server.address)
    attempts: list[float | None] = []

    @worker.function(function, timeout=1)
    def slow_at_first(job: WorkerJob) -> bytes:
        attempts.append(job.deadline)
        if len(attempts) == 1:
            wait_until(lambda: job.cancelled, "the time limit is over")
            with pytest.raises(JobCancelled, match="is over its time limit"):
                job.send_status(1, 2)
        return b"in time"

    before = time.time()
    with shell.running(worker):
        assert client.do(function, timeout=10) == b"in time"
    assert attempts[0] is not None
    assert before + 0.9 <= attempts[0] <= time.time() + 1.0


def test_a_job_without_a_time_limit_has_no_deadline(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    deadlines: list[float | None] = []
    worker.add_function(function, lambda job: deadlines.append(job.deadline))
    with shell.running(worker):
        client.do(function, timeout=10)
    assert deadlines == [None]


def test_a_policys_time_limit_is_known_to_the_worker(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    assert our_server.ask(f'policy {function} {{"timeout":60}}').startswith("{")
    deadlines: list[float | None] = []
    worker.add_function(function, lambda job: deadlines.append(job.deadline), timeout=3600)
    before = time.time()
    with shell.running(worker):
        client.do(function, timeout=10)
    assert deadlines[0] is not None
    assert before + 59 <= deadlines[0] <= time.time() + 60
