"""What a program notices when one of its several servers stops or dies: nothing, if it can be helped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from geartrain import ConnectError, ConnectionLost, NoServers, QueueFull, WorkerJob
from tests.contracts.shells import Shell
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, geartrain_server


class Gate:
    """A function of a worker that waits until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.runs: list[str] = []  # handles

    def __call__(self, job: WorkerJob) -> bytes:
        self.runs.append(job.handle)
        self.opened.wait(DEADLINE)
        return job.workload[::-1]

    def wait_for_runs(self, number: int) -> None:
        wait_until(lambda: len(self.runs) >= number, f"{number} jobs have begun")


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@contextmanager
def two_servers(*options: str) -> Iterator[tuple[ServerProgram, ServerProgram]]:
    """Two servers that are no pool; the options are those of the first."""
    with geartrain_server(*options) as first, geartrain_server() as second:
        yield first, second


@contextmanager
def called(call: Callable[[], bytes]) -> Iterator[Future[bytes]]:
    """What a call gives that takes its time."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(call)


def stop(server: ServerProgram) -> None:
    """Have a server end, and wait until it has heard of it."""
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_output("message=stopping")


def test_what_a_stopping_server_refuses_the_next_one_takes(shell: Shell, function: str, gate: Gate) -> None:
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        with shell.running(worker):
            running = client.submit(function, "abc")
            assert running.handle.server == first.address
            gate.wait_for_runs(1)
            stop(first)
            handles = [client.do_background(function), *client.submit_many(function, [b"1", b"2", b"3"])]
            queued = client.submit(function, "queued")
            assert {handle.server for handle in (*handles, queued.handle)} == {second.address}
            with client.task_set() as tasks:
                tasks.add(function, background=True)
            gate.opened.set()
            assert running.result(DEADLINE) == b"cba"
            assert queued.result(DEADLINE) == b"deueuq"
            assert first.wait() == 0
            assert client.do(function, "xyz") == b"zyx"


def test_where_all_servers_stop_the_refusal_is_the_answer(shell: Shell, function: str, gate: Gate) -> None:
    with two_servers() as (first, second):
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        client = shell.client(first.address, second.address, routing="round-robin")
        other = shell.worker(first.address, second.address)
        other.add_function(function, gate)
        with shell.running(worker), shell.running(other):
            jobs = [client.submit(function), client.submit(function)]
            gate.wait_for_runs(2)
            stop(first)
            stop(second)
            with pytest.raises(QueueFull, match="Server is stopping"):
                client.do_background(function)
            gate.opened.set()
            assert [job.result(DEADLINE) for job in jobs] == [b"", b""]


def test_the_error_names_a_server_that_refused_and_one_that_is_away(
    shell: Shell, function: str, gate: Gate
) -> None:
    dead = f"{HOST}:{free_port()}"
    with geartrain_server() as server:
        client, worker = shell.client(server.address, dead, routing="first"), shell.worker(server.address)
        worker.add_function(function, gate)
        with shell.running(worker):
            job = client.submit(function)
            gate.wait_for_runs(1)
            stop(server)
            with pytest.raises(NoServers, match=f"Server is stopping; cannot connect to {dead}"):
                client.do_background(function)
            gate.opened.set()
            job.result(DEADLINE)


def test_who_waits_for_a_job_of_a_killed_server_has_its_result_from_another(
    shell: Shell, function: str, gate: Gate
) -> None:
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        with shell.running(worker), called(lambda: client.do(function, "abc")) as result:
            gate.wait_for_runs(1)
            job = client.submit(function, "xyz")
            first.kill()
            gate.opened.set()
            assert result.result(DEADLINE) == b"cba"
            assert job.result(DEADLINE) == b"zyx"
            assert job.handle.server == second.address
    assert len(gate.runs) == 3  # nobody could know that the first run went on


def test_who_waits_longer_than_the_grace_of_a_server_goes_to_another(
    shell: Shell, function: str, gate: Gate
) -> None:
    with two_servers("--grace", "0.1") as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        with shell.running(worker), called(lambda: client.do(function, "abc")) as result:
            gate.wait_for_runs(1)
            stop(first)
            assert first.wait() == 0
            gate.opened.set()
            assert result.result(DEADLINE) == b"cba"


def test_all_jobs_under_way_go_on_elsewhere(shell: Shell, function: str, gate: Gate) -> None:
    words = [b"%d" % number for number in range(100, 120)]
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="round-robin")
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        with (
            shell.running(worker),
            called(lambda: b" ".join(client.map(function, words, limit=10))) as results,
        ):
            gate.wait_for_runs(1)
            wait_until(lambda: queued(first, function) + queued(second, function) == 10, "ten are under way")
            first.kill()
            wait_until(lambda: queued(second, function) == 10, "all are at the second server")
            gate.opened.set()
            assert results.result(DEADLINE) == b" ".join(word[::-1] for word in words)


def queued(server: ServerProgram, function: str) -> int:
    """How many jobs of a function a server has."""
    rows = [line.split("\t") for line in server.ask("status").splitlines()]
    return sum(int(row[1]) for row in rows if row[0] == function)


def test_jobs_that_several_wait_for_are_called_back_once(shell: Shell, function: str, gate: Gate) -> None:
    created: list[str] = []
    completed: list[bytes] = []
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        tasks = client.task_set(
            on_created=lambda job: created.append(job.unique),
            on_complete=lambda job, last: completed.append(last),
        )
        for word in ("ab", "cd", "ef"):
            tasks.add(function, word, unique=word)
        with shell.running(worker), ThreadPoolExecutor(1) as threads:
            run = threads.submit(tasks.run)
            wait_until(lambda: len(created) == 3, "all jobs are there")
            first.kill()
            gate.opened.set()
            run.result(DEADLINE)
    assert sorted(created) == ["ab", "cd", "ef"]
    assert sorted(completed) == [b"ba", b"dc", b"fe"]


def test_a_client_may_want_to_hear_of_the_loss(shell: Shell, function: str) -> None:
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first", resubmit=False)
        job = client.submit(function)
        first.kill()
        with pytest.raises(ConnectionLost) as caught:
            job.result(DEADLINE)
        assert (caught.value.submitted, caught.value.handle) == (True, job.handle)


def test_a_job_whose_pieces_were_taken_is_not_begun_again(shell: Shell, function: str, gate: Gate) -> None:
    def talk(job: WorkerJob) -> bytes:
        job.send_data(b"one")
        return gate(job)

    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, talk)
        with shell.running(worker):
            pieces = iter(client.submit(function, "end"))
            assert next(pieces) == b"one"
            whole = client.submit(function, "abc")
            first.kill()
            with pytest.raises(ConnectionLost):
                next(pieces)
            gate.opened.set()
            assert whole.result(DEADLINE) == b"onecba"


def test_with_one_server_that_is_gone_the_loss_is_the_error(shell: Shell, function: str) -> None:
    with geartrain_server() as server:
        job = shell.client(server.address).submit(function)
        server.kill()
        with pytest.raises(ConnectionLost, match="cannot connect") as caught:
            job.result(DEADLINE)
        assert caught.value.submitted is True


def test_a_client_at_rest_does_not_notice_that_all_its_servers_were_restarted(
    shell: Shell, function: str
) -> None:
    ports = [free_port() for _ in range(4)]
    addresses = [f"{HOST}:{port}" for port in ports]
    client = shell.client(*addresses, routing="round-robin")
    for _ in range(2):
        servers = [geartrain_server(port=port) for port in ports]
        assert {client.do_background(function).server for _ in range(8)} <= set(addresses)
        assert len(client.ping()) == 4
        for server in servers:
            with server:
                server.kill()


def test_a_handle_is_asked_of_the_others_while_its_own_server_is_away(shell: Shell, function: str) -> None:
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        other = shell.client(second.address)
        shell.admin(second.address).set_policy(function, keep_result=60)
        handles = [client.do_background(function), client.do_background(function)]
        # As in a pool, the second server knows the handles: its numbers begin at 1, too.
        assert [other.do_background(function), other.do_background(function)] == handles
        first.kill()
        for strict in (False, True):
            status = client.job_status(handles[0], strict=strict)
            assert (status.known, status.complete_view) == (True, True)
        assert client.cancel(handles[0])
        assert not other.job_status(str(handles[0])).known
        worker = shell.worker(second.address)
        worker.add_function(function, lambda job: "done")
        with shell.running(worker):
            assert client.result(handles[1], timeout=DEADLINE) == b"done"


def test_where_nobody_knows_a_handle_its_own_server_may(shell: Shell, function: str) -> None:
    with two_servers() as (first, second):
        client = shell.client(first.address, second.address, routing="first")
        handle = client.do_background(function)
        first.kill()
        status = client.job_status(handle)
        assert (status.known, status.complete_view, status.done) == (False, False, False)
        calls: list[Callable[[], object]] = [
            lambda: client.job_status(handle, strict=True),
            lambda: client.outcome(handle),
            lambda: client.cancel(handle),
            lambda: client.result(handle),
        ]
        for call in calls:
            with pytest.raises(ConnectError, match=first.address):
                call()


def test_a_worker_goes_on_elsewhere_and_comes_back(shell: Shell, function: str) -> None:
    port = free_port()
    with geartrain_server() as second, geartrain_server(port=port) as first:
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, lambda job: job.workload)
        with shell.running(worker):
            client = shell.client(second.address)
            assert shell.client(first.address).do(function, "1", timeout=DEADLINE) == b"1"
            assert client.do(function, "2", timeout=DEADLINE) == b"2"
            first.kill()
            assert client.do(function, "3", timeout=DEADLINE) == b"3"
            with geartrain_server(port=port) as again:
                assert shell.client(again.address).do(function, "4", timeout=DEADLINE) == b"4"
                assert client.do(function, "5", timeout=DEADLINE) == b"5"
                stop(again)
                assert again.wait() == 0
                assert client.do(function, "6", timeout=DEADLINE) == b"6"


def test_a_stopping_server_still_takes_the_result_of_its_last_job(
    shell: Shell, function: str, gate: Gate
) -> None:
    with two_servers() as (first, second):
        worker = shell.worker(first.address, second.address)
        worker.add_function(function, gate)
        with shell.running(worker):
            job = shell.client(first.address).submit(function, "abc")
            gate.wait_for_runs(1)
            stop(first)
            gate.opened.set()
            assert job.result(DEADLINE) == b"cba"
            assert first.wait() == 0
            assert shell.client(second.address).do(function, "xyz", timeout=DEADLINE) == b"zyx"
    assert len(gate.runs) == 2
