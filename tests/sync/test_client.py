"""What only the blocking client promises: threads may share it, and nothing else is needed."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geartrain import Client, JobTimeout, Worker
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, geartrain_server


def running(worker: Worker) -> threading.Thread:
    """A worker at work in a thread."""
    thread = threading.Thread(target=worker.run)
    thread.start()
    return thread


def test_threads_share_a_client(server: ServerProgram) -> None:
    worker = Worker(server.address)
    worker.add_function("reverse", lambda job: job.workload[::-1])
    thread = running(worker)
    with Client(server.address) as client, ThreadPoolExecutor(8) as threads:
        words = [b"%04d" % number for number in range(400)]
        assert list(threads.map(lambda word: client.do("reverse", word), words)) == [w[::-1] for w in words]
    worker.stop()
    thread.join(DEADLINE)


def test_a_thread_that_waits_does_not_keep_the_others_from_submitting(server: ServerProgram) -> None:
    with Client(server.address) as client:
        waiting = threading.Thread(target=client.do, args=("later",))
        waiting.start()
        wait_until(lambda: "later\t1\t0\t0" in server.ask("status"), "the thread waits for its job")
        handle = client.do_background("other")
        assert client.job_status(handle).known
        with pytest.raises(JobTimeout):
            client.do("other", timeout=0.02)
        with Worker(server.address) as worker:
            worker.add_function("later", lambda job: "now")
            assert worker.work(DEADLINE)
        waiting.join(DEADLINE)
        assert not waiting.is_alive()


def test_a_large_workload_leaves_while_another_thread_waits(server: ServerProgram) -> None:
    with Client(server.address) as client:
        waiting = threading.Thread(target=client.do, args=("later",))
        waiting.start()
        wait_until(lambda: "later\t1\t0\t0" in server.ask("status"), "the thread waits for its job")
        assert client.do_background("large", bytes(32 << 20))
        with Worker(server.address) as worker:
            worker.add_function("later", lambda job: "now")
            assert worker.work(DEADLINE)
        waiting.join(DEADLINE)


def test_a_thread_waits_for_jobs_on_several_servers_while_another_reads(server: ServerProgram) -> None:
    with (
        geartrain_server() as second,
        Client([server.address, second.address], routing="round-robin") as client,
    ):
        jobs = [client.submit("f", b"%d" % number) for number in range(4)]
        assert {job.handle.server for job in jobs} == {server.address, second.address}
        waiting = threading.Thread(target=jobs[0].result)
        waiting.start()
        worker = Worker([server.address, second.address])
        worker.add_function("f", lambda job: job.workload)
        thread = running(worker)
        assert sorted(job.result() for job in client.as_completed(jobs[1:])) == [b"1", b"2", b"3"]
        waiting.join(DEADLINE)
        worker.stop()
        thread.join(DEADLINE)


def test_close_wakes_a_thread_that_waits(server: ServerProgram) -> None:
    client = Client(server.address)
    job = client.submit("never")
    errors: list[object] = []
    waiting = threading.Thread(target=lambda: errors.append(job.exception()))
    waiting.start()
    with pytest.warns(ResourceWarning):
        client.close()
    waiting.join(DEADLINE)
    assert "the client was closed" in str(errors[0])


def test_many_large_workloads_pass_a_server_that_answers_meanwhile(server: ServerProgram) -> None:
    with Client(server.address) as client:
        handles = client.submit_many("f", (b"x" * 300_000 for _ in range(60)))
        assert len(set(handles)) == 60


def test_the_servers_come_from_the_environment(
    server: ServerProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEARMAN_SERVERS", server.address)
    with Client() as client:
        assert client.do_background("f").server == server.address


def test_a_server_may_listen_on_a_unix_socket(server: ServerProgram, tmp_path: Path) -> None:
    path = tmp_path / "gearman.sock"
    with geartrain_server("--listen", f"unix:{path}") as listening, Client(f"unix:{path}") as client:
        listening.wait_for_output(str(path))
        assert client.do_background("f").server == f"unix:{path}"


def test_a_server_added_later_is_used(server: ServerProgram) -> None:
    with Client(f"{HOST}:{free_port()}") as client:
        client.add_server(server.address)
        assert client.do_background("f").server == server.address


def test_a_child_process_opens_connections_of_its_own(server: ServerProgram) -> None:
    with Client(server.address) as client:
        first = client.submit("f")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            job = client.submit("f")
            os.write(writing, f"{job.handle} {job.unique}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        handle, unique = os.read(reading, 1024).decode().split()
        os.close(reading)
        os.close(writing)
        second = client.submit("f")
        assert len({first.handle, handle, second.handle}) == 3
        assert len({first.unique, unique, second.unique}) == 3
        for job in (first, second):
            job.abandon()
