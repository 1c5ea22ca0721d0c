"""What a worker may rely on, with either shell and either server."""

from __future__ import annotations

import pytest

from geartrain import Fail, JobException, Reject, Retry, SettingsError, WorkerJob
from geartrain.protocol.assignment import next_unique
from tests.contracts.shells import Shell
from tests.support.machine import HOST, free_port, wait_until
from tests.support.processes import ServerProgram, gearmand, geartrain_server


@pytest.mark.parametrize(("returned", "result"), [(b"\0\xff", b"\0\xff"), ("é", "é".encode()), (None, b"")])
def test_a_function_returns_bytes_text_or_nothing(
    shell: Shell, job_server: ServerProgram, function: str, returned: bytes | str | None, result: bytes
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, lambda job: returned)
    with shell.running(worker):
        assert client.do(function) == result


def test_anything_else_is_an_exception(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.add_function(function, lambda job: 42)  # type: ignore[arg-type, return-value]
    with shell.running(worker), pytest.raises(JobException, match="payload 42"):
        client.do(function)


def test_a_worker_goes_on_after_every_outcome(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)

    @worker.function(function)
    def outcome(job: WorkerJob) -> str:
        if job.workload == b"raise":
            raise RuntimeError("why")
        if job.workload == b"fail":
            raise Fail
        return "fine"

    with shell.running(worker):
        errors = [client.submit(function, word).exception() for word in ("raise", "fail", "", "raise", "")]
    assert [str(error) if error else None for error in errors][0::2] == ["RuntimeError: why", None, None]


def test_a_job_may_end_itself(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)

    @worker.function(function)
    def ends_itself(job: WorkerJob) -> str:
        if job.workload == b"complete":
            job.complete("done early")
        else:
            job.exception("gave up")
        return "not heard"

    with shell.running(worker):
        assert client.do(function, "complete") == b"done early"
        with pytest.raises(JobException, match="gave up"):
            client.do(function, "exception")
        assert client.do(function, "complete") == b"done early"


def test_a_rejected_job_runs_again(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    runs: list[str] = []

    @worker.function(function)
    def rejects_once(job: WorkerJob) -> str:
        runs.append(job.handle)
        if len(runs) == 1:
            raise Reject
        return "second time"

    with shell.running(worker):
        assert client.do(function) == b"second time"
    assert runs[0] == runs[1]


@pytest.mark.parametrize("given", ["named", ""])
def test_without_the_extension_a_background_job_is_retried_under_the_next_unique(
    shell: Shell, c_server: ServerProgram, function: str, unique: str, given: str
) -> None:
    client, worker = shell.client(c_server.address), shell.worker(c_server.address)
    runs: list[tuple[int, str, bytes]] = []

    @worker.function(function)
    def third_time_lucky(job: WorkerJob) -> None:
        runs.append((job.attempt, job.unique, job.workload))
        if job.attempt < 3:
            raise Retry

    with shell.running(worker):
        handle = client.do_background(function, "work", unique=unique if given else "")
        wait_until(lambda: len(runs) == 3, "the job has run three times")
        wait_until(lambda: client.job_status(handle).done, "the first attempt has ended")
    second = next_unique(unique.encode() if given else b"", handle.encode())
    assert runs == [
        (1, unique if given else "", b"work"),
        (2, second.decode(), b"work"),
        (3, next_unique(second, b"").decode(), b"work"),
    ]


def test_without_the_extension_a_waiting_client_is_told_to_retry(
    shell: Shell, c_server: ServerProgram, function: str
) -> None:
    client, worker, admin = (
        shell.client(c_server.address),
        shell.worker(c_server.address),
        shell.admin(c_server.address),
    )

    @worker.function(function)
    def busy(job: WorkerJob) -> None:
        raise Retry(2.5)

    with shell.running(worker), pytest.raises(JobException) as caught:
        client.do(function)
    told = Retry.told(caught.value.payload)
    assert told is not None
    assert told.delay == 2.5
    assert [row.total for row in admin.status() if row.function == function] == [0]


def test_a_delayed_retry_waits_in_the_queue(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker, admin = (
        shell.client(job_server.address),
        shell.worker(job_server.address),
        shell.admin(job_server.address),
    )

    @worker.function(function)
    def later(job: WorkerJob) -> None:
        raise Retry(3600)

    client.do_background(function)
    assert worker.work(10)
    wait_until(
        lambda: [row[1:3] for row in admin.status() if row.function == function] == [(1, 0)],
        "the first attempt has ended",
    )
    assert worker.grab(0.05) is None


def test_tracked_items_are_reported_up_to_the_last(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)

    @worker.function(function)
    def reverse(job: WorkerJob) -> bytes:
        out = bytearray()
        for byte in job.track(job.workload):
            out.insert(0, byte)
        return bytes(out)

    with shell.running(worker):
        job = client.submit(function, b"this is a test")
        assert job.result() == b"tset a si siht"
    assert job.progress == (14, 14)


def test_grab_waits_only_so_long(shell: Shell, job_server: ServerProgram, function: str) -> None:
    worker = shell.worker(job_server.address)
    worker.register(function)
    assert worker.grab(0.02) is None
    assert worker.work(0.02) is False


def test_a_grabbed_job_tells_all_about_itself(
    shell: Shell, job_server: ServerProgram, function: str, unique: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    worker.register(function, timeout=60)
    handle = client.do_background(function, "work", unique=unique)
    job = worker.grab(10)
    assert job is not None
    assert (job.handle, job.function, job.unique, job.workload) == (handle, function, unique, b"work")
    assert job.attempt == 1
    job.fail()
    wait_until(lambda: client.job_status(handle).done, "the job is done")


def test_a_plain_grab_does_not_tell_the_unique(
    shell: Shell, job_server: ServerProgram, function: str, unique: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address, grab="plain")
    worker.register(function)
    client.do_background(function, unique=unique)
    job = worker.grab(10)
    assert job is not None
    assert job.unique == ""
    job.complete()


def test_run_ends_after_max_jobs(shell: Shell, job_server: ServerProgram, function: str) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address, max_jobs=2)
    handles = [client.do_background(function) for _ in range(3)]
    worker.add_function(function, lambda job: None)
    worker.run()
    wait_until(lambda: client.job_status(handles[1]).done, "two jobs are done")
    assert client.job_status(handles[2]).known


def test_run_ends_when_nothing_comes_in_time(shell: Shell, job_server: ServerProgram, function: str) -> None:
    worker = shell.worker(job_server.address, timeout=0.05)
    worker.add_function(function, lambda job: None)
    worker.run()


def test_a_worker_that_stops_takes_leave(shell: Shell, job_server: ServerProgram, function: str) -> None:
    worker, admin = shell.worker(job_server.address), shell.admin(job_server.address)
    worker.add_function(function, lambda job: None)

    def workers() -> int:
        return sum(row.workers for row in admin.status() if row.function == function)

    with shell.running(worker):
        wait_until(lambda: workers() == 1, "the worker is there")
    wait_until(lambda: workers() == 0, "the worker has left")


def test_an_unregistered_function_is_not_offered(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    worker, admin = shell.worker(job_server.address), shell.admin(job_server.address)
    worker.register(function)
    worker.register(f"{function}-2")
    assert worker.grab(0.02) is None
    worker.unregister(function)
    wait_until(
        lambda: [row.workers for row in admin.status() if row.function == function] == [0], "it is withdrawn"
    )
    assert [row.workers for row in admin.status() if row.function == f"{function}-2"] == [1]


def test_a_function_added_while_asleep_is_worked_on(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    handle = client.do_background(function)
    worker.register(f"{function}-other")
    assert worker.grab(0.02) is None
    worker.register(function)
    job = worker.grab(10)
    assert job is not None
    assert job.handle == handle
    job.complete()


def test_ping_measures_every_connected_server(shell: Shell, job_server: ServerProgram, function: str) -> None:
    worker = shell.worker(job_server.address)
    worker.register(function)
    assert worker.grab(0.02) is None
    assert list(worker.ping()) == [job_server.address]


def test_a_worker_serves_several_servers_and_waits_for_dead_ones(shell: Shell, function: str) -> None:
    dead = f"{HOST}:{free_port()}"
    with geartrain_server() as ours, gearmand() as theirs:
        worker = shell.worker(dead, ours.address, theirs.address)
        worker.add_function(function, lambda job: job.workload * 2)
        with shell.running(worker):
            for server in (ours, theirs, ours, theirs):
                assert shell.client(server.address).do(function, "x", timeout=10) == b"xx"


def test_a_worker_and_a_client_outlive_a_restart_of_the_server(shell: Shell, function: str) -> None:
    port = free_port()
    address = f"{HOST}:{port}"
    client, worker = shell.client(address), shell.worker(address)
    worker.add_function(function, lambda job: job.workload * 2)
    with shell.running(worker):
        with geartrain_server(port=port):
            assert client.do(function, "a", timeout=10) == b"aa"
        with geartrain_server(port=port):
            assert client.do(function, "b", timeout=10) == b"bb"


def test_a_client_asks_again_where_its_connection_has_died(shell: Shell) -> None:
    port = free_port()
    client, admin = shell.client(f"{HOST}:{port}"), shell.admin(f"{HOST}:{port}")
    with geartrain_server(port=port):
        assert client.ping()
        assert admin.version()
    with geartrain_server(port=port):
        assert client.job_status("H:nowhere:1").done
        assert admin.version()


def test_an_unknown_way_to_grab_is_refused(shell: Shell, job_server: ServerProgram) -> None:
    with pytest.raises(SettingsError, match="grab 'some'"):
        shell.worker(job_server.address, grab="some")
