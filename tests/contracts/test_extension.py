"""What our own server adds, with either shell; and what they say or do where the server is a gearmand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import cast

import pytest

from geartrain import (
    ExtensionMissing,
    Fail,
    JobCancelled,
    JobException,
    JobFailed,
    JobTimeout,
    Priority,
    ResultNotKept,
    Retry,
    WorkerJob,
)
from tests.contracts.shells import Shell
from tests.support.machine import HOST, free_port, wait_until
from tests.support.processes import ServerProgram, gearmand, geartrain_server


@pytest.fixture(scope="module")
def theirs() -> Iterator[ServerProgram]:
    """A C gearmand, for all tests here."""
    with gearmand() as server:
        yield server


def keep_results(server: ServerProgram, function: str, more: str = "") -> None:
    """Have the results of a function's background jobs kept."""
    assert server.ask(f'policy {function} {{"keep_result":60{more}}}').startswith("{")


# Results


def test_the_result_of_a_background_job_is_waited_for(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    keep_results(our_server, function)
    client, worker = shell.client(our_server.address), shell.worker(our_server.address, id="me")

    @worker.function(function)
    def halves(job: WorkerJob) -> bytes:
        job.send_data(b"one ")
        return b"two"

    before = time.time()
    handle = client.do_background(function, delay=0.1)
    queued = client.outcome(handle)
    assert queued is not None
    assert (queued.state, queued.attempts, queued.over) == ("delayed", 0, False)
    with shell.running(worker):
        assert client.result(handle) == b"one two"
        assert client.result(str(handle)) == b"one two"
    ended = client.outcome(handle)
    assert ended is not None
    assert (ended.handle, ended.state, ended.result, ended.error) == (handle, "complete", b"one two", "")
    assert (ended.attempts, ended.worker) == (1, "me")
    assert before <= ended.submitted_at <= ended.started_at <= ended.finished_at  # type: ignore[operator]
    assert not client.job_status(handle).known


def test_a_job_without_a_result_raises_how_it_ended(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    keep_results(our_server, function)
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)

    @worker.function(function)
    def ends_badly(job: WorkerJob) -> None:
        raise Fail if job.workload == b"fail" else ValueError("why")

    with shell.running(worker):
        with pytest.raises(JobException, match="ValueError: why"):
            client.result(client.do_background(function))
        with pytest.raises(JobFailed, match="failed"):
            client.result(client.do_background(function, "fail"))
    waiting = client.do_background(f"{function}-nobody")
    keep_results(our_server, f"{function}-nobody")
    assert client.cancel(waiting)
    with pytest.raises(JobCancelled, match="was cancelled"):
        client.result(waiting)


def test_a_dead_letter_says_why_it_is_dead(shell: Shell, our_server: ServerProgram, function: str) -> None:
    keep_results(our_server, function, ',"retry":{"attempts":2}')
    client, worker = shell.client(our_server.address), shell.worker(our_server.address, max_jobs=2)

    @worker.function(function)
    def never(job: WorkerJob) -> None:
        raise Retry

    handle = client.do_background(function)
    with shell.running(worker), pytest.raises(JobFailed, match="dead letter after 2 attempts: Retry"):
        client.result(handle)
    dead = client.outcome(handle)
    assert dead is not None
    assert (dead.state, dead.attempts, dead.error) == ("dead", 2, "Retry: retry in 0 s")


def test_a_result_that_is_not_kept_is_missed_clearly(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client = shell.client(our_server.address)
    handle = client.do_background(function)
    with pytest.raises(
        JobTimeout, match="is not over in time: no worker knows its function; it stays queued"
    ):
        client.result(handle, timeout=0.05)
    assert client.cancel(handle)
    with pytest.raises(ResultNotKept, match=r"set keep_result in its function's policy"):
        client.result(handle)
    assert client.outcome(handle) is None


def test_a_bare_handle_is_found_at_whichever_server_has_it(
    shell: Shell, our_server: ServerProgram, theirs: ServerProgram, function: str
) -> None:
    keep_results(our_server, function)
    both = shell.client(theirs.address, our_server.address)
    handle = shell.client(our_server.address).do_background(function)
    queued = both.outcome(str(handle))
    assert queued is not None
    assert queued.state == "queued"
    assert both.cancel(str(handle))
    with pytest.raises(ExtensionMissing, match=f"{theirs.address} is no Geartrain server"):
        both.outcome("H:nowhere:1")


# Cancelling


def test_a_queued_job_is_cancelled_once(shell: Shell, our_server: ServerProgram, function: str) -> None:
    client = shell.client(our_server.address)
    job = client.submit(function)
    assert client.cancel(job.handle)
    assert not client.cancel(job.handle)
    with pytest.raises(JobFailed):
        job.result()


def test_a_plain_function_sees_that_its_job_was_cancelled(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    seen: list[bool] = []

    @worker.function(function)
    def patient(job: WorkerJob) -> bytes:
        if job.workload == b"next":
            return b"fine"
        seen.append(job.cancelled)
        job.send_status(1, 2)
        wait_until(lambda: job.cancelled, "the job is cancelled")
        seen.append(job.cancelled)
        job.send_data("not sent")
        job.raise_if_cancelled()
        return b"not reached"

    with shell.running(worker):
        handle = client.do_background(function)
        wait_until(lambda: client.job_status(handle).numerator == 1, "the job runs")
        assert client.cancel(handle)
        assert client.do(function, "next") == b"fine"
    assert seen == [False, True]


def test_a_worker_sees_that_its_job_is_over_its_time_limit(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    attempts: list[int] = []

    @worker.function(function, timeout=1)
    def slow_at_first(job: WorkerJob) -> bytes:
        attempts.append(job.attempt)
        if job.attempt == 1:
            wait_until(lambda: job.cancelled, "the time limit is over")
            with pytest.raises(JobCancelled, match="is over its time limit"):
                job.raise_if_cancelled()
            return b"too late"
        return b"in time"

    with shell.running(worker):
        assert client.do(function) == b"in time"
    assert attempts == [1, 2]


def test_any_thread_may_ask_whether_the_job_was_cancelled(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    worker.register(function)
    handle = client.do_background(function)
    job = worker.grab(10)
    assert job is not None
    assert client.cancel(handle)
    threads = [
        threading.Thread(target=lambda: wait_until(lambda: job.cancelled, "the job is cancelled"))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert job.cancelled


# Running again


def test_a_retried_job_keeps_its_handle_its_unique_and_its_clients(
    shell: Shell, our_server: ServerProgram, function: str, unique: str
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    runs: list[tuple[int, str, str]] = []

    @worker.function(function)
    def third_time_lucky(job: WorkerJob) -> bytes:
        runs.append((job.attempt, job.handle, job.unique))
        if job.attempt < 3:
            raise Retry(0.05 if job.attempt == 2 else 0)
        return b"at last"

    with shell.running(worker):
        job = client.submit(function, "work", unique=unique)
        assert job.result() == b"at last"
    assert runs == [(number, job.handle, unique) for number in (1, 2, 3)]


# Submitting


def test_a_delay_is_exact_to_the_fraction_of_a_second_and_has_any_priority(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client, admin = shell.client(our_server.address), shell.admin(our_server.address)
    before = time.time()
    handles = [
        client.do_background(function, priority=priority, delay=3600.25)
        for priority in (Priority.NORMAL, Priority.LOW)
    ]
    after = time.time()
    rows = [admin.json_lines("job", handle)[0] for handle in handles]
    assert [row["priority"] for row in rows] == ["normal", "low"]
    assert all(before + 3600.25 <= cast(float, row["run_at"]) <= after + 3600.25 for row in rows)


def test_metadata_travel_with_a_job(shell: Shell, our_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    seen: list[dict[str, str]] = []

    @worker.function(function)
    def note(job: WorkerJob) -> None:
        seen.append(job.metadata)

    with shell.running(worker):
        client.do(function, metadata={"trace": "é"})
        client.submit(function, metadata={"trace": "2"}).result()
        handle = client.do_background(function, metadata={"trace": "3"})
        wait_until(lambda: client.job_status(handle).done, "the job is done")
        client.do(function)
    assert seen == [{"trace": "é"}, {"trace": "2"}, {"trace": "3"}, {}]


# A gearmand


def test_a_gearmand_is_named_where_it_cannot_do_what_is_asked(
    shell: Shell, theirs: ServerProgram, function: str
) -> None:
    client = shell.client(theirs.address)
    handle = client.do_background(function)
    where = f"{theirs.address} is no Geartrain server"
    with pytest.raises(ExtensionMissing, match=f"cancelling a job: {where}"):
        client.cancel(handle)
    with pytest.raises(ExtensionMissing, match=f"the result of a background job: {where}"):
        client.result(handle)
    with pytest.raises(ExtensionMissing, match=f"the result of a background job: {where}"):
        client.outcome(handle)
    with pytest.raises(ExtensionMissing, match=f"at or delay with priority LOW: {where}"):
        client.do_background(function, priority=Priority.LOW, delay=5)
    with pytest.raises(ExtensionMissing, match=f"metadata: {where}"):
        client.do(function, metadata={"trace": "x"})


def test_what_a_gearmand_can_do_goes_on(shell: Shell, theirs: ServerProgram, function: str) -> None:
    client, worker = shell.client(theirs.address), shell.worker(theirs.address)
    seen: list[tuple[bool, dict[str, str], int]] = []

    @worker.function(function)
    def look(job: WorkerJob) -> bytes:
        seen.append((job.cancelled, job.metadata, job.attempt))
        return job.workload

    with shell.running(worker):
        assert client.do(function, "one") == b"one"
        handle = client.do_background(function, "two", delay=3600.5)
        assert client.job_status(handle).known
        assert client.do(function, "three") == b"three"
    assert seen == [(False, {}, 1)] * 2


def test_a_client_asks_a_new_connection_for_the_extension_again(shell: Shell, function: str) -> None:
    port = free_port()
    client = shell.client(f"{HOST}:{port}")
    for _ in range(2):
        with geartrain_server(port=port):
            assert client.outcome("H:nowhere:1") is None
    with geartrain_server(port=port):
        assert client.do_background(function, priority=Priority.HIGH, delay=5)
    with gearmand(port=port), pytest.raises(ExtensionMissing):
        client.outcome("H:nowhere:1")
