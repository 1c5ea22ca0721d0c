"""What only the blocking worker promises."""

from __future__ import annotations

import logging
import threading

import pytest

from geartrain import Client, ConnectError, Worker, WorkerJob
from geartrain.protocol.servers import Server
from geartrain.sync.network import AnyLink, Sockets
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram


def test_any_thread_may_stop_it(server: ServerProgram) -> None:
    with Worker(server.address) as worker:
        worker.add_function("f", lambda job: None)
        threading.Timer(0.02, worker.stop).start()
        assert worker.work() is False


def test_a_function_may_stop_it_and_its_job_is_done(server: ServerProgram) -> None:
    with Client(server.address) as client:
        handle = client.do_background("f")
        worker = Worker(server.address)

        @worker.function("f")
        def stop(job: WorkerJob) -> None:
            worker.stop()

        worker.run()
        wait_until(lambda: client.job_status(handle).done, "the job is done")


def test_a_server_that_is_away_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    address = f"{HOST}:{free_port()}"
    with caplog.at_level(logging.WARNING, "geartrain.worker"), Worker(address) as worker:
        worker.register("f")
        assert worker.grab(0.02) is None
    assert f"cannot connect to {address}" in caplog.text


def test_a_result_does_not_wait_for_a_server_that_is_away(server: ServerProgram) -> None:
    heard = threading.Event()

    class SlowNetwork(Sockets):
        """One address is away, and it takes until the result is there to find that out."""

        patient = False

        def connect(self, to: Server, timeout: float) -> AnyLink:
            if to.name == server.address:
                return super().connect(to, timeout)
            assert not self.patient or heard.wait(DEADLINE)
            raise ConnectError("away")

    with Client(server.address) as client:
        worker = Worker(["192.0.2.1", server.address])
        worker.connections.network = network = SlowNetwork()

        @worker.function("f")
        def work(job: WorkerJob) -> str:
            network.patient = True
            worker.connections.servers.servers[0].worked()  # its time has come again
            return "result"

        working = threading.Thread(target=worker.run)
        working.start()
        assert client.do("f", timeout=DEADLINE) == b"result"
        heard.set()
        worker.stop()
        working.join(DEADLINE)


def test_the_threads_of_a_function_may_report(server: ServerProgram) -> None:
    with Client(server.address) as client, Worker(server.address) as worker:

        @worker.function("f")
        def report(job: WorkerJob) -> None:
            threads = [threading.Thread(target=job.send_data, args=(b"%d" % n * 100,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(DEADLINE)

        job = client.submit("f")
        assert worker.work(DEADLINE)
        assert sorted(job) == [b"%d" % n * 100 for n in range(8)]
