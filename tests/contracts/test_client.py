"""What a client may rely on, with either shell and either server."""

from __future__ import annotations

import re
from concurrent.futures import FIRST_COMPLETED

import pytest

from geartrain import (
    Complete,
    ConnectError,
    Created,
    Data,
    Fail,
    JobException,
    JobFailed,
    JobHandle,
    JobState,
    JobTimeout,
    NoServers,
    Priority,
    Progress,
    Unique,
    Warning,
    WorkerJob,
)
from tests.contracts.shells import Shell
from tests.support.machine import HOST, free_port, wait_until
from tests.support.processes import ServerProgram

UUID1 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def reverse(job: WorkerJob) -> bytes:
    """What most jobs here do."""
    return job.workload[::-1]


def talk(job: WorkerJob) -> str:
    """Send one packet of each kind."""
    job.send_data("one ")
    job.send_warning("careful")
    job.send_status(1, 2)
    job.send_data(b"two ")
    return "end"


def explode(job: WorkerJob) -> None:
    """Raise something."""
    raise ValueError("nope")


def refuse(job: WorkerJob) -> None:
    """Fail without a word."""
    raise Fail


def test_do_gives_the_result(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, reverse)
    with shell.running(worker):
        assert client.do(function, "this is a test") == b"tset a si siht"
        assert client.do(function, bytearray(b"\0ab")) == b"ba\0"
        assert client.do(function) == b""


def test_do_joins_the_pieces_of_a_result(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, talk)
    with shell.running(worker):
        assert client.do(function) == b"one two end"


def test_a_workload_of_many_megabytes_comes_back(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, lambda job: job.workload)
    workload = bytes(range(256)) * 32768
    with shell.running(worker):
        assert client.do(function, workload) == workload


def test_events_come_in_order(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, talk)
    with shell.running(worker):
        job = client.submit(function)
        assert list(job.events()) == [
            Created(job.handle),
            Data(b"one "),
            Warning(b"careful"),
            Progress(1, 2),
            Data(b"two "),
            Complete(b"end"),
        ]
        assert (job.done, job.state) == (True, JobState.COMPLETE)
        assert job.progress.fraction == 0.5
        assert job.status == (False, False, 1, 2)
        assert job.function == function


def test_a_job_iterates_over_its_pieces(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, talk)
    with shell.running(worker):
        assert list(client.submit(function)) == [b"one ", b"two ", b"end"]


def test_a_handle_is_its_text_and_knows_its_server(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    handle = shell.client(job_server.address).do_background(function)
    assert re.fullmatch(r"H:[^:]+:\d+", handle)
    assert handle.server == job_server.address
    assert handle.qualified == f"{job_server.address}//{handle}"
    assert JobHandle.parse(handle.qualified).server == job_server.address


def test_the_status_of_a_queued_job_unpacks_as_in_php(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client = shell.client(job_server.address)
    known, running, numerator, denominator = client.job_status(client.do_background(function))
    assert (known, running, numerator, denominator) == (True, False, 0, 0)


def test_the_status_of_a_running_job_has_its_progress(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.register(function)
    handle = client.do_background(function)
    job = worker.grab(10)
    assert job is not None
    job.send_status(3, 12)
    wait_until(lambda: client.job_status(handle).numerator == 3, "the progress is known")
    status = client.job_status(str(handle))
    assert status == (True, True, 3, 12)
    assert status.fraction == 0.25
    assert not status.done
    job.complete()
    wait_until(lambda: client.job_status(handle).done, "the job is done")


def test_many_statuses_are_asked_at_once(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client = shell.client(job_server.address)
    handles = [client.do_background(function), client.do_background(function), JobHandle("H:nowhere:1")]
    statuses = client.job_statuses(handles)
    assert [statuses[handle].known for handle in handles] == [True, True, False]


def test_the_status_by_unique_counts_who_waits(
    shell: Shell, job_server: ServerProgram, function: str, unique: str
) -> None:
    client = shell.client(job_server.address)
    assert not client.job_status_by_unique(unique).known
    client.do_background(function, unique=unique)
    assert client.job_status_by_unique(unique) == (True, False, 0, 0)
    assert client.job_status_by_unique(unique).waiting == 0
    client.submit(function, unique=unique).abandon()
    assert client.job_status_by_unique(unique).waiting == 1


def test_equal_uniques_share_a_job(
    shell: Shell, job_server: ServerProgram, function: str, unique: str
) -> None:
    client = shell.client(job_server.address)
    first = client.do_background(function, "1", unique=unique)
    assert client.do_background(function, "2", unique=unique) == first
    assert client.do_background(function, "1") != first


def test_equal_workloads_share_a_job_only_where_that_is_asked_for(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client = shell.client(job_server.address)
    first = client.do_background(function, "same", unique=Unique.CONTENT)
    assert client.do_background(function, "same", unique=Unique.CONTENT) == first
    assert client.do_background(function, "other", unique=Unique.CONTENT) != first
    assert client.do_background(function, "same", unique=Unique.NONE) != first


def test_a_job_without_a_unique_gets_a_uuid(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, lambda job: job.unique)
    with shell.running(worker):
        first, second = client.do(function), client.do(function)
    assert UUID1.fullmatch(first.decode())
    assert UUID1.fullmatch(second.decode())
    assert first != second


def test_high_priority_goes_first(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        client.do_background(function, priority.name, priority=priority)
    ran: list[bytes] = []
    worker.add_function(function, lambda job: ran.append(job.workload))
    for _ in range(3):
        assert worker.work(10)
    assert ran == [b"HIGH", b"NORMAL", b"LOW"]


def test_a_delayed_job_waits_in_the_queue(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.register(function)
    handle = client.do_background(function, delay=3600)
    assert worker.grab(0.05) is None
    assert client.job_status(handle).known


def test_what_a_function_raises_is_raised_at_the_client(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, explode)
    with shell.running(worker), pytest.raises(JobException, match="ValueError: nope") as caught:
        client.do(function)
    assert caught.value.payload == b"ValueError: nope"
    assert caught.value.handle.startswith("H:")


def test_a_job_that_fails_is_told_from_one_that_raises(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, refuse)
    with shell.running(worker):
        job = client.submit(function)
        error = job.exception()
        assert type(error) is JobFailed
        with pytest.raises(JobFailed):
            list(job)
    assert job.state is JobState.FAILED


def test_after_a_timeout_the_client_goes_on_and_hears_nothing_late(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    with pytest.raises(JobTimeout) as caught:
        client.do(function, "late", timeout=0.05)
    assert client.job_status(caught.value.handle).known
    worker.add_function(function, reverse)
    with shell.running(worker):
        assert client.do(function, "soon", timeout=10) == b"noos"


def test_submit_many_queues_them_all(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, admin = shell.client(job_server.address), shell.admin(job_server.address)
    handles = client.submit_many(function, (b"%d" % number for number in range(2500)))
    assert len(set(handles)) == 2500
    assert handles[0].server == job_server.address
    assert [row.total for row in admin.status() if row.function == function] == [2500]


def test_map_keeps_the_order_of_the_workloads(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, reverse)
    with shell.running(worker):
        results = list(client.map(function, (b"%03d" % number for number in range(50)), limit=7))
    assert results == [(b"%03d" % number)[::-1] for number in range(50)]


def test_map_ends_with_the_first_job_that_fails(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, lambda job: reverse(job) if job.workload != b"13" else explode(job))
    with shell.running(worker):
        results = client.map(function, (b"%d" % number for number in range(10, 20)), limit=2)
        assert [next(results), next(results), next(results)] == [b"01", b"11", b"21"]
        with pytest.raises(JobException):
            next(results)


def test_as_completed_gives_every_job_once(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, reverse)
    with shell.running(worker):
        jobs = [client.submit(function, b"%d" % number) for number in range(10)]
        results = {job.result() for job in client.as_completed(jobs)}
    assert results == {b"%d" % number for number in range(10)}


def test_wait_tells_the_done_from_the_others(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.register(function)
    first, second = client.submit(function), client.submit(function)
    grabbed = worker.grab(10)
    assert grabbed is not None
    grabbed.complete("x")
    done, others = client.wait([first, second], return_when=FIRST_COMPLETED)
    assert (done, others) == ({first}, {second})
    done, others = client.wait([first, second], timeout=0.05)
    assert (done, others) == ({first}, {second})
    second.abandon()


def test_a_task_set_calls_back(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, talk)
    worker.add_function(f"{function}-raises", explode)
    worker.add_function(f"{function}-fails", refuse)
    heard: list[tuple[object, ...]] = []
    tasks = client.task_set(
        on_created=lambda job: heard.append(("created", job.context)),
        on_data=lambda job, chunk: heard.append(("data", job.context, chunk)),
        on_warning=lambda job, text: heard.append(("warning", job.context, text)),
        on_status=lambda job, progress: heard.append(("status", job.context, *progress)),
        on_complete=lambda job, last: heard.append(("complete", job.context, last)),
        on_exception=lambda job, error: heard.append(("exception", job.context, error.payload)),
        on_fail=lambda job, error: heard.append(("fail", job.context, type(error))),
    )
    with shell.running(worker), tasks:
        tasks.add(function, context=1)
        tasks.add(f"{function}-raises", context=2)
        tasks.add(f"{function}-fails", context=3)
        tasks.add(function, background=True, context=4)
    assert [event for event in heard if event[1] == 1] == [
        ("created", 1),
        ("data", 1, b"one "),
        ("warning", 1, b"careful"),
        ("status", 1, 1, 2),
        ("data", 1, b"two "),
        ("complete", 1, b"end"),
    ]
    assert ("exception", 2, b"ValueError: nope") in heard
    assert ("fail", 3, JobFailed) in heard


def test_a_prefix_stands_before_every_function(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address, prefix="ns/"), shell.worker(job_server.address)
    worker.add_function(f"ns/{function}", lambda job: job.function)
    with shell.running(worker):
        assert client.do(function) == f"ns/{function}".encode()


def test_ping_measures_every_server(shell: Shell, job_server: ServerProgram) -> None:
    seconds = shell.client(job_server.address).ping()
    assert list(seconds) == [job_server.address]
    assert 0 < seconds[job_server.address] < 10


def test_without_any_server_a_submit_says_so(shell: Shell) -> None:
    address = f"{HOST}:{free_port()}"
    client = shell.client(address)
    with pytest.raises(NoServers, match=address):
        client.do_background("f")
    with pytest.raises(ConnectError, match=address):
        client.ping()


def test_a_dead_server_is_passed_over(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client = shell.client(f"{HOST}:{free_port()}", job_server.address, routing="first")
    assert client.do_background(function).server == job_server.address


def test_a_bare_handle_is_asked_of_every_server(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    handle = shell.client(job_server.address).do_background(function)
    dead = f"{HOST}:{free_port()}"
    client = shell.client(dead, job_server.address)
    status = client.job_status(str(handle))
    assert status.known
    assert not status.complete_view
    assert not client.job_status("H:nowhere:1").done
    with pytest.raises(ConnectError, match=dead):
        client.job_status(str(handle), strict=True)


def test_closing_with_jobs_under_way_warns(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client = shell.client(job_server.address)
    job = client.submit(function)
    with pytest.warns(ResourceWarning, match="1 foreground job"):
        client.close()
    assert job.state is JobState.LOST


def test_waiting_for_any_job_ends_in_time(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client = shell.client(job_server.address)
    job = client.submit(function)
    with pytest.raises(JobTimeout):
        list(client.as_completed([job], timeout=0.05))
    with pytest.raises(JobTimeout) as caught:
        job.result(timeout=0.02)
    assert caught.value.handle == job.handle
    job.abandon()
